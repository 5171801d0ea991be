"""Read samples again, in a copy of the process, and find out what reading them changes.

A sample is read twice with the same random draws. If it comes out otherwise the second time, and as
before once all that was changed has been put back, then reading it changes what the dataset gives.
Each thing that was changed is then left changed alone, to find the one that matters: a dataset
that counts its reads and spoils its images is named for the images.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from trueload.evidence import Loader
from trueload.evidence.memory import Changed
from trueload.generators import generators_of, reseed_all
from trueload.ownership import owned
from trueload.reuse import is_same
from trueload.sanitizer.apart import Mapping
from trueload.sanitizer.holdings import ArrayHeld, AttributesHeld, Holding, ItemsHeld, held_by
from trueload.sanitizer.overwriting import summary
from trueload.sanitizer.places import Places
from trueload.seeds import reseed
from trueload.tree import leaves
from trueload.watching.lines import line_that

_KEY: Final = 0x74727565
_MOST_SAMPLES: Final = 8
_MOST_CAUSES: Final = 8
_NUMBERS: Final = (int, float)


class Rereading:
    """Reads samples of one dataset again; only in a copy of the process.

    Args:
        loader: The facts of its loader.
        dataset: The dataset.
        files: The files that were mapped into memory to be written to.
        places: Tells the user's lines.
        seconds: How long it may take.
    """

    def __init__(
        self,
        loader: Loader,
        dataset: Any,
        files: Sequence[Mapping],
        places: Places,
        seconds: float,
    ) -> None:
        self._loader, self._dataset = loader, dataset
        self._files, self._places = files, places
        self._deadline = time.monotonic() + seconds
        self._own = generators_of(dataset)
        self._together = bool(getattr(dataset, "__getitems__", None))

    def look(self, indices: list[Any]) -> tuple[int, Changed | None]:
        """Say how many samples were read again, and what reading one of them changes."""
        number = 0
        for index in indices[:_MOST_SAMPLES]:
            if time.monotonic() > self._deadline:
                break
            number += 1
            other = next((one for one in indices if one != index), None)
            found = self._tried(index, other)
            if found is not None:
                return number, found
        return number, None

    def _read(self, index: Any) -> Any:
        """Read a sample, with the same draws each time, and give a copy of it."""
        reseed(_KEY)
        reseed_all(self._own, _KEY)
        dataset = self._dataset
        sample = dataset.__getitems__([index])[0] if self._together else dataset[index]
        return owned([sample], "always")

    def _tried(self, index: Any, other: Any) -> Changed | None:
        held = held_by(self._dataset, index)
        first = self._read(index)
        held = [part for one in held for part in one.parts()]
        touched = [one for one in held if one.has_changed() and not one.is_only_reordered()]
        if not touched:
            return None
        second = self._read(index)
        if is_same(first, second):
            return None
        _put_back(held)
        if not is_same(first, self._read(index)):
            return None  # of another reason
        cause = self._cause(index, first, held, touched)
        what, where, counts = _name(cause), cause.describe(), _counts(cause)
        kind = "flag" if counts and _is_flag(cause) else cause.kind
        _put_back(held)
        if not counts and other is not None and is_same(first, self._read(other)):
            kind, counts = "stream", True  # whatever is asked for comes next, as from a simulator
        _put_back(held)
        line = line_that(cause.has_changed, partial(self._read, index))
        leaf, before, after = _difference(first, second)
        return Changed(
            loader=self._loader,
            place=None if line is None else self._places.of(line.code, line.number),
            index=repr(index),
            what=what,
            kind=kind,
            where=where,
            leaf=leaf,
            first=before,
            second=after,
            file=self._file_of(cause),
            counts=counts,
        )

    def _file_of(self, holding: Holding) -> str:
        if not isinstance(holding, ArrayHeld):
            return ""
        return file_at(holding.kept.address, self._files)

    def _cause(
        self, index: Any, first: Any, held: list[Holding], touched: list[Holding]
    ) -> Holding:
        """Give what alone, changed as it is, makes the sample come out otherwise."""
        ordered = sorted(touched, key=_counts)  # the data before what counts
        for one in ordered[:_MOST_CAUSES]:
            _put_back(held)
            self._read(index)
            for other in held:
                if other is not one:
                    other.put_back()
            if not is_same(first, self._read(index)):
                _put_back(held)
                self._read(index)
                return one
        return ordered[0]


def file_at(address: int, files: Sequence[Mapping]) -> str:
    """Name the file that is mapped at an address, or nothing."""
    return next((one.path for one in files if one.start <= address < one.end), "")


def _put_back(held: list[Holding]) -> None:
    for one in held:
        one.put_back()


def _counts(holding: Holding) -> bool:
    """Say whether what was changed is the state of a dataset rather than its data."""
    if isinstance(holding, ItemsHeld):
        return holding.has_grown
    if isinstance(holding, AttributesHeld):
        near = holding.path.count(".") + holding.path.count("[") <= 1
        return near and all(isinstance(now, _NUMBERS) for now in holding.changed().values())
    return False


def _is_flag(holding: Holding) -> bool:
    changed = holding.changed().values() if isinstance(holding, AttributesHeld) else ()
    return all(type(now) is bool for now in changed)


def _name(holding: Holding) -> str:
    if isinstance(holding, AttributesHeld):
        return f"{holding.path}.{next(iter(holding.changed()), '')}"
    return holding.path


def _difference(first: Any, second: Any) -> tuple[str, str, str]:
    """Name a leaf that differs, and describe it as it was and as it is."""
    pairs = zip(leaves(first, "sample"), leaves(second, "sample"), strict=False)
    for (name, one), (_, other) in pairs:
        if not is_same(one, other):
            return name, summary(one), summary(other)
    return "sample", "", ""
