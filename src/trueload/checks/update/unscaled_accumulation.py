"""The check `accumulation-not-scaled`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.checks.update.accumulation import groups, usual
from trueload.evidence import Backward, Clip, Node, Optimizer, Run
from trueload.findings import Finding, Severity

_ENOUGH: Final = 3
_MEAN: Final = 1
_ADAPTIVE: Final = ("Adam", "RAdam", "NAdam", "RMSprop", "Adagrad", "Adadelta", "Adafactor", "Lion")
"""Optimizers whose steps are as long whatever the gradients are multiplied with."""


class AccumulationNotScaled(Check):
    """Gradients of several batches are added up, and the loss is the mean of one.

    What it finds: an optimizer whose steps use several backward passes of one line, each of its
    own batch, where the loss is a mean over the batch and is not divided by their number.

    Why it matters: the sum of k means is k times as long as the mean over all their samples. A
    plain SGD then runs at k times the rate that was asked for, and clipping bites k times as early.

    Example:
        loss = criterion(model(images), labels)
        loss.backward()
        if (number + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()

    Instead:
        loss = criterion(model(images), labels) / 4
        loss.backward()
        if (number + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()

    When it is wrong: where the rate was chosen for the sum. Optimizers that scale their steps
    themselves, such as Adam, hardly feel it, nor does one whose gradients are clipped; with these
    it is a note.

    Source: https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-accumulation
    """

    code = "TL708"
    name = "accumulation-not-scaled"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each optimizer that adds up means."""
        for optimizer in run.optimizers:
            steps = groups(run, optimizer)
            number = usual(run, steps)
            usual_steps = [step for step in steps if len(step.backwards) == number]
            if number < 2 or len(usual_steps) < _ENOUGH or any(s.changed for s in usual_steps):  # noqa: PLR2004
                continue
            backwards = [one for step in usual_steps for one in step.backwards if one.graph]
            if not backwards or not all(map(_is_mean, backwards)):
                continue
            adaptive = optimizer.kind.startswith(_ADAPTIVE) or _is_clipped(run, optimizer)
            yield self.found(
                f"each step adds up the gradients of {number} batches, and their losses are means",
                backwards[-1].place,
                [
                    ("step", f"{usual_steps[-1].place.short}, with {number} backward passes each"),
                    ("rate", f"acts as if it were {number} times as high" if not adaptive else ""),
                ],
                hint=f"divide the loss by {number} before `backward()`",
                count=len(usual_steps),
                severity=Severity.NOTE if adaptive else None,
            )


def _is_clipped(run: Run, optimizer: Optimizer) -> bool:
    return any(optimizer in clip.unused for clip in run.events(Clip))


def _is_mean(backward: Backward) -> bool:
    """Say whether a loss is a mean and nothing else."""
    root: Node | None = backward.graph.root if backward.graph is not None else None
    if root is None:
        return False
    return root.name == "Mean" or root.facts.get("reduction") == _MEAN
