"""Who owns the memory of a sample or a batch: whoever gets it, or somebody else too.

A tensor that a dataset keeps, a view of it, an array that a cache will give again, a buffer that
the next sample will be written to: who changes such a leaf in place changes what is not his. So a
leaf is copied, but only if somebody else can see its memory. CPython counts who refers to an
object, and torch who refers to a storage. A leaf that only its batch refers to, with memory that
only the leaf refers to, is the batch's own and is left alone; so are containers.

Where memory comes from elsewhere, as with `torch.from_numpy`, nobody can tell who else sees it, and
the leaf is copied. How many references there are to what nobody else refers to depends on the
version of Python; it is measured when this module is imported.

Source: Py_REFCNT in CPython's documentation; `c10::StorageImpl` for the count of a storage.
"""

from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from dataclasses import is_dataclass
from sys import getrefcount
from typing import Any, Literal

import numpy as np
import torch

from trueload.tree import ATOMS

Copying = Literal["auto", "always", "never", "rollback"]
COPYING: tuple[Copying, ...] = ("auto", "always", "never", "rollback")

_MOST_DEPTH = 32
_storage_count: Callable[[int], int] = torch._C._storage_Use_Count  # noqa: SLF001 # pyrefly: ignore


def owned(box: list[Any], copying: Copying = "auto") -> Any:
    """Give what is in the box, with a copy in the place of each leaf that others can see.

    Args:
        box: One sample or batch. Nothing else may refer to it, not even a variable of the caller.
        copying: `"auto"` copies what others can see, `"always"` every leaf, `"never"` none;
            `"rollback"` copies as `"auto"`, and does more elsewhere.

    Returns:
        The same object where nothing had to be copied. Otherwise its containers are made anew,
        where they are lists, tuples, named tuples, mappings, data classes or plain objects.
    """
    if copying == "never":
        return box[0]
    return _Look(all_leaves=copying == "always").children(box, shared=False)[0]


class _Look:
    """One walk through one value.

    Args:
        all_leaves: Whether leaves are copied that nobody else can see.
    """

    __slots__ = ("_all_leaves", "_copies", "_depth")

    def __init__(self, *, all_leaves: bool) -> None:
        self._all_leaves = all_leaves
        self._copies: dict[int, tuple[Any, Any]] = {}
        self._depth = 0

    def children(self, container: Any, *, shared: bool) -> list[Any]:
        """Give the items of a sequence, own ones."""
        items: list[Any] = []
        add = items.append
        for item in container:
            kind = type(item)
            if kind in ATOMS:
                add(item)
            elif kind is torch.Tensor:
                seen = shared or getrefcount(item) > _ALONE
                add(self._copied(item) if seen or self._all_leaves or _is_seen(item) else item)
            elif kind is np.ndarray:
                seen = shared or getrefcount(item) > _ALONE
                add(self._copied(item) if seen or self._all_leaves or _is_exposed(item) else item)
            else:
                seen = shared or getrefcount(item) > _ALONE
                add(self._other(item, shared=seen))
        return items

    def _copied(self, leaf: Any) -> Any:
        """Copy a leaf once, however often it comes."""
        if isinstance(leaf, torch.Tensor) and leaf.grad_fn is not None:
            return leaf  # a copy would be another node of its graph
        known = self._copies.get(id(leaf))
        if known is None:
            known = self._copies[id(leaf)] = leaf, _tried_copy(leaf)
        return known[1]

    def _other(self, value: Any, *, shared: bool) -> Any:
        """Give a container or a leaf of a rarer kind, own one."""
        if isinstance(value, torch.Tensor):
            seen = shared or self._all_leaves or _is_seen(value)
            return self._copied(value) if seen else value
        if isinstance(value, np.ndarray):
            seen = shared or self._all_leaves or _is_exposed(value)
            return self._copied(value) if seen else value
        if self._depth == _MOST_DEPTH:
            return value
        self._depth += 1
        try:
            return self._container(value, shared=shared)
        finally:
            self._depth -= 1

    def _container(self, value: Any, *, shared: bool) -> Any:
        if isinstance(value, list | tuple):
            items = self.children(value, shared=shared)
            changeable = isinstance(value, list)
            return (
                _sequence(value, items) if changeable & shared or _differ(value, items) else value
            )
        if isinstance(value, Mapping):
            items = self.children(value.values(), shared=shared)
            same = not shared and not _differ(value.values(), items)
            return value if same else _mapping(value, items)
        if _is_plain_object(value):
            held = vars(value)
            items = self.children(held.values(), shared=shared)
            if shared or _differ(held.values(), items):
                return _object(value, dict(zip(held, items, strict=True)))
        return value


def _is_seen(tensor: torch.Tensor) -> bool:
    """Say whether somebody else may see the memory of a tensor, or it cannot be written to."""
    if tensor.layout is not torch.strided or tensor.requires_grad or tensor.is_nested:
        return False
    storage, known = tensor.untyped_storage(), _ALONE_STORAGE
    if tensor._is_view():  # noqa: SLF001
        base = tensor._base  # noqa: SLF001 - what torch keeps of the tensor that it is a view of
        if getrefcount(base) > _ALONE_BASE:
            return True
        known += 1
    if _storage_count(storage._cdata) > known:  # noqa: SLF001
        return True
    external = tensor.is_cpu and not storage.resizable()
    return external or (0 in tensor.stride() and tensor.numel() > 1)


def _is_exposed(array: np.ndarray) -> bool:
    """Say the same of an array."""
    if not array.flags.writeable or 0 in array.strides:
        return True
    if array.flags.owndata:
        return False
    base = array.base
    own = type(base) is np.ndarray and base.flags.owndata
    return not own or getrefcount(base) > _ALONE_BASE


def _tried_copy(leaf: Any) -> Any:
    """Copy a leaf, or give it as it is if its class refuses."""
    try:
        return _copy_of(leaf)
    except Exception:
        return leaf


def _copy_of(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray):
        return np.array(leaf, order="K") if type(leaf) is np.memmap else leaf.copy(order="K")
    if isinstance(leaf, torch.nn.Parameter):
        return deepcopy(leaf)
    repeats = leaf.layout is torch.strided and 0 in leaf.stride()
    copy = leaf.clone(memory_format=torch.contiguous_format) if repeats else leaf.clone()
    return copy.detach().requires_grad_(leaf.requires_grad) if leaf.is_leaf else copy


def _differ(values: Any, items: list[Any]) -> bool:
    return any(value is not item for value, item in zip(values, items, strict=True))


def _sequence(value: Any, items: list[Any]) -> Any:
    """Give a list or tuple like another one, with these items."""
    kind = type(value)
    if kind is list:
        return items
    if kind is tuple:
        return tuple(items)
    if isinstance(value, tuple):
        return tuple.__new__(kind, items)
    made = copy(value)
    made[:] = items
    return made


def _mapping(value: Any, items: list[Any]) -> Any:
    made = dict(zip(value, items, strict=True))
    if type(value) is dict:
        return made
    try:
        other = copy(value)
        for key, item in made.items():
            other[key] = item
    except TypeError:
        return value
    return other


def _object(value: Any, held: dict[str, Any]) -> Any:
    made = object.__new__(type(value))
    vars(made).update(held)
    return made


def _is_plain_object(value: Any) -> bool:
    """Say whether an object is what its attributes are, and nothing else."""
    kind = type(value)
    if kind.__module__ == "builtins" or not hasattr(value, "__dict__") or isinstance(value, type):
        return False
    odd = any(hasattr(base, "__slots__") for base in kind.__mro__ if base is not object)
    special = any(hasattr(kind, name) for name in ("__copy__", "__deepcopy__", "__setstate__"))
    plain = kind.__reduce_ex__ is object.__reduce_ex__ and kind.__new__ is object.__new__
    return (is_dataclass(kind) or plain) and not odd and not special


def _measured() -> tuple[int, int, int]:
    """Count the references to what nobody else refers to, as they are counted above."""
    counts = [getrefcount(item) for item in [torch.empty(1)]]
    storages: list[int] = []
    for tensor in [torch.empty(1)]:
        storage = tensor.untyped_storage()
        storages.append(_storage_count(storage._cdata))  # noqa: SLF001
    bases: list[int] = []
    for array in [np.empty((1, 2)).T]:
        base = array.base
        bases.append(getrefcount(base))
    return counts[0], storages[0], bases[0]


_ALONE, _ALONE_STORAGE, _ALONE_BASE = _measured()
