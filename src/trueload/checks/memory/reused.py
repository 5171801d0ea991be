"""The check `reused-buffer`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.evidence import Reused, Run
from trueload.findings import Finding, Severity


class ReusedBuffer(Check):
    """Samples, or batches, are given out in one buffer that the next one overwrites.

    What it finds: memory that was given out for a sample, and was written to again before its batch
    was put together; and memory that was given out for a batch, and is written to again for the
    next one. For batches that do not leave the process, the second is a note.

    Why it matters: a batch of 64 samples is 64 times the last one, each with its own label. A
    batch is sent from a worker while the next one is made, so it may arrive with the next one's
    values, or with some of both.

    Example:
        def __getitem__(self, index):
            self.buffer[:] = self.images[index] / 255
            return self.buffer, self.labels[index]

    Instead:
        def __getitem__(self, index):
            return self.images[index] / 255, self.labels[index]

    When it is wrong: where a collate function of your own does not look at the samples but at what
    made them.

    Source: https://github.com/pytorch/pytorch/issues/13246 tells of memory in workers; that batches
    are pickled by a thread is in `multiprocessing/queues.py`.
    """

    code = "TL303"
    name = "reused-buffer"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each buffer that is written to again."""
        for reused in run.data.memory.reused:
            yield self._samples(reused) if reused.samples else self._batches(reused)

    def _samples(self, reused: Reused) -> Finding:
        return self.found(
            "each sample of a batch is overwritten by the next one, as all lie in one buffer",
            reused.place or reused.loader.place,
            [
                ("buffer", f"`{reused.leaf}`, {reused.what}"),
                ("given by", reused.maker),
                ("loader", f"made at {reused.loader.place.short}"),
            ],
            hint="give a new array for each sample, or a copy of the buffer",
        )

    def _batches(self, reused: Reused) -> Finding:
        loader = reused.loader
        sent = loader.num_workers > 0
        return self.found(
            "each batch is overwritten by the next one"
            + (", while it is on its way from a worker" if sent else ""),
            reused.place or loader.place,
            [
                ("buffer", f"`{reused.leaf}`, {reused.what}"),
                ("given by", reused.maker),
                ("workers", str(loader.num_workers) if sent else ""),
            ],
            hint="make a new array for each batch, or return a copy",
            severity=Severity.ERROR if sent else Severity.NOTE,
        )
