"""The check `random-evaluation`."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from trueload.checks.base import Check
from trueload.checks.mode.roles import evaluations
from trueload.evidence import Fetch, Leaf, Loader, Run
from trueload.findings import Finding, Severity

_LABELS: Final = {"int64", "int32", "uint8"}
_LEAST: Final = 4


class RandomEvaluation(Check):
    """The samples that are evaluated differ from one evaluation to the next.

    What it finds: a loader that is only evaluated, whose first batch has the same samples and the
    same labels in two evaluations, but other inputs.

    Why it matters: what is measured is the model under random augmentation. It is worse than the
    model is, and differs each time, which hides whether it got better.

    Example:
        transform = Compose([RandomCrop(28), ToTensor()])
        val_set = Photos("val", transform)

    Instead:
        val_set = Photos("val", Compose([CenterCrop(28), ToTensor()]))

    When it is wrong: where an average over random views is wanted. Several passes without a step
    in between are taken for that.

    Source: https://docs.pytorch.org/vision/stable/transforms.html
    """

    code = "TL906"
    name = "random-evaluation"
    severity = Severity.WARNING
    causes = ("TL301", "TL302", "TL304")

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each loader that is evaluated so."""
        for loader in evaluations(run):
            firsts = [one for one in run.fetches if one.loader is loader and one.batch == 0]
            changed = [
                (before, after, name)
                for before, after in pairwise(firsts)
                if after.steps > before.steps and (name := _differs(run, loader, before, after))
            ]
            if not changed:
                continue
            before, after, name = changed[0]
            yield self.found(
                f"`{name}` of the same samples differs from one evaluation to the next",
                loader.place,
                [
                    ("compared", f"batch 0 of evaluations {before.epoch} and {after.epoch}"),
                    ("same", "its indices and its labels"),
                    ("evaluated", f"at {after.place.short}"),
                ],
                hint="give the dataset for evaluation a transform without random parts",
                count=len(changed),
            )


def _differs(run: Run, loader: Loader, before: Fetch, after: Fetch) -> str:
    """Name an input that differs though its samples and labels are the same."""
    first = run.data.order(loader, before.epoch)
    if not first or first != run.data.order(loader, after.epoch):
        return ""
    pairs = list(zip(before.leaves or (), after.leaves or (), strict=False))
    labels = [(one, two) for one, two in pairs if _is_label(one)]
    if not labels or any(one.digest != two.digest for one, two in labels):
        return ""
    return next((one.name for one, two in pairs if one.digest != two.digest), "")


def _is_label(leaf: Leaf) -> bool:
    several = leaf.low != leaf.high and leaf.shape[:1] >= (_LEAST,)
    return len(leaf.shape) == 1 and leaf.dtype in _LABELS and several
