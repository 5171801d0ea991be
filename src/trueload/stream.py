"""Make the batches of an iterable dataset, which only gives its samples one after another.

A stream has no indices, so a batch is known by its number: whoever makes batch 100 has read what
comes before it. `StreamRecipe` lets a worker do that: asked for a batch that its stream has passed
or not reached yet, it begins again or reads on, so that any worker can make any batch.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from torch.utils.data import default_collate

from trueload.blame import Blame
from trueload.collate import Empty, fresh
from trueload.fingerprint import digest_of
from trueload.mixture import Mixture
from trueload.ownership import Copying
from trueload.policy import Tolerance
from trueload.reading import ReadingOn, Rest
from trueload.recipe import Hand, Randomness, Way, finish, transformed
from trueload.reuse import Care, Copies
from trueload.salvage import nones_in
from trueload.seeds import reseed, stream_key_of
from trueload.shares import Share
from trueload.sources import Origin
from trueload.state import state_of
from trueload.stream_part import Part
from trueload.tasks import Task
from trueload.tolerance import Attempt, Bad, NothingError


@dataclass
class Stream:
    """Makes the batches of an iterable dataset, one after another.

    Attributes:
        dataset: The iterable dataset, for its name in messages.
        samples: The iterator over it.
        transform: Called with each sample, or `None`.
        collate_fn: As in `Recipe`.
        batched: Whether samples are put together in batches.
        drop_last: Whether a last batch that is not full is left out.
        copying: As in `Recipe`.
        stays: As in `Recipe`.
        mixture: As in `Recipe`.
        part: Reads one rank's samples of the stream; `None` where all of them are wanted.
        manifest: As in `Recipe`.
        ended: Whether the iterator has stopped.
        tolerance: As in `Recipe`.
        bads: The samples that the last batch was to be made without.
        given: How many samples the last batch has, those that are repeated left out.
        nones: How many of them the collate function got as `None`.
    """

    dataset: Any
    samples: Iterator[Any]
    transform: Callable[[Any], Any] | None
    collate_fn: Callable[[Any], Any]
    batched: bool
    drop_last: bool
    copying: Copying = "auto"
    stays: bool = False
    mixture: Mixture | None = None
    part: Part | None = None
    manifest: str | None = None
    ended: bool = False
    tolerance: Tolerance | None = None
    bads: list[Bad] = field(init=False, default_factory=list)
    given: int = field(init=False, default=0)
    nones: int = field(init=False, default=0)
    _care: Care = field(init=False, default_factory=Care, repr=False)

    def make(
        self,
        task: Task,
        random: Randomness | None = None,
        empty: Empty = fresh,
        hand: Hand | None = None,
    ) -> Any:
        """Make the next batch.

        Raises:
            StopIteration: The stream is over.
            Exception: Whatever the user's code raises, with a note that names the sample.
            BadSamplesError: All samples of the batch are such that `tolerance` is about.
        """
        box = [self.pull(task, random, hand)]
        way = Way(self.batched, self.copying if self.stays else None, self.mixture)
        self.nones = 0
        if self.tolerance is not None:
            return self._made(box, task, empty, way, self.tolerance)
        if self.transform is not None and self.batched:
            box = [transformed(self.transform, box, task, self.copying, self.origin)]
        elif self.transform is not None:
            box = transformed(self.transform, [[box.pop()]], task, self.copying, self.origin)
        if self.batched and self.collate_fn is not default_collate:
            self.nones = nones_in(box[0])
        return finish(self.collate_fn, box, task, empty, way)

    def _made(
        self, box: list[Any], task: Task, empty: Empty, way: Way, tolerance: Tolerance
    ) -> Any:
        """Transform and collate what was read, without what cannot be."""
        rest = Rest(task, self.origin, replace(tolerance, retries=0), self.bads)
        samples = rest.transformed(self.transform, box, self.copying, batched=self.batched)
        batch, size = rest.collated(self.collate_fn, samples, empty, way)
        self.given = min(self.given, size)
        if self.part is not None:
            self.part.counts = size, self.given
        return batch

    @property
    def origin(self) -> Origin:
        """Where samples come from, for messages."""
        return Origin(self.dataset, self.manifest)

    def take_part(self, share: Share, position: int) -> None:
        """Read one rank's samples only, from a stream of which so many have been read."""
        self.part = Part(
            self.samples,
            share,
            drop_last=self.drop_last,
            position=position,
            tolerance=self.tolerance,
            origin=self.origin,
        )

    def pull(self, task: Task, random: Randomness | None = None, hand: Hand | None = None) -> Any:
        """Take the samples of the next batch from the stream, without transform and collate.

        Raises:
            StopIteration: The stream is over.
        """
        if self.ended:
            raise StopIteration
        pull = self._pull_all if self.part is None else self._pull_part
        samples = pull(task, random, hand)
        return samples if self.batched else samples.pop()

    def _pull_all(self, task: Task, random: Randomness | None, hand: Hand | None) -> list[Any]:
        if random is not None:
            random.start(task)
        samples: list[Any] = []
        copies = self._care.copies(task, self.copying) if self.batched else None
        one = partial(self._next, task, random, hand, copies, samples)
        if self.tolerance is None:
            self._read(task, one, samples)
        else:
            attempt = Attempt(self.tolerance, task, self.origin, stream=True)
            self.bads = attempt.bads
            on = ReadingOn(attempt, self.samples)
            while len(samples) < task.size and not self.ended:
                self.ended = on.read(one, len(samples))
        if copies is not None:
            self._care.learn(copies)
        self.given = len(samples)
        if not samples or (self.batched and self.drop_last and len(samples) < task.size):
            raise StopIteration
        return samples

    def _read(self, task: Task, one: Callable[[], object], samples: list[Any]) -> None:
        """Read until there are samples enough, or the stream is over."""
        try:
            while len(samples) < task.size:
                one()
        except StopIteration:
            self.ended = True
        except Exception as error:
            row, origin = len(samples), self.origin
            Blame(task, "fetch", row=row, stream=True, origin=origin).tell(error)

    def _next(
        self,
        task: Task,
        random: Randomness | None,
        hand: Hand | None,
        copies: Copies | None,
        samples: list[Any],
    ) -> None:
        """Read one sample; a `None` is left aside where it is no sample."""
        if hand is not None:
            hand[0] = len(samples)
        if random is not None and random.each_sample:
            random.start_sample(task, len(samples))
        box = [next(self.samples)]
        if box[0] is None and self.tolerance is not None:
            raise NothingError
        samples.append(box.pop() if copies is None else copies.of(box.pop()))

    def _pull_part(self, task: Task, random: Randomness | None, hand: Hand | None) -> list[Any]:
        part: Any = self.part
        copies = self._care.copies(task, self.copying) if self.batched else None
        try:
            samples = part.pull(task, random, hand, copies)
        finally:
            self.ended, self.bads = part.ended, part.bads
        self.given = part.counts[1]
        if copies is not None:
            self._care.learn(copies)
        return samples


@dataclass
class StreamRecipe:
    """Makes those batches of an iterable dataset that fall to one of several workers.

    As with torch, each worker has the whole dataset, and batch `b` is the worker's own batch number
    `b // count`. With a `share`, it is a batch of the whole stream, and the worker reads over what
    is others', so that the batches are those of a loader without workers.

    Attributes:
        dataset: The iterable dataset.
        transform: Called with each sample, or `None`.
        collate_fn: As in `Recipe`.
        batched: Whether samples are put together in batches.
        drop_last: Whether a last batch that is not full is left out.
        copying: As in `Recipe`.
        mixture: As in `Recipe`.
        share: Which part of the stream this process reads, if it is shared by ranks or workers.
        tolerance: As in `Recipe`.
        manifest: As in `Recipe`.
        number: The worker's number.
        count: How many workers there are.
    """

    dataset: Any
    transform: Callable[[Any], Any] | None
    collate_fn: Callable[[Any], Any]
    batched: bool
    drop_last: bool
    copying: Copying = "auto"
    mixture: Mixture | None = None
    share: Share | None = None
    tolerance: Tolerance | None = None
    manifest: str | None = None
    number: int = 0
    count: int = 1
    _stream: Stream | None = field(default=None, init=False, repr=False)
    _epoch: int = field(default=-1, init=False, repr=False)
    _next: int = field(default=0, init=False, repr=False)
    _saved: "StreamState | None" = field(default=None, init=False, repr=False)
    _asked: Callable[[], bool] = field(default=lambda: True, init=False, repr=False)

    def work_for(self, worker: int, count: int, asked: Callable[[], bool]) -> None:
        """Be one of several readers.

        Args:
            worker: The worker's number.
            count: How many workers there are.
            asked: Says whether user code has asked which worker it runs in.
        """
        self.number, self.count, self._asked = worker, count, asked

    @property
    def nones(self) -> int:
        """How many samples of the batch made last a collate function got as `None`."""
        return 0 if self._stream is None else self._stream.nones

    def begin(self, saved: "StreamState") -> None:
        """Take the stream's next beginning from a state of its own, if it is not beyond."""
        self._saved, self._stream = saved, None

    def make(
        self,
        task: Task,
        random: Randomness | None = None,
        empty: Empty = fresh,
        hand: Hand | None = None,
    ) -> "StreamBatch":
        """Make the batch of a task; see `Recipe.make`.

        Raises:
            StopIteration: The stream ends before it.
        """
        stream = self._stream_at(task, random)
        self._next += 1
        batch = stream.make(task, random, empty, hand)
        alone = self.share is None and self.count > 1
        doubted = alone and self._next == 1 and not self._asked()
        counts = None if stream.part is None else stream.part.counts
        digest = digest_of(batch) if doubted else None
        bads = tuple(stream.bads)
        return StreamBatch(batch, self._state(stream), digest, counts, stream.given, bads)

    def _stream_at(self, task: Task, random: Randomness | None) -> Stream:
        """Give the stream where it is about to give the batch."""
        share = self.share
        wanted = task.batch // self.count if share is None else task.position - share.rank
        stream = self._stream
        if stream is None or self._epoch != task.epoch or wanted < self._at(stream):
            stream = self._stream = self._begun(task, wanted, random)
            self._epoch = task.epoch
        if stream.part is not None:
            stream.part.read_over(wanted, task, random)
            return stream
        while self._next < wanted:
            earlier = self._earlier(task, wanted - self._next)
            with suppress(Exception):  # told when that batch was asked for; the end is the end
                stream.pull(earlier, random)
            self._next += 1
        return stream

    def _begun(self, task: Task, wanted: int, random: Randomness | None) -> Stream:
        if random is not None:
            reseed(stream_key_of(random.root, 0 if self.share is not None else self.number))
        saved, self._saved = self._saved, None
        if saved is not None and saved.next > wanted:
            saved = None
        if saved is not None and saved.dataset is not None:
            self.dataset.load_state_dict(saved.dataset)
        try:
            samples: Any = iter(self.dataset)
        except Exception as error:
            origin = Origin(self.dataset, self.manifest)
            Blame(task, "iter", stream=True, origin=origin).tell(error)
        if saved is not None and saved.iterator is not None:
            samples.load_state_dict(saved.iterator)
        elif saved is not None and samples is self.dataset:
            samples.load_state_dict(saved.dataset)  # `iter` may have set it back
        self._next = 0 if saved is None else saved.next
        stream = Stream(
            dataset=self.dataset,
            samples=samples,
            transform=self.transform,
            collate_fn=self.collate_fn,
            batched=self.batched,
            drop_last=self.drop_last,
            copying=self.copying,
            mixture=self.mixture,
            manifest=self.manifest,
            tolerance=self.tolerance,
        )
        if self.share is not None:
            stream.take_part(self.share, self._next)
        return stream

    def _at(self, stream: Stream) -> int:
        """Give how far a stream has been read: in batches, or in samples where it is shared."""
        return self._next if stream.part is None else stream.part.position

    def _state(self, stream: Stream) -> "StreamState | None":
        dataset, samples = self.dataset, stream.samples
        of_dataset = state_of(dataset)
        of_iterator = None if samples is dataset else state_of(samples)
        if of_dataset is None and of_iterator is None:
            return None
        return StreamState(self._at(stream), of_dataset, of_iterator)

    def _earlier(self, task: Task, steps: int) -> Task:
        """Give the task of this worker's stream so many batches before."""
        back = steps * self.count
        return task._replace(batch=task.batch - back, position=task.position - back * task.size)


@dataclass(frozen=True, slots=True)
class StreamState:
    """Where a worker's stream stands, for datasets that know a state of their own.

    Attributes:
        next: The number of its own batch that comes next; of the sample, where it is shared.
        dataset: What the dataset's `state_dict` gave, or `None`.
        iterator: What the `state_dict` of the iterator over it gave, or `None`.
    """

    next: int
    dataset: Any
    iterator: Any


class StreamBatch(NamedTuple):
    """A batch on its way from a worker.

    Attributes:
        batch: The batch.
        state: Where its stream stands after it.
        digest: Of the first batch of a stream that nobody split over the workers, else `None`.
        counts: How many samples it has, and how many of them count; `None` where the stream is
            not shared.
        samples: How many samples it has, those that are repeated left out.
        bads: The bad samples that it was made without.
    """

    batch: Any
    state: StreamState | None
    digest: bytes | None
    counts: tuple[int, int] | None = None
    samples: int = 0
    bads: tuple[Bad, ...] = ()
