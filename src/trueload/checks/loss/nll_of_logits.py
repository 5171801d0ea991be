"""The check `nll-of-logits`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.checks.loss.paths import NLL, given, nodes
from trueload.evidence import Node, Run
from trueload.findings import Finding, Severity

_TOLERANCE: Final = 1e-4
_LOGITS: Final = {
    "Addmm",
    "Bmm",
    "Convolution",
    "Elu",
    "Gelu",
    "LeakyRelu",
    "Linear",
    "MkldnnConvolution",
    "Mm",
    "NativeBatchNorm",
    "NativeDropout",
    "Relu",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Softplus",
    "Tanh",
}


class NllOfLogits(Check):
    """`nll_loss` is given logits or probabilities, and takes them for logarithms.

    What it finds: `nll_loss` of the direct result of a layer, an activation or a softmax, with
    values above 0, which no logarithm of a probability can be.

    Why it matters: the loss is the negated output for the right class. It falls without end while
    outputs grow, and the other classes do not matter.

    Example:
        loss = F.nll_loss(model(images), labels)

    Instead:
        loss = F.cross_entropy(model(images), labels)

    When it is wrong: where the negated score itself is the loss on purpose.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
    """

    code = "TL804"
    name = "nll-of-logits"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each such loss."""
        for backward, node in nodes(run):
            below = given(node) if node.name in NLL else None
            highest = node.facts.get("highest")
            if below is None or below.name not in _LOGITS or not isinstance(highest, float):
                continue
            if highest <= _TOLERANCE:
                continue
            yield self.found(
                f"`nll_loss` is given {_what(below)}, not logarithms of probabilities",
                node.place or backward.place,
                [
                    (
                        "values",
                        f"{node.facts['lowest']:.3g} to {highest:.3g}; a logarithm is below 0",
                    )
                ],
                hint="use `cross_entropy` for logits, or put `log_softmax` before",
            )


def _what(below: Node) -> str:
    return "probabilities" if below.name in {"Softmax", "Sigmoid"} else "logits"
