"""What a loss was computed from, read off the graph that autograd keeps for the backward pass.

Nothing is patched for it: a node has a name, its inputs, the shapes of its results, and what it
saved for the backward pass. Facts of a node that are written down (all optional):

    dim               the axis of a softmax
    reduction         0 none, 1 mean, 2 sum, of a loss function
    highest, lowest   of the values that a loss function was given
    target_highest, target_lowest    of its targets
    weighted          whether it was given weights
    target_expanded   whether its target was stretched over an axis
    sums_to_one       whether the values it was given are probabilities

What was saved under hooks, as in a checkpoint, is left alone: to unpack it would compute it anew.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any, Final

import torch

from trueload.evidence import Graph, Hazard, Node
from trueload.findings import Place

KEY: Final = "trueload.place"
"""Under which a node's metadata hold the place that made it."""
_STEPS: Final = "trueload.steps"
_MOST_KEPT: Final = 64
_ACCUMULATE: Final = torch._C._functions.AccumulateGrad  # noqa: SLF001 - no public name for it
_MOST: Final = 20_000
_NEAR: Final = 200
_DEEP: Final = 16
_LOSSES: Final = {
    "NllLoss",
    "NllLoss2D",
    "MseLoss",
    "SmoothL1Loss",
    "HuberLoss",
    "BinaryCrossEntropy",
    "BinaryCrossEntropyWithLogits",
}
_OPAQUE: Final = ("CheckpointFunction", "CompiledFunction")
_LOCATED: Final = {
    *_LOSSES,
    "Softmax",
    "LogSoftmax",
    "Sigmoid",
    "LogSigmoid",
    "Sub",
    "Mean",
    "Log",
    "Sqrt",
    "Rsqrt",
    "Reciprocal",
    "Div",
    "Pow",
    "Exp",
    "Acos",
    "Asin",
    "Std",
    "Add",
    "Sum",
    "Mul",
}


def name_of(node: Any) -> str:
    """Give autograd's name of a node without its ending: `NllLoss` for `NllLossBackward0`."""
    return node.name().partition("Backward")[0].rpartition("::")[2]


class Locator:
    """Writes the running line into new nodes of the kinds that checks ask about, for a while.

    It also notices where the graph of an earlier step is built into a new one, as by
    `total += loss`.

    Args:
        here: Gives the running line of the user's code.
        steps: Gives the number of optimizer steps so far.
        failed: Told of an exception of ours, which must not be the script's.

    Attributes:
        kept: The lines at which an earlier graph was built into a new one.
    """

    def __init__(
        self,
        here: Callable[[], Place],
        steps: Callable[[], int],
        failed: Callable[[Exception], None],
    ) -> None:
        self.kept: list[Place] = []
        self._here = here
        self._steps = steps
        self._failed = failed
        self._looks = False

    def begin(self) -> None:
        """Look at every new node of this thread."""
        self._looks = True
        if not _here.locators:
            torch._C._autograd._push_node_creation_hook(_created)  # noqa: SLF001 - see graph.py of torch
        _here.locators += (self,)

    def end(self) -> None:
        """Look no more; in another thread, or the second time, nothing is taken out."""
        self._looks = False
        if self in _here.locators:
            _here.locators = tuple(one for one in _here.locators if one is not self)
            if not _here.locators:
                torch._C._autograd._pop_node_creation_hook()  # noqa: SLF001 - see graph.py of torch

    def created(self, node: Any) -> None:
        """Look at a node that has just been made."""
        try:
            if self._looks:
                self._look(node)
        except Exception as error:
            self._failed(error)

    def _look(self, node: Any) -> None:
        name = name_of(node)
        if name not in _LOCATED:
            return
        place, steps = self._here(), self._steps()
        node.metadata[KEY] = place
        node.metadata[_STEPS] = steps
        if name == "Add" and len(self.kept) < _MOST_KEPT:
            below = (one for one, _ in node.next_functions if one is not None)
            if any(one.metadata.get(_STEPS, steps) < steps for one in below):
                self.kept.append(place)


class _Here(threading.local):
    """The locators of this thread: torch has a stack of hooks, and ours may leave in any order."""

    locators: tuple[Locator, ...] = ()


_here = _Here()


def _created(node: Any) -> None:
    for locator in _here.locators:
        locator.created(node)


class Lines:
    """Remembers which line made which operation of a loss, for when new nodes are not located.

    The graph of a loss has the same operations in the same order each time, as a rule. Where it
    has not, an operation is given no line rather than a wrong one.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Place, int, int], tuple[str, Place]] = {}

    def of(self, nodes: Collection[Any], loss: Place) -> dict[Any, Place]:
        """Give the lines of nodes.

        Args:
            nodes: The nodes of a graph, the nearest to the loss first.
            loss: The line of the backward pass.
        """
        found: dict[Any, Place] = {}
        for number, node in enumerate(nodes):
            name = name_of(node)
            if name not in _LOCATED:
                continue
            key, place = (loss, len(nodes), number), node.metadata.get(KEY)
            if place is not None:
                self._known[key] = name, place
                found[node] = place
            elif key in self._known and self._known[key][0] == name:
                found[node] = self._known[key][1]
        return found


class Walk:
    """One walk over the graph of a loss.

    Args:
        loss: The tensor that `backward` is called for.
        number: Gives the number of a leaf tensor, or `None` if it is no parameter.

    Attributes:
        distances: For each parameter the least number of operations between it and the loss.
    """

    def __init__(self, loss: torch.Tensor, number: Callable[[torch.Tensor], int | None]) -> None:
        self.distances: dict[int, int] = {}
        self._number = number
        self._nodes: dict[Any, int] = {}
        self._others = 0
        self._opaque = False
        root = loss.grad_fn
        if root is None:
            self._leaf(loss, 0)
        else:
            self._go(root)

    def graph(self, lines: Lines, place: Place) -> Graph:
        """Write down what was seen.

        Args:
            lines: Knows the lines of the operations.
            place: The line of the backward pass.
        """
        places = lines.of(self._nodes, place)
        return Graph(
            root=self._near(places),
            parameters=frozenset(self.distances),
            others=self._others,
            size=len(self._nodes),
            opaque=self._opaque,
        )

    def hazards(self, lines: Lines, place: Place) -> tuple[Hazard, ...]:
        """Give the nodes where something becomes infinite, the farthest from the loss first.

        Args:
            lines: Knows the lines of the operations.
            place: The line of the backward pass.
        """
        found = dict(self._hazards())
        places = lines.of(self._nodes, place) if found else {}
        return tuple(
            Hazard(what.partition(" ")[0], what, places.get(node)) for node, what in found.items()
        )

    def _go(self, root: Any) -> None:
        """Visit each node once, the nearest first."""
        seen, row = {root}, deque([(root, 0)])
        while row and len(seen) < _MOST:
            node, distance = row.popleft()
            if type(node) is _ACCUMULATE:
                self._leaf(node.variable, distance)
                continue
            self._nodes[node] = distance
            for below, _ in node.next_functions:
                if below is not None and below not in seen:
                    seen.add(below)
                    row.append((below, distance + 1))
        self._opaque = bool(row) or any(name_of(n).startswith(_OPAQUE) for n in self._nodes)

    def _leaf(self, tensor: torch.Tensor, distance: int) -> None:
        number = self._number(tensor)
        if number is None:
            self._others += 1
        else:
            self.distances.setdefault(number, distance)

    def _near(self, places: dict[Any, Place]) -> Node | None:
        """Write down the nodes near the loss, and the names of those just behind them."""
        near = [node for node in islice(self._nodes, _NEAR) if self._nodes[node] <= _DEEP]
        made = {node: _node(node, places.get(node)) for node in near}
        for node, own in made.items():
            own.inputs = tuple(
                None if below is None else made.get(below) or _bare(below)
                for below, _ in node.next_functions
            )
        return next(iter(made.values()), None)

    def _hazards(self) -> Iterator[tuple[Any, str]]:
        for node in reversed(self._nodes):
            look = _HAZARDS.get(name_of(node))
            what = None if look is None else _quietly(look, node)
            if what:
                yield node, what


def _node(node: Any, place: Place | None) -> Node:
    own = _bare(node)
    own.place = place
    if own.name in _LOSSES | {"Softmax", "LogSoftmax"}:
        own.facts = _quietly(_facts, node) or {}
    return own


def _bare(node: Any) -> Node:
    """Write down name and shape of a node."""
    results = node._input_metadata  # noqa: SLF001 - autograd's name; no other way to the shapes
    return Node(name_of(node), shape=tuple(results[0].shape) if results else ())


def _facts(node: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name in ("dim", "reduction"):
        value = getattr(node, f"_saved_{name}", None)
        if value is not None:
            # Autograd gives -1 as an unsigned number.
            facts[name] = value - (1 << 64) if value >= 1 << 63 else value
    if name_of(node) in _LOSSES:
        given, target = _saved(node, "self"), _saved(node, "target")
        facts["weighted"] = _saved(node, "weight") is not None
        facts.update(_range(given, ""))
        facts.update(_range(target, "target_"))
        if target is not None:
            sizes = zip(target.shape, target.stride(), strict=True)
            facts["target_expanded"] = any(size > 1 and not step for size, step in sizes)
        if given is not None and given.dim() == 2:  # noqa: PLR2004 - (batch, classes)
            sums = given.sum(1, dtype=torch.float32)
            facts["sums_to_one"] = bool(((sums - 1).abs() < 1e-3).all() and (given >= 0).all())  # noqa: PLR2004
    return facts


def _range(tensor: torch.Tensor | None, prefix: str) -> dict[str, float]:
    if tensor is None or tensor.numel() == 0 or tensor.is_complex():
        return {}
    low, high = torch.aminmax(tensor)
    return {f"{prefix}lowest": float(low), f"{prefix}highest": float(high)}


def _saved(node: Any, name: str) -> torch.Tensor | None:
    """Give what a node saved, unless a hook would have to make it again."""
    raw = getattr(node, f"_raw_saved_{name}", None)
    if raw is None or raw.unpack_hook is not None:
        return None
    saved = getattr(node, f"_saved_{name}", None)
    return saved.detach() if isinstance(saved, torch.Tensor) else None


def _quietly(look: Callable[[Any], Any], node: Any) -> Any:
    """Look at a node without leaving a trace; what cannot be read is not known."""
    try:
        with torch.no_grad():
            return look(node)
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return None


def _sqrt(node: Any) -> str:
    result = _saved(node, "result")
    if result is None:
        return ""
    if bool(torch.isnan(result).any()):
        return "sqrt of a negative number"
    return "sqrt of 0, where its derivative is infinite" if bool((result == 0).any()) else ""


def _log(node: Any) -> str:
    given = _saved(node, "self")
    if given is None or bool((given > 0).all()):
        return ""
    return "log of a negative number" if bool((given < 0).any()) else "log of 0"


def _division(node: Any) -> str:
    other = _saved(node, "other")
    return "division by 0" if other is not None and bool((other == 0).any()) else ""


def _reciprocal(node: Any) -> str:
    result = _saved(node, "result")
    return "division by 0" if result is not None and bool(torch.isinf(result).any()) else ""


def _exp(node: Any) -> str:
    result = _saved(node, "result")
    if result is None or not bool(torch.isinf(result).any()):
        return ""
    return "exp of a number too great for the dtype"


def _power(node: Any) -> str:
    given, exponent = _saved(node, "self"), getattr(node, "_saved_exponent", None)
    if given is None or isinstance(exponent, torch.Tensor) or exponent is None or exponent >= 1:
        return ""
    return f"power {exponent:g} of 0" if bool((given == 0).any()) else ""


def _arc(node: Any) -> str:
    given = _saved(node, "self")
    if given is None or bool((given.abs() < 1).all()):
        return ""
    return f"{name_of(node).lower()} of -1 or 1, where its derivative is infinite"


def _deviation(node: Any) -> str:
    result = _saved(node, "result")
    if result is None or not bool(((result == 0) | torch.isnan(result)).any()):
        return ""
    return "std of equal values, where its derivative is not finite"


_HAZARDS: Final[dict[str, Callable[[Any], str]]] = {
    "Sqrt": _sqrt,
    "Log": _log,
    "Div": _division,
    "Reciprocal": _reciprocal,
    "Rsqrt": _reciprocal,
    "Exp": _exp,
    "Pow": _power,
    "Acos": _arc,
    "Asin": _arc,
    "Std": _deviation,
}
