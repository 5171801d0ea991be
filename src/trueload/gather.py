"""Take a whole batch out of plain arrays in one call, where `dataset[index]` would do just that.

A `TensorDataset`, a tensor, an array, and a `Subset` of one of these hold their samples as rows.
Collating `dataset[i]` for each index then is the same as gathering the rows, at a hundredth of the
cost. Only exact types are recognized: a subclass may have a `__getitem__` of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Subset, TensorDataset

from trueload.collate import COPYABLE, LARGE_BYTES, Empty, fresh

Gather = Callable[[np.ndarray, Empty], Any]
"""Makes the batch of these int64 indices; raises IndexError for what only the dataset can say."""

_NUMERIC = frozenset("biufc")


def gather_of(dataset: Any) -> Gather | None:
    """Give the way to gather batches from this dataset, or `None` where it needs its own code."""
    kind = type(dataset)
    if kind is TensorDataset:
        return _gather_tensors(dataset.tensors) if all(map(_plain, dataset.tensors)) else None
    if kind is torch.Tensor:
        return _gather_rows(dataset) if _plain(dataset) and dataset.dim() > 0 else None
    if kind is np.ndarray:
        return _gather_array(dataset)
    if kind is Subset:
        return _gather_subset(dataset)
    return None


def _plain(tensor: Any) -> bool:
    return (
        type(tensor) is torch.Tensor
        and tensor.layout is torch.strided
        and not (tensor.is_nested or tensor.is_quantized)
        and not tensor.requires_grad
        and tensor.device.type == "cpu"
        and not (tensor.is_conj() or tensor.is_neg())
    )


def _gather_tensors(tensors: Sequence[torch.Tensor]) -> Gather:
    def gather(indices: np.ndarray, empty: Empty) -> list[torch.Tensor]:
        return [_rows(tensor, indices, empty) for tensor in tensors]

    return gather


def _gather_rows(tensor: torch.Tensor) -> Gather:
    def gather(indices: np.ndarray, empty: Empty) -> torch.Tensor:
        return _rows(tensor, indices, empty)

    return gather


def _gather_array(array: np.ndarray) -> Gather | None:
    dtype = _dtype_of(array) if array.ndim > 0 else None
    if dtype is None or torch.get_default_device().type != "cpu":
        return None

    def gather(indices: np.ndarray, empty: Empty) -> torch.Tensor:
        check_bounds(indices, len(array))
        batch = _memory(len(indices), array.shape[1:], dtype, empty)
        _take(array, indices, batch.numpy())
        return batch

    return gather


def _dtype_of(array: np.ndarray) -> torch.dtype | None:
    """Give the dtype that collating rows of an array gives, or `None` where torch refuses it."""
    if array.dtype.kind not in _NUMERIC or not array.dtype.isnative:
        return None
    one = np.zeros(1, array.dtype)
    try:
        dtype = torch.from_numpy(one).dtype
        if array.ndim == 1 and torch.as_tensor(list(one)).dtype != dtype:
            return None
    except (TypeError, ValueError, OverflowError):
        return None
    return dtype


def _gather_subset(subset: Any) -> Gather | None:
    inner = gather_of(subset.dataset)
    if inner is None:
        return None
    try:
        chosen = np.asarray(subset.indices)
    except (TypeError, ValueError):
        return None
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
        return None
    chosen = chosen.astype(np.int64)

    def gather(indices: np.ndarray, empty: Empty) -> Any:
        check_bounds(indices, len(chosen))
        return inner(chosen[indices], empty)

    return gather


def _rows(tensor: torch.Tensor, indices: np.ndarray, empty: Empty) -> torch.Tensor:
    check_bounds(indices, len(tensor))
    batch = _memory(len(indices), tuple(tensor.shape[1:]), tensor.dtype, empty)
    if tensor.dtype not in COPYABLE:
        return torch.index_select(tensor, 0, torch.from_numpy(indices), out=batch)
    _take(tensor.numpy(), indices, batch.numpy())
    return batch


def _take(array: np.ndarray, indices: np.ndarray, out: np.ndarray) -> None:
    """Copy rows on this one thread; `np.take` would first copy all of an array with gaps."""
    if array.flags.c_contiguous:
        np.take(array, indices, axis=0, out=out, mode="clip")
    else:
        out[...] = array[indices]


def _memory(size: int, shape: tuple[int, ...], dtype: torch.dtype, empty: Empty) -> torch.Tensor:
    full = (size, *shape)
    make = empty if int(np.prod(full)) * dtype.itemsize >= LARGE_BYTES else fresh
    return make(full, dtype)


def check_bounds(indices: np.ndarray, length: int) -> None:
    """Refuse indices that `dataset[index]` would read from the end, or not at all.

    Raises:
        IndexError: An index is negative or too large; the dataset itself then decides.
    """
    if len(indices) and (int(indices.min()) < 0 or int(indices.max()) >= length):
        message = f"an index lies outside 0..{length - 1}"
        raise IndexError(message)
