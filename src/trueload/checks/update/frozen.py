"""The checks of what is frozen, or was meant to be."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.checks.source import assigned
from trueload.checks.update.kinds import ENOUGH, is_norm, named
from trueload.evidence import Optimizer, Parameter, Run
from trueload.findings import Finding, Place, Severity


class FrozenParameters(Check):
    """Layers with random weights are frozen, although an optimizer was given them.

    What it finds: parameters of layers that the script made itself and loaded no weights into,
    which an optimizer holds, which run in training, and which never required a gradient.

    Why it matters: they stay random. Usually a loop that was to freeze the backbone froze the new
    head with it, or the other way round.

    Example:
        model.head = nn.Linear(512, 10)
        for parameter in model.parameters():
            parameter.requires_grad = False

    Instead:
        for parameter in model.parameters():
            parameter.requires_grad = False
        model.head = nn.Linear(512, 10)

    When it is wrong: where a random projection is frozen on purpose. Leave it out of the optimizer
    and nothing is said.

    Source: https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html
    """

    code = "TL716"
    name = "frozen-parameters"
    severity = Severity.WARNING
    causes = ("TL718",)

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each line that made such layers."""
        at: dict[Place | None, list[Parameter]] = {}
        for parameter in run.parameters:
            if _is_frozen_by_accident(parameter):
                at.setdefault(parameter.place, []).append(parameter)
        for place, parameters in at.items():
            yield self.found(
                f"{len(parameters)} parameters are frozen at their random initial values",
                place,
                [
                    ("parameters", named(parameters)),
                    ("optimizer", f"{parameters[0].optimizers[0].where}, has them"),
                ],
                hint="freeze before the new layer is made, or leave it out of what is frozen",
            )


class MisspelledRequiresGrad(Check):
    """An attribute such as `require_grad` was set on a parameter, and torch does not know it.

    What it finds: a parameter with an attribute that is spelled almost like `requires_grad`, and
    that still requires a gradient.

    Why it matters: Python takes any attribute. What was to be frozen is trained.

    Example:
        for parameter in backbone.parameters():
            parameter.require_grad = False

    Instead:
        for parameter in backbone.parameters():
            parameter.requires_grad = False

    When it is wrong: no case is known.

    Source: https://github.com/pytorch-labs/torchfix (its TOR002 finds the same in the text)
    """

    code = "TL717"
    name = "misspelled-requires-grad"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each misspelled attribute."""
        slipped: dict[str, list[Parameter]] = {}
        for parameter in run.parameters:
            if parameter.misspelled and not parameter.frozen:
                slipped.setdefault(parameter.misspelled, []).append(parameter)
        for name, parameters in slipped.items():
            lines = assigned(run, name)
            yield self.found(
                f"`{name}` is no attribute that torch knows, so nothing is frozen",
                lines[0] if lines else parameters[0].place,
                [("parameters", named(parameters))],
                hint="write `requires_grad`, or call `requires_grad_(False)`",
            )


class OnlyNormsTrained(Check):
    """All layers of a model are frozen but its normalization layers.

    What it finds: an optimizer that was given more than normalization layers, while nothing but
    their parameters requires a gradient.

    Why it matters: a condition that was to pick the layers to freeze has picked all others. The
    model learns, but hardly anything.

    Example:
        for module in model.modules():
            if not isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(False)

    Instead:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(False)

    When it is wrong: where only the norms are to be tuned. Give the optimizer only these, and
    nothing is said.

    Source: https://arxiv.org/abs/2003.00152 (what training only batch norm can do)
    """

    code = "TL718"
    name = "only-norms-trained"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each optimizer that trains nothing else."""
        for optimizer in run.optimizers:
            trained = [one for one in optimizer.parameters if one.in_graphs >= ENOUGH]
            frozen = [one for one in optimizer.parameters if one.frozen and not is_norm(one)]
            if not trained or not frozen or not all(map(is_norm, trained)):
                continue
            yield self.found(
                f"`{optimizer.kind}` trains nothing but normalization layers",
                optimizer.place,
                _facts(optimizer, trained, frozen),
                hint="freeze less, or give the optimizer only what it is to train",
            )


def _is_frozen_by_accident(parameter: Parameter) -> bool:
    never = parameter.frozen and not parameter.in_graphs and not parameter.moved
    ran = parameter.ran_with_grad >= ENOUGH
    stepped = any(optimizer.steps >= ENOUGH for optimizer in parameter.optimizers)
    return parameter.fresh and never and ran and stepped


def _facts(
    optimizer: Optimizer, trained: list[Parameter], frozen: list[Parameter]
) -> list[tuple[str, str]]:
    whole = len(optimizer.parameters)
    return [
        ("trained", f"{len(trained)} of {whole} parameters: {named(trained)}"),
        ("frozen", f"{len(frozen)}: {named(frozen)}"),
    ]
