"""Make what can be made of a batch, and say of each sample that cannot be had why not.

Where a policy wants to know all bad samples of a batch, a failure does not end the fetch. Whoever
makes the batch goes on to its last row and then raises `BadSamplesError` in its place; what becomes
of the batch is decided elsewhere.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NoReturn

from trueload.blame import Blame
from trueload.errors import KeysDifferError, TrueloadError, WorkerLostError, place_of, tidied
from trueload.explain import misfit_of
from trueload.generators import states_of
from trueload.policy import Tolerance, is_transient
from trueload.seeds import GlobalStates
from trueload.sources import Origin, files_of
from trueload.tasks import Task
from trueload.transport import Failure, failure

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0

BAD: Final = object()
"""Stands in the row of a sample that could not be made, until the batch is given up."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A sample that could not be made.

    Attributes:
        row: Its row in the batch; for an iterable dataset, the number of samples before it.
        stage: Where that showed: `fetch`, `transform`, `collate`, or `end` of its worker.
        title: What was raised, in one line.
        place: The line of the user's code that raised it, or nothing.
        failure: The exception.
        file: The file that it comes from, if that is known.
    """

    row: int
    stage: str
    title: str
    place: str
    failure: Failure
    file: str | None = None


class NothingError(Exception):
    """A sample is `None`."""


class BadSamplesError(Exception):
    """A batch could not be made because of some of its samples; `bads` says which and why."""

    def __init__(self, bads: list[Bad]) -> None:
        super().__init__(bads)
        self.bads = bads


def bad_of(blame: Blame, error: Exception) -> Bad:
    """Give the bad sample that an exception tells of; the exception has its note already."""
    title, place = blame.title(error), place_of(error)
    if isinstance(error, TrueloadError):
        title = _title_of(str(error))
    return Bad(blame.row or 0, blame.stage, title, place, failure(tidied(error)))


def lost_with(blame: Blame, error: WorkerLostError) -> Bad:
    """Give the bad sample that has ended its worker."""
    return Bad(blame.row or 0, "end", _title_of(str(error)), "", failure(error))


def _title_of(message: str) -> str:
    """Give the first line of a message, without its code."""
    return message.splitlines()[0].rpartition(" [")[0]


class Attempt:
    """One attempt to make the samples of a batch.

    Args:
        tolerance: What is done about samples that cannot be made.
        task: The batch.
        origin: Where its samples come from.
        own: Gives the random generators that the dataset owns.
        stream: Whether the dataset is iterable.

    Attributes:
        task: The batch.
        stage: What is being done with the sample in hand; whoever does it sets it.
        bads: The samples that could not be made.
    """

    def __init__(
        self,
        tolerance: Tolerance,
        task: Task,
        origin: Origin,
        own: Callable[[], Sequence[Any]] = list,
        *,
        stream: bool = False,
    ) -> None:
        self.stage = "fetch"
        self.bads: list[Bad] = []
        self.task = task
        self._tolerance, self._origin, self._own = tolerance, origin, own
        self._stream = stream

    def covers(self, error: Exception) -> bool:
        """Say whether what was raised just now makes the sample a bad one."""
        return self._tolerance.covers(error, self.stage)

    def make(self, row: int, make: Callable[[], Any]) -> Any:
        """Make one sample; `BAD` stands for one that cannot be made.

        Raises:
            BadSamplesError: There is no need to go on.
            Exception: What was raised tells of the program rather than of the sample.
        """
        try:
            sample = self.retried(make)
        except Exception as error:
            self.fail(row, error)
            return BAD
        if sample is None:
            self.fail(row, None)
            return BAD
        return sample

    def fail(self, row: int, error: Exception | None) -> None:
        """Note that a sample could not be made: what was raised, or that it is `None`."""
        blame = Blame(self.task, self.stage, row, self._stream, self._origin)
        if error is None:
            error = blame.nothing()
            if not self.covers(error):
                raise error
        elif not self.covers(error):
            blame.tell(error)
        else:
            blame.noted(error)
        file = next(iter(files_of(self._origin.dataset, self._index(row), error)), None)
        self.bads.append(replace(bad_of(blame, error), file=file))
        if not self._tolerance.collects:
            self.end()

    def _index(self, row: int) -> Any:
        if self._stream:
            return None
        indices = self.task.indices
        return indices[row] if hasattr(indices, "__len__") and row < len(indices) else indices

    def end(self) -> None:
        """Give the batch up if a sample of it could not be made.

        Raises:
            BadSamplesError: That is so.
        """
        if self.bads:
            raise BadSamplesError(self.bads) from None

    def search(self, error: Exception, make: Callable[[Any], Any], indices: Any) -> NoReturn:
        """Find out by fetching them alone which samples spoil a fetch of all of them.

        Args:
            error: What fetching them together raised.
            make: Fetches the sample of one index.
            indices: All of them.

        Raises:
            BadSamplesError: Some cannot be fetched alone either.
            Exception: What fetching them together raised, if all others can.
        """
        if self._tolerance.covers(error, "fetch"):
            for row, index in enumerate(indices):
                self.make(row, partial(make, index))
            self.end()
        Blame(self.task, "fetch", origin=self._origin).tell(error)

    @property
    def retries(self) -> int:
        """How often a sample is tried again where that may help."""
        return self._tolerance.retries

    def retried(self, make: Callable[..., Any], *args: Any) -> Any:
        """Make something, and try again as the policy says; each time it draws the same."""
        left = self._tolerance.retries
        if not left:
            return make(*args)
        own, common = states_of(self._own()), GlobalStates.now()
        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return make(*args)
            except Exception as error:
                if not left or not is_transient(error):
                    raise
            left -= 1
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
            own()
            common.put_back()


def unfit(  # noqa: PLR0913 - each is one fact of the batch
    task: Task,
    samples: Sequence[Any] | None,
    error: Exception,
    collate_fn: Callable[[Any], Any] | None,
    tolerance: Tolerance,
    *,
    stream: bool = False,
) -> list[Bad]:
    """Give the samples for which a batch could not be put together; none if nobody can say.

    Args:
        task: The batch.
        samples: All its samples, or `None` where there is only one, without batching.
        error: What the collate function raised.
        collate_fn: A collate function of the user's own, or `None` for the default one.
        tolerance: What makes a sample a bad one.
        stream: Whether the dataset is iterable.
    """
    if samples is None:
        return [bad_of(Blame(task, "collate", stream=stream), error)]
    blames = [Blame(task, "collate", row=row, stream=stream) for row in range(len(samples))]
    if collate_fn is None:
        return _misfits(blames, samples, error)
    return _unfit_alone(blames, samples, collate_fn, tolerance)


def _misfits(blames: list[Blame], samples: Sequence[Any], error: Exception) -> list[Bad]:
    """Give the samples that differ from what more than half of them are."""
    rows, bads = list(range(len(samples))), []
    while (found := misfit_of([samples[row] for row in rows])) is not None:
        if 2 * found.usual_count <= len(samples):
            return []
        row = rows.pop(found.row)
        blame = blames[row]
        message = blame.misfit(replace(found, row=row), len(samples))
        if isinstance(error, KeysDifferError):
            error = KeysDifferError(message)
        else:
            error.__notes__ = [message]
        bads.append(replace(bad_of(blame, error), title=_title_of(message)))
    return sorted(bads, key=lambda bad: bad.row)


def _unfit_alone(
    blames: list[Blame],
    samples: Sequence[Any],
    collate_fn: Callable[[Any], Any],
    tolerance: Tolerance,
) -> list[Bad]:
    """Give the samples that cannot be collated alone; if those are all, they are not at fault."""
    bads: list[Bad] = []
    for blame, sample in zip(blames, samples, strict=True):
        try:
            collate_fn([sample])
        except Exception as error:
            if not tolerance.covers(error, "collate"):
                return []
            bads.append(bad_of(blame, blame.noted(error)))
    return bads if len(bads) < len(samples) or len(samples) == 1 else []
