"""The check `lazy-import`."""

from collections.abc import Iterator
from pathlib import Path

from trueload.checks.base import Check
from trueload.evidence import Run
from trueload.evidence.making import LazyImport
from trueload.findings import Finding, Severity


class LazyImportExposed(Check):
    """A module of yours is imported by each worker, as it makes its first sample.

    What it finds: an import within a function that makes samples, of a module that is neither
    installed nor imported before the workers start.

    Why it matters: each worker reads the file by itself, and again in each epoch unless workers
    live on. If it is saved meanwhile, some workers have the old text and some the new one, beside
    the old text of all that was imported before.

    Example:
        def __getitem__(self, index):
            from augment import jitter

    Instead:
        from augment import jitter

    When it is wrong: where nobody edits the files of a running script.

    Source: https://github.com/pytorch/pytorch/issues/43856
    """

    code = "TL641"
    name = "lazy-import"
    severity = Severity.NOTE

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a note for each such import."""
        for fact in run.data.making.facts:
            if isinstance(fact, LazyImport):
                workers = fact.loader.num_workers
                yield self.found(
                    f"each worker imports `{fact.module}` by itself, as it makes a sample",
                    fact.place,
                    [
                        ("file", Path(fact.file).name),
                        ("workers", f"{workers}, started at {fact.loader.place.short}"),
                    ],
                    hint=f"import `{fact.module}` at the top of the file",
                )
