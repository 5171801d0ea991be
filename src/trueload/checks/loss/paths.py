"""What the checks of losses share: the way from a loss down to what it was computed from."""

from collections.abc import Iterator
from typing import Final

from trueload.evidence import Backward, Node, Run

_VIEWS: Final = {
    "Alias",
    "Clone",
    "Narrow",
    "Permute",
    "Reshape",
    "ReshapeAlias",
    "Select",
    "Slice",
    "Squeeze",
    "T",
    "ToCopy",
    "Transpose",
    "UnsafeView",
    "Unsqueeze",
    "View",
}
NLL: Final = {"NllLoss", "NllLoss2D"}


def nodes(run: Run) -> Iterator[tuple[Backward, Node]]:
    """Yield the operations near each loss that was looked at in detail."""
    for backward in run.events(Backward):
        if backward.graph is not None and backward.graph.root is not None:
            for node in backward.graph.root.around():
                yield backward, node


def given(node: Node | None) -> Node | None:
    """Give the operation that made a node's first argument, below views, casts and the like."""
    below = node.inputs[0] if node is not None and node.inputs else None
    while below is not None and below.name in _VIEWS:
        below = below.inputs[0] if below.inputs else None
    return below
