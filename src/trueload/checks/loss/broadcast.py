"""The check `loss-broadcast`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.checks.loss.paths import nodes
from trueload.evidence import Node, Run
from trueload.findings import Finding, Severity

_PAIRED: Final = {"MseLoss", "SmoothL1Loss", "HuberLoss"}
_POWERS: Final = {"Pow", "Abs", "Mul"}
_REDUCED: Final = {"Mean", "Sum"}


class LossBroadcast(Check):
    """A loss compares every prediction with every target, instead of each with its own.

    What it finds: predictions of shape (N, 1) and targets of shape (N,), or the other way round,
    whose difference has the shape (N, N) and is then summed up to the loss.

    Why it matters: the best prediction is then the mean of all targets, for every sample. The loss
    goes down, and the model learns nothing else. Torch warns of it in one of its loss functions
    only, and never where the difference is written out.

    Example:
        loss = F.mse_loss(model(x), y)          # (64, 1) and (64,)
        loss = ((model(x) - y) ** 2).mean()

    Instead:
        loss = F.mse_loss(model(x).squeeze(1), y)

    When it is wrong: no case is known. Distances between all pairs are told apart by an axis that
    was put in for them, or by gradients on both sides.

    Source: https://github.com/pytorch/pytorch/pull/16707 (why torch warns)
    """

    code = "TL801"
    name = "loss-broadcast"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each such loss."""
        for backward, node in nodes(run):
            column = _of_loss(node) if node.name in _PAIRED else _of_difference(node)
            if column is None:
                continue
            size = node.shape[0] if node.shape else column[0]
            yield self.found(
                f"the loss compares each of {size} predictions with all {size} targets",
                node.place or backward.place,
                [
                    ("predictions", f"{column}, stretched to ({size}, {size})"),
                    ("targets", f"{_other(column)}, stretched to ({size}, {size})"),
                ],
                hint="give both one shape: `prediction.squeeze(1)`, or `target.unsqueeze(1)`",
            )


def _of_loss(node: Node) -> tuple[int, ...] | None:
    """Give the shape of the predictions of a loss function if both sides were stretched."""
    stretched = node.inputs[0] if node.inputs else None
    if stretched is None or stretched.name != "Expand" or not node.facts.get("target_expanded"):
        return None
    return _column(stretched, stretched.shape)


def _of_difference(node: Node) -> tuple[int, ...] | None:
    """Give the shape of the predictions if a summed power of a difference was stretched."""
    power = node.inputs[0] if node.name in _REDUCED and node.inputs else None
    if power is None or power.name not in _POWERS or not power.inputs:
        return None
    difference = power.inputs[0]
    if difference is None or difference.name != "Sub":
        return None
    sides = [side for side in difference.inputs if side is not None]
    if len(difference.inputs) != 2 or len(sides) != 1 or sides[0].name == "Unsqueeze":  # noqa: PLR2004
        return None
    side = sides[0]
    if side.name == "Expand":
        return _column(side, difference.shape)
    return side.shape if _is_column(side.shape, difference.shape) else None


def _column(stretched: Node, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    below = stretched.inputs[0] if stretched.inputs else None
    if below is None or below.name == "Unsqueeze" or not _is_column(below.shape, shape):
        return None
    return below.shape


def _is_column(shape: tuple[int, ...], stretched: tuple[int, ...]) -> bool:
    """Say whether a shape of N values was stretched to (N, N)."""
    if len(stretched) != 2 or stretched[0] != stretched[1] or stretched[0] == 1:  # noqa: PLR2004
        return False
    return shape in {(stretched[0], 1), (stretched[0],)}


def _other(column: tuple[int, ...]) -> tuple[int, ...]:
    return (column[0],) if len(column) > 1 else (column[0], 1)
