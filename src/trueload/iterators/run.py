"""Epochs under way: the one that is read, those begun after it, and what workers are asked for."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from trueload.changes import Changes
from trueload.iterators.ahead import plan_key
from trueload.iterators.epoch import Beginning
from trueload.iterators.turns import StreamStates, Turns
from trueload.recipe import Randomness
from trueload.tasks import Task
from trueload.workers.base import Order


@dataclass
class Run:
    """What an iterator and its orders both know.

    Attributes:
        stays: Whether epochs that follow are begun before this one ends.
        limit: How many batches of a map-style dataset are asked for at most; `None` for no end.
            A stream may be over before it gives what it was asked for.
        ordered: How many have been asked for.
        epochs: The epoch under way, and those begun after it.
    """

    stays: bool = False
    limit: int | None = None
    ordered: int = 0
    epochs: "deque[Epoch]" = field(default_factory=deque)


def orders(run: Run, follow: Callable[[], Any]) -> Iterator[Order | None]:
    """Yield the orders of an epoch, and of those that follow from it, without holding the iterator.

    Where as many as are asked for have been given, it yields `None`: more may be asked for later.

    Args:
        run: What to do.
        follow: Gives the epoch that follows one, or `None`.
    """
    epoch: Epoch | None = run.epochs[0]
    while epoch is not None:
        before = run.ordered
        for order in epoch.orders:
            while run.limit is not None and run.ordered >= run.limit and epoch.states is None:
                yield None
            run.ordered += 1
            yield order
        epoch = _after(epoch, follow) if run.ordered > before else None
        if epoch is not None:
            run.epochs.append(epoch)


def _after(epoch: "Epoch", follow: Callable[[], Any]) -> "Epoch | None":
    """Give the epoch that follows, and keep no hold of whoever knows it."""
    following_of = follow()
    return None if following_of is None else following_of(epoch)


def _of_tasks(
    tasks: Iterator[Task], random: Randomness | None, workers: int, changes: Changes | None
) -> Iterator[Order]:
    """Yield the orders of a map-style dataset.

    Where nothing is keyed, what samples draw depends on who makes them: so workers take turns then,
    as torch's do.
    """
    for task in tasks:
        yield Order(task, random, task.batch % workers if random is None else None, changes=changes)


class Epoch:
    """One epoch under way.

    Args:
        beginning: How it begins.
        tasks: Its tasks.
        changes: What has changed in the dataset since the workers were started.

    Attributes:
        beginning: How it begins.
        number: Its number.
        cursor: What is told of it.
        orders: What workers are asked for.
        changes: What has changed in the dataset since the workers were started.
        plan: What its order was read from.
        states: Where the streams of an iterable dataset stand; `None` for a map-style one.
        treatment: What decides about batches with bad samples, or `None` where they are raised.
    """

    def __init__(
        self, beginning: Beginning, tasks: Iterator[Task], changes: Changes | None = None
    ) -> None:
        self.beginning, self.cursor, self.changes = beginning, beginning.cursor, changes
        self.plan = plan_key(beginning.loader)
        self.treatment = beginning.treatment
        self.number = beginning.start.epoch
        self.states: StreamStates | None = None
        self._turns: Turns | None = None
        random = beginning.randomness()
        loader = beginning.loader
        if beginning.plan is not None:
            self.orders = _of_tasks(tasks, random, loader.num_workers, changes)
            return
        self.states = StreamStates(self.cursor, beginning.start, loader)
        self._turns = Turns(
            tasks,
            random,
            loader.num_workers,
            together=loader.shard is not None,
            begins=self.states.begins,
            changes=changes,
        )
        self.orders = iter(self._turns)

    def end_stream(self, task: Task) -> None:
        """Note that the stream whose turn it was is over."""
        if self._turns is not None:
            self._turns.end(task)
            self.cursor.skip(task)

    def pass_over(self, task: Task) -> None:
        """Note the turns before a task that fell to streams that are over."""
        if self._turns is not None:
            for passed in self._turns.passed(task):
                self.cursor.skip(passed)
