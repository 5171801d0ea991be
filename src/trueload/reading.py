"""Read on in an iterable dataset past samples that cannot be had, and go on with the rest.

An iterator that raises may go on with the sample after, and then it is asked for that. A generator
is over once it has raised, whatever was still to come: this must not pass for the end of the data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import CO_GENERATOR, isgenerator
from traceback import walk_tb
from typing import Any, NoReturn

from torch.utils.data import default_collate

from trueload.blame import Blame
from trueload.collate import Empty
from trueload.errors import render
from trueload.ownership import Copying, owned
from trueload.policy import Tolerance
from trueload.recipe import Way, finish
from trueload.sources import Origin
from trueload.tasks import Task
from trueload.tolerance import BAD, Attempt, Bad, BadSamplesError, NothingError, unfit


class ReadingOn:
    """Reads samples, leaving out those that cannot be had.

    Args:
        attempt: Notes these.
        iterator: What is read.
    """

    def __init__(self, attempt: Attempt, iterator: Any) -> None:
        self._attempt, self._iterator = attempt, iterator
        self._ended_by: Exception | None = None

    def read(self, one: Callable[[], object], row: int) -> bool:
        """Read one sample, if it can be had.

        Args:
            one: Reads it.
            row: How many samples have been read before it.

        Returns:
            Whether the stream is over.

        Raises:
            BadSamplesError: There is no need to go on.
            Exception: What was raised tells of the program, or ends the stream with samples unread.
        """
        ended_by, self._ended_by, attempt = self._ended_by, None, self._attempt
        try:
            one()
        except StopIteration:
            if ended_by is not None:
                _tell_over(ended_by)
            return True
        except NothingError:
            attempt.fail(row, None)
        except Exception as error:
            dead = _ends_a_generator(error)
            if isgenerator(self._iterator) and attempt.covers(error):
                Blame(attempt.task, "fetch", row=row, stream=True).noted(error)
                _tell_over(error)
            attempt.fail(row, error)
            self._ended_by = error if dead else None
        return False


def _ends_a_generator(error: Exception) -> bool:
    """Say whether an exception came out of a generator, which is then over."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return any(frame.f_code.co_flags & CO_GENERATOR for frame in frames)


def _tell_over(error: Exception) -> NoReturn:
    """Raise what has ended a stream before its end."""
    title = "the stream cannot be read on: a generator ends with the exception that it raises"
    error.add_note(render(title, "TL216", hint=_HINT))
    raise error


_HINT = (
    "catch it within the generator and go on, or let `__iter__` return an object whose `__next__` "
    "can be called again"
)


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a batch that was read.

    Attributes:
        task: The batch.
        origin: Where samples come from.
        tolerance: What is done about samples that cannot be made.
        bads: Where these are noted.
    """

    task: Task
    origin: Origin
    tolerance: Tolerance
    bads: list[Bad]

    def transformed(
        self,
        transform: Callable[[Any], Any] | None,
        box: list[Any],
        copying: Copying,
        *,
        batched: bool,
    ) -> list[Any]:
        """Transform samples, and give those that can be; nothing else may refer to them."""
        if transform is None:
            return box.pop() if batched else box
        attempt = Attempt(self.tolerance, self.task, self.origin, stream=True)
        attempt.stage, attempt.bads = "transform", self.bads
        made = [
            attempt.make(row, partial(transform, sample))
            for row, sample in enumerate(owned(box if batched else [[box.pop()]], copying))
        ]
        return [sample for sample in made if sample is not BAD]

    def collated(
        self, collate_fn: Callable[[Any], Any], samples: list[Any], empty: Empty, way: Way
    ) -> tuple[Any, int]:
        """Collate samples, without those that a batch cannot be made with.

        Returns:
            The batch, and how many samples it has.

        Raises:
            BadSamplesError: There are none left.
        """
        while samples:
            try:
                whole = list(samples) if way.batched else samples[0]
                return finish(collate_fn, [whole], self.task, empty, way), len(samples)
            except Exception as error:
                found = self._unfit(samples, error, collate_fn, way)
                if not found:
                    raise
                self.bads.extend(found)
                rows = {bad.row for bad in found}
                samples = [one for row, one in enumerate(samples) if row not in rows]
        raise BadSamplesError(self.bads)

    def _unfit(
        self, samples: list[Any], error: Exception, collate_fn: Callable[[Any], Any], way: Way
    ) -> list[Bad]:
        if not self.tolerance.covers(error, "collate"):
            return []
        own = None if collate_fn is default_collate else collate_fn
        return unfit(
            self.task, samples if way.batched else None, error, own, self.tolerance, stream=True
        )
