"""The checks `exhausted-iterator` and `swallowed-stop-iteration`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import EpochBegun, EpochEnded, FetchAfterEnd, Run, Step
from trueload.findings import Finding, Severity

_SEVERAL: Final = 2
_CHUNKS: Final = ("islice(", "next(")


class ExhaustedIterator(Check):
    """A loop runs over an iterator that has ended before.

    What it finds: a `for` over an iterator of a loader that had no batches left, while the loader
    is not begun anew afterwards.

    Why it matters: the loop does nothing, without a word. All epochs but the first are empty.

    Example:
        batches = iter(loader)
        for epoch in range(epochs):
            for images, labels in batches:

    Instead:
        for epoch in range(epochs):
            for images, labels in loader:

    When it is wrong: no case is known.

    Source: https://docs.python.org/3/library/stdtypes.html#iterator-types
    """

    code = "TL411"
    name = "exhausted-iterator"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each such loop."""
        for end, asked in _asked_again(run):
            if asked[0].place != end.place or not _is_loop(end.place.source):
                continue
            yield self.found(
                "a loop runs over an iterator that has already ended, and does nothing",
                asked[0].place,
                [
                    ("ended", f"after {end.batches} batches, at step {end.steps}"),
                    ("loader", end.loader.where),
                ],
                hint="loop over the loader itself, which begins anew each time",
                count=len(asked),
            )


class SwallowedStopIteration(Check):
    """Training goes on with the last batch after the loader has ended.

    What it finds: an iterator that has ended and is asked for a batch again and again, with steps
    in between.

    Why it matters: the exception that ends the epoch is caught, and the variables still hold the
    last batch. From then on the model learns that one batch.

    Example:
        try:
            images, labels = next(batches)
        except StopIteration:
            pass

    Instead:
        try:
            images, labels = next(batches)
        except StopIteration:
            batches = iter(loader)
            images, labels = next(batches)

    When it is wrong: no case is known.

    Source: https://docs.python.org/3/library/exceptions.html#StopIteration
    """

    code = "TL412"
    name = "swallowed-stop-iteration"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each iterator that is asked so."""
        for end, asked in _asked_again(run):
            steps = [end.steps, *(one.steps for one in asked)]
            if len(set(steps)) <= _SEVERAL or _is_loop(asked[0].place.source):
                continue
            after = sum(step.number > end.number for step in run.events(Step))
            yield self.found(
                f"{after} steps follow the end of the loader, without a new batch of it",
                asked[0].place,
                [
                    ("ended", f"after {end.batches} batches, at step {end.steps}"),
                    ("asked", f"{len(asked)} times since"),
                    ("loader", end.loader.where),
                ],
                hint="make a new iterator when the old one has ended: `batches = iter(loader)`",
                count=len(asked),
            )


def _asked_again(run: Run) -> Iterator[tuple[EpochEnded, list[FetchAfterEnd]]]:
    """Yield iterations that were asked after their end, the last of their loaders."""
    ends = {(end.loader, end.epoch): end for end in run.events(EpochEnded)}
    begun = {one.loader: one.epoch for one in run.events(EpochBegun)}
    asked: dict[EpochEnded, list[FetchAfterEnd]] = {}
    for event in run.events(FetchAfterEnd):
        end = ends.get((event.loader, event.epoch))
        if end is not None and begun.get(event.loader) == event.epoch:
            asked.setdefault(end, []).append(event)
    yield from asked.items()


def _is_loop(source: str) -> bool:
    return "for " in source and not any(chunk in source for chunk in _CHUNKS)
