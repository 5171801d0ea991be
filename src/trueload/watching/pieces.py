"""One thing that can be changed: what it held, whether it still does, and how to put that back."""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from trueload.tree import ATOMS
from trueload.watching.arrays import writable

DICTS = frozenset({dict, OrderedDict, defaultdict, Counter})
MOST_WHOLE = 1000
"""A longer container is kept in part."""


@dataclass(slots=True)
class Piece:
    """Something that can be changed, and what it held.

    Attributes:
        path: What it is called: `dataset.targets[37]['boxes']`.
        thing: It.
        of_sample: Whether it was found under the indices that were asked for.
        held: What it held.
        rows: Of what is long, the places that were kept; `None` for all.
        dtype: Of an array or a tensor, its dtype.
    """

    path: str
    thing: Any
    of_sample: bool
    held: Any = None
    rows: list[Any] | None = None
    dtype: str = ""

    @property
    def is_array(self) -> bool:
        """Whether it is an array."""
        return isinstance(self.thing, np.ndarray)

    def has_changed(self) -> bool:
        """Say whether it holds something else now."""
        return not _way_of(self.thing).is_same(self)

    def put_back(self) -> None:
        """Let it hold what it held."""
        _way_of(self.thing).put_back(self)

    def changed_rows(self) -> list[int]:
        """Give the rows of an array that are not what they were."""
        if not self.thing.ndim:
            return []
        now = self.thing if self.rows is None else self.thing[self.rows]
        pairs = zip(now, _before(self), strict=True)
        same = [np.asarray(one).tobytes() == np.asarray(other).tobytes() for one, other in pairs]
        places = [place for place, is_same in enumerate(same) if not is_same]
        return places if self.rows is None else [self.rows[place] for place in places]


@dataclass(frozen=True, slots=True)
class _Way:
    """How a kind of thing is compared and put back."""

    is_same: Callable[[Piece], bool]
    put_back: Callable[[Piece], None]


def _before(piece: Piece) -> np.ndarray:
    """Give what was in an array, or in those of its rows that were kept."""
    now = piece.thing if piece.rows is None else piece.thing[piece.rows]
    return np.frombuffer(piece.held, now.dtype).reshape(now.shape)


def _is_alike(one: Any, other: Any) -> bool:
    """Say whether two things are one, or equal numbers or strings."""
    if one is other:
        return True
    kind = type(one)
    return kind in ATOMS and kind is type(other) and (one == other or one != one)  # noqa: PLR0124


def _is_same_array(piece: Piece) -> bool:
    now = piece.thing if piece.rows is None else piece.thing[piece.rows]
    return now.tobytes() == piece.held


def _put_array_back(piece: Piece) -> None:
    array = writable(piece.thing)
    array[... if piece.rows is None else piece.rows] = _before(piece)


def _is_same_list(piece: Piece) -> bool:
    held, now = piece.held, piece.thing
    if piece.rows is not None:
        return all(at < len(now) and _is_alike(now[at], held[at]) for at in held)
    return len(held) == len(now) and all(map(_is_alike, held, now))


def _put_list_back(piece: Piece) -> None:
    held, now = piece.held, piece.thing
    if piece.rows is None and len(held) != len(now):
        now[:] = held
        return
    for at in range(len(held)) if piece.rows is None else piece.rows:
        if at < len(now) and now[at] is not held[at]:
            now[at] = held[at]


def _is_same_mapping(piece: Piece) -> bool:
    held, now = piece.held, _mapping_of(piece.thing)
    whole = piece.rows is not None or len(held) == len(now)
    return whole and all(key in now and _is_alike(now[key], held[key]) for key in held)


def _put_mapping_back(piece: Piece) -> None:
    held, now = piece.held, _mapping_of(piece.thing)
    if piece.rows is None and list(now) != list(held):
        now.clear()
    for key, value in held.items():
        if key not in now or now[key] is not value:
            now[key] = value


def _mapping_of(thing: Any) -> Any:
    return thing if type(thing) in DICTS else vars(thing)


def _is_same_flat(piece: Piece) -> bool:
    return piece.thing == piece.held


def _put_flat_back(piece: Piece) -> None:
    if type(piece.thing) is set:
        piece.thing.clear()
        piece.thing.update(piece.held)
    else:
        piece.thing[:] = piece.held


_ARRAY = _Way(_is_same_array, _put_array_back)
_LIST = _Way(_is_same_list, _put_list_back)
_MAPPING = _Way(_is_same_mapping, _put_mapping_back)
_FLAT = _Way(_is_same_flat, _put_flat_back)
_WAYS = {list: _LIST, set: _FLAT, bytearray: _FLAT}


def _way_of(thing: Any) -> _Way:
    if isinstance(thing, np.ndarray):
        return _LIST if thing.dtype.hasobject else _ARRAY
    return _WAYS.get(type(thing), _MAPPING)
