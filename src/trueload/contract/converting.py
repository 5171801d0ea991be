"""Make a batch what its contract says, where that loses nothing but precision, and say so."""

import logging
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from copy import copy
from typing import Any, Final

import numpy as np
import torch

from trueload.contract.leaf import LeafContract, shown
from trueload.contract.pictures import FIRST, layout_of
from trueload.contract.reading import ITEMS
from trueload.errors import render
from trueload.tree import children, dtype_name

logger = logging.getLogger("trueload")

_HINT: Final = "convert in the dataset or its transform, and the batch takes less memory and time"

_TRUTH, _INTEGER, _FLOATING, _COMPLEX = range(4)
_said: set[tuple[str, str]] = set()


def convert(batch: Any, leaves: Mapping[str, LeafContract], lists: AbstractSet[str]) -> Any:
    """Give a batch with other dtypes and orders of axes where the contract asks for them.

    Args:
        batch: The batch. It is not changed.
        leaves: What the contract says, by path.
        lists: The paths of lists that have one item for each sample.
    """
    return _converted(batch, "batch", leaves, lists)


def _converted(
    value: Any, path: str, leaves: Mapping[str, LeafContract], lists: AbstractSet[str]
) -> Any:
    if isinstance(value, (torch.Tensor, np.ndarray)):
        leaf = leaves.get(path)
        return value if leaf is None else _leaf(value, path, leaf)
    listed = path in lists and isinstance(value, (list, tuple))
    parts = list(children(value))
    made = [
        _converted(child, path + (ITEMS if listed else step), leaves, lists)
        for step, child in parts
    ]
    if all(new is old for new, (_, old) in zip(made, parts, strict=True)):
        return value
    return _rebuilt(value, made)


def _rebuilt(value: Any, made: list[Any]) -> Any:
    """Give a container like another one, with other things in it."""
    if isinstance(value, Mapping):
        items = dict(zip(value, made, strict=True))
        if type(value) is dict:
            return items
        new: Any = copy(value)
        new.update(items)
        return new
    return value._make(made) if hasattr(value, "_make") else type(value)(made)


def _leaf(value: Any, path: str, leaf: LeafContract) -> Any:
    shape = tuple(value.shape)
    if _is_turned(shape, leaf):
        axes = (0, 3, 1, 2) if leaf.layout == FIRST else (0, 2, 3, 1)
        value = value.permute(axes) if isinstance(value, torch.Tensor) else value.transpose(axes)
        _say(path, f"{shown(shape)} to {shown(tuple(value.shape))}")
    dtype = dtype_name(value.dtype)
    if leaf.dtype in {None, dtype} or not _is_cast(value, dtype, str(leaf.dtype)):
        return value
    _say(path, f"{dtype} to {leaf.dtype}")
    if isinstance(value, torch.Tensor):
        return value.to(getattr(torch, str(leaf.dtype)))
    return value.astype(leaf.dtype)


def _is_turned(shape: tuple[int, ...], leaf: LeafContract) -> bool:
    """Say whether a batch of pictures has its channel at the other end."""
    wanted = leaf.shape
    if wanted is None or leaf.layout is None or layout_of(shape[1:]) in {None, leaf.layout}:
        return False
    first = leaf.layout == FIRST
    turned = (shape[3], *shape[1:3]) if first else (*shape[2:], shape[1])
    pairs = zip(turned, wanted[1:], strict=True)
    return all(axis is None or isinstance(axis, str) or axis == size for size, axis in pairs)


def _is_cast(value: Any, dtype: str, wanted: str) -> bool:
    """Say whether values may be cast: no fraction is cut off, and none is beyond the new dtype."""
    one, other = _kind(dtype), _kind(wanted)
    if one is None or other is None or one > other:
        return False
    if other not in {_INTEGER, _FLOATING} or not value.shape or 0 in value.shape:
        return True
    new = getattr(torch, wanted)
    limits: Any = torch.iinfo(new) if other == _INTEGER else torch.finfo(new)
    least, most = (float(value.min()), float(value.max())) if one else (0, 1)
    beyond = least < limits.min or most > limits.max
    return not beyond or (other == _FLOATING and not math.isfinite(least + most))


def _kind(dtype: str) -> int | None:
    """Say in which order kinds of numbers can be cast; `None` for what torch does not know."""
    known = getattr(torch, dtype, None)
    if not isinstance(known, torch.dtype):
        return None
    if known.is_complex:
        return _COMPLEX
    if known.is_floating_point:
        return _FLOATING
    return _TRUTH if known is torch.bool else _INTEGER


def _say(path: str, change: str) -> None:
    if (path, change) not in _said:
        _said.add((path, change))
        logger.warning(render(f"`{path}` is converted from {change}", "TL431", hint=_HINT))
