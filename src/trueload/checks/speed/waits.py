"""The check `loop-waits`."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Final

from trueload.checks.base import Check
from trueload.errors import several
from trueload.evidence import Fetch, Loader, Run
from trueload.evidence.making import Pace
from trueload.findings import Finding, Place, Severity

_LEAST_BATCHES: Final = 24
_SKIPPED: Final = 4
_NOTED_SHARE, _NOTED_SECONDS = 0.3, 1.0
_WARNED_SHARE, _WARNED_SECONDS = 0.5, 2.0
_MOSTLY: Final = 0.5
_TOLD_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Times:
    """Where the time of a loop went, in seconds.

    Attributes:
        place: The line that fetches.
        batches: How many batches were looked at.
        waited: For data.
        worked: On the batches.
        beginning: The part of the waiting that was for the first batches of epochs.
    """

    place: Place
    batches: int
    waited: float
    worked: float
    beginning: float

    @property
    def share(self) -> float:
        """Which share of the time went into waiting."""
        return self.waited / max(self.waited + self.worked, 1e-9)


class LoopWaits(Check):
    """The training loop waits for its data.

    What it finds: a loop that trains, and spends more than 30 % of its time waiting for batches: at
    least one second, over 24 batches or more. From 50 % and two seconds on it is a warning. The
    first batches are not counted, nor is the time of our own looks.

    Why it matters: the device stands still meanwhile. A loop that waits for 60 % of its time could
    be two and a half times as fast.

    Example:
        loader = DataLoader(dataset, batch_size=64)

    Instead:
        loader = DataLoader(dataset, batch_size=64, num_workers=4, persistent_workers=True)

    When it is wrong: where the machine had other work at the time, or the data come from a cache
    from the second epoch on.

    Source: https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
    """

    code = "TL650"
    name = "loop-waits"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each loader that is waited for."""
        trained = {one.fetch.loader for one in run.backwards if one.fetch is not None}
        for loader in run.loaders:
            times = _times(run, loader) if loader in trained else None
            if times is None or times.share < _NOTED_SHARE or times.waited < _NOTED_SECONDS:
                continue
            bad = times.share >= _WARNED_SHARE and times.waited >= _WARNED_SECONDS
            made, collated = _pace(run, loader)
            yield self.found(
                f"the loop waits for data {times.share:.0%} of its time",
                times.place,
                [
                    ("waited", f"{times.waited:.1f} s of {times.waited + times.worked:.1f} s"),
                    ("a step", f"{_milli(times.worked / times.batches)} of work"),
                    ("a batch", _shown(loader, made, collated)),
                    ("beginnings", _beginnings(times)),
                    ("loader", f"made at {loader.place.short}"),
                ],
                hint=_hint(loader, times, made),
                severity=Severity.WARNING if bad else Severity.NOTE,
            )


def _times(run: Run, loader: Loader) -> _Times | None:
    """Sum up the time of a loop, but for its first batches, and for those that were looked at."""
    skipped = _SKIPPED + 2 * loader.num_workers
    fetches = [one for one in run.events(Fetch) if one.loader is loader]
    first = [one for one in fetches if one.epoch == 0][:skipped]
    later = [one for one in fetches if one not in first]
    if len(later) < _LEAST_BATCHES:
        return None
    return _Times(
        place=later[-1].place,
        batches=len(later),
        waited=sum(one.waited_seconds for one in later),
        worked=sum(one.worked_seconds for one in later),
        beginning=sum(one.waited_seconds for one in later if one.batch == 0),
    )


def _pace(run: Run, loader: Loader) -> tuple[float, float]:
    """Give how long it takes to make a batch, and which share of that to put it together."""
    paces = [one for one in run.data.making.facts if isinstance(one, Pace) and one.loader is loader]
    batches = sum(one.batches for one in paces)
    if not batches:
        return 0.0, 0.0
    seconds = sum(one.seconds for one in paces)
    return seconds / batches, sum(one.collate_seconds for one in paces) / max(seconds, 1e-9)


def _shown(loader: Loader, made: float, collated: float) -> str:
    if not made:
        return ""
    where = several(loader.num_workers, "worker") if loader.num_workers else "the loop itself"
    put_together = f", {collated:.0%} of that to put it together" if collated >= _TOLD_SHARE else ""
    return f"{_milli(made)} to make, in {where}{put_together}"


def _beginnings(times: _Times) -> str:
    mostly = times.beginning >= _MOSTLY * times.waited
    return f"{times.beginning / times.waited:.0%} of the waiting, as epochs begin" if mostly else ""


def _hint(loader: Loader, times: _Times, made: float) -> str:
    if loader.num_workers and times.beginning >= _MOSTLY * times.waited:
        return "pass `persistent_workers=True`, so that no epoch waits for workers to start"
    cores, step = os.cpu_count() or 1, times.worked / times.batches
    wanted = max(1, ceil(made / max(step, 1e-4)))
    if loader.num_workers == 0:
        return f"pass `num_workers={min(wanted, cores)}`, to make batches beside the loop"
    if made and loader.num_workers < min(wanted, cores):
        return f"pass `num_workers={min(wanted, cores)}`: {loader.num_workers} cannot make enough"
    if made and made / loader.num_workers < step:
        return "workers are fast enough: what takes long is to send batches; make them smaller"
    return "make samples cheaper: decode and resize once, and keep the result"


def _milli(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"
