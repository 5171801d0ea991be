"""The check `batch-not-owned`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.evidence import Run, Written
from trueload.findings import Finding, Severity


class BatchNotOwned(Check):
    """The loop changes batches in place that are the dataset's memory, or that `cycle` keeps.

    What it finds: a loop that writes to batches whose memory is not the loop's own. A batch is the
    memory of the dataset where nothing copies it: with `batch_size=None`, or with a collate
    function that gives a sample as it is. And `itertools.cycle` keeps the batches that it gives.
    It is an error once they were seen to change again, a warning while they have come once only,
    and a note where the second time changes nothing, as with `clamp_`.

    Why it matters: what is written there is still there when the sample, or the batch, comes again:
    it is normalized twice, then three times.

    Example:
        for images in DataLoader(images, batch_size=None):
            images -= images.mean()

    Instead:
        for images in DataLoader(images, batch_size=None):
            images = images - images.mean()

    When it is wrong: where the loop is meant to write to the dataset, as to latent variables that
    are trained with it.

    Source: https://docs.pytorch.org/docs/stable/data.html#disable-automatic-batching
    """

    code = "TL302"
    name = "batch-not-owned"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each line that writes to such batches."""
        for written in run.data.memory.written:
            owner = written.owner
            yield self.found(
                f"the loop changes `{written.leaf}` in place, which is memory of `{owner}`"
                if owner
                else f"the loop changes `{written.leaf}` in place, which `cycle` will give again",
                written.place,
                [
                    ("fetched", written.before),
                    ("changed to", written.after),
                    ("batches", f"{written.batches} seen to be changed"),
                    ("loader", f"made at {written.loader.place.short}"),
                ],
                hint=_hint(written),
                severity=_severity(written),
            )


def _severity(written: Written) -> Severity:
    """Say how bad it is: to clip values in place a second time changes nothing."""
    if written.again:
        return Severity.ERROR
    came_again = written.loader.epochs > 1 or not written.owner
    return Severity.NOTE if came_again else Severity.WARNING


def _hint(written: Written) -> str:
    name = written.leaf.partition("[")[0]
    return f"make a new tensor, as by `x = x - mean`, or take a copy: `{name} = {name}.clone()`"
