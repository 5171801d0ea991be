"""The check `batch-not-used`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Fetch, Forward, Leaf, Module, Run
from trueload.findings import Finding, Severity

_SEVERAL: Final = 4


class BatchNotUsed(Check):
    """The loop reads batch after batch, and the model is given the same one each time.

    What it finds: four calls of a model for training in a row, each after another batch, all with
    the values of one batch that was read before.

    Why it matters: the model learns one batch by heart. The loss falls quickly, and all other
    batches are read for nothing.

    Example:
        images, labels = next(iter(loader))
        for inputs, targets in loader:
            loss = criterion(model(images), labels)

    Instead:
        for inputs, targets in loader:
            loss = criterion(model(inputs), targets)

    When it is wrong: no case is known. A loop that overfits one batch on purpose reads no others.

    Source: https://karpathy.github.io/2019/04/25/recipe/
    """

    code = "TL409"
    name = "batch-not-used"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each model that is trained so."""
        seen: dict[int, Fetch] = {}
        rows: dict[Module, list[tuple[Forward, Leaf]]] = {}
        told = set()
        for event in run.events(Fetch, Forward):
            if isinstance(event, Fetch):
                seen |= {leaf.digest: event for leaf in event.leaves or () if leaf.digest}
                continue
            given = _given(event)
            if given is None or event.module in told:
                continue
            row = rows.setdefault(event.module, [])
            if row and row[-1][1].digest != given.digest:
                row.clear()
            row.append((event, given))
            if _is_stale(row) and given.digest in seen:
                told.add(event.module)
                yield self._said(row, seen[given.digest])

    def _said(self, row: list[tuple[Forward, Leaf]], source: Fetch) -> Finding:
        forward, leaf = row[0]
        fetch = row[-1][0].fetch
        return self.found(
            f"`{forward.module.kind}` gets the same batch each time, while others are read",
            forward.place,
            [
                ("input", f"{leaf.shape} {leaf.dtype}, the same in {len(row)} steps in a row"),
                ("read first", f"at {source.place.short}"),
                ("read since", f"{len(row)} batches, at {fetch.place.short}" if fetch else ""),
            ],
            hint="pass the variables of the loop to the model",
        )


def _given(forward: Forward) -> Leaf | None:
    """Give the input that has the form of a part of the batch read last."""
    if not forward.grad or forward.fetch is None:
        return None
    forms = {(leaf.shape, leaf.dtype) for leaf in forward.fetch.leaves or () if len(leaf.shape) > 1}
    return next((x for x in forward.inputs or () if (x.shape, x.dtype) in forms), None)


def _is_stale(row: list[tuple[Forward, Leaf]]) -> bool:
    """Say whether one input served for several batches, none of which it was, with steps between.

    The first of the calls may be with its own batch.
    """
    fetches = {forward.fetch: forward for forward, _ in row if forward.fetch is not None}
    steps = {forward.steps for forward in fetches.values()}
    others = [
        fetch
        for fetch in fetches
        if all(leaf.digest != row[0][1].digest for leaf in fetch.leaves or ())
    ]
    digests = {tuple(leaf.digest for leaf in fetch.leaves or ()) for fetch in others}
    return min(len(steps), len(digests)) >= _SEVERAL
