"""Name what makes forked workers grow: millions of Python objects that a dataset holds.

Whoever reads an object writes its reference count, and so a worker gets a copy of its own of the
page on which the object lies. How much that comes to is told from a few objects, without walking
any list: an epoch must not begin later for it.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from sys import getsizeof
from typing import Any
from weakref import WeakValueDictionary

from trueload.errors import count, render
from trueload.reach import parts_of
from trueload.tree import OPAQUE

logger = logging.getLogger("trueload")

_MANY_OBJECTS = 1_000_000
_MOST_PLACES = 200
_MOST_WEIGHED = 8
_MOST_STEPS = 8
_FEW_ITEMS = 16
"""Up to so many items of a container are looked into; a longer one is data."""

_SAMPLES = 24
_LONGEST_STEP = 64
_PAGE_BYTES = 4096
_ALIGNMENT_BYTES = 16
_HEAD_BYTES = {list: getsizeof([]), dict: getsizeof({})}
_MEGABYTE = 1_000_000
_CONTAINERS = (list, tuple, dict)
_OPAQUE = (str, bytes, *OPAQUE)
_SMALL_INTEGERS = range(-5, 257)
"""Python has each of these once, for all who use it."""

_told: WeakValueDictionary[int, Any] = WeakValueDictionary()
_told_lists: set[int] = set()
"""Nothing can refer to a list weakly, so of datasets that are lists only the identity is kept."""


@dataclass(frozen=True, slots=True)
class Heap:
    """Many Python objects in one place.

    Attributes:
        path: Where they are: `dataset.samples`.
        kind: What holds them: `list`.
        length: How many items that has.
        item: The type of one of its items: `str`.
        objects: How many objects they are made of, about.
        copied_bytes: How much a worker that reads all of them copies, about.
    """

    path: str
    kind: str
    length: int
    item: str
    objects: int
    copied_bytes: int


def tell_heavy(dataset: Any) -> None:
    """Tell, once for each dataset, of the Python objects in it that workers will copy.

    Args:
        dataset: The dataset of a loader with forked workers.
    """
    if not logger.isEnabledFor(logging.INFO) or _is_told(dataset):
        return
    try:
        heaps = heavy(dataset)
    except Exception as error:  # of the user's objects; an epoch begins all the same
        logger.debug("the objects of the dataset cannot be counted: %s", error)
        return
    if heaps:
        _note_told(dataset)
        logger.info(_worded(heaps))


def heavy(dataset: Any) -> list[Heap]:
    """Give the places in a dataset with more than a million objects, the heaviest first."""
    holders = sorted(_holders(dataset), key=lambda found: len(found[1]), reverse=True)
    heaps = (_heap(path, holder) for path, holder in holders[:_MOST_WEIGHED])
    found = [heap for heap in heaps if heap.objects > _MANY_OBJECTS]
    return sorted(found, key=lambda heap: heap.copied_bytes, reverse=True)


def _holders(dataset: Any) -> Iterator[tuple[str, Any]]:
    """Yield each container that is too long to be looked into, with its path, nearest first."""
    seen: set[int] = set()
    line, steps = [("dataset", dataset)], 0
    while line and steps <= _MOST_STEPS:
        following: list[tuple[str, Any]] = []
        for path, thing in line:
            if id(thing) in seen or isinstance(thing, _OPAQUE) or len(seen) == _MOST_PLACES:
                continue
            seen.add(id(thing))
            if type(thing) in _CONTAINERS and len(thing) > _FEW_ITEMS:
                yield path, thing
            else:
                following += (
                    (path + step, part) for step, part in islice(parts_of(thing), _MOST_PLACES)
                )
        line, steps = following, steps + 1


def _heap(path: str, holder: Any) -> Heap:
    seen: set[int] = set()
    objects, copied_bytes = _weight_of_all(holder, _few(holder, _SAMPLES), _SAMPLES, seen)
    if type(holder) is dict:
        keys = islice(holder, _SAMPLES)
        more = _weight_of_all(holder, keys, _SAMPLES, seen)
        objects, copied_bytes = objects + more[0], copied_bytes + more[1]
    item = type(next(iter(_few(holder, 1)))).__name__
    kind, length = type(holder).__name__, len(holder)
    return Heap(path, kind, length, item, round(objects), round(copied_bytes))


def _weight(thing: Any, samples: int, seen: set[int]) -> tuple[float, float]:
    """Say of how many objects a thing is made, and on how many bytes of pages they may lie."""
    alone = thing is None or type(thing) is bool or isinstance(thing, type)
    if alone or id(thing) in seen or (type(thing) is int and thing in _SMALL_INTEGERS):
        return 0, 0
    seen.add(id(thing))
    objects, copied_bytes = 0.0, 0.0
    if type(thing) in _CONTAINERS:
        fewer = max(samples // 4, 1)
        objects, copied_bytes = _weight_of_all(thing, _few(thing, fewer), fewer, seen)
    return objects + 1, copied_bytes + _copied_bytes(thing)


def _copied_bytes(thing: Any) -> int:
    """Give the room that an object takes, of which only the first page is written to.

    The table of a list or a dictionary lies elsewhere and is only read.
    """
    size = _HEAD_BYTES.get(type(thing)) or getsizeof(thing)
    rounded = -(-size // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
    return min(rounded, _PAGE_BYTES)


def _weight_of_all(
    holder: Any, few: Iterator[Any], samples: int, seen: set[int]
) -> tuple[float, float]:
    """Give the weight of what a container holds, told from a few of its items."""
    weights = [_weight(item, samples, seen) for item in few]
    share = len(holder) / max(len(weights), 1)
    return share * sum(weight[0] for weight in weights), share * sum(
        weight[1] for weight in weights
    )


def _few(holder: Any, most: int) -> Iterator[Any]:
    """Yield some items from all over a list, or values near the beginning of a dictionary."""
    if type(holder) is dict:
        step = max(min(len(holder) // most, _LONGEST_STEP), 1)
        return islice(holder.values(), 0, most * step, step)
    number = min(most, len(holder))
    return (holder[place * len(holder) // number] for place in range(number))


def _worded(heaps: list[Heap]) -> str:
    first, *others = heaps
    title = f"each worker will copy the objects of `{first.path}`, as reading one writes to it"
    rest = (f"`{heap.path}`, {_megabytes(heap)}" for heap in others)
    facts = [
        ("holds", f"a {first.kind} of {count(first.length)} {first.item}"),
        ("objects", f"about {_rough(first.objects)}"),
        ("memory", f"{_megabytes(first)} more in each worker"),
        ("also", ", ".join(rest)),
    ]
    return render(title, "TL210", facts, _HINTS[first.kind])


def _megabytes(heap: Heap) -> str:
    return f"about {_rough(heap.copied_bytes / _MEGABYTE)} MB"


def _rough(number: float) -> str:
    """Write two digits of a number, as no more is known."""
    return count(int(float(f"{number:.1e}")))


def _is_told(dataset: Any) -> bool:
    return _told.get(id(dataset)) is dataset or id(dataset) in _told_lists


def _note_told(dataset: Any) -> None:
    try:
        _told[id(dataset)] = dataset
    except TypeError:
        _told_lists.add(id(dataset))


_LIST_HINT = "hold `trueload.pack(...)` of it: it reads like a list, and the workers share it"
_DICT_HINT = (
    "hold its keys and its values as two lists made by `trueload.pack(...)`, which the workers "
    "share, and use one index for both"
)
_HINTS = {"list": _LIST_HINT, "tuple": _LIST_HINT, "dict": _DICT_HINT}
