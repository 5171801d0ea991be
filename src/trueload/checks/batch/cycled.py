"""The check `cycled-loader`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.evidence import EpochBegun, EpochEnded, Run, Step
from trueload.findings import Finding, Severity


class CycledLoader(Check):
    """`itertools.cycle` repeats the batches of the first epoch for ever.

    What it finds: a loader that was begun by `cycle(...)`, has ended, and is trained on for as many
    steps again without being read.

    Why it matters: `cycle` keeps every batch of the first pass and gives those again. They are
    never shuffled nor augmented again, and the whole dataset stays in memory as batches.

    Example:
        batches = itertools.cycle(loader)

    Instead:
        def endless(loader):
            while True:
                yield from loader

    When it is wrong: where all passes are to be equal, and the dataset fits into memory; without
    shuffling that is a note, and so is a cycle that is made anew in each epoch.

    Source: https://docs.python.org/3/library/itertools.html#itertools.cycle
    """

    code = "TL413"
    name = "cycled-loader"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each loader that is cycled."""
        for loader in run.loaders:
            begun = [one for one in run.events(EpochBegun) if one.loader is loader]
            ends = [one for one in run.events(EpochEnded) if one.loader is loader]
            cycled = [one for one in begun if "cycle(" in one.place.source]
            if not cycled or not ends or ends[-1].epoch != begun[-1].epoch:
                continue
            end = ends[-1]
            after = sum(step.number > end.number for step in run.events(Step))
            if not 0 < end.batches <= after:
                continue
            worse = "Random" in loader.sampler and len(begun) == 1
            yield self.found(
                f"`cycle` repeats the {end.batches} batches of the first pass",
                cycled[-1].place,
                [
                    ("ended", f"after {end.batches} batches, at step {end.steps}"),
                    ("since", f"{after} steps with batches that `cycle` kept"),
                    ("loader", f"{loader.where}, {loader.sampler}"),
                ],
                hint="begin the loader anew: `while True: yield from loader`",
                severity=Severity.WARNING if worse else Severity.NOTE,
            )
