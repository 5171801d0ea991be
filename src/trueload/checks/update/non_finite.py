"""The check `non-finite-gradients`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.evidence import Hazard, Optimizer, Run, Step
from trueload.findings import Finding, Severity


class NonFiniteGradients(Check):
    """A step used gradients that are NaN or infinite.

    What it finds: the first step of an optimizer with such gradients, and the first operation of
    its loss that is at a point where its result or its derivative is infinite.

    Why it matters: one such step makes weights NaN, and from then on everything is.

    Example:
        loss = -torch.log(probability).mean()
        length = torch.sqrt(x.square().sum(1))

    Instead:
        loss = F.cross_entropy(logits, labels)
        length = torch.sqrt(x.square().sum(1) + 1e-12)

    When it is wrong: no case is known. Steps that a `GradScaler` skips for this reason are none.

    Source: https://docs.pytorch.org/docs/stable/notes/autograd.html#gradients-for-non-differentiable-functions
    """

    code = "TL721"
    name = "non-finite-gradients"
    severity = Severity.ERROR
    causes = ("TL401",)

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each optimizer that steps into the infinite."""
        for optimizer in run.optimizers:
            bad = [step for step in run.steps(optimizer) if step.finite is False]
            if not bad:
                continue
            first = bad[0]
            hazard = _hazard(first)
            backward = first.backwards[-1] if first.backwards else None
            place = hazard.place if hazard is not None and hazard.place is not None else None
            yield self.found(
                f"`{optimizer.kind}` stepped with gradients that are NaN or infinite",
                place or (backward.place if backward is not None else first.place),
                _facts(first, hazard, optimizer),
                hint="keep the operation away from that point, as by a small constant"
                if hazard is not None
                else "look at the first batch with this loss, and at the learning rate",
                count=len(bad),
            )


def _hazard(step: Step) -> Hazard | None:
    return next((hazard for backward in step.backwards for hazard in backward.hazards), None)


def _facts(step: Step, hazard: Hazard | None, optimizer: Optimizer) -> list[tuple[str, str]]:
    backward = step.backwards[-1] if step.backwards else None
    fetch = backward.fetch if backward is not None else None
    leaves = (fetch.leaves or ()) if fetch is not None else ()
    odd = [leaf.name for leaf in leaves if not leaf.finite]
    finite = None if backward is None else backward.finite
    return [
        ("first at", f"step {step.ordinal + 1} of {optimizer.steps}, {step.place.short}"),
        ("operation", hazard.what if hazard is not None else ""),
        ("loss", {True: "finite", False: "not finite either", None: ""}[finite]),
        ("batch", f"`{odd[0]}` has values that are not finite" if odd else ""),
    ]
