"""The check `stale-function`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from trueload.checks.base import Check
from trueload.errors import several
from trueload.evidence import Run
from trueload.findings import Finding, Severity

_NAMED: Final = 4


class StaleFunction(Check):
    """A file was edited while the script ran, so functions run that it no longer has.

    What it finds: functions whose loaded code is not what their file says, of files that were saved
    since the run began. Lines that have moved and other docstrings do not count.

    Why it matters: the run goes on with the old functions. What is read from the file later is new:
    modules that are imported within functions, and all of it in workers that are started anew. Then
    old and new functions work on the same data, and may disagree about it without a word.

    Example:
        # data.py is saved while this runs
        for epoch in range(epochs):
            for batch in DataLoader(dataset, num_workers=4):

    Instead:
        # start the script again, or run it from a copy of the files

    When it is wrong: where the edit does not matter to this run.

    Source: https://github.com/pytorch/pytorch/issues/43856
    """

    code = "TL640"
    name = "stale-function"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each file that was edited."""
        for stale in run.data.making.stale:
            file, number = Path(stale.file).name, len(stale.functions)
            named = ", ".join(stale.functions[:_NAMED]) + ", ..." * (number > _NAMED)
            verb = "runs" if number == 1 else "run"
            yield self.found(
                f"{several(number, 'function')} of `{file}` {verb} as another text than it now has",
                stale.place,
                [
                    ("functions", named),
                    ("no longer there", str(stale.gone) if stale.gone else ""),
                    ("workers", stale.starts and f"by {stale.starts}, which reads the new text"),
                ],
                hint="start the script again to run what the file says",
            )
