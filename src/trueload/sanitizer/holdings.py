"""What a dataset holds, as far as reading one sample may change it, and what of it has changed.

A dataset of millions of samples is not copied. Of what is long, only those items are looked after
that reading this sample may concern: at its index, and at what is found there, as the index of a
subset, or the number of an image whose annotations lie under that number.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import numpy as np
import torch
from torch.utils.data import ConcatDataset

from trueload.reach import parts_of
from trueload.reuse import is_same
from trueload.sanitizer.overwriting import describe
from trueload.tree import OPAQUE
from trueload.watching.arrays import Kept, kept_of
from trueload.watching.saved import bytes_at

_MOST_THINGS: Final = 2000
_MOST_STEPS: Final = 8
_MOST_ITEMS: Final = 64
_MOST_HINTS: Final = 32
_WHOLE_BYTES: Final = 32 << 20
_LONG_LIST: Final = 50_000
_DATA: Final = (np.ndarray, torch.Tensor)
_ATOMS: Final = (str, bytes, int, float, complex, bool, type(None), np.generic)
_SEEKING: Final = 2

Hints = dict[Any, None]
"""Indices and keys at which something may be that belongs to a sample, in the order found."""


class Holding(ABC):
    """One thing that a dataset holds, as it is now.

    Attributes:
        path: What it is called: `dataset.boxes[3]`.
        kind: What it is: `array`, `tensor`, `list`, `dict` or `attribute`.
    """

    path: str
    kind: str

    @abstractmethod
    def has_changed(self) -> bool:
        """Say whether it is not what it was."""

    @abstractmethod
    def put_back(self) -> None:
        """Make it what it was."""

    @abstractmethod
    def is_only_reordered(self) -> bool:
        """Say whether it still holds the same values, in whatever order."""

    @abstractmethod
    def describe(self) -> str:
        """Say what it is, and where in it the first change is."""

    def parts(self) -> "list[Holding]":
        """Give the parts of it that have changed each by itself."""
        return [self]


class ArrayHeld(Holding):
    """An array or tensor, or those of its rows that concern the sample.

    Args:
        kept: It.
        spans: Which memory is looked after.
        kind: Whether it is an array or a tensor.
    """

    def __init__(self, kept: Kept, spans: list[tuple[int, int]], kind: str) -> None:
        self.path, self.kept, self.kind = kept.path, kept, kind
        self._saved = [(start, bytes_at(start, end).copy()) for start, end in spans]

    def _pairs(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        for start, before in self._saved:
            yield start, before, bytes_at(start, start + len(before))

    def has_changed(self) -> bool:
        """Say whether a value is another one."""
        return any(not np.array_equal(before, now) for _, before, now in self._pairs())

    def put_back(self) -> None:
        """Write back what was there."""
        for _, before, now in self._pairs():
            if not np.array_equal(before, now):
                now[:] = before

    def is_only_reordered(self) -> bool:
        """Say whether all values are there in another order."""
        array = self.kept.array
        size = min(array.itemsize, 8)
        if array.ndim != 1 or array.itemsize % size:
            return False  # of an image, another order is another image
        return all(
            np.array_equal(np.sort(before.view(f"u{size}")), np.sort(now.view(f"u{size}")))
            for _, before, now in self._pairs()
        )

    def describe(self) -> str:
        """Name it, with what was and what is."""
        for start, before, now in self._pairs():
            places = np.flatnonzero(before != now)
            if len(places):
                offset = start - self.kept.address + int(places[0])
                return f"view of `{self.path}`, offset {offset} of {self.kept.size_bytes} bytes"
        return f"`{self.path}`"


class ItemsHeld(Holding):
    """A list or dictionary, or those of its items that concern the sample.

    Args:
        path: What it is called.
        thing: It.
        keys: Which items; all if `None`.
    """

    def __init__(self, path: str, thing: Any, keys: list[Any] | None) -> None:
        self.path, self.thing = path, thing
        self.kind = "dict" if isinstance(thing, dict) else "list"
        self._length = len(thing)
        self._whole = keys is None
        if keys is None:
            keys = list(thing) if isinstance(thing, dict) else list(range(len(thing)))
        self._items = {key: thing[key] for key in keys}

    @property
    def has_grown(self) -> bool:
        """Whether it has more or fewer items than it had."""
        return len(self.thing) != self._length

    def _changed(self) -> list[Any]:
        return [key for key, item in self._items.items() if not _is_equal(self._now(key), item)]

    def _now(self, key: Any) -> Any:
        thing = self.thing
        if isinstance(thing, dict):
            return thing.get(key, self)
        return thing[key] if key < len(thing) else self

    def has_changed(self) -> bool:
        """Say whether a value is another one."""
        return self.has_grown or bool(self._changed())

    def put_back(self) -> None:
        """Write back what was there."""
        thing = self.thing
        if isinstance(thing, list) and self.has_grown:
            if self._whole:
                thing[:] = self._items.values()
            else:
                del thing[self._length :]
        for key in self._changed():
            thing[key] = self._items[key]
        if isinstance(thing, dict) and self._whole:
            for key in [key for key in thing if key not in self._items]:
                del thing[key]

    def is_only_reordered(self) -> bool:
        """Say whether all values are there in another order."""
        now = self.thing.values() if isinstance(self.thing, dict) else self.thing
        return not self.has_grown and Counter(map(id, self._items.values())) == Counter(
            map(id, now)
        )

    def describe(self) -> str:
        """Name it, with what was and what is."""
        kind, changed = type(self.thing).__name__, self._changed()
        if self.has_grown or not changed:
            return f"`{self.path}`, a {kind} of {self._length}, now of {len(self.thing)}"
        key = changed[0]
        return f"`{self.path}[{key!r}]`, {_short(self._items[key])}, now {_short(self.thing[key])}"


class AttributesHeld(Holding):
    """The attributes of an object.

    Args:
        path: What the object is called.
        thing: It.
    """

    def __init__(self, path: str, thing: Any) -> None:
        self.path, self.thing, self.kind = path, thing, "attribute"
        self._before = dict(vars(thing))
        self._only: str | None = None

    def changed(self) -> dict[str, Any]:
        """Give the attributes that are not what they were, with what they are now."""
        now, nothing = vars(self.thing), object()
        names = [*self._before, *(name for name in now if name not in self._before)]
        if self._only is not None:
            names = [self._only]
        return {
            name: now.get(name)
            for name in names
            if not _is_equal(now.get(name, nothing), self._before.get(name, nothing))
        }

    def parts(self) -> list[Holding]:
        """Give the attributes that have changed, each by itself."""
        found: list[Holding] = []
        for name in self.changed():
            one = AttributesHeld(self.path, self.thing)
            one._before, one._only = self._before, name
            found.append(one)
        return found

    def has_changed(self) -> bool:
        """Say whether a value is another one."""
        return bool(self.changed())

    def put_back(self) -> None:
        """Write back what was there."""
        held = vars(self.thing)
        for name in self.changed():
            if name in self._before:
                held[name] = self._before[name]
            else:
                del held[name]

    def is_only_reordered(self) -> bool:
        """Say whether all values are there in another order."""
        return False

    def describe(self) -> str:
        """Name it, with what was and what is."""
        name, now = next(iter(self.changed().items()))
        return f"`{self.path}.{name}`, {_short(self._before.get(name))}, now {_short(now)}"


def held_by(dataset: Any, index: Any) -> list[Holding]:
    """Give what reading a sample may change, nearest first.

    Args:
        dataset: The dataset.
        index: That of the sample.
    """
    found: list[Holding] = []
    hints, room = _hints(dataset, [index]), _WHOLE_BYTES
    for path, thing in _walk(dataset, hints):
        if isinstance(thing, _DATA):
            array = _array(path, thing, hints, room)
            if array is not None:
                room -= array.kept.size_bytes if array.kept.size_bytes <= room else 0
                found.append(array)
        else:
            found += _of_python(path, thing, hints)
    return found


def arrays_at(dataset: Any, indices: list[Any]) -> list[Kept]:
    """Give the arrays that some samples may be parts of."""
    walked = _walk(dataset, _hints(dataset, indices))
    arrays = (kept_of(path, thing) for path, thing in walked if isinstance(thing, _DATA))
    return [array for array in arrays if array is not None and array.size_bytes]


def _hints(dataset: Any, indices: list[Any]) -> Hints:
    """Give the indices, and what is found at them."""
    hints: Hints = {}
    for index in indices[:_MOST_HINTS]:
        if isinstance(index, np.integer):
            hints[int(index)] = None
        elif isinstance(index, (int, str)):
            hints[index] = None
    for _ in range(_SEEKING):
        for _, thing in _walk(dataset, hints):
            _hint(thing, hints)
    return hints


def _walk(dataset: Any, hints: Hints) -> Iterator[tuple[str, Any]]:
    """Yield all that a dataset holds, and of what is long, what is at the hints."""
    seen: set[int] = set()
    line = [("dataset", dataset)]
    for _ in range(_MOST_STEPS):
        following: list[tuple[str, Any]] = []
        for path, thing in line:
            if isinstance(thing, (*_ATOMS, *OPAQUE)) or id(thing) in seen:
                continue
            if len(seen) == _MOST_THINGS:
                return
            seen.add(id(thing))
            yield path, thing
            if not isinstance(thing, _DATA):
                following += _parts(path, thing, hints)
        line = following


def _array(path: str, array: Any, hints: Hints, room: int) -> ArrayHeld | None:
    """Look after an array, or after its rows at the hints where it is a large one."""
    kept = kept_of(path, array)
    if kept is None or not kept.size_bytes:
        return None
    kind = "tensor" if isinstance(array, torch.Tensor) else "array"
    if kept.size_bytes <= room:
        return ArrayHeld(kept, [(kept.address, kept.end)], kind)
    rows = sorted({hint % len(array) for hint in hints if _is_place(hint, array)})
    starts = [kept.address + row * kept.row_bytes for row in rows]
    return ArrayHeld(kept, [(start, start + kept.row_bytes) for start in starts], kind)


def _of_python(path: str, thing: Any, hints: Hints) -> Iterator[Holding]:
    if isinstance(thing, (list, dict)):
        keys = [key for key in hints if _has(thing, key)] if len(thing) > _LONG_LIST else None
        yield ItemsHeld(path, thing, keys)
    elif hasattr(thing, "__dict__") and not isinstance(thing, tuple):
        yield AttributesHeld(path, thing)


def _parts(path: str, thing: Any, hints: Hints) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, (list, tuple, dict)):
        if len(thing) > _MOST_ITEMS:
            known = [key for key in hints if _has(thing, key)]
            yield from ((f"{path}[{key!r}]", thing[key]) for key in known)
        elif isinstance(thing, dict):
            yield from ((f"{path}[{key!r}]", part) for key, part in thing.items())
        else:
            yield from ((f"{path}[{number}]", part) for number, part in enumerate(thing))
    if hasattr(thing, "__dict__"):
        parts = parts_of(thing) if not isinstance(thing, (list, tuple, dict)) else ()
        yield from ((path + step, part) for step, part in islice(parts, _MOST_ITEMS))


def _hint(thing: Any, hints: Hints) -> None:
    """Note what is found at the index of a sample: it may be an index itself."""
    if isinstance(thing, ConcatDataset):
        places = [hint for hint in hints if type(hint) is int]
        added = [hint - size for size in thing.cumulative_sizes[:8] for hint in places]
        hints |= dict.fromkeys(hint for hint in added if hint >= 0)
    indexed = isinstance(thing, (list, tuple, dict, range)) or (
        isinstance(thing, np.ndarray) and thing.dtype.kind in "iuU" and thing.ndim == 1
    )
    if not indexed:
        return
    for hint in list(hints):
        if len(hints) >= 2 * _MOST_HINTS:
            return
        item = thing[hint] if _has(thing, hint) else None
        if isinstance(item, np.generic):
            item = item.item()
        for one in item if isinstance(item, (list, tuple)) and len(item) <= _SEEKING else [item]:
            if isinstance(one, (int, str)) and not isinstance(one, bool):
                hints.setdefault(one)


def _has(thing: Any, hint: Any) -> bool:
    return hint in thing if isinstance(thing, dict) else _is_place(hint, thing)


def _is_place(hint: Any, thing: Any) -> bool:
    return type(hint) is int and -len(thing) <= hint < len(thing)


def _is_equal(one: Any, other: Any) -> bool:
    """Say whether two items are the same object, or equal values that cannot be changed."""
    return one is other or (
        type(one) is type(other) and isinstance(one, _ATOMS) and is_same(one, other)
    )


def _short(value: Any) -> str:
    if isinstance(value, (int, float, bool)):
        return f"{value:g}" if isinstance(value, float) else str(value)
    is_array = getattr(value, "shape", None) is not None and hasattr(value, "dtype")
    return describe(value) if is_array else f"a {type(value).__name__}"
