"""The check `validation-overlaps-training`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.checks.mode.roles import evaluations, is_for_validation, trained_on
from trueload.evidence import Fetch, Forward, Loader, Module, Run, Shared, Step
from trueload.findings import Finding, Severity

_LEAST: Final = 8
_LEAST_SHARE: Final = 0.02
_REPEATED: Final = 0.01


class ValidationOverlapsTraining(Check):
    """Samples that are evaluated were trained on.

    What it finds: a loader that is only evaluated, at least 2 % of whose samples another loader
    gives for training: the same index of one dataset, or the same values.

    Why it matters: the model has seen the answers. The figures are better than they will be, and
    overfitting does not show.

    Example:
        train_set, _ = random_split(data, [0.8, 0.2])
        _, val_set = random_split(data, [0.8, 0.2])

    Instead:
        train_set, val_set = random_split(data, [0.8, 0.2])

    When it is wrong: where the error on training data is measured on purpose, with a loader of its
    own; that is a note unless its name says validation. Data of few values repeat by themselves:
    equal values count only where a loader itself hardly repeats any.

    Source: https://scikit-learn.org/stable/common_pitfalls.html#data-leakage
    """

    code = "TL905"
    name = "validation-overlaps-training"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each loader that is evaluated on what another one trains on."""
        training = trained_on(run)
        for loader in evaluations(run):
            for other in _trained_before(run, loader) & training:
                shared = _shared(run, loader, other)
                if shared is None or not _is_much(run, shared, loader):
                    continue
                least = "" if shared.by_index else "at least "
                of = shared.of_one if shared.one is loader else shared.of_other
                yield self.found(
                    f"{least}{100 * shared.samples / of:.0f} % of the samples that are evaluated "
                    "are trained on",
                    loader.place,
                    [
                        ("samples", f"{shared.samples} of {of} that were looked at"),
                        ("same", "index of one dataset" if shared.by_index else "values"),
                        ("training", f"loader {other.where}"),
                    ],
                    hint="split the data once, and give each part to one loader",
                    severity=_severity(run, loader, whole=shared.samples == of),
                )


def _trained_before(run: Run, loader: Loader) -> set[Loader]:
    """Give the loaders that the model was trained on last before each evaluation."""
    found: set[Loader] = set()
    last: dict[Module, Loader] = {}
    for event in run.events(Step, Forward):
        if isinstance(event, Step):
            fetch = event.backwards[-1].fetch if event.backwards else None
            roots = {parameter.root for parameter in event.optimizer.parameters}
            if fetch is not None:
                last |= {root: fetch.loader for root in roots if root is not None}
        elif event.fetch is not None and event.fetch.loader is loader and event.module in last:
            found.add(last[event.module])
    return found


def _shared(run: Run, one: Loader, other: Loader) -> Shared | None:
    pair = {one, other}
    return next((shared for shared in run.data.shared if {shared.one, shared.other} == pair), None)


def _is_much(run: Run, shared: Shared, loader: Loader) -> bool:
    of = shared.of_one if shared.one is loader else shared.of_other
    if shared.samples < _LEAST or shared.samples < _LEAST_SHARE * of:
        return False
    if shared.by_index:
        return True
    pair = (shared.one, shared.other)
    contents = [one for one in run.data.contents if one.loader in pair]
    return all(one.seen - one.distinct <= _REPEATED * one.seen for one in contents)


def _severity(run: Run, loader: Loader, *, whole: bool) -> Severity:
    """Judge by the name where all that is evaluated is trained on: it may be on purpose."""
    named = any(is_for_validation(fetch) for fetch in run.events(Fetch) if fetch.loader is loader)
    return Severity.ERROR if named or not whole else Severity.NOTE
