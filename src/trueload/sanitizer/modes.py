"""How models are called: which parts act as in training, since when, and what the first layer gets.

A model's own `training` says little: a frozen backbone may be in evaluation mode inside it, or its
dropout on while it is evaluated. So its parts are asked: dropout that drops, and norms that use
the statistics of the batch.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, ref

import torch
from torch import nn

from trueload.evidence import Forward, Module
from trueload.evidence.events import Acting, FirstLayer
from trueload.sanitizer.batches import leaves_of

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

    from trueload.findings import Place
    from trueload.sanitizer.recorder import Recorder

_DROPOUT: Final = nn.modules.dropout._DropoutNd  # noqa: SLF001 - the base of all dropouts
_BATCH_NORM: Final = nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - the base of all batch norms
_CONVOLUTION: Final = nn.modules.conv._ConvNd  # noqa: SLF001 - the base of all convolutions
_ANY_NORM: Final = (nn.GroupNorm, nn.LayerNorm, nn.modules.batchnorm._NormBase)  # noqa: SLF001
_WITH_WEIGHTS: Final = (_CONVOLUTION, nn.Linear, nn.Embedding, nn.RNNBase)
_NEW_LOOK: Final = 64
_NOTHING: Final = nullcontext()


class Modes:
    """Follows the modes of root modules.

    Args:
        recorder: Has the evidence.
    """

    def __init__(self, recorder: "Recorder") -> None:
        self._recorder = recorder
        self._parts: dict[Module, list[ref[nn.Module]]] = {}
        self._switched: WeakKeyDictionary[nn.Module, tuple[Place, int]] = WeakKeyDictionary()
        self._waiting: Forward | None = None
        self.switching = False

    def called(self, module: nn.Module, event: Forward, *, detailed: bool) -> None:
        """Put down how a root module is called.

        Args:
            module: The module.
            event: Its call.
            detailed: Whether to look at what its first layer is given.
        """
        facts = event.module
        if facts not in self._parts or facts.forwards % _NEW_LOOK == 0:
            parts = [part for part in module.modules() if _acts(part)]
            self._parts[facts] = [ref(part) for part in parts]
            facts.normed = any(isinstance(part, _ANY_NORM) for part in module.modules())
        parts = [part for known in self._parts[facts] if (part := known()) is not None]
        acting = [part for part in parts if part.training]
        norms = [part for part in acting if isinstance(part, _BATCH_NORM)]
        event.acting = Acting(
            of=len(parts),
            dropouts=len(acting) - len(norms),
            norms=len(norms),
            averaging=sum(part.momentum is None for part in norms),
        )
        event.switched, event.switched_at = self._switched.get(module, (None, 0))
        self._waiting = event if detailed else None

    def layer(self, module: nn.Module, inputs: Any) -> None:
        """Put down what the first layer with weights is given."""
        event = self._waiting
        if event is None or not isinstance(module, _WITH_WEIGHTS):
            return
        self._waiting = None
        leaves = leaves_of(inputs, "input")
        if leaves:
            channels = module.in_channels if isinstance(module, _CONVOLUTION) else None
            event.first = FirstLayer(type(module).__name__, leaves[0], channels)

    def first_layer_of(self, module: nn.Module) -> AbstractContextManager[None]:
        """Put down what the first layer is given, while a module is called.

        Hooks are put into its layers for that one call, unless something has been compiled, which
        would be compiled anew for them.
        """
        if self._waiting is None or _is_compiled(module):
            return _NOTHING
        return self._at_layers(module)

    @contextmanager
    def _at_layers(self, module: nn.Module) -> Iterator[None]:
        handles: list[RemovableHandle] = []

        def called(layer: nn.Module, inputs: Any) -> None:
            if torch.compiler.is_compiling():
                return
            while handles:
                handles.pop().remove()
            self._recorder.quietly(self.layer, layer, inputs)

        layers = [part for part in module.modules() if isinstance(part, _WITH_WEIGHTS)]
        handles += [layer.register_forward_pre_hook(called) for layer in layers]
        try:
            yield
        finally:
            self._waiting = None
            while handles:
                handles.pop().remove()

    def switched(self, module: nn.Module) -> None:
        """Put down the line that set a module's mode."""
        self._switched[module] = self._recorder.places.here(2), self._recorder.number


def _is_compiled(module: nn.Module) -> bool:
    """Say whether a part of a model is compiled, or anything at all in this process."""
    dynamo = sys.modules.get("torch._dynamo.utils")
    if dynamo is not None and dynamo.counters["frames"]:
        return True
    return any(
        hasattr(part, "_orig_mod")
        or part._compiled_call_impl is not None  # noqa: SLF001 - torch's mark
        or isinstance(part, torch.jit.ScriptModule)
        for part in module.modules()
    )


def _acts(part: nn.Module) -> bool:
    """Say whether a module does something else in training."""
    if isinstance(part, _DROPOUT):
        return part.p > 0
    return isinstance(part, _BATCH_NORM) and isinstance(part.running_mean, torch.Tensor)
