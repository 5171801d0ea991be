"""The check `depends-on-workers`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.evidence import Changed, Run
from trueload.findings import Finding, Severity


class DependsOnWorkers(Check):
    """What a sample is depends on how many have been read before, and by which worker.

    What it finds: a sample that comes out otherwise when it is read a second time with the same
    random draws, because of a number on the dataset that reading has changed. With workers it is a
    warning; without, and for what is used up and filled again, a note.

    Why it matters: each worker has a counter of its own, which begins at the same number, and
    begins again with each epoch. So the batches depend on `num_workers`, workers repeat one
    another, and a schedule never gets as far as it should.

    Example:
        def __getitem__(self, index):
            self.reads += 1
            size = 32 + self.reads // 1000

    Instead:
        def __getitem__(self, index):
            size = 32 + self.epoch  # set by the loop, before each epoch

    When it is wrong: where it makes no difference on the whole, as with samples that take turns.

    Source: https://docs.pytorch.org/docs/stable/data.html#multi-process-data-loading
    """

    code = "TL623"
    name = "depends-on-workers"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each number that is counted on."""
        for changed in run.data.memory.changed:
            if changed.counts:
                yield self._told(changed)

    def _told(self, changed: Changed) -> Finding:
        loader = changed.loader
        counts = changed.kind == "attribute" and loader.num_workers
        return self.found(
            f"sample {changed.index} depends on what was read before: `{changed.what}` is changed",
            changed.place or loader.place,
            [
                ("changed", changed.where),
                ("first read", f"`{changed.leaf}` {changed.first}"),
                ("second read", f"`{changed.leaf}` {changed.second}"),
                ("workers", f"{loader.num_workers}, each with its own" if counts else ""),
                ("dataset", f"{loader.dataset}, read at {loader.place.short}"),
            ],
            hint="let samples depend on their index, on random draws, and on what the loop sets",
            severity=Severity.WARNING if counts else Severity.NOTE,
        )
