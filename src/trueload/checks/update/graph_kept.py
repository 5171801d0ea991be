"""The check `graph-kept`."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Backward, Run
from trueload.findings import Finding, Severity

_MANY: Final = 24
_SECOND_TIME: Final = "backward through the graph a second time"


class GraphKept(Check):
    """The graphs of earlier steps are kept, or one of them is used again.

    What it finds: more than 24 graphs that have had their backward pass and are still alive; or a
    script that ends with "Trying to backward through the graph a second time".

    Why it matters: memory grows with every step. Where a state is carried from batch to batch, the
    backward pass reaches into earlier batches, whose graphs are gone.

    Example:
        total += loss

    Instead:
        total += loss.item()

    When it is wrong: where so many losses are kept for a short while on purpose; then memory does
    not grow.

    Source: https://docs.pytorch.org/docs/stable/notes/faq.html#my-model-reports-cuda-runtime-error-2-out-of-memory
    """

    code = "TL720"
    name = "graph-kept"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for a line that keeps graphs, or one that meets an old one."""
        if run.crash is not None and _SECOND_TIME in run.crash.message:
            yield self.found(
                "the backward pass reaches into the graph of an earlier step, which is gone",
                run.crash.place,
                [("torch said", run.crash.message.partition(". ")[0])],
                hint="detach what is carried from batch to batch: `hidden = hidden.detach()`",
                severity=Severity.ERROR,
            )
            return
        backwards = [one for one in run.events(Backward) if one.kept_alive > _MANY]
        if not backwards:
            return
        lines = Counter(run.kept_places).most_common(1)
        summed = bool(lines) and lines[0][1] > 1
        yield self.found(
            "losses are kept together with their graphs, more with every step",
            lines[0][0] if summed else backwards[-1].place,
            [
                ("alive", f"{backwards[-1].kept_alive} graphs of earlier steps"),
                ("loss", f"its backward pass is at {backwards[-1].place.short}" if summed else ""),
            ],
            hint="keep `loss.item()` or `loss.detach()` instead of `loss`",
        )
