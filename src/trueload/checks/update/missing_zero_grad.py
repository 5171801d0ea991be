"""The check `missing-zero-grad`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.checks.source import bare
from trueload.evidence import Run, Step
from trueload.findings import Finding, Severity

_IN_A_ROW: Final = 3


class MissingZeroGrad(Check):
    """Each step uses the gradients of the steps before it again.

    What it finds: an optimizer that steps at least three times in a row with gradients that its
    previous step has already used, and to which new ones were only added. A line that names
    `optimizer.zero_grad` without calling it is pointed out.

    Why it matters: `backward()` adds to `.grad`. Unless it is cleared, each step follows the sum
    of the gradients of all batches since the beginning: the direction is that of old weights, and
    its length grows with every step.

    Example:
        for images, labels in loader:
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()

    Instead:
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()

    When it is wrong: where gradients are carried from step to step on purpose, as a momentum of
    one's own. Accumulation over several batches is not meant: it clears after its step.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html
    """

    code = "TL701"
    name = "missing-zero-grad"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each line that steps with used gradients."""
        for optimizer in run.optimizers:
            steps = run.steps(optimizer)
            carried = [step for step in steps if step.carried and step.backwards]
            if _longest_row(steps) < _IN_A_ROW:
                continue
            last = carried[-1]
            named = [place for place in bare(run, "zero_grad") if place.file == last.place.file]
            yield self.found(
                f"`{optimizer.kind}` steps with gradients that earlier steps have already used",
                named[0] if named else last.place,
                [
                    ("steps", f"{len(carried)} of {len(steps)} without a cleared gradient"),
                    ("backward", last.backwards[-1].place.short),
                    ("optimizer", optimizer.where),
                ],
                hint="call `optimizer.zero_grad()` before each `backward()`",
                count=len(carried),
            )


def _longest_row(steps: list[Step]) -> int:
    """Count the steps in the longest row of steps that carried gradients over."""
    longest = row = 0
    for step in steps:
        row = row + 1 if step.carried and step.backwards else 0
        longest = max(longest, row)
    return longest
