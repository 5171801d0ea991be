"""The check `leftover-gradients`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.checks.update.accumulation import epochs_of, groups, usual
from trueload.evidence import Run
from trueload.findings import Finding, Severity


class LeftoverGradients(Check):
    """The first step of an epoch also uses gradients that the epoch before left over.

    What it finds: with gradient accumulation, a step that uses more backward passes than the
    others, because those of the last batches of the epoch before were neither used nor cleared.

    Why it matters: that step is longer than the others by as many batches, and mixes gradients
    of older weights in.

    Example:
        for number, (images, labels) in enumerate(loader):
            (criterion(model(images), labels) / 4).backward()
            if (number + 1) % 4 == 0:
                optimizer.step()
                optimizer.zero_grad()

    Instead:
        for number, (images, labels) in enumerate(loader):
            (criterion(model(images), labels) / 4).backward()
            if (number + 1) % 4 == 0 or number + 1 == len(loader):
                optimizer.step()
                optimizer.zero_grad()

    When it is wrong: where batches are counted across epochs, every step uses equally many, and
    nothing is said.

    Source: https://github.com/huggingface/transformers/issues/34191 and its like
    """

    code = "TL705"
    name = "leftover-gradients"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each optimizer that steps with leftovers."""
        for optimizer in run.optimizers:
            steps = groups(run, optimizer)
            within = [step for step in steps if len(epochs_of(step.backwards)) == 1]
            across = [step for step in steps if len(epochs_of(step.backwards)) > 1]
            number = usual(run, within)
            longer = [step for step in across if len(step.backwards) > number]
            if not number or not longer or any(len(s.backwards) != number for s in within):
                continue
            most = max(len(step.backwards) for step in longer)
            yield self.found(
                f"a step uses {most} backward passes instead of {number}: some of another epoch",
                longer[-1].place,
                [
                    ("steps", f"{len(longer)} of {len(steps)} with leftover gradients"),
                    ("backward", longer[-1].backwards[0].place.short),
                ],
                hint="step and clear at the last batch of an epoch too",
                count=len(longer),
            )
