"""What is looked at of a loss before its backward pass: its graph, and the graphs still alive."""

from itertools import count
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

import torch
from torch import nn

from trueload.sanitizer.gradients import is_finite
from trueload.sanitizer.graphs import Lines, Walk

if TYPE_CHECKING:
    from trueload.evidence import Backward
    from trueload.sanitizer.recorder import Recorder

_KEPT: Final = 256
_SCANS: Final = 4
_numbers = count()


class _Sentinel:
    """Lives as long as the graph that it was put into."""

    __slots__ = ("__weakref__",)


class Losses:
    """Looks at losses.

    Args:
        recorder: Has the evidence.
    """

    def __init__(self, recorder: "Recorder") -> None:
        self._recorder = recorder
        self._lines = Lines()
        self._scans = 0
        self._foreign = False
        self._kept: list[ref[_Sentinel]] = []
        self._key = f"trueload.kept.{next(_numbers)}"

    def look(self, loss: torch.Tensor, backward: "Backward", *, detailed: bool) -> bool:
        """Put down what a loss tells, and say whether it is one of a model that is followed.

        Args:
            loss: The loss.
            backward: Its backward pass.
            detailed: Whether to walk through its graph.
        """
        recorder = self._recorder
        if loss.is_cpu or detailed:
            backward.finite = is_finite(loss)
        if backward.finite is False:
            recorder.loading.look_again()
        if detailed and not self._walk(loss, backward):
            return False
        if not detailed and (recorder.pace.scans or self._may_scan(backward)):
            walk = Walk(loss, lambda _: None)
            backward.hazards = walk.hazards(self._lines, backward.place)
        self._keep(loss, backward)
        return True

    def _walk(self, loss: torch.Tensor, backward: "Backward") -> bool:
        self._foreign = False
        walk, run = Walk(loss, self._numbered), self._recorder.run
        if self._foreign and not walk.distances:
            return False
        backward.graph = walk.graph(self._lines, backward.place)
        backward.hazards = walk.hazards(self._lines, backward.place)
        run.graphs += 1
        for number, distance in walk.distances.items():
            parameter = run.parameters[number]
            parameter.in_graphs += 1
            nearest = parameter.distance
            parameter.distance = distance if nearest is None else min(nearest, distance)
        return True

    def _may_scan(self, backward: "Backward") -> bool:
        """Say whether a loss is not finite, and one of the first that are not."""
        self._scans += backward.finite is False
        return backward.finite is False and self._scans <= _SCANS

    def _numbered(self, tensor: torch.Tensor) -> int | None:
        """Number a leaf if it is a parameter; inputs that require gradients are none."""
        parameters, is_one = self._recorder.parameters, isinstance(tensor, nn.Parameter)
        if parameters.has(tensor) or (is_one and self._recorder.scope.is_whole):
            return parameters.known(tensor).number
        self._foreign = self._foreign or is_one
        return None

    def _keep(self, loss: torch.Tensor, backward: "Backward") -> None:
        """Count the graphs of earlier losses that are still alive, and mark this one."""
        root: Any = loss.grad_fn
        if root is None:
            return
        self._kept = [kept for kept in self._kept if kept() is not None][-_KEPT:]
        backward.kept_alive = len(self._kept)
        sentinel = _Sentinel()
        root.metadata[self._key] = sentinel
        self._kept.append(ref(sentinel))
