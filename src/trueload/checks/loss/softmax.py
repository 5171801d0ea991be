"""The checks `softmax-before-cross-entropy` and `softmax-over-batch`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.checks.loss.paths import NLL, given, nodes
from trueload.evidence import Node, Run
from trueload.findings import Finding, Severity

_TWO_AXES: Final = 2
_PAIRED: Final = {"MseLoss", "BinaryCrossEntropy"}


class SoftmaxBeforeCrossEntropy(Check):
    """Probabilities are given to a loss that takes logits and applies softmax itself.

    What it finds: a log-softmax, as `cross_entropy` applies it, of the result of a softmax or of a
    sigmoid.

    Why it matters: softmax of probabilities is nearly flat. With ten classes the loss cannot go
    below 1.46, and gradients are small, so training is slow and stops early.

    Example:
        return F.softmax(self.head(x), dim=1)   # then F.cross_entropy(...)

    Instead:
        return self.head(x)

    When it is wrong: where bounded logits are wanted. After a sigmoid this is a warning.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
    """

    code = "TL802"
    name = "softmax-before-cross-entropy"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each softmax that a loss applies again."""
        for backward, node in nodes(run):
            below = given(node) if node.name == "LogSoftmax" else None
            if below is None or below.name not in {"Softmax", "Sigmoid"}:
                continue
            function = below.name.lower()
            yield self.found(
                f"{function} is applied, and then the loss applies softmax to its result",
                below.place or backward.place,
                [("loss", _where(node, backward.place.short)), ("shape", str(node.shape))],
                hint="give the loss the logits, and apply softmax only to show probabilities",
                severity=None if below.name == "Softmax" else Severity.WARNING,
            )


class SoftmaxOverBatch(Check):
    """Softmax runs over the samples of the batch instead of over the classes.

    What it finds: a loss of a softmax over axis 0 of a tensor of shape (batch, classes).

    Why it matters: the samples of a batch compete with each other, and the result for one depends
    on which others happen to be there.

    Example:
        log_probabilities = F.log_softmax(logits, dim=0)

    Instead:
        log_probabilities = F.log_softmax(logits, dim=1)

    When it is wrong: where samples are to compete, as in a contrastive loss. Square matrices, which
    these use, are left alone.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html
    """

    code = "TL805"
    name = "softmax-over-batch"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each softmax over the wrong axis."""
        for backward, node in nodes(run):
            below = given(node) if node.name in NLL | _PAIRED else None
            if below is not None and below.name == "Log":
                below = given(below)
            if below is None or not _is_over_batch(below):
                continue
            rows, columns = below.shape
            yield self.found(
                f"softmax runs over the {rows} samples of the batch, not over {columns} classes",
                below.place or backward.place,
                [("shape", f"{below.shape}, softmax over axis 0")],
                hint="use `dim=1`",
            )


def _is_over_batch(node: Node) -> bool:
    if node.name not in {"Softmax", "LogSoftmax"} or len(node.shape) != _TWO_AXES:
        return False
    rows, columns = node.shape
    return node.facts.get("dim") in {0, -2} and rows != columns and rows > 1


def _where(node: Node, otherwise: str) -> str:
    return node.place.short if node.place is not None else otherwise
