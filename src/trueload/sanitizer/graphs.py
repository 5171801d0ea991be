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
from collections.abc import Callable, Iterator
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
        self._thread: int | None = None

    def begin(self) -> None:
        """Look at every new node of this thread."""
        torch._C._autograd._push_node_creation_hook(self._hook)  # noqa: SLF001 - see graph.py of torch
        self._thread = threading.get_ident()

    def end(self) -> None:
        """Look no more; does nothing in another thread or the second time."""
        if self._thread == threading.get_ident():
            self._thread = None
            torch._C._autograd._pop_node_creation_hook()  # noqa: SLF001 - see graph.py of torch

    def _hook(self, node: Any) -> None:
        try:
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
        self._nodes: list[Any] = []
        self._others = 0
        self._opaque = False
        root = loss.grad_fn
        if root is None:
            self._leaf(loss, 0)
        else:
            self._go(root)
        self._root = root

    def graph(self) -> Graph:
        """Write down what was seen."""
        return Graph(
            root=None if self._root is None else _near(self._root),
            parameters=frozenset(self.distances),
            others=self._others,
            size=len(self._nodes),
            opaque=self._opaque,
            hazards=tuple(self._hazards()),
        )

    def _go(self, root: Any) -> None:
        """Visit each node once, the nearest first."""
        seen, row = {root}, deque([(root, 0)])
        while row and len(seen) < _MOST:
            node, distance = row.popleft()
            if type(node) is _ACCUMULATE:
                self._leaf(node.variable, distance)
                continue
            self._nodes.append(node)
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

    def _hazards(self) -> Iterator[Hazard]:
        """Yield the nodes where something becomes infinite, the farthest from the loss first."""
        for node in reversed(self._nodes):
            look = _HAZARDS.get(name_of(node))
            what = None if look is None else _quietly(look, node)
            if what:
                yield Hazard(what.partition(" ")[0], what, node.metadata.get(KEY))


def _near(root: Any) -> Node:
    """Write down the nodes near the loss."""
    made: dict[Any, Node] = {}

    def make(node: Any, depth: int) -> Node | None:
        if node is None:
            return None
        if node in made:
            return made[node]
        own = made[node] = _node(node)
        if depth < _DEEP and len(made) < _NEAR:
            own.inputs = tuple(make(below, depth + 1) for below, _ in node.next_functions)
        return own

    made_root = make(root, 0)
    return made_root if made_root is not None else _node(root)


def _node(node: Any) -> Node:
    name = name_of(node)
    facts = _quietly(_facts, node) if name in _LOSSES | {"Softmax", "LogSoftmax"} else None
    shape = tuple(node._input_metadata[0].shape) if node._input_metadata else ()  # noqa: SLF001
    return Node(name, node.metadata.get(KEY), shape, facts=facts or {})


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
