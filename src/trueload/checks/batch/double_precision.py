"""The check `double-precision-batch`."""

import re
from collections.abc import Iterator

from trueload.checks.base import Check
from trueload.evidence import Fetch, Forward, Leaf, Run
from trueload.findings import Finding, Severity

_SAID = re.compile(r"\bdouble\b", re.IGNORECASE)
_ALSO = re.compile(r"\b(float|dtype|half|bfloat16)\b", re.IGNORECASE)


class DoublePrecisionBatch(Check):
    """A batch is float64, and the model is not.

    What it finds: a script that ends because float64 met another dtype, after a batch in float64;
    as a note, batches in float64 that are converted before the model gets them.

    Why it matters: numpy makes float64 of Python's numbers, and so does `torch.from_numpy` of
    such an array. Even where it is converted later, the batch takes twice the memory on its way.

    Example:
        return torch.from_numpy(np.random.rand(3, 32, 32)), label

    Instead:
        return torch.from_numpy(np.random.rand(3, 32, 32).astype(np.float32)), label

    When it is wrong: where data need this precision until they are normalized; that is a note.
    A model in float64 is not meant.

    Source: https://docs.pytorch.org/docs/stable/notes/numerical_accuracy.html
    """

    code = "TL402"
    name = "double-precision-batch"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding where the script ended so, or for each loader as a note."""
        crash = run.crash
        last = next((one for one in reversed(run.fetches) if one.leaves is not None), None)
        if crash is not None and _SAID.search(crash.message) and _ALSO.search(crash.message):
            leaf = _double(last)
            if last is not None and leaf is not None:
                yield self.found(
                    f"`{leaf.name}` is float64, and meets another dtype",
                    crash.place,
                    [("torch said", crash.message.splitlines()[0]), *_facts(last, leaf)],
                    hint="make it float32 in the dataset: `.astype(np.float32)` or `.float()`",
                )
                return
        yield from self._converted(run)

    def _converted(self, run: Run) -> Iterator[Finding]:
        told = set()
        for forward in run.events(Forward):
            leaf = _double(forward.fetch)
            if leaf is None or forward.fetch is None or forward.fetch.loader in told:
                continue
            same = [one for one in forward.inputs or () if one.shape == leaf.shape]
            if same and same[0].dtype != "float64":
                told.add(forward.fetch.loader)
                yield self.found(
                    f"`{leaf.name}` is float64 and is converted to {same[0].dtype} in each step",
                    forward.fetch.place,
                    _facts(forward.fetch, leaf),
                    hint="make it float32 in the dataset: `.astype(np.float32)` or `.float()`",
                    severity=Severity.NOTE,
                )


def _double(fetch: Fetch | None) -> Leaf | None:
    leaves = (fetch.leaves or ()) if fetch is not None else ()
    return next((leaf for leaf in leaves if leaf.dtype == "float64"), None)


def _facts(fetch: Fetch, leaf: Leaf) -> list[tuple[str, str]]:
    loader = fetch.loader
    return [
        ("shape", f"{leaf.shape}"),
        ("loader", f"{loader.where}, of {loader.dataset}"),
    ]
