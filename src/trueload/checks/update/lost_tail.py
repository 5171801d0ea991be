"""The check `accumulation-tail-lost`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.checks.update.accumulation import groups, usual
from trueload.evidence import Backward, EpochEnded, Optimizer, Run
from trueload.findings import Finding, Severity

_SHARE: Final = 0.05


class AccumulationTailLost(Check):
    """The last batches of each epoch are computed and then thrown away.

    What it finds: with gradient accumulation, backward passes of the last batches of an epoch
    whose gradients are cleared at the beginning of the next one, before any step.

    Why it matters: these batches cost time and teach nothing. Where the order is fixed, the same
    samples are left out in every epoch.

    Example:
        for epoch in range(epochs):
            optimizer.zero_grad()
            for number, (images, labels) in enumerate(loader):
                (criterion(model(images), labels) / 4).backward()
                if number % 4 == 3:
                    optimizer.step()
                    optimizer.zero_grad()

    Instead:
        for epoch in range(epochs):
            optimizer.zero_grad()
            for number, (images, labels) in enumerate(loader):
                (criterion(model(images), labels) / 4).backward()
                if number % 4 == 3 or number + 1 == len(loader):
                    optimizer.step()
                    optimizer.zero_grad()

    When it is wrong: where the tail is left out on purpose, as `drop_last=True` does. If it is
    less than one batch in twenty, this is a note.

    Source: https://huggingface.co/docs/accelerate/usage_guides/gradient_accumulation
    """

    code = "TL709"
    name = "accumulation-tail-lost"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each optimizer that loses the ends of epochs."""
        for optimizer in run.optimizers:
            steps = groups(run, optimizer)
            number = usual(run, steps)
            tails = list(_tails(run, optimizer, number)) if number > 1 else []
            if not tails or {one.place for one, _, _ in tails} != {steps[0].backwards[0].place}:
                continue
            last, lost, batches = tails[-1]
            yield self.found(
                f"the last {lost} of {batches} batches of an epoch are never used for a step",
                last.place,
                [("accumulated", f"{number} batches a step"), ("epochs", f"{len(tails)}")],
                hint="step at the last batch of an epoch too",
                count=len(tails),
                severity=None if lost / batches >= _SHARE else Severity.NOTE,
            )


def _tails(run: Run, optimizer: Optimizer, number: int) -> Iterator[tuple[Backward, int, int]]:
    """Yield the last backward pass of each lost tail, its length, and that of the epoch."""
    lengths = {(end.loader, end.epoch): end.batches for end in run.events(EpochEnded)}
    for step in run.steps(optimizer):
        if not step.lost or not step.backwards or len(step.lost) >= number:
            continue
        last = step.lost[-1]
        batches = None if last.fetch is None else lengths.get((last.fetch.loader, last.fetch.epoch))
        if batches is not None and last.fetch is not None and last.fetch.batch == batches - 1:
            yield last, len(step.lost), batches
