"""What has changed in an object since it was looked at, and how to make the same change in a copy.

Workers that outlive an epoch hold a copy of the dataset. `dataset.set_epoch(3)` in the training
process reaches them only if somebody notices what it changed. So the attributes of the dataset, and
of what it holds, are looked at when an epoch begins: numbers, strings and small arrays by their
value, everything else by its identity and by what is within.

What this cannot see is a change within a large array or container that stays the same object.
"""

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import torch

from trueload.tree import OPAQUE

Path = tuple[tuple[str, Any], ...]
"""Steps from the root: `("attribute", name)` and `("item", key)`."""

_MOST_STEPS = 12
_MOST_OBJECTS = 20_000
_MOST_ITEMS = 1000
_SMALL_BYTES = 1 << 16
MOST_BYTES = 1 << 20
"""What changes may weigh to travel with every batch that is asked for."""

_ATOMS = (int, float, complex, str, bytes, type(None), np.generic, Enum)


class _Gone:
    """Stands for what is not there any more."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes on their way to copies.

    Attributes:
        number: How many times something had changed; later changes contain all earlier ones.
        packed: The changes, pickled.
    """

    number: int
    packed: bytes

    def apply(self, root: Any) -> None:
        """Make the changes in a copy of the object."""
        for path, value in pickle.loads(self.packed):  # noqa: S301 - from our own process
            _put(_at(root, path[:-1]), path[-1], value)


class Watched:
    """An object whose changes are noticed.

    Args:
        root: The object, as its copies have it now.
    """

    def __init__(self, root: Any) -> None:
        self._root = root
        self._look = look(root)
        self._changed: dict[Path, None] = {}
        self._number = 0

    def changes(self) -> Changes | None:
        """Give all changes since the beginning, or `None` if there are none.

        Raises:
            Exception: A new value cannot be pickled.
            OverflowError: Together they are longer than `MOST_BYTES`.
        """
        now = look(self._root)
        fresh = differing(self._look, now)
        self._look = now
        self._number += bool(fresh)
        self._changed |= dict.fromkeys(fresh)
        if not self._changed:
            return None
        values = [(path, _at(self._root, path)) for path in sorted(self._changed, key=len)]
        packed = pickle.dumps(values)
        if len(packed) > MOST_BYTES:
            message = f"the changes have {len(packed)} bytes, {MOST_BYTES} may travel"
            raise OverflowError(message)
        return Changes(self._number, packed)


def watched(root: Any) -> Watched | None:
    """Watch an object, unless something in it does not bear to be looked at."""
    try:
        return Watched(root)
    except Exception:
        return None


@dataclass(slots=True)
class Look:
    """What an object looked like.

    Attributes:
        seen: What was at each path.
        kept: All of it, kept alive so that nothing else can take over an identity.
    """

    seen: dict[Path, Any] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)


def look(root: Any) -> Look:
    """Look at an object, at what it holds, and so on."""
    found = Look()
    visited: set[int] = set()
    line: list[tuple[Path, Any]] = [((), root)]
    while line and len(found.seen) < _MOST_OBJECTS:
        path, thing = line.pop()
        token = _token(thing)
        found.seen[path] = token
        found.kept.append(thing)
        if token[0] is not _Identity and id(thing) not in visited and len(path) < _MOST_STEPS:
            visited.add(id(thing))
            line += (((*path, step), child) for step, child in _children(thing))
    return found


def differing(before: Look, now: Look) -> list[Path]:
    """Give the paths at which something is new, other or gone; not those within such ones."""
    paths = [path for path, token in now.seen.items() if before.seen.get(path) != token]
    paths += before.seen.keys() - now.seen.keys()
    chosen: dict[Path, None] = {}
    for path in sorted(paths, key=len):
        if not any(path[:length] in chosen for length in range(len(path))):
            chosen[path] = None
    return list(chosen)


class _Identity:
    """Marks what is known by its identity only."""


def _token(thing: Any) -> tuple[Any, ...]:
    """Give what is equal for equal things, leaving out the children that are looked at apart."""
    kind = type(thing)
    if isinstance(thing, _ATOMS):
        return kind, repr(thing)
    if kind in {tuple, set, frozenset} and len(thing) <= _MOST_ITEMS:
        return _token_of_fixed(thing)
    if kind in {list, dict} and len(thing) <= _MOST_ITEMS:
        return kind, id(thing), tuple(map(_key, thing)) if kind is dict else len(thing)
    if isinstance(thing, (np.ndarray, torch.Tensor)):
        return _token_of_array(thing)
    if hasattr(thing, "__dict__") and not isinstance(thing, OPAQUE):
        return kind, id(thing)
    return _Identity, id(thing)


def _token_of_fixed(thing: Iterable[Any]) -> tuple[Any, ...]:
    if not all(isinstance(child, (*_ATOMS, tuple, frozenset)) for child in thing):
        return _Identity, id(thing)
    tokens = map(_token, thing)
    return type(thing), (tuple if isinstance(thing, tuple) else frozenset)(tokens)


def _token_of_array(array: Any) -> tuple[Any, ...]:
    version = array._version if isinstance(array, torch.Tensor) and not array.is_inference() else 0  # noqa: SLF001
    alone = isinstance(array, np.ndarray) or (array.device.type == "cpu" and not array.is_shared())
    if not alone or array.nbytes > _SMALL_BYTES:
        return _Identity, id(array), version
    with torch.no_grad():
        return type(array), str(array.dtype), tuple(array.shape), pickle.dumps(array)


def _key(key: Any) -> Any:
    return key if isinstance(key, _ATOMS) else (_Identity, id(key))


def _children(thing: Any) -> Iterator[tuple[tuple[str, Any], Any]]:
    if type(thing) is list:
        yield from ((("item", place), child) for place, child in enumerate(thing))
    elif type(thing) is dict:
        yield from ((("item", key), thing[key]) for key in thing if isinstance(key, _ATOMS))
    elif not isinstance(thing, (*_ATOMS, tuple, set, frozenset, np.ndarray, torch.Tensor)):
        yield from ((("attribute", name), child) for name, child in vars(thing).items())


def _at(root: Any, path: Path) -> Any:
    for kind, key in path:
        holder = vars(root) if kind == "attribute" else root
        try:
            root = holder[key]
        except (KeyError, IndexError):
            return _Gone()
    return root


def _put(holder: Any, step: tuple[str, Any], value: Any) -> None:
    kind, key = step
    target = vars(holder) if kind == "attribute" else holder
    if isinstance(value, _Gone):
        target.pop(key, None)
    else:
        target[key] = value
