"""The check `non-finite-batch`."""

from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.evidence import Backward, Fetch, Leaf, Run
from trueload.findings import Finding, Severity


class NonFiniteBatch(Check):
    """A batch with NaN or infinite values made the loss NaN or infinite.

    What it finds: the first loss that is not finite, if the batch that it was computed from has
    such values itself.

    Why it matters: after one step with it all weights are NaN. The cause is in the data, not in
    the learning rate.

    Example:
        image = image / image.sum()  # a black image

    Instead:
        image = image / image.sum().clamp(min=1e-6)

    When it is wrong: no case is known. Values that are masked out before the loss do no harm and
    are not reported.

    Source: https://pytorch.org/docs/stable/generated/torch.nan_to_num.html
    """

    code = "TL401"
    name = "non-finite-batch"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for the first such batch of each loader."""
        first = next((one for one in run.events(Backward) if one.finite is False), None)
        fetch = first.fetch if first is not None else None
        if first is None or fetch is None:
            return
        bad = [leaf for leaf in fetch.leaves or () if not leaf.finite and _holds_values(leaf)]
        if not bad:
            return
        leaf = bad[0]
        yield self.found(
            f"`{leaf.name}` of batch {fetch.batch} of epoch {fetch.epoch} is not finite",
            fetch.place,
            [
                ("sample", _sample(run, fetch, leaf)),
                ("loss", f"not finite either, first at step {first.steps}, {first.place.short}"),
                ("loader", f"{fetch.loader.where}, of {fetch.loader.dataset}"),
            ],
            hint="look at this sample, and at what divides or takes a logarithm in its transforms",
        )


def _holds_values(leaf: Leaf) -> bool:
    return leaf.low is not None


def _sample(run: Run, fetch: Fetch, leaf: Leaf) -> str:
    """Say which sample it is: its row, and its index where the order is known."""
    if leaf.bad_row is None:
        return ""
    size = leaf.shape[0]
    order = run.data.order(fetch.loader, fetch.epoch)
    position = fetch.batch * (fetch.loader.batch_size or size) + leaf.bad_row
    index = f", index {order[position]} of the dataset" if position < len(order) else ""
    return f"row {leaf.bad_row} of {size}{index}"
