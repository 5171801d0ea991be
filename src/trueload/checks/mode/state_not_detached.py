"""The check `state-not-detached`."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Backward, Run
from trueload.findings import Finding, Severity

_SAID: Final = "modified by an inplace operation"
_MORE: Final = 1.5


class StateNotDetached(Check):
    """A state is carried to the next batch with the graph that made it.

    What it finds: a script that ends with "modified by an inplace operation" in a backward pass
    that keeps its graph, and whose graph has grown with each step.

    Why it matters: the backward pass goes through all earlier batches, whose weights the optimizer
    has changed since. `retain_graph=True` only hides the first of the two errors that this makes.

    Example:
        outputs, hidden = model(inputs, hidden)
        loss.backward(retain_graph=True)

    Instead:
        outputs, hidden = model(inputs, hidden.detach())
        loss.backward()

    When it is wrong: no case is known.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html
    """

    code = "TL907"
    name = "state-not-detached"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding where a script ended so."""
        if run.crash is None or _SAID not in run.crash.message:
            return
        walked = [one for one in run.events(Backward) if one.graph is not None and one.retained]
        last = [one for one in walked if one.place == walked[-1].place]
        sizes = [one.graph.size for one in last if one.graph is not None]
        grows = all(after > before for before, after in pairwise(sizes))
        if not sizes or not grows or sizes[-1] < _MORE * sizes[0]:
            return
        yield self.found(
            "the backward pass goes on into earlier batches, whose weights have changed since",
            last[-1].place,
            [
                ("graph", f"{sizes[0]} operations in the first step, {sizes[-1]} in the last"),
                ("torch said", run.crash.message.partition(": [")[0]),
            ],
            hint="detach what is carried from batch to batch: `hidden = hidden.detach()`",
        )
