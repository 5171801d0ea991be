"""What a dataset holds beside its large arrays: lists, dictionaries, objects and small arrays.

A dataset may hold millions of objects, and only some of them belong to the samples of one batch. So
what is looked at is what lies near the dataset itself, and of long containers what is found under
the indices of the batch, and under what these are the names of: `self.targets[37]`, but also
`self.boxes[self.names[37]]`. What is found is kept: of each container what it refers to, of each
array its bytes. So it can be compared later, and put back.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch.utils.data import ConcatDataset, Subset

from trueload.guard import Guard
from trueload.reach import parts_of
from trueload.tasks import Task, listed
from trueload.tree import ATOMS, OPAQUE, dtype_name
from trueload.watching.arrays import over_tensor
from trueload.watching.pieces import DICTS, MOST_WHOLE, Piece

_MOST_PIECES = 2000
_MOST_STEPS = 8
_SHORT = 64
_MOST_KEYS = 64
_SMALL_BYTES = 1 << 16
_MOST_BYTES = 8 << 20
_DATA = (np.ndarray, torch.Tensor)
_NAMES = {int, str, tuple, bytes}
Keys = tuple[Any, ...]


class Contents:
    """What a dataset holds now.

    Args:
        dataset: The dataset.
        indices: The samples that are of interest.
        guard: What is not looked at.
        watched: Where arrays begin that are looked after otherwise.
    """

    def __init__(
        self, dataset: Any, indices: Iterable[Any], guard: Guard, watched: Iterable[int] = ()
    ) -> None:
        walk = _Walk(guard, frozenset(watched))
        known = [index for index in indices if type(index) in _NAMES]
        walk.go(_Step("dataset", dataset, tuple(known[:_MOST_KEYS]), of_sample=False))
        self.pieces = walk.pieces
        self._alive = walk.alive

    def changed(self) -> list[Piece]:
        """Give what holds something else now."""
        return [piece for piece in self.pieces if piece.has_changed()]

    def put_back(self) -> None:
        """Let everything hold what it held."""
        for piece in self.pieces:
            if piece.has_changed():
                piece.put_back()


def contents_near(
    dataset: Any, tasks: Iterable[Task], guard: Guard, watched: Iterable[int] = ()
) -> Contents:
    """Give what a dataset holds near the samples of some batches, the first of them first."""
    indices: list[Any] = []
    for task in tasks:
        known = listed(task.indices)
        indices += known if isinstance(known, list) else [known]
    plain = (one.item() if isinstance(one, np.generic) else one for one in indices)
    return Contents(dataset, plain, guard, watched)


@dataclass(slots=True)
class _Step:
    """A thing on the way through what a dataset holds."""

    path: str
    thing: Any
    keys: Keys
    of_sample: bool

    def to(self, step: str, thing: Any, *, of_sample: bool = False) -> "_Step":
        """Go on to a part; what a sample holds has no indices within."""
        keys = () if of_sample else self.keys
        return _Step(self.path + step, thing, keys, self.of_sample or of_sample)


@dataclass(slots=True)
class _Walk:
    """One walk through what a dataset holds."""

    guard: Guard
    watched: frozenset[int]
    pieces: list[Piece] = field(default_factory=list)
    alive: list[Any] = field(default_factory=list)
    room: int = _MOST_BYTES
    _seen: set[int] = field(default_factory=set)
    _names: dict[Keys, Keys] = field(default_factory=dict)

    def go(self, first: _Step) -> None:
        """Walk, nearest first; sequences before dictionaries, since they may hold their keys."""
        line = [first]
        for _ in range(_MOST_STEPS):
            following: list[_Step] = []
            line.sort(key=_is_dictionary)
            for step in line:
                if len(self.pieces) >= _MOST_PIECES:
                    return
                if self._is_new(step):
                    following += self._through(step)
            line = following

    def _is_new(self, step: _Step) -> bool:
        thing = step.thing
        if type(thing) in ATOMS or isinstance(thing, OPAQUE) or id(thing) in self._seen:
            return False
        self._seen.add(id(thing))
        self.alive.append(thing)
        return not (self.guard.ignore and self.guard.leaves_alone(step.path))

    def _through(self, step: _Step) -> Iterable[_Step]:
        """Keep what a thing holds, and give what to look at next."""
        thing, kind = step.thing, type(step.thing)
        if isinstance(thing, _DATA):
            return self._array(step)
        if kind in DICTS:
            return self._dictionary(step)
        way = _WAYS.get(kind)
        if way is not None:
            return way(self, step)
        if hasattr(thing, "__dict__") and not _is_of_python(kind):
            self._keep(step, dict(vars(thing)))
            return [step.to(name, part) for name, part in parts_of(thing)]
        return ()

    def _keep(self, step: _Step, held: Any, rows: list[Any] | None = None) -> None:
        self.pieces.append(Piece(step.path, step.thing, step.of_sample, held, rows))

    def _array(self, step: _Step) -> Iterable[_Step]:
        array = step.thing
        if isinstance(array, torch.Tensor):
            array = over_tensor(array)
        if array is None or not array.size:
            return ()
        if array.dtype.hasobject:
            return self.sequence(step) if array.ndim == 1 and array.dtype.kind == "O" else ()
        place = array.__array_interface__["data"][0]
        if place in self.watched or not array.flags.writeable:
            return ()
        if array.nbytes <= _SMALL_BYTES:
            self._keep_array(step, array, None)
        else:
            rows = [key for key in step.keys if _is_place(key, len(array))]
            if rows:
                self._keep_array(step, array, rows)
        return ()

    def _keep_array(self, step: _Step, array: np.ndarray, rows: list[int] | None) -> None:
        size_bytes = array.nbytes if rows is None else array.nbytes // len(array) * len(rows)
        if size_bytes <= self.room:
            self.room -= size_bytes
            held = (array if rows is None else array[rows]).tobytes()
            dtype = dtype_name(step.thing.dtype)
            self.pieces.append(Piece(step.path, array, step.of_sample, held, rows, dtype))

    def sequence(self, step: _Step) -> Iterable[_Step]:
        """Keep a list, a tuple or an array of objects."""
        thing = step.thing
        places = [key for key in self._keys(step) if _is_place(key, len(thing))]
        if type(thing) is not tuple:
            self._keep_members(step, list, places)
        names = [thing[place] for place in places]
        names = [name for name in names if type(name) in _NAMES]
        if names:
            self._names[step.keys] = (*self._keys(step), *names)
        return self._members(step, range(len(thing)), places)

    def _dictionary(self, step: _Step) -> Iterable[_Step]:
        thing = step.thing
        places = [key for key in self._keys(step) if _is_key(key, thing)]
        self._keep_members(step, dict, places)
        return self._members(step, list(thing) if len(thing) <= _SHORT else [], places)

    def _keep_members(self, step: _Step, kind: type, places: list[Any]) -> None:
        thing = step.thing
        if len(thing) <= MOST_WHOLE:
            self._keep(step, kind(thing))
        elif places:
            self._keep(step, {place: thing[place] for place in places}, places)

    def _members(self, step: _Step, known: Any, places: list[Any]) -> Iterator[_Step]:
        thing, chosen = step.thing, set(places)
        for place in places:  # first, as the same object may be found elsewhere too
            if type(thing[place]) not in ATOMS:
                yield step.to(f"[{place!r}]", thing[place], of_sample=True)
        for place in known if len(known) <= _SHORT else ():
            if type(thing[place]) not in ATOMS and place not in chosen:
                yield step.to(f"[{place!r}]", thing[place])

    def _keys(self, step: _Step) -> Keys:
        return self._names.get(step.keys, step.keys)

    def flat(self, step: _Step) -> Iterable[_Step]:
        """Keep what holds nothing that could be changed."""
        if len(step.thing) <= MOST_WHOLE:
            self._keep(step, type(step.thing)(step.thing))
        return ()

    def subset(self, step: _Step) -> Iterable[_Step]:
        """Go on to what a subset is of, where the samples have other indices."""
        subset = step.thing
        self._keep(step, dict(vars(subset)))
        inner = [subset.indices[key] for key in step.keys if _is_place(key, len(subset))]
        keys = tuple(int(one) for one in inner)
        yield _Step(f"{step.path}.dataset", subset.dataset, keys, step.of_sample)

    def concatenated(self, step: _Step) -> Iterable[_Step]:
        """Go on to what was put together."""
        whole = step.thing
        self._keep(step, dict(vars(whole)))
        for number, part in enumerate(whole.datasets[:_SHORT]):
            first = whole.cumulative_sizes[number - 1] if number else 0
            last = whole.cumulative_sizes[number]
            inside = (key for key in step.keys if _is_place(key, last))
            keys = tuple(key - first for key in inside if key >= first)
            yield _Step(f"{step.path}.datasets[{number}]", part, keys, step.of_sample)


def _is_dictionary(step: _Step) -> bool:
    return type(step.thing) in DICTS


_WAYS: dict[type, Callable[[_Walk, _Step], Iterable[_Step]]] = {
    list: _Walk.sequence,
    tuple: _Walk.sequence,
    set: _Walk.flat,
    bytearray: _Walk.flat,
    Subset: _Walk.subset,
    ConcatDataset: _Walk.concatenated,
}


def _is_place(key: Any, length: int) -> bool:
    return type(key) is int and 0 <= key < length


def _is_key(key: Any, mapping: Any) -> bool:
    try:
        return key in mapping
    except TypeError:
        return False


def _is_of_python(kind: type) -> bool:
    """Say whether a class is one of Python's own, whose objects may be anything but data."""
    if kind is SimpleNamespace:
        return False
    return (kind.__module__ or "").partition(".")[0] in sys.stdlib_module_names
