"""The check `parameters-without-gradient`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.checks.update.kinds import ENOUGH, named
from trueload.evidence import Backward, Parameter, Run
from trueload.findings import Finding, Place, Severity


class ParametersWithoutGradient(Check):
    """Parameters are in an optimizer and run in every step, but no gradient ever reaches them.

    What it finds: parameters that an optimizer holds and that no loss depends on, although their
    layer runs in training: under `no_grad`, or with its result cut off from the graph by
    `detach()`, `.item()`, `.data`, a detour through NumPy, or `torch.tensor(...)`.

    Why it matters: that part of the model stays as it was initialized, and the rest learns on
    what it happens to give.

    Example:
        with torch.no_grad():
            hidden = self.encoder(images)
        return self.decoder(hidden)

    Instead:
        return self.decoder(self.encoder(images))

    When it is wrong: where a pretrained part is kept as it is on purpose. If its weights were
    loaded, or it was never run, this is a note. If something else updates it, nothing is said.

    Source: https://docs.pytorch.org/docs/stable/notes/autograd.html#locally-disabling-gradient-computation
    """

    code = "TL713"
    name = "parameters-without-gradient"
    severity = Severity.WARNING
    causes = ("TL711", "TL719")

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each line that made such parameters."""
        graphs = [backward.graph for backward in run.events(Backward) if backward.graph]
        if len(graphs) < ENOUGH or any(graph.opaque for graph in graphs):
            return
        at: dict[Place | None, list[Parameter]] = {}
        for parameter in run.parameters:
            if _is_cut_off(parameter):
                at.setdefault(parameter.place, []).append(parameter)
        for place, parameters in at.items():
            disabled = sum(parameter.ran_without_grad for parameter in parameters)
            ran = disabled or sum(parameter.ran_with_grad for parameter in parameters)
            how = "it ran with gradients disabled" if disabled else "its result left the graph"
            grave = ran and all(parameter.fresh for parameter in parameters)
            yield self.found(
                f"{len(parameters)} parameters in an optimizer never get a gradient",
                place if place is not None else parameters[0].optimizers[0].place,
                [
                    ("parameters", named(parameters)),
                    ("why", how if ran else "their module was never run in training"),
                    ("looked at", f"{len(graphs)} losses"),
                ],
                hint="keep what they give in the graph, or leave them out of the optimizer",
                severity=None if grave else Severity.NOTE,
            )


def _is_cut_off(parameter: Parameter) -> bool:
    seen = parameter.in_graphs or parameter.with_gradient
    stepped = any(optimizer.steps >= ENOUGH for optimizer in parameter.optimizers)
    unused = parameter.root is not None and not seen and not parameter.moved
    return parameter.trainable and stepped and unused
