"""The check `missing-step`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.checks.source import bare
from trueload.evidence import Backward, EpochEnded, Optimizer, Run
from trueload.findings import Finding, Place, Severity

_ENOUGH: Final = 4


class MissingStep(Check):
    """Gradients are made and no optimizer ever uses them.

    What it finds: an optimizer that never steps, although at least four backward passes left
    gradients in its parameters and an epoch, or the script, has ended. A line that names
    `optimizer.step` without calling it is pointed out.

    Why it matters: the weights stay as they were initialized. The loss moves only as far as the
    batches differ, which looks like a rate that is too low.

    Example:
        for images, labels in loader:
            optimizer.zero_grad()
            criterion(model(images), labels).backward()
            optimizer.step

    Instead:
        for images, labels in loader:
            optimizer.zero_grad()
            criterion(model(images), labels).backward()
            optimizer.step()

    When it is wrong: where something that is no torch optimizer updates the weights after the
    epoch. If the weights change at all, nothing is said; nor if a `GradScaler` skips all steps, or
    the model is in evaluation mode, as for adversarial samples.

    Source: https://docs.pytorch.org/docs/stable/optim.html#taking-an-optimization-step
    """

    code = "TL702"
    name = "missing-step"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each optimizer that never steps."""
        if not (run.complete or EpochEnded in run.happened):
            return
        enough = max(_ENOUGH, 2 * (run.accumulate or 1))
        for optimizer in run.optimizers:
            if optimizer.backwards < enough or not _is_idle(optimizer):
                continue
            backward = next(one for one in reversed(run.backwards) if optimizer in one.into)
            if not _in_training(run, backward):
                continue
            yield self.found(
                f"`{optimizer.kind}` never steps, so its parameters are never updated",
                _line(run, backward),
                [
                    ("backward", f"{optimizer.backwards} passes, {backward.place.short}"),
                    ("optimizer", f"{optimizer.where}, 0 steps"),
                ],
                hint="call `optimizer.step()` after `backward()`",
            )


def _is_idle(optimizer: Optimizer) -> bool:
    """Say whether neither it nor anything else updates its parameters."""
    others = {other for parameter in optimizer.parameters for other in parameter.optimizers}
    stepped = any(other.steps or other.scaled_steps for other in others)
    return not (stepped or optimizer.steps or optimizer.scaled_steps or optimizer.moved)


def _in_training(run: Run, backward: Backward) -> bool:
    """Say whether the model was in training mode; an attack on a trained model is not."""
    before = [one for one in run.forwards if one.grad and one.number < backward.number]
    return not before or before[-1].training


def _line(run: Run, backward: Backward) -> Place:
    named = [place for place in bare(run, "step") if place.file == backward.place.file]
    return named[0] if named else backward.place
