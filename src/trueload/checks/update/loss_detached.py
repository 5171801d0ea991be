"""The check `loss-detached`."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Backward, Gradient, Run
from trueload.findings import Finding, Severity

_ENOUGH: Final = 3
_NO_GRADIENT: Final = "does not require grad and does not have a grad_fn"


class LossDetached(Check):
    """The loss does not depend on the model any more.

    What it finds: backward passes of losses that depend on no parameter, followed by steps without
    gradients; or a script that ends with "element 0 of tensors does not require grad".

    Why it matters: nothing is learned. Somewhere between the model and the loss the numbers were
    taken out of the graph: by `.item()`, `.detach()`, `.data`, `argmax`, NumPy, or by making a new
    tensor of them. `requires_grad=True` on such a tensor silences torch and mends nothing.

    Example:
        loss = torch.tensor(criterion(model(images), labels).item(), requires_grad=True)
        loss.backward()

    Instead:
        loss = criterion(model(images), labels)
        loss.backward()

    When it is wrong: no case is known. Where an input is optimized, an optimizer holds it; where
    only its gradient is wanted, no optimizer steps.

    Source: https://docs.pytorch.org/docs/stable/notes/autograd.html
    """

    code = "TL719"
    name = "loss-detached"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for a loss that cannot teach anything."""
        hint = "compute the loss from what the model gives, with torch operations only"
        if run.crash is not None and _NO_GRADIENT in run.crash.message:
            yield self.found(
                "the loss depends on no parameter that is trained, so there is no gradient",
                run.crash.place,
                [("torch said", run.crash.message), ("why", _why(run))],
                hint=hint,
            )
            return
        walked = [backward for backward in run.events(Backward) if backward.graph is not None]
        empty = Counter(backward.place for backward in walked if _is_empty(backward))
        full = {backward.place for backward in walked if not _is_empty(backward)}
        for place, number in empty.items():
            if number < _ENOUGH or place in full or not _steps_on_nothing(run):
                continue
            yield self.found(
                "this loss depends on no parameter, so the optimizer has no gradients",
                place,
                [("losses", f"{number} without a parameter in their graph")],
                hint=hint,
                count=number,
            )


def _is_empty(backward: Backward) -> bool:
    graph = backward.graph
    return graph is not None and not graph.parameters and not graph.opaque


def _steps_on_nothing(run: Run) -> bool:
    """Say whether an optimizer that never got a gradient steps all the same."""
    steps = [
        step
        for step in run.steps()
        if step.gradient is Gradient.NONE and not step.optimizer.backwards
    ]
    return len(steps) >= _ENOUGH


def _why(run: Run) -> str:
    forwards = run.forwards
    held = [parameter for optimizer in run.optimizers for parameter in optimizer.parameters]
    if held and all(parameter.frozen for parameter in held):
        return "all parameters of the optimizer are frozen"
    if forwards and not forwards[-1].grad:
        return "the model ran with gradients disabled"
    return "what the model gave was taken out of the graph"
