"""The check `class-sorted-batches`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Labels, Run, Step
from trueload.findings import Finding, Severity

_BATCHES: Final = 4
_LEAST: Final = 32
_TWO: Final = 2
_IN_ORDER: Final = {"SequentialSampler", "_InfiniteConstantSampler"}


class ClassSortedBatches(Check):
    """Training reads all of one class, then all of the next.

    What it finds: a loader that trains and reads its dataset in order, in whose labels each class
    forms one or two rows, so that most batches have one class only.

    Why it matters: for the length of a class the right answer is always the same, and the model
    learns to give it whatever it sees. Each class makes it forget the one before.

    Example:
        loader = DataLoader(ImageFolder("train"), batch_size=64)

    Instead:
        loader = DataLoader(ImageFolder("train"), batch_size=64, shuffle=True)

    When it is wrong: where a state is carried through a series in its order, or classes are to be
    learned one after the other. Samplers of one's own are taken to be on purpose.

    Source: https://arxiv.org/abs/1206.5533 (section 3.3)
    """

    code = "TL407"
    name = "class-sorted-batches"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each loader that trains so."""
        for labels in run.data.labels:
            loader = labels.loader
            if labels.epoch or loader.sampler not in _IN_ORDER or not _is_sorted(labels):
                continue
            steps = [step for step in run.steps() if _of(step, labels)]
            if len(steps) < labels.batches / _TWO:
                continue
            classes, count = len(labels.counts), sum(labels.counts.values())
            stream = loader.sampler != "SequentialSampler"
            yield self.found(
                f"batches come sorted by class: {labels.pure} of {labels.batches} have one only",
                loader.place,
                [
                    ("labels", f"`{labels.name}`: {classes} classes in {count} samples"),
                    ("rows", f"{labels.runs} rows of equal labels"),
                    ("order", "of the stream" if stream else "of the dataset, not shuffled"),
                ],
                hint="mix the stream, as with a buffer" if stream else "pass `shuffle=True`",
                severity=Severity.ERROR if classes > _TWO else Severity.WARNING,
            )


def _is_sorted(labels: Labels) -> bool:
    """Say whether each class forms a row or two, each longer than a batch."""
    classes, count = len(labels.counts), sum(labels.counts.values())
    if classes < _TWO or labels.batches < _BATCHES or count < _LEAST:
        return False
    most = _TWO * classes if classes > _TWO else classes
    return labels.runs <= most and labels.pure * _TWO >= labels.batches


def _of(step: Step, labels: Labels) -> bool:
    fetches = (backward.fetch for backward in step.backwards)
    return any(
        fetch is not None and fetch.loader is labels.loader and fetch.epoch == labels.epoch
        for fetch in fetches
    )
