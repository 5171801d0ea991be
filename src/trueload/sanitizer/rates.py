"""Learning rates, and what clips gradients: schedulers and the two functions of torch."""

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch

from trueload.evidence import Clip, Rate

if TYPE_CHECKING:
    from trueload.findings import Place
    from trueload.sanitizer.recorder import Recorder


class Rates:
    """Follows schedulers and clipping.

    Args:
        recorder: Has the evidence.
    """

    def __init__(self, recorder: "Recorder") -> None:
        self._recorder = recorder
        self._made: WeakKeyDictionary[Any, Place] = WeakKeyDictionary()

    def made(self, scheduler: Any) -> None:
        """Remember the line that made a scheduler."""
        self._made[scheduler] = self._recorder.places.here(2)

    def rated(self, scheduler: Any, before: float) -> None:
        """Put down a scheduler's step."""
        recorder, optimizer = self._recorder, scheduler.optimizer
        event = Rate(
            **recorder.stamp(),
            scheduler=type(scheduler).__name__,
            optimizer=recorder.optimizer(optimizer),
            before=before,
            after=rate_of(optimizer),
            made_at=self._made.get(scheduler),
        )
        recorder.run.add(event)

    def before_clip(self) -> None:
        """Look at the gradients before some are clipped."""
        for held in list(self._recorder.held.values()):
            held.before_clip()

    def clipped(self, tensors: Any, limit: float) -> None:
        """Put down that gradients were clipped."""
        recorder = self._recorder
        several = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
        known = filter(recorder.parameters.has, several)
        numbers = {recorder.parameters.known(tensor).number for tensor in known}
        used, unused = [], []
        for held in list(recorder.held.values()):
            if numbers.intersection(p.number for p in held.facts.parameters):
                (used if held.used else unused).append(held.facts)
                held.after_clip()
        recorder.run.add(
            Clip(**recorder.stamp(), limit=float(limit), used=tuple(used), unused=tuple(unused))
        )


def rate_of(optimizer: torch.optim.Optimizer) -> float:
    """Give the greatest learning rate of an optimizer's groups, as far as it lies on the CPU."""
    return max((_number(group["lr"]) for group in optimizer.param_groups), default=0.0)


def _number(rate: Any) -> float:
    if isinstance(rate, torch.Tensor) and rate.device.type != "cpu":
        return 0.0
    return float(rate)
