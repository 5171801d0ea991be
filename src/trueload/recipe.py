"""What a worker does for one task: fetch the samples, transform each, collate them.

A recipe knows a dataset, a transform and a collate function, and no process, no order and no
iterator: any worker that holds it makes the same batch of the same task. When user code raises,
the recipe is the one that knows the sample, so it adds the note that names it.
"""

from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import default_collate, default_convert

from trueload.blame import Blame
from trueload.collate import Empty, collate, collate_rows, fresh
from trueload.gather import Gather, gather_of
from trueload.generators import generators_of, next_draws, reseed_all
from trueload.mixture import Mixture
from trueload.ownership import Copying, owned
from trueload.policy import Tolerance
from trueload.reuse import Care, Copies
from trueload.salvage import Salvage, nones_in
from trueload.seeds import collate_key_of, key_of, reseed
from trueload.sources import Origin
from trueload.tasks import Task, listed
from trueload.tolerance import Attempt, BadSamplesError, unfit

Hand = MutableSequence[int] | memoryview
"""One place that holds the row of the sample in hand."""


@dataclass(frozen=True)
class Randomness:
    """How what samples draw is keyed.

    Attributes:
        root: The root of the epoch's keys.
        each_sample: Whether each sample has its own key; otherwise each batch has one.
    """

    root: int
    each_sample: bool

    def start(self, task: Task, own: Sequence[Any] = ()) -> None:
        """Seed the global generators, and the dataset's own, for a batch."""
        if not self.each_sample:
            _seed(key_of(self.root, task.position), own)

    def start_sample(self, task: Task, row: int, own: Sequence[Any] = ()) -> None:
        """Seed the global generators, and the dataset's own, for one sample of a batch."""
        _seed(key_of(self.root, task.place(row)), own)

    def start_collate(self, task: Task, own: Sequence[Any] = ()) -> None:
        """Seed them for the collate function, which may not depend on who made the samples."""
        if self.each_sample:
            _seed(collate_key_of(self.root, task.position), own)


def _plainly(make: Callable[[], Any]) -> Any:
    return make()


class DrawnError(Exception):
    """What was to depend on a sample alone has drawn from a generator of the whole batch."""


def _seed(key: int, own: Sequence[Any]) -> None:
    reseed(key)
    if own:
        reseed_all(own, key)


@dataclass
class Recipe:
    """Makes the batches of a map-style dataset.

    Attributes:
        dataset: Anything with `dataset[index]`, or with `dataset.__getitems__(indices)`.
        transform: Called with each sample, or `None`.
        collate_fn: Called with the list of samples; torch's default is replaced by our own.
        batched: Whether a task holds a list of indices rather than one index.
        copying: Which leaves of samples and batches are copied; see `ownership`.
        stays: Whether batches stay in this process; those that leave it are copied on the way.
        manifest: What `trueload scrub` wrote of the dataset's files, or `None`.
        originals: What `watching` keeps of the dataset's arrays, to undo what is written to them.
        mixture: Who looks whether samples go together, if anybody does.
        tolerance: What is done about samples that cannot be made; `None` to raise at once.
        nones: How many samples of the batch made last a collate function got as `None`.
    """

    dataset: Any
    transform: Callable[[Any], Any] | None
    collate_fn: Callable[[Any], Any]
    batched: bool
    copying: Copying = "auto"
    stays: bool = False
    manifest: str | None = None
    originals: Any = None
    mixture: Mixture | None = None
    tolerance: Tolerance | None = None
    nones: int = field(init=False, default=0, repr=False)
    _care: Care = field(init=False, default_factory=Care, repr=False)
    _gather: Gather | None = field(init=False, default=None, repr=False)
    _own: list[Any] | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Look at the dataset again, once it has been changed."""
        self._gather = self._own = None
        self._care = Care()
        if self.batched and self.transform is None and self._collates_by_default:
            self._gather = gather_of(self.dataset)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be made again in another process."""
        return {**self.__dict__, "_gather": None, "_own": None, "originals": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.refresh()

    def generators(self) -> list[Any]:
        """Give the random generators that the dataset and the transform own."""
        if self._own is None:
            self._own = generators_of(self.dataset, self.transform, self.collate_fn)
        return self._own

    @property
    def gathers(self) -> bool:
        """Whether batches are taken out of tensors at once, without any code of the user's."""
        return self._gather is not None

    @property
    def _collates_by_default(self) -> bool:
        return self.collate_fn is default_collate

    def make(
        self,
        task: Task,
        random: Randomness | None = None,
        empty: Empty = fresh,
        hand: Hand | None = None,
    ) -> Any:
        """Make the batch of a task.

        Args:
            task: Which samples.
            random: How to seed the global generators; `None` leaves them alone.
            empty: Where the batch's large tensors get their memory from.
            hand: Where to note the row of the sample in hand, for whoever watches.

        Raises:
            Exception: Whatever the user's code raises, with a note that names the sample.
            StopIterationError: The user's code let a `StopIteration` out.
            BadSamplesError: Samples that `tolerance` is about could not be made.
        """
        if self._gather is not None and (batch := self._gathered(task, empty)) is not None:
            return batch
        box = [self.samples(task, random, hand)]
        if random is not None:
            random.start_collate(task, self.generators())
        return self._finished(box, task, empty, random)

    def _finished(self, box: list[Any], task: Task, empty: Empty, random: Randomness | None) -> Any:
        """Collate samples; where they do not go together, find out whose fault it is."""
        self.nones = 0 if self._collates_by_default else nones_in(box[0])
        try:
            return finish(self.collate_fn, box, task, empty, self.way)
        except Exception as error:
            tolerance = self.tolerance
            if tolerance is None or not tolerance.covers(error, "collate"):
                raise
            samples = box[0] if box else self.samples(task, random)
            collate_fn = None if self._collates_by_default else self.collate_fn
            bads = unfit(task, samples if self.batched else None, error, collate_fn, tolerance)
            if not bads:
                raise
            raise BadSamplesError(bads) from None

    @property
    def way(self) -> "Way":
        """How samples become a batch."""
        return Way(self.batched, self.copying if self.stays else None, self.mixture)

    @property
    def origin(self) -> Origin:
        """Where samples come from, for messages."""
        return Origin(self.dataset, self.manifest)

    def can_share(self, random: Randomness) -> bool:
        """Say whether the rows of a batch can be made one by one, each by another worker.

        Where a batch has one key that also takes that they draw nothing, which shows as they are
        made: see `make_part`.
        """
        together = self.fetches_together and not random.each_sample
        return self.batched and self._gather is None and not together

    def make_part(
        self, task: Task, random: Randomness | None, rows: range, hand: Hand | None = None
    ) -> list[Any]:
        """Make the samples of some rows of a batch, without collating them.

        Raises:
            DrawnError: They draw from a generator that all rows of the batch share.
            Exception: As from `make`.
        """
        try:
            return self._made_part(task, random, rows, hand)
        except BadSamplesError as error:
            bads = [replace(bad, row=rows.start + bad.row) for bad in error.bads]
            raise BadSamplesError(bads) from None

    def _made_part(
        self, task: Task, random: Randomness | None, rows: range, hand: Hand | None
    ) -> list[Any]:
        part = part_of(task, rows)
        if random is None or random.each_sample:
            return self.samples(part, random, hand)
        random.start(task, self.generators())
        try:
            return self._fetch(part, random, hand)
        finally:
            if self._has_drawn(task, random):
                raise DrawnError

    def _has_drawn(self, task: Task, random: Randomness) -> bool:
        """Say whether anything was drawn since the generators were seeded for a task."""
        own = self.generators()
        found = next_draws(own)
        random.start(task, own)
        return next_draws(own) != found

    def join(self, task: Task, random: Randomness | None, samples: list[Any], empty: Empty) -> Any:
        """Collate the samples of a batch that were made in parts."""
        if random is not None:
            random.start(task, self.generators())
            random.start_collate(task, self.generators())
        box = [samples]
        del samples
        return self._finished(box, task, empty, random)

    def sample(
        self,
        task: Task,
        random: Randomness | None,
        row: int = 0,
        call: Callable[[Callable[[], Any]], Any] = _plainly,
    ) -> Any:
        """Make the sample in one row of a task, alone: fetched and transformed, not collated.

        Where the batch has one key, what draws before it is made too: the samples before it, or
        where they are fetched together, all of them.

        Args:
            task: Its batch.
            random: How to seed the global generators.
            row: The row.
            call: Calls what makes it, as a debugger does.
        """
        if not self.batched:
            return call(lambda: self.samples(task, random))
        one = part_of(task, range(row, row + 1))
        if random is not None and random.each_sample:
            return call(lambda: self.samples(one, random))[0]
        if self.fetches_together:
            return call(lambda: self.samples(task, random))[row]
        if not row:
            return call(lambda: self.samples(one, random))[0]
        self.samples(part_of(task, range(row)), random)
        return call(lambda: self.samples(one, None))[0]

    def samples(self, task: Task, random: Randomness | None, hand: Hand | None = None) -> Any:
        """Make the samples of a task, without collating them."""
        if random is not None:
            random.start(task, self.generators())
        return self._fetch(task, random, hand)

    @property
    def fetches_together(self) -> bool:
        """Whether the dataset is asked for all samples of a batch at once."""
        return bool(getattr(self.dataset, "__getitems__", None))

    def _gathered(self, task: Task, empty: Empty) -> Any:
        indices = task.indices
        try:
            if not isinstance(indices, np.ndarray):
                indices = np.asarray(indices)
                if indices.dtype.kind != "i" or indices.ndim != 1:
                    return None
            return (
                self._gather(indices.astype(np.int64, copy=False), empty) if self._gather else None
            )
        except (IndexError, TypeError, ValueError):
            return None

    def _fetch(self, task: Task, random: Randomness | None, hand: Hand | None = None) -> Any:
        if self.tolerance is not None:
            return self._fetch_tolerantly(task, random, hand, self.tolerance)
        if not self.batched:
            return self._fetch_single(task, random)
        indices = listed(task.indices) if task.counted else task.indices
        each_sample = random is not None and random.each_sample
        if self.fetches_together and not each_sample:
            return self._fetch_together(task, indices)
        copies = self._care.copies(task, self.copying)
        if copies is None and self.transform is None and not each_sample:
            return self._fetch_plain(task, indices, hand)
        samples = self._fetch_each(task, indices, random if each_sample else None, hand, copies)
        if copies is not None:
            self._care.learn(copies)
        return samples

    def _fetch_tolerantly(
        self, task: Task, random: Randomness | None, hand: Hand | None, tolerance: Tolerance
    ) -> Any:
        """Fetch and transform all samples, and find all that cannot be had."""
        attempt = Attempt(tolerance, task, self.origin, self.generators)
        salvage = Salvage(self.dataset, self.transform, self.copying)
        indices = listed(task.indices) if task.counted and self.batched else task.indices
        each_sample = random is not None and random.each_sample
        if self.batched and self.fetches_together and not each_sample and not task.alone:
            return salvage.together(attempt, indices)

        def begin(row: int) -> None:
            if hand is not None:
                hand[0] = row
            if random is not None and each_sample:
                random.start_sample(task, row, self.generators())

        before = None if hand is None and not each_sample else begin
        copies = self._care.copies(task, self.copying) if self.batched else None
        fetch = salvage.of_many if task.alone else salvage.of_one
        wanted = indices if self.batched else [indices]
        samples = salvage.each(attempt, wanted, fetch, before, copies)
        if copies is not None:
            self._care.learn(copies)
        return samples if self.batched else samples.pop()

    def _fetch_plain(self, task: Task, indices: Any, hand: Hand | None) -> list[Any]:
        dataset = self.dataset
        samples: list[Any] = []
        append = samples.append
        try:
            if hand is None:
                for index in indices:
                    append(dataset[index])
            else:
                for row, index in enumerate(indices):
                    hand[0] = row
                    append(dataset[index])
        except Exception as error:
            Blame(task, "fetch", row=len(samples), origin=self.origin).tell(error)
        return samples

    def _fetch_each(
        self,
        task: Task,
        indices: Any,
        random: Randomness | None,
        hand: Hand | None,
        copies: Copies | None,
    ) -> list[Any]:
        """Fetch and transform sample after sample, each copied before the next if need be."""
        dataset, transform = self.dataset, self.transform
        samples: list[Any] = []
        stage = "fetch"
        try:
            for index in indices:
                if hand is not None:
                    hand[0] = len(samples)
                if random is not None:
                    random.start_sample(task, len(samples), self.generators())
                box = [dataset[index]]
                if transform is not None:
                    stage = "transform"
                    box = [transform(owned(box, self.copying))]
                    stage = "fetch"
                samples.append(box[0] if copies is None else copies.of(box[0]))
        except Exception as error:
            Blame(task, stage, row=len(samples), origin=self.origin).tell(error)
        return samples

    def _fetch_together(self, task: Task, indices: Any) -> Any:
        try:
            samples = self.dataset.__getitems__(indices)
        except Exception as error:
            Blame(task, "fetch", origin=self.origin).tell(error)
        if self.transform is None:
            return samples
        box = [samples]
        del samples
        return transformed(self.transform, box, task, self.copying, self.origin)

    def _fetch_single(self, task: Task, random: Randomness | None) -> Any:
        if random is not None and random.each_sample:
            random.start_sample(task, 0, self.generators())
        stage = "fetch"
        try:
            box = [self.dataset[task.indices]]
            if self.transform is not None:
                stage = "transform"
                box = [self.transform(owned(box, self.copying))]
        except Exception as error:
            Blame(task, stage, origin=self.origin).tell(error)
        return box.pop()


def part_of(task: Task, rows: range) -> Task:
    """Give the task of some rows of a batch."""
    indices = task.indices[rows.start : rows.stop]
    if task.rows is not None:
        kept = task.rows[rows.start : rows.stop]
        return task._replace(indices=indices, size=len(kept), planned=None, rows=kept)
    position = task.position + rows.start * task.stride
    return task._replace(indices=indices, position=position, size=len(rows), planned=None)


def transformed(
    transform: Callable[[Any], Any], box: list[Any], task: Task, copying: Copying, origin: Origin
) -> list[Any]:
    """Transform samples that were fetched together, once they are the transform's own.

    Args:
        transform: Called with each.
        box: Their list, to which nothing else may refer.
        task: Their batch, for messages.
        copying: Which leaves are copied.
        origin: Where the samples come from, for messages.
    """
    done: list[Any] = []
    try:
        for sample in owned(box, copying):
            done.append(transform(sample))  # noqa: PERF401 - the count names the row that raised
    except Exception as error:
        Blame(task, "transform", row=len(done), origin=origin).tell(error)
    return done


class Way(NamedTuple):
    """How samples become a batch.

    Attributes:
        batched: Whether there is a list of samples; otherwise there is one.
        copying: Which leaves of the batch are copied; `None` where it leaves the process.
        mixture: Who looks whether they go together, if anybody does.
    """

    batched: bool
    copying: Copying | None
    mixture: Mixture | None = None


def _collated(samples: list[Any], task: Task, empty: Empty, mixture: Mixture | None) -> Any:
    batch = collate(samples, empty)
    if mixture is not None:
        mixture.look(samples, batch, task)
    return batch


def finish(
    collate_fn: Callable[[Any], Any], box: list[Any], task: Task, empty: Empty, way: Way
) -> Any:
    """Collate samples, with our own collate in the place of torch's default one.

    Args:
        collate_fn: Makes the batch.
        box: What it is made of; nothing else may refer to that.
        task: The batch, for messages.
        empty: Where its large tensors get their memory from.
        way: How it is made.
    """
    default = collate_fn is default_collate
    try:
        if default and way.batched:
            if isinstance(box[0], list) and box[0]:
                return _collated(box[0], task, empty, way.mixture)
            if type(box[0]) is np.ndarray and len(box[0]):
                return collate_rows(box[0], empty)
        if way.copying is None:
            return collate_fn(box[0])
        if collate_fn is default_convert:
            return collate_fn(owned(box, way.copying))
        return owned([collate_fn(box[0] if default else box.pop())], way.copying)
    except Exception as error:
        Blame(task, "collate").tell(error, box[0] if default else None)
