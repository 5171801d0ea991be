"""The check `parameters-not-optimized`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.checks.update.kinds import lacking, named
from trueload.evidence import Forward, Module, Parameter, Run
from trueload.findings import Finding, Place, Severity


class ParametersNotOptimized(Check):
    """Losses depend on parameters that get gradients and that no optimizer holds.

    What it finds: parameters of a model that no optimizer has, nearer to the loss than some that
    one has. Those farther from the loss, as of a backbone under a new head, are a note, as is a
    whole model that nobody trains, such as a teacher.

    Why it matters: they keep their initial values, and what is before them has to learn around
    that.

    Example:
        optimizer = SGD(model.encoder.parameters(), lr=0.1)

    Instead:
        optimizer = SGD(model.parameters(), lr=0.1)

    When it is wrong: where these are frozen on purpose. Say so with `requires_grad_(False)`, which
    also saves the time for their gradients.

    Source: https://docs.pytorch.org/docs/stable/optim.html#constructing-it
    """

    code = "TL712"
    name = "parameters-not-optimized"
    severity = Severity.WARNING
    causes = ("TL711", "TL715")

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each model with parameters that no optimizer holds."""
        by_root: dict[Module, list[Parameter]] = {}
        for parameter in lacking(run):
            if parameter.root is not None and not parameter.hidden:
                by_root.setdefault(parameter.root, []).append(parameter)
        for root, left_out in by_root.items():
            trained = [p for p in run.parameters if p.optimizers and p.in_graphs]
            if not trained:
                continue
            place, whose = _place(trained)
            yield self.found(
                f"{len(left_out)} parameters of `{root.kind}` are in no optimizer",
                place,
                [
                    ("parameters", named(left_out)),
                    ("optimizer", f"{whose}, {len(trained)} parameters"),
                    ("gradients", f"{left_out[0].in_graphs} losses depend on them"),
                ],
                hint="give them to the optimizer, or freeze them with `requires_grad_(False)`",
                severity=None if _is_grave(run, root, left_out, trained) else Severity.NOTE,
            )


def _is_grave(run: Run, root: Module, left_out: list[Parameter], trained: list[Parameter]) -> bool:
    """Say whether what is left out stands between the loss and what is trained."""
    own = [parameter for parameter in trained if parameter.root is root]
    nearest = min(_distance(parameter) for parameter in left_out)
    if own:
        between = nearest < max(_distance(parameter) for parameter in own)
        return between and len(left_out) < len(own)
    forwards = [one for one in run.events(Forward) if one.module is root]
    new = all(parameter.fresh for parameter in left_out) and not root.loaded
    in_training = bool(forwards) and all(one.training for one in forwards if one.grad)
    return new and in_training and nearest < min(_distance(parameter) for parameter in trained)


def _distance(parameter: Parameter) -> int:
    return parameter.distance if parameter.distance is not None else 1 << 30


def _place(trained: list[Parameter]) -> tuple[Place, str]:
    optimizer = trained[-1].optimizers[0]
    return optimizer.place, f"`{optimizer.kind}`"
