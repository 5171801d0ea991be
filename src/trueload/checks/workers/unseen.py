"""The check `unseen-change`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.evidence import Run
from trueload.evidence.making import Unseen
from trueload.findings import Finding, Severity


class UnseenChange(Check):
    """The script sets a value on the dataset that workers which live on never see.

    What it finds: a loader with `persistent_workers=True`, and a number, a string or a flag on its
    dataset that is used to make samples and has another value than when the workers were started.

    Why it matters: the workers have a copy of the dataset of the first epoch.
    `dataset.set_epoch(3)` changes nothing in them: the curriculum stands still, the augmentation
    repeats.

    Example:
        loader = DataLoader(dataset, num_workers=4, persistent_workers=True)
        for epoch in range(epochs):
            dataset.set_epoch(epoch)

    Instead:
        loader = DataLoader(dataset, num_workers=4)
        for epoch in range(epochs):
            dataset.set_epoch(epoch)

    When it is wrong: where the workers learn of it in another way, as by shared memory.

    Source: https://docs.pytorch.org/docs/stable/data.html, on `persistent_workers`
    """

    code = "TL624"
    name = "unseen-change"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each such value."""
        for fact in run.data.making.facts:
            if isinstance(fact, Unseen):
                loader = fact.loader
                yield self.found(
                    f"{loader.num_workers} workers do not see that `{fact.path}` is {fact.here}",
                    loader.place,
                    [
                        ("workers have", f"{fact.there}, of when they were started"),
                        ("script has", f"{fact.here}, as epoch {fact.epoch} begins"),
                        ("dataset", loader.dataset),
                    ],
                    hint="leave `persistent_workers` out, or keep the value in shared memory, "
                    "as by `torch.tensor(0).share_memory_()`",
                )
