"""Read one rank's samples of a stream that several ranks, or workers, read over together.

A stream has no indices, so whoever wants its hundredth sample has to read the others. Every rank
reads all of it and keeps its own. What the reading draws at random depends on the place in the
stream alone, so that all of them read the same.
"""

from collections.abc import Iterator
from typing import Any

from trueload.blame import Blame
from trueload.policy import Tolerance
from trueload.reading import ReadingOn
from trueload.recipe import Hand, Randomness
from trueload.reuse import Copies
from trueload.shares import Share
from trueload.sources import Origin
from trueload.tasks import Task
from trueload.tolerance import Attempt, Bad, NothingError


class Part:
    """One rank's part of a stream.

    Args:
        samples: The iterator over it.
        share: Which part.
        drop_last: Whether a last step that is not full is left out.
        position: How many samples have been read.
        tolerance: As in `Recipe`.
        origin: Where samples come from, for messages.

    Attributes:
        position: How many samples have been read, or passed over with one that failed.
        ended: Whether the iterator has stopped.
        counts: How many samples the last batch has, and how many of them count.
        bads: The bad samples that this rank met for the last batch: of those that all ranks read,
            the ones in its own places.
    """

    def __init__(  # noqa: PLR0913 - each is one fact of the stream
        self,
        samples: Iterator[Any],
        share: Share,
        *,
        drop_last: bool,
        position: int = 0,
        tolerance: Tolerance | None = None,
        origin: Origin | None = None,
    ) -> None:
        self._samples, self._share, self._drop_last = samples, share, drop_last
        self._tolerance, self._origin = tolerance, origin or Origin(None)
        self.bads: list[Bad] = []
        self._is_fresh, self._seeded = True, -1
        self.position, self.ended = position, False
        self.counts = 0, 0

    def begin(self, task: Task) -> int:
        """Give where the step of a task begins."""
        return task.position - self._share.rank

    def pull(
        self, task: Task, random: Randomness | None, hand: Hand | None, copies: Copies | None
    ) -> list[Any]:
        """Read the samples of a step, and give this rank's.

        Raises:
            StopIteration: The stream is over.
            Exception: Whatever the dataset raises, with a note that names the sample.
        """
        begin, ranks = self.begin(task), self._share.world_size
        kept: list[Any] = []
        first: list[Any] = []
        found = self._read(begin, ranks * task.size, task, random)
        for row, box in enumerate(found):
            if hand is not None:
                hand[0] = row // ranks
            own = row % ranks == self._share.rank
            if own or not row:
                sample = box.pop() if copies is None else copies.of(box.pop())
                (kept if own else first).append(sample)
        count = self.position - begin
        step = self._share.step(count, task.size, drop_last=self._drop_last)
        if step is None:
            raise StopIteration
        kept = kept[: len(step.rows)]
        kept += [*first, *kept][: len(step.rows) - len(kept)]
        self.counts = len(kept), step.real
        if random is not None and ranks > 1:
            random.start(task)
            random.start_collate(task)
        return kept

    def read_over(self, position: int, task: Task, random: Randomness | None) -> None:
        """Read up to a position without keeping anything; what fails there was told there."""
        full = self._share.world_size * task.size
        while self.position < position and not self.ended:
            begin = self.position
            try:
                for _ in self._read(begin, min(full, position - begin), task, random):
                    pass
            except Exception:
                self.position = min(begin + full, position)

    def _read(
        self, begin: int, count: int, task: Task, random: Randomness | None
    ) -> Iterator[list[Any]]:
        """Yield boxes of one sample each, with the generators seeded for its place."""
        self.position = begin
        if self._tolerance is not None:
            yield from self._read_on(begin, count, task, random, self._tolerance)
            return
        try:
            while self.position < begin + count:
                yield self._next(task, random)
        except StopIteration:
            self.ended = True
        except Exception as error:
            here = task._replace(position=self.position, stride=1)
            self.position = begin + count
            Blame(here, "fetch", row=0, stream=True).tell(error)

    def _next(self, task: Task, random: Randomness | None) -> list[Any]:
        if random is not None:
            self._seed(task, random)
        box = [next(self._samples)]
        if box[0] is None and self._tolerance is not None:
            raise NothingError
        self.position += 1
        return box

    def _read_on(
        self, begin: int, count: int, task: Task, random: Randomness | None, tolerance: Tolerance
    ) -> Iterator[list[Any]]:
        """Yield as `_read`, without the samples that cannot be had, which all ranks meet alike."""
        here = task._replace(position=begin, stride=1)
        attempt = Attempt(tolerance, here, self._origin, stream=True)
        on = ReadingOn(attempt, self._samples)
        boxes: list[list[Any]] = []
        self.bads = []
        while self.position < begin + count and not self.ended:
            row = self.position - begin
            try:
                self.ended = on.read(lambda: boxes.append(self._next(task, random)), row)
            except Exception:
                self.position = begin + count
                raise
            finally:
                own = row % self._share.world_size == self._share.rank
                self.bads += attempt.bads if own else []
                attempt.bads.clear()
            if boxes:
                yield boxes.pop()

    def _seed(self, task: Task, random: Randomness) -> None:
        here = task._replace(position=self.position, stride=1)
        if random.each_sample:
            random.start_sample(here, 0)
        elif self._is_fresh or (self.position % task.size == 0 and self.position != self._seeded):
            random.start(here)
        self._is_fresh, self._seeded = False, self.position
