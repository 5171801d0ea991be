"""The check `dataset-mutated`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Changed, Run
from trueload.findings import Finding, Severity

_HINTS: Final = {
    "list": "copy before the change, as by `copy.deepcopy(...)`, or build a new list",
    "dict": "copy before the change, as by `copy.deepcopy(...)`, or build a new dictionary",
}


class DatasetMutated(Check):
    """Reading a sample changes the dataset in place.

    What it finds: a sample that comes out otherwise when it is read a second time with the same
    random draws, and as before once what the first read has written is put back. The line is the
    one that writes. Arrays, tensors, lists and dictionaries are looked at.

    Why it matters: each epoch begins with data that the epoch before has spoiled. With worker
    processes that do not outlive an epoch it is hidden: each changes a copy of its own. So results
    depend on `num_workers` as well.

    Example:
        def __getitem__(self, index):
            image = self.images[index]
            image -= self.mean

    Instead:
        def __getitem__(self, index):
            image = self.images[index] - self.mean

    When it is wrong: where samples are meant to go on from what they were. A cache, a counter, or
    scratch memory, whose samples come out the same, is none.

    Source: https://docs.pytorch.org/vision/stable/transforms.html, on `inplace` transforms; the
    issue that comes up most is https://github.com/open-mmlab/mmdetection/issues/1229.
    """

    code = "TL301"
    name = "dataset-mutated"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each line that changes a dataset."""
        for changed in run.data.memory.changed:
            if changed.counts or changed.file:
                continue
            yield self.found(
                f"`__getitem__` changes the dataset: sample {changed.index} differs between two "
                "reads",
                changed.place or changed.loader.place,
                evidence_of(changed),
                hint=_hint(changed),
            )


def evidence_of(changed: Changed) -> list[tuple[str, str]]:
    """Give what was measured, as pairs."""
    loader = changed.loader
    workers = f", by {loader.num_workers} workers" if loader.num_workers else ""
    return [
        ("memory", _named(changed, changed.where)),
        ("first read", f"`{changed.leaf}` {changed.first}"),
        ("second read", f"`{changed.leaf}` {changed.second}"),
        ("dataset", f"{loader.dataset}, read at {loader.place.short}{workers}"),
    ]


def _named(changed: Changed, text: str) -> str:
    """Name what is changed as the line does: `self.data` within the dataset's own methods."""
    inside = changed.place is not None and changed.place.function.startswith(
        f"{changed.loader.dataset}."
    )
    return text.replace("`dataset.", "`self.") if inside else text


def _hint(changed: Changed) -> str:
    what = _named(changed, f"`{changed.what}`").strip("`")
    if changed.kind in _HINTS:
        return _HINTS[changed.kind]
    copy = "clone" if changed.kind == "tensor" else "copy"
    return f"copy before the change: `{what}[index].{copy}()`"
