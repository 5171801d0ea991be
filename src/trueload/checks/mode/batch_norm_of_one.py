"""The check `batch-norm-of-one`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Fetch, Run
from trueload.findings import Finding, Severity

_SAID: Final = "Expected more than 1 value per channel when training"


class BatchNormOfOne(Check):
    """Batch norm is to normalize a batch of one sample.

    What it finds: a script that ends with "Expected more than 1 value per channel when training",
    and the loader whose last batch has one sample, or all of whose batches have.

    Why it matters: the variance of one value is 0. Often all goes well until the last batch of the
    epoch.

    Example:
        loader = DataLoader(data, batch_size=32, shuffle=True)  # 65 samples

    Instead:
        loader = DataLoader(data, batch_size=32, shuffle=True, drop_last=True)

    When it is wrong: no case is known.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
    """

    code = "TL903"
    name = "batch-norm-of-one"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding where a script ended so."""
        crash = run.crash
        if crash is None or _SAID not in crash.message:
            return
        fetch = next(reversed(run.fetches), None)
        left = _left_over(fetch)
        yield self.found(
            "batch norm got a batch of one sample",
            fetch.loader.place if fetch is not None and left else crash.place,
            [
                ("at", crash.place.shown if crash.place is not None and left else ""),
                ("loader", left),
                ("torch said", crash.message),
            ],
            hint="drop the last batch with `drop_last=True`, or choose a batch size that fits"
            if left
            else "call `model.eval()` first if this is an evaluation; else take larger batches",
        )


def _left_over(fetch: Fetch | None) -> str:
    """Say which batch it was if it is the rest of an epoch."""
    if fetch is None or not fetch.loader.length or not fetch.loader.batch_size:
        return ""
    loader = fetch.loader
    length, size = fetch.loader.length, fetch.loader.batch_size
    if size == 1 or length % size != 1 or fetch.batch != length // size:
        return ""
    return f"{length} samples, {size} a batch: batch {fetch.batch} of {loader.dataset} has 1"
