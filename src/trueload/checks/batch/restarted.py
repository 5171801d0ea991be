"""The check `same-batch-every-step`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Backward, EpochBegun, Fetch, Loader, Run
from trueload.findings import Finding, Severity

_SEVERAL: Final = 3


class SameBatchEveryStep(Check):
    """Each step begins the loader anew and takes its first batch.

    What it finds: `next(iter(loader))` at least three times in training, and the same batch each
    time. Where the loader shuffles, each batch is another one; that is a note, since workers are
    started for each batch and an epoch never ends.

    Why it matters: of the whole dataset only the first batch is ever trained on.

    Example:
        for step in range(steps):
            images, labels = next(iter(loader))

    Instead:
        batches = iter(loader)
        for step in range(steps):
            try:
                images, labels = next(batches)
            except StopIteration:
                batches = iter(loader)
                images, labels = next(batches)

    When it is wrong: where one batch is to be overfitted on purpose; take it once, before the loop.

    Source: https://docs.pytorch.org/docs/stable/data.html
    """

    code = "TL410"
    name = "same-batch-every-step"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each loader that is begun anew for each step."""
        used = {backward.fetch for backward in run.events(Backward)}
        for loader in run.loaders:
            begun = [one for one in run.events(EpochBegun) if one.loader is loader]
            explicit = [one for one in begun if "iter(" in one.place.source]
            fetched = [one for one in run.fetches if one.loader is loader]
            firsts = [one for one in fetched if one in used and one.batch == 0]
            if len(explicit) < len(begun) or len(firsts) < _SEVERAL:
                continue
            if len(fetched) > len(begun) or _has_one_only(loader):
                continue
            alike = len({_digests(fetch) for fetch in firsts}) == 1
            yield self.found(
                "the same batch is read for every step"
                if alike
                else "the loader is begun anew for every step",
                begun[-1].place,
                [
                    ("begun", f"{len(begun)} times, {len(fetched)} batches read in all"),
                    ("steps", f"{firsts[-1].steps + 1}"),
                    ("loader", f"{loader.where}, {loader.sampler}"),
                ],
                hint="make the iterator once before the loop, and anew when it is exhausted",
                count=len(firsts),
                severity=Severity.ERROR if alike else Severity.NOTE,
            )


def _has_one_only(loader: Loader) -> bool:
    """Say whether the loader has no more than one batch, or may have."""
    return loader.length is None or loader.length <= (loader.batch_size or 1)


def _digests(fetch: Fetch) -> tuple[int, ...]:
    return tuple(leaf.digest for leaf in fetch.leaves or ())
