"""The check `modules-in-plain-list`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.checks.source import assigned
from trueload.checks.update.kinds import lacking, named
from trueload.evidence import Parameter, Run
from trueload.findings import Finding, Place, Severity


class ModulesInPlainList(Check):
    """A model keeps layers in a plain list, where `parameters()` does not see them.

    What it finds: layers or parameters in a list, tuple or dictionary of a module, which losses
    depend on and no optimizer holds.

    Why it matters: these layers are not trained, not moved by `.to(device)`, not saved in the
    `state_dict`, and not reached by `train()` and `eval()`.

    Example:
        self.layers = [nn.Linear(64, 64) for _ in range(4)]

    Instead:
        self.layers = nn.ModuleList([nn.Linear(64, 64) for _ in range(4)])

    When it is wrong: no case is known. Layers that are given to an optimizer one by one are left
    alone, and so is a teacher that a list hides on purpose, as no loss depends on its weights.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
    """

    code = "TL714"
    name = "modules-in-plain-list"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each line that made such layers."""
        if not any(optimizer.steps for optimizer in run.optimizers):
            return
        at: dict[Place | None, list[Parameter]] = {}
        for parameter in lacking(run):
            if parameter.hidden:
                at.setdefault(parameter.place, []).append(parameter)
        for place, parameters in at.items():
            where = parameters[0].hidden.partition("[")[0]
            lines = assigned(run, where.rpartition(".")[2]) if place is None else []
            yield self.found(
                f"`{where}` keeps {len(parameters)} parameters where no optimizer finds them",
                lines[0] if lines else place,
                [("parameters", named(parameters))],
                hint="use `nn.ModuleList`, `nn.ModuleDict` or `nn.ParameterList` instead",
            )
