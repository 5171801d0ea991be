"""What every kind of worker promises, before any of them is written.

A worker makes batches of tasks, by a recipe, somewhere. The engine hands tickets to `Workers` and
hears of them again; order, retries and exactly-once delivery are the engine's. The promises:

1. A ticket that was submitted is heard of: made, failed, or lost with its worker. A made or failed
   ticket is heard of once; one that was reported lost is never heard of again.
2. The batch of a task depends on the task alone, never on the worker, its history or its number.
   An iterable dataset is read by each worker on its own: there it depends on the number too.
3. A batch belongs to whoever takes it, and is writable. Its memory is not used again while any
   tensor, view, array or graph made from it is alive.
4. An exception of the user's code comes home with type, arguments, attributes, notes and the
   worker's traceback; what cannot travel is an exception too, at once.
5. A worker that ends, whatever ends it, is replaced, and its number stays in use.
6. Workers end within two seconds of the process that started them, however that ends, and leave
   nothing behind: no process, no file, no shared memory.
7. `submit` and `poll` hold up the process that calls them only as long as they say.
"""

import pickle
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from trueload.changes import Changes
from trueload.mixture import Mixed, mixed_in
from trueload.recipe import Randomness, Recipe
from trueload.stream import StreamRecipe, StreamState
from trueload.tasks import Task
from trueload.watching.rereads import Read
from trueload.watching.writes import Changed
from trueload.workers.board import Part


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is asked for: a task and how its samples draw.

    Attributes:
        task: The batch to make.
        random: How the generators are keyed, or `None` where they are left alone.
        worker: The number of the one worker that may make it, or `None` for whoever is free.
        begin: Where that worker's stream stands in its dataset's own words, or `None`.
        changes: What has changed in the dataset since the worker was started, or `None`.
        part: Which rows of the batch are asked for, if others make the rest.
        rereads: Samples that are to be made again, to be compared.
    """

    task: Task
    random: Randomness | None
    worker: int | None = None
    begin: StreamState | None = None
    changes: Changes | None = None
    part: Part | None = None
    rereads: tuple[Task, ...] = ()

    def packed(self) -> bytes:
        """Give the order as bytes, without the names of our classes: a third of what they cost."""
        task = self.task
        own = task.counted and isinstance(task.indices, np.ndarray)
        indices = task.indices.tobytes() if own else task.indices
        random = None if self.random is None else (self.random.root, self.random.each_sample)
        rest = (self.worker, self.begin, self.changes, self.part, self.rereads)
        values = (*task[:3], indices, *task[4:9], None, *task[10:])  # what was planned is ours
        return pickle.dumps((values, own, random, rest), protocol=5)

    @classmethod
    def unpacked(cls, data: bytes) -> "Order":
        """Read what `packed` gave."""
        values, own, random, rest = pickle.loads(data)  # noqa: S301 - ours
        task = Task(*values)
        if own:
            task = task._replace(indices=np.frombuffer(task.indices, np.int64))
        return cls(task, None if random is None else Randomness(*random), *rest)


@dataclass(frozen=True, slots=True)
class Made:
    """A batch is ready, or the exception that took its place.

    Attributes:
        ticket: The number that the order was submitted under.
        parcel: What `take` turns into the batch.
    """

    ticket: int
    parcel: Any


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker has ended, and an order with it.

    Attributes:
        ticket: The number of the order.
        guilty: Whether the worker was making it, so that it may be what ended the worker.
        pid: Process id of the worker, or `None` where it is not known.
        row: Row of the sample that it was making, or `None`.
        reason: What ended it: a signal, an exit code, a time limit.
        stack: Where its Python code stood, if that could be had.
    """

    ticket: int
    guilty: bool
    pid: int | None
    row: int | None
    reason: str
    stack: str = ""


Event = Made | Lost


class Noted(NamedTuple):
    """A batch, with what was noticed as it was made.

    Attributes:
        batch: The batch.
        changed: A sample whose making changes the dataset.
        mixed: Samples that do not go together.
        reads: Samples that were made again.
        nones: How many of its samples were `None`, and left to the user's collate function.
    """

    batch: Any
    changed: Changed | None
    mixed: Mixed | None = None
    reads: Sequence[Read] = ()
    nones: int = 0


def noted(
    batch: Any, recipe: Recipe | StreamRecipe, changed: Changed | None, reads: Sequence[Read] = ()
) -> Any:
    """Give a batch on its way from a worker, with what was noticed as it was made, if anything.

    Args:
        batch: The batch.
        recipe: What made it, and knows of its samples.
        changed: A sample whose making changes the dataset.
        reads: Samples that were made again.
    """
    mixed, nones = mixed_in(recipe.mixture), recipe.nones
    if changed is None and mixed is None and not reads and not nones:
        return batch
    return Noted(batch, changed, mixed, reads, nones)


class StreamEndError(Exception):
    """A worker's stream is over: there is no such batch."""


class StartError(Exception):
    """A worker that was started anew ended before it began to work: so would every other."""

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(pid, reason)
        self.pid, self.reason = pid, reason


class Workers(ABC):
    """Makes batches of orders."""

    @abstractmethod
    def submit(self, ticket: int, order: Order) -> None:
        """Hand an order to whoever is free next."""

    @abstractmethod
    def poll(self, timeout_seconds: float | None) -> list[Event]:
        """Wait for news at most this long, `None` for ever, and give it; maybe none.

        Raises:
            StartError: A worker cannot be started.
        """

    @abstractmethod
    def take(self, parcel: Any) -> Any:
        """Give the batch of a parcel, once.

        Raises:
            StreamEndError: The worker's stream ends before it.
            Exception: What the user's code raised in the worker.
        """

    @abstractmethod
    def drop(self, parcel: Any) -> None:
        """Give a parcel up unread."""

    @abstractmethod
    def end_holder(self, ticket: int, reason: str) -> bool:
        """End the worker that holds an order, or those that are free and leave it lying.

        Returns:
            Whether there was one. `poll` tells the rest.
        """

    @abstractmethod
    def close(self) -> None:
        """End all workers and give everything back; does nothing the second time."""
