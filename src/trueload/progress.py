"""How far a loader is: what its iterators have taken, kept where the loader can read it.

An iterator writes into its `Cursor` for every batch, so this must cost next to nothing; states
and `Taken` values are made from it only when somebody asks.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch

from trueload.coverage import Coverage
from trueload.ledger import (
    Account,
    Counts,
    Known,
    Ledger,
    coverage_of_blocks,
    plain,
)
from trueload.planned import Source
from trueload.seeds import key_of
from trueload.state import LoaderState
from trueload.tasks import Task, listed


@dataclass(frozen=True, slots=True)
class Taken:
    """Where the batch that was taken last came from.

    Attributes:
        epoch: Number of the epoch, from 0.
        batch: Number of the batch in the epoch, from 0.
        position: Position of its first sample in the order of the epoch, over all ranks.
        indices: The indices of its samples; one index where there is no batching, and `None`
            for an iterable dataset.
        seed: The 64-bit key that the random generators were seeded with for it, or `None` where
            samples drew from the process's own generators. With `rng="sample"`, the root that
            the key of each sample is made from.
        size: How many samples it has; `None` for an iterable dataset that we do not share out.
        real: How many of them count, the first ones. The others are repeated so that all ranks
            take the same number of steps; see `mask`.
    """

    epoch: int
    batch: int
    position: int
    indices: Any
    seed: int | None
    size: int | None = None
    real: int | None = None

    @property
    def mask(self) -> torch.Tensor:
        """Which of its samples count: bool, shape (batch,); false for those that are repeated.

        Raises:
            ValueError: `size` is not known.
        """
        if self.size is None:
            message = "how many samples a stream gave is known with `shard=` only"
            raise ValueError(message)
        return torch.arange(self.size) < (self.size if self.real is None else self.real)


@dataclass
class Cursor:
    """What an iterator has taken.

    Attributes:
        start: The state the epoch began with.
        root: Root of the random keys, or `None` where nothing is keyed.
        each_sample: Whether each sample has a key of its own.
        stream: Whether the dataset is iterable.
        followed: Whether the order comes from a sampler that can only be followed.
        sources: Where states of others come from: by the name of the field they go to.
        task: The task taken last.
        finished: Whether the epoch has ended.
        skipped: How many turns fell to workers whose stream was over.
        order_seed: The seed of the epoch's shuffle, once torch's generator has given it.
        minds_repeats: Whether it is to be told where a batch holds nothing but what another rank
            has too.
        repeat: Such a batch, until somebody asks where it came from.
        account: What became of the samples.
        batched: Whether tasks hold the indices of whole batches.
        length: Length of a map-style dataset, or `None`.
        source: Where the planned indices are read from; `None` where they must be followed.
        is_closed: Whether it was told what there is to tell at the end.
    """

    start: LoaderState
    root: int | None = None
    each_sample: bool = False
    stream: bool = False
    followed: bool = False
    sources: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    task: Task | None = None
    finished: bool = False
    skipped: int = 0
    order_seed: int | None = None
    minds_repeats: bool = False
    repeat: Task | None = None
    account: Account = field(default_factory=Account)
    batched: bool = True
    length: int | None = None
    source: Source | None = None
    is_closed: bool = False
    _early: dict[int, Task] = field(default_factory=dict)
    _noted: dict[int, dict[str, Any]] = field(default_factory=dict)
    _others: dict[str, Any] = field(default_factory=dict)
    _next: int = 0
    _position: int = 0

    def __post_init__(self) -> None:
        self._next, self._position = self.start.batches, self.start.position
        self.order_seed = self.start.order_seed
        self.skipped = self.start.skipped
        self._early = dict.fromkeys(self.start.ahead, _EARLIER)

    def note(self, batch: int | None, name: str, state: Any) -> None:
        """Keep the state that something will have once a batch is taken, or has at the start.

        Where tasks are drawn ahead, a sampler stands further than the batch that is taken.
        """
        if batch is None:
            self._others[name] = deepcopy(state)
        else:
            self._noted.setdefault(batch, {})[name] = deepcopy(state)

    def took(self, task: Task) -> None:
        """Note that a batch was taken, in order or, with `in_order=False`, before its turn."""
        if task.rows is None and not self.stream:
            self.account.in_a_row = 0
        if task.planned is not None:
            self.account.settle(task.batch, self._planned(task), self._indices(task), task.rows)
        self._advance(task)

    def _advance(self, task: Task) -> None:
        self.task = task
        if self.account.coverage is not None:
            self.account.coverage.add(self._planned(task))
        if self.account.rank is not None and not self.stream:
            self.account.planned += len(self._planned(task))
        if task.real == 0 and self.minds_repeats:
            self.repeat = task
        if self._noted:
            self._others |= self._noted.pop(task.batch, {})
        if task.batch != self._next and (self._early or task.batch > self._next):
            self._early[task.batch] = task
            return
        self._next, self._position = task.batch + 1, task.behind()
        while self._early and self._next in self._early:
            early = self._early.pop(self._next)
            self._next += 1
            behind = self._position + (self.start.batch_size or 1)
            self._position = early.behind() if early.size else behind

    def passed_over(self, task: Task) -> None:
        """Note that a batch was lost to an exception: like taken, but not as the last one."""
        self.account.enter(task.batch, "lost", self._planned(task))
        self._pass(task)

    def left_out(self, task: Task) -> None:
        """Note that a batch was left out, as all its samples are bad."""
        if not self.stream:  # whose samples have been counted one by one
            self.account.enter(task.batch, "skipped", self._planned(task))
        self._pass(task)

    def _pass(self, task: Task) -> None:
        last = self.task
        self._advance(task)
        self.task = last

    def _planned(self, task: Task) -> Any:
        """Give the indices that the order has for a batch; `None` for the samples of a stream."""
        if self.stream:
            return [None]
        if task.planned is not None and self.batched:
            return task.planned
        planned = self._indices(task)
        return planned if task.real is None else planned[: task.real]

    def _indices(self, task: Task) -> Any:
        return task.indices if self.batched else [task.indices]

    def skip(self, task: Task) -> None:
        """Note that there is no such batch: it was the turn of a stream that is over."""
        self.skipped += 1
        self._pass(task)

    def state(self) -> LoaderState:
        """Give the state after what was taken."""
        if self.finished:
            return replace(self._now(), finished=True, ahead=(), generator=None)
        return self._now()

    def _now(self) -> LoaderState:
        asked = {name: deepcopy(ask()) for name, ask in self.sources.items()}
        asked |= deepcopy(self._others)
        return replace(
            self.start,
            batches=self._next,
            position=self._position,
            ahead=tuple(sorted(self._early)),
            order_seed=self.order_seed,
            skipped=self.skipped,
            ledger=self._ledger_text(),
            **asked,
        )

    def _ledger_text(self) -> str | None:
        if self.account.keeps_last and self.task is not None:
            self.account.last = self.last_index()
        return self.account.packed(self._next, self._early)

    def batches(self) -> int:
        """Say how many batches there were, at the end of the epoch."""
        return self._next - self.skipped

    def last_index(self) -> int | None:
        """Give the index of the sample that was delivered last, if it is an integer."""
        if self.task is None:
            return self.account.last
        indices = self._indices(self.task)
        last = plain(indices[-1]) if len(indices) else None
        return last if isinstance(last, int) else None

    def ledger(self) -> Ledger:
        """Give what has become of the samples until now."""
        account, entries = self.account, tuple(self.account.entries)
        skipped, replaced, lost = map(account.number, ("skipped", "replaced", "lost"))
        ranges = tuple(self._taken())
        taken = sum(last - first for first, last in ranges)
        if self.stream or account.rank is not None:
            taken = account.samples if self.stream else account.planned
        gone = 0 if self.stream else skipped + lost
        return Ledger(
            epoch=self.start.epoch,
            finished=self.finished,
            length=self.length,
            counts=Counts(taken - gone, skipped, replaced, lost, account.nones),
            entries=entries,
            findings=tuple(account.findings),
            _covered=partial(self._covered, ranges, self._next),
        )

    def _taken(self) -> Iterator[tuple[int, int]]:
        """Yield from which position to which batches were taken, one stretch after another."""
        yield 0, self._position
        size = self.start.batch_size or 1
        for batch, task in self._early.items():
            first = task.position if task.size else batch * size
            yield first, task.behind() if task.size else first + size

    def _covered(self, ranges: tuple[tuple[int, int], ...], batches: int) -> Coverage | None:
        """Give which indices were planned for what was taken, or `None` where nobody knows."""
        if self.length is None or self.stream:
            return None
        if self.source is None:
            followed = self.account.coverage
            if followed is None or followed.opaque:
                return None
            return followed.copy()
        if not any(last > first for first, last in ranges):
            return Coverage(self.length)
        blocks = self.source.blocks(self.order_seed, self.start, ranges, batches)
        return coverage_of_blocks(blocks, self.length)

    def taken(self) -> Taken | None:
        """Tell where the last batch came from."""
        task, self.repeat = self.task, None
        if task is None:
            return None
        key = self.root
        if key is not None and not self.each_sample:
            key = key_of(key, task.position)
        indices = None if self.stream else listed(task.indices)
        size = None if self.stream and task.real is None else task.size
        real = size if task.real is None else task.real
        return Taken(task.epoch, task.batch, task.position, indices, key, size, real)


_EARLIER = Task(0, 0, 0, None, 0)


@dataclass
class Progress:
    """What a loader knows of its iterators.

    Attributes:
        next_epoch: Number that the next epoch will have.
        cursor: Cursor of the iterator that was begun last.
        latest: Cursor of the iterator that a batch was last taken from.
        resume: The state that the next iterator starts from, or `None`.
        order_key: What decides the shuffle of the last epoch, where that is known.
        loaded: The state that was loaded last, as it was saved, for what is made again.
        known: The indices that turned out bad, in any epoch.
        said: The epochs in which a first bad sample was told of.
        promised: How many batches `len(loader)` has said that an epoch would have.
    """

    next_epoch: int = 0
    cursor: Cursor | None = None
    latest: Cursor | None = None
    resume: LoaderState | None = None
    order_key: Any = None
    loaded: LoaderState | None = None
    known: Known = field(default_factory=Known)
    said: list[int] = field(default_factory=list)
    promised: dict[int, int] = field(default_factory=dict)

    def promise(self, batches: int) -> None:
        """Note that somebody was told how many batches the epoch under way, or the next, has."""
        cursor = self.cursor
        waits = cursor is None or cursor.finished or self.resume is not None
        self.promised = {self.next_epoch if waits else self.next_epoch - 1: batches}

    def fresh(self) -> "Progress":
        """Give what a copy of the loader starts with: its own iterators, the same epoch."""
        known = Known(set(self.known.indices))
        return Progress(
            next_epoch=self.next_epoch, resume=self.resume, loaded=self.loaded, known=known
        )
