"""What the frames of a crash tell: the user's line, and what a loss function had been given."""

from collections.abc import Iterator
from traceback import walk_tb
from types import FrameType
from typing import Any, Final

import torch

from trueload.evidence import Crash
from trueload.sanitizer.places import Places
from trueload.tree import dtype_name

_LOSSES: Final = {
    "cross_entropy",
    "nll_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
}
"""Functions of `torch.nn.functional` whose arguments `input` and `target` are measured."""


def crash_of(error: BaseException, places: Places) -> Crash:
    """Describe the exception that ended a script."""
    frames = list(walk_tb(error.__traceback__))
    own = [pair for pair in frames if places.is_users(pair[0].f_code.co_filename)]
    place = places.of(own[-1][0].f_code, own[-1][1]) if own else None
    facts: dict[str, Any] = {}
    for frame, _ in frames:
        if frame.f_code.co_name in _LOSSES:
            facts.update(dict(_arguments(frame)))
    return Crash(type(error).__name__, str(error), place, facts)


def _arguments(frame: FrameType) -> Iterator[tuple[str, Any]]:
    yield "function", frame.f_code.co_name
    for name in ("input", "target"):
        value = frame.f_locals.get(name)
        if not isinstance(value, torch.Tensor):
            continue
        yield f"{name}_shape", tuple(value.shape)
        yield f"{name}_dtype", dtype_name(value.dtype)
        if value.device.type == "cpu" and value.numel() and not value.is_complex():
            low, high = torch.aminmax(value.detach())
            yield f"{name}_lowest", low.item()
            yield f"{name}_highest", high.item()
