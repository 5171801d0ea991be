"""The check `stale-parameters`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.checks.update.kinds import ENOUGH, lacking, named
from trueload.evidence import Optimizer, Parameter, Run
from trueload.findings import Finding, Severity


class StaleParameters(Check):
    """An optimizer holds parameters that the model no longer has.

    What it finds: an optimizer that steps, holds parameters that no loss depends on and that belong
    to no model that is called, while losses depend on parameters that no optimizer holds.

    Why it matters: the parameters that count are never updated. It happens when a head is replaced,
    or a model copied or moved, after the optimizer was made.

    Example:
        optimizer = SGD(model.parameters(), lr=0.1)
        model.head = nn.Linear(512, 10)

    Instead:
        model.head = nn.Linear(512, 10)
        optimizer = SGD(model.parameters(), lr=0.1)

    When it is wrong: where an optimizer holds copies of the weights and writes its results back,
    as mixed precision once did; if the copies have gradients, nothing is said.

    Source: https://github.com/pytorch/pytorch/issues/14467
    """

    code = "TL711"
    name = "stale-parameters"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each optimizer that holds what nobody uses."""
        wanted = [parameter for parameter in lacking(run) if not parameter.hidden]
        if not wanted:
            return
        for optimizer in run.optimizers:
            stale = [one for one in optimizer.parameters if _is_stale(one)]
            if not stale or optimizer.steps < ENOUGH:
                continue
            made = wanted[0].place
            yield self.found(
                f"{len(stale)} of the {len(optimizer.parameters)} parameters of "
                f"`{optimizer.kind}` belong to no model that is used",
                optimizer.place,
                [
                    ("no optimizer has", named(wanted)),
                    ("made at", made.short if made is not None else ""),
                    ("steps", _steps(optimizer)),
                ],
                hint="make the optimizer after the model has its final parameters",
            )


def _is_stale(parameter: Parameter) -> bool:
    used = parameter.in_graphs or parameter.with_gradient or parameter.ran_with_grad
    return not (used or parameter.root is not None or parameter.frozen)


def _steps(optimizer: Optimizer) -> str:
    return f"{optimizer.steps}, none with a gradient for these"
