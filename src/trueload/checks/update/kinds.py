"""What the checks of parameters share: which of them are trained, and which should be."""

from trueload.evidence import Parameter, Run

ENOUGH = 3
"""Graphs, or steps, before anything is said of a parameter."""


def is_norm(parameter: Parameter) -> bool:
    """Say whether a parameter is that of a normalization layer."""
    return "Norm" in parameter.kind


def lacking(run: Run) -> list[Parameter]:
    """Give the parameters that losses depend on and no optimizer holds."""
    return [
        parameter
        for parameter in run.parameters
        if parameter.is_parameter
        and parameter.in_graphs >= ENOUGH
        and not (parameter.optimizers or parameter.elsewhere or parameter.frozen)
    ]


def named(parameters: list[Parameter]) -> str:
    """Name up to three parameters, and how many more there are."""
    names = [parameter.shown for parameter in parameters[:3]]
    more = len(parameters) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
