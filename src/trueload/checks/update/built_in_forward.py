"""The check `layers-built-in-forward`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.checks.update.kinds import ENOUGH
from trueload.evidence import Parameter, Run
from trueload.findings import Finding, Place, Severity


class LayersBuiltInForward(Check):
    """A layer is built anew each time the model is called.

    What it finds: a line that made at least three layers of one shape, each of which only a few
    losses depend on and none of which an optimizer holds.

    Why it matters: each batch goes through weights that were just drawn at random, and nothing
    that is learned about them is kept.

    Example:
        def forward(self, x):
            x = self.body(x)
            return nn.Linear(x.shape[1], 10)(x)

    Instead:
        def __init__(self):
            self.head = nn.LazyLinear(10)

        def forward(self, x):
            return self.head(self.body(x))

    When it is wrong: where random projections are wanted; draw them without `requires_grad`. A
    layer that is built in the loop itself, as for one task of many, is a note.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.modules.lazy.LazyModuleMixin.html
    """

    code = "TL715"
    name = "layers-built-in-forward"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each line that builds layers again and again."""
        made: dict[tuple[Place, tuple[int, ...]], list[Parameter]] = {}
        for parameter in run.parameters:
            held = parameter.optimizers or parameter.elsewhere
            if parameter.place is not None and parameter.in_graphs and not held:
                made.setdefault((parameter.place, parameter.shape), []).append(parameter)
        for (place, shape), parameters in made.items():
            short_lived = all(one.in_graphs * ENOUGH <= run.graphs for one in parameters)
            if len(parameters) < ENOUGH or not short_lived or not run.optimizers:
                continue
            in_forward = all(one.in_forward for one in parameters)
            yield self.found(
                f"this line builds a new `{parameters[0].kind}` for each batch",
                place,
                [("built", f"{len(parameters)} with a weight of {shape}, in no optimizer")],
                hint="build it once, in `__init__`, before the optimizer is made",
                severity=None if in_forward else Severity.NOTE,
            )
