"""The check `sigmoid-twice`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.checks.loss.paths import given, nodes
from trueload.evidence import Node, Run
from trueload.findings import Finding, Severity


class SigmoidTwice(Check):
    """Probabilities are given to a loss that takes logits and applies a sigmoid itself.

    What it finds: `binary_cross_entropy_with_logits` of the result of a sigmoid, or
    `binary_cross_entropy` of the result of two.

    Why it matters: a sigmoid of a probability lies between 0.5 and 0.73. The loss cannot go below
    0.31 for positive samples and 0.69 for negative ones, and every sample counts as positive.

    Example:
        loss = F.binary_cross_entropy_with_logits(torch.sigmoid(logits), labels)

    Instead:
        loss = F.binary_cross_entropy_with_logits(logits, labels)

    When it is wrong: no case is known.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
    """

    code = "TL803"
    name = "sigmoid-twice"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each sigmoid of a sigmoid."""
        for backward, node in nodes(run):
            below = _first_sigmoid(node)
            if below is None:
                continue
            yield self.found(
                "sigmoid is applied, and then the loss applies it to its result",
                below.place or backward.place,
                [("loss", node.place.short if node.place is not None else backward.place.short)],
                hint="give the loss the logits, and apply the sigmoid only to show probabilities",
            )


def _first_sigmoid(node: Node) -> Node | None:
    below = given(node)
    if below is None or below.name != "Sigmoid":
        return None
    if node.name == "BinaryCrossEntropyWithLogits":
        return below
    again = given(below)
    twice = node.name == "BinaryCrossEntropy" and again is not None and again.name == "Sigmoid"
    return again if twice else None
