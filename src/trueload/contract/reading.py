"""Read a batch: its leaves with their dtypes and shapes, and a signature that is quick to compare.

A batch may hold one item for each sample, as the lists of a collate function for detection do. What
is said of such a list is said of all its items: their path is `batch[1][*]["boxes"]`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import torch

from trueload.tree import ATOMS, children, dtype_name

ITEMS: Final = "[*]"
"""The step in a path that stands for all items of a list."""

_MOST_ITEMS: Final = 32
_MOST_LISTED: Final = 8
_MOST_DEPTH: Final = 16


class Fact(NamedTuple):
    """A leaf of a batch.

    Attributes:
        path: Where it is: `batch["image"]`.
        value: The leaf.
        dtype: Its dtype, `float32`; of what is no tensor, the name of its type.
        shape: Its shape, or `None` where it has none.
        row: The sample that it belongs to, if it is one item of a list of them.
    """

    path: str
    value: Any
    dtype: str
    shape: tuple[int, ...] | None
    row: int | None


def signature(value: Any) -> Any:  # noqa: PLR0911 - one a kind
    """Give what is equal for batches of one structure with the same dtypes and shapes."""
    kind = type(value)
    if kind is torch.Tensor:
        return value.dtype, value.shape
    if kind is list or kind is tuple:
        return (kind, len(value), *map(signature, value[:_MOST_ITEMS]))
    if kind is dict:
        return (*value, *map(signature, value.values()))
    if kind in ATOMS:
        return kind
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return value.dtype, value.shape
    if isinstance(value, Mapping):
        return (*value, *(signature(value[key]) for key in value))
    return (kind, *map(signature, value)) if isinstance(value, (list, tuple)) else kind


def read(batch: Any, is_listed: Callable[[str, Any], bool]) -> list[Fact]:
    """Give the leaves of a batch; `None` is no leaf.

    Args:
        batch: The batch.
        is_listed: Says of a path and the sequence there whether it has one item for each sample.
            Of such a list, a few items are looked at.
    """
    return list(_facts(batch, "batch", None, is_listed, _MOST_DEPTH))


def _facts(
    value: Any, path: str, row: int | None, is_listed: Callable[[str, Any], bool], depth: int
) -> Iterator[Fact]:
    if isinstance(value, (torch.Tensor, np.ndarray)):
        dtype = dtype_name(value.dtype)
        yield Fact(path, value, dtype, tuple(value.shape), row)
    elif not isinstance(value, (Mapping, list, tuple)):
        if value is not None:
            yield Fact(path, value, type(value).__name__, None, row)
    elif depth:
        if isinstance(value, (list, tuple)) and is_listed(path, value):
            for number in chosen(len(value)):
                at = number if row is None else row
                yield from _facts(value[number], path + ITEMS, at, is_listed, depth - 1)
            return
        for step, child in children(value):
            yield from _facts(child, path + step, row, is_listed, depth - 1)


def chosen(length: int) -> list[int]:
    """Choose a few items all over a list."""
    if length <= _MOST_LISTED:
        return list(range(length))
    return [place * length // _MOST_LISTED for place in range(_MOST_LISTED)]


def seems_listed(value: Any, size: int | None, *, outermost: bool) -> bool:
    """Say whether a sequence seems to have one item for each sample.

    Args:
        value: The sequence.
        size: How many samples the batch has; `None` where it is no batch.
        outermost: Whether it is the batch itself.
    """
    if size is None or len(value) != size or hasattr(value, "_fields"):
        return False
    kinds = {type(item) for item in value}
    if len(kinds) > 1:
        return False
    first = value[0]
    if isinstance(first, (torch.Tensor, np.ndarray)):  # columns, or items
        return not all(item.ndim and len(item) == size for item in value)
    return not (outermost and isinstance(first, (list, tuple)) and size <= _FEW)


_FEW: Final = 3
"""A batch of so many samples cannot be told from as many columns, if both are sequences."""
