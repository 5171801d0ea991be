"""What the parameters of one optimizer hold in `.grad`, from one step to the next.

Gradients are cleared in many ways: `zero_grad`, `grad = None`, `grad.zero_()`, `grad.data.zero_()`,
the last of which no version counter sees. So nothing is patched. At each backward pass and at each
step a few small gradients are looked at: they are cleared if they are gone, are other tensors than
before, or hold zeros. On a device, where a look at values makes the device wait, values are looked
at in detail only; in between, nothing is said of what was carried over.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import torch
from torch.utils.weak import TensorWeakRef

from trueload.evidence import Backward, Gradient, Optimizer

_PROBES: Final = 4
_FEW: Final = 1
_SMALL: Final = 1 << 16
_MOST_BACKWARDS: Final = 1024


@dataclass(slots=True)
class _Seen:
    """A gradient as it was last: which tensor, and at which version."""

    tensor: TensorWeakRef
    version: int

    def is_still(self, grad: torch.Tensor | None) -> bool:
        return grad is not None and self.tensor() is grad


@dataclass(slots=True)
class Gradients:
    """Follows the gradients of one optimizer.

    Attributes:
        facts: The optimizer.
        tensors: Gives the parameters that it holds now.
        carried: Whether the gradients held now contain some that a step already used.
        backwards: The backward passes whose gradients are held.
        lost: Those since the last step that were cleared without a step.
        used: Whether the gradients held now are those that the last step used, and no others.
        changed: Whether they changed since the last backward pass without one.
    """

    facts: Optimizer
    tensors: Callable[[], list[torch.Tensor]]
    carried: bool = False
    backwards: list[Backward] = field(default_factory=list)
    lost: list[Backward] = field(default_factory=list)
    used: bool = False
    changed: bool = False
    _probes: list[torch.Tensor] = field(default_factory=list)
    _seen: list[_Seen | None] = field(default_factory=list)
    _zeros: bool = False
    _first: tuple[TensorWeakRef, torch.Tensor] | None = None

    def before_backward(self, *, detailed: bool) -> None:
        """See whether anything was cleared since the last look."""
        self._look(detailed=detailed)

    def after_backward(self, backward: Backward, *, reached: bool | None, detailed: bool) -> bool:
        """Put down a backward pass if it left gradients here, and say whether it did.

        Args:
            backward: The pass.
            reached: Whether the graph says so; `None` where it was not walked.
            detailed: Whether values may be looked at.
        """
        got = self._has_new() if reached is None else reached or self._has_new()
        if got and self._nothing_held():
            return False  # an optimizer in the backward pass has used and cleared it
        if got:
            self.used = False
            if len(self.backwards) < _MOST_BACKWARDS:
                self.backwards.append(backward)
            if not self._probes or self._probes_are_empty():
                self._choose()
            self._zeros = self.may_look(detailed=detailed) and all(map(_is_zero, self._held()))
        self._remember()
        return got

    def before_step(self, running: Backward | None, *, detailed: bool) -> Gradient:
        """Say what there is to step with.

        Args:
            running: The backward pass that is going on, if the step happens within one.
            detailed: Whether values may be looked at.
        """
        if self._nothing_held():
            self._clear()
            return Gradient.NONE
        if running is not None:
            self.backwards.append(running)
            self._choose()
            return Gradient.SOME
        if not self._probes or self._probes_are_empty():
            self._choose()
            self._remember()
        rose = self._versions_rose()
        self.changed = self.changed or rose
        if not (detailed or rose or self.carried):
            return Gradient.SOME  # untouched since the backward pass
        if self._zeros:
            return Gradient.ZERO  # the loss gave no others, so nobody has cleared them
        self._look(detailed=detailed)
        if not self.may_look(detailed=detailed):
            return Gradient.SOME
        held = self._held()
        return Gradient.ZERO if held and all(map(_is_zero, held)) else Gradient.SOME

    def after_step(self) -> None:
        """Put down that the gradients held now have been used."""
        self.carried = self.used = not self._nothing_held()
        self.backwards, self.lost, self.changed = [], [], False
        self._remember()

    def before_clip(self) -> None:
        """Put down what was changed by hand so far."""
        self.changed = self.changed or self._versions_rose()

    def after_clip(self) -> None:
        """Put down that torch clipped the gradients, which is no change by hand."""
        self._remember()

    def used_in_backward(self) -> None:
        """Put down a step within a backward pass, whose hook clears what it used."""
        self.backwards, self.lost = [], []
        self.carried = self.used = self.changed = False

    def are_finite(self, *, detailed: bool) -> bool | None:
        """Say whether the gradients are finite; a few of them stand for all if not in detail."""
        if not self.may_look(detailed=detailed):
            return None
        held = self._held()[:_FEW]
        if detailed:
            held = [tensor.grad for tensor in self.tensors() if tensor.grad is not None]
        return all(map(is_finite, held)) if held else None

    def forget(self) -> None:
        """Know nothing of what is held now: nobody has looked for a while."""
        self.backwards, self.lost = [], []
        self.carried = self.used = self.changed = self._zeros = False
        self._seen = [None] * len(self._probes)
        self._remember()

    def has_moved(self, *, detailed: bool) -> bool:
        """Say whether a parameter changed since this was first asked, by whatever hand."""
        if not self._probes or not self.may_look(detailed=detailed):
            return False
        probe = self._probes[0]
        if self._first is None or self._first[0]() is not probe:
            self._first = (TensorWeakRef(probe), probe.detach().clone())
        return not torch.equal(self._first[1], probe.detach())

    def may_look(self, *, detailed: bool) -> bool:
        """Say whether values may be looked at: in detail, or where no device has to wait for it."""
        return detailed or all(probe.is_cpu for probe in self._probes)

    def _look(self, *, detailed: bool) -> None:
        if not (self.carried or self.backwards):
            return
        held = self._held()
        if not held or (self.may_look(detailed=detailed) and all(map(_is_zero, held))):
            self._clear()
        elif not self._are_the_same():
            self.carried = self.used = False  # written by hand: nobody knows what is in them
            self.changed = True

    def _clear(self) -> None:
        self.lost = [*self.lost, *self.backwards][-_MOST_BACKWARDS:]
        self.backwards = []
        self.carried = self.used = False

    def _are_the_same(self) -> bool:
        return any(
            seen is not None and seen.is_still(probe.grad)
            for seen, probe in zip(self._seen, self._probes, strict=True)
        )

    def _has_new(self) -> bool:
        probes = self._probes or self.tensors()
        seen = self._seen if self._probes else [None] * len(probes)
        for before, probe in zip(seen, probes, strict=True):
            grad = probe.grad
            if grad is not None and (
                before is None or not before.is_still(grad) or before.version != grad._version  # noqa: SLF001
            ):
                return True
        return False

    def _versions_rose(self) -> bool:
        return any(
            seen is not None and probe.grad is not None and seen.version != probe.grad._version  # noqa: SLF001
            for seen, probe in zip(self._seen, self._probes, strict=True)
        )

    def _nothing_held(self) -> bool:
        if any(probe.grad is not None for probe in self._probes):
            return False
        return all(tensor.grad is None for tensor in self.tensors())

    def _probes_are_empty(self) -> bool:
        return all(probe.grad is None for probe in self._probes)

    def _held(self) -> list[torch.Tensor]:
        return [probe.grad for probe in self._probes if probe.grad is not None]

    def _choose(self) -> None:
        """Choose what to look at: the smallest of the parameters that have gradients."""
        having = [tensor for tensor in self.tensors() if tensor.grad is not None]
        having.sort(key=lambda tensor: tensor.numel())
        small = [tensor for tensor in having if tensor.numel() <= _SMALL] or having[:1]
        spread = max(1, len(small) // _PROBES)
        self._probes = small[::spread][:_PROBES]
        self._seen = [None] * len(self._probes)

    def _remember(self) -> None:
        for number, (seen, probe) in enumerate(zip(self._seen, self._probes, strict=True)):
            grad = probe.grad
            if grad is None:
                self._seen[number] = None
            elif seen is not None and seen.tensor() is grad:
                seen.version = grad._version  # noqa: SLF001 - no public name for it
            else:
                self._seen[number] = _Seen(TensorWeakRef(grad), grad._version)  # noqa: SLF001


def _is_zero(grad: torch.Tensor) -> bool:
    values = grad._values() if grad.is_sparse else grad.detach()  # noqa: SLF001
    if values.numel() and values.flatten()[0].item():
        return False
    return not bool(values.any())


def is_finite(tensor: torch.Tensor) -> bool:
    """Say whether no value is NaN or infinite.

    The sum is a quick first look: it is finite unless a value is not, or the sum itself is too
    great.
    """
    values = tensor._values() if tensor.is_sparse else tensor.detach()  # noqa: SLF001
    if values.is_complex():
        return bool(torch.isfinite(values).all())
    return math.isfinite(values.sum().item()) or bool(torch.isfinite(values).all())
