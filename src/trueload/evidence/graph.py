"""What a loss was computed from: the operations near it, as autograd recorded them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from trueload.findings import Place


@dataclass(slots=True, eq=False)
class Node:
    """One operation, seen from its result.

    Attributes:
        name: Autograd's name without its ending: `NllLoss`, `LogSoftmax`, `AccumulateGrad`.
        place: The line that ran it, where that was recorded.
        shape: The shape of its result.
        inputs: The operations that made its arguments; `None` for an argument that needs no
            gradient.
        facts: What else was measured of it, such as `dim` of a softmax; see
            `trueload.sanitizer.graphs` for what there is.
    """

    name: str
    place: Place | None = None
    shape: tuple[int, ...] = ()
    inputs: tuple["Node | None", ...] = ()
    facts: dict[str, float | int | bool | str | tuple[int, ...]] = field(default_factory=dict)

    def around(self) -> Iterator["Node"]:
        """Yield this node and those below it, each once, the nearest first."""
        seen, row = {id(self)}, [self]
        while row:
            yield from row
            below = [node for above in row for node in above.inputs if node is not None]
            row = [node for node in dict.fromkeys(below) if id(node) not in seen]
            seen.update(map(id, row))


@dataclass(frozen=True, slots=True)
class Hazard:
    """An operation at a point where its result or its derivative is not finite.

    Attributes:
        operation: `sqrt`, `log`, `division`, ...
        what: What was met there: `sqrt of 0, whose derivative is infinite`.
        place: The line that ran it, where that was recorded.
    """

    operation: str
    what: str
    place: Place | None


@dataclass(slots=True, eq=False)
class Graph:
    """What one loss depends on.

    Attributes:
        root: The operation that made the loss; `None` for a leaf.
        parameters: The numbers of the parameters it depends on.
        others: How many other leaves it depends on, such as an input that requires a gradient.
        size: How many operations there are.
        opaque: Whether a part is out of sight, as with a reentrant checkpoint.
    """

    root: Node | None
    parameters: frozenset[int] = frozenset()
    others: int = 0
    size: int = 0
    opaque: bool = False
