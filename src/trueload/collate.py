"""Make a batch of samples: torch's default collate, made independent of order and of workers.

The result is what `torch.utils.data.default_collate` gives, container for container, and types
registered in its `default_collate_fn_map` are honored, with these differences:

- The dtype follows all samples. Integers among floats give float64 whichever came first, and
  mixed tensors are promoted inside workers as outside (torch takes the first one's dtype there).
- The keys follow all samples: one that has other keys is an error, not a loss.
- Arrays are written straight into the batch, a tenth of the cost; large leaves go into memory
  that is reused (the `empty` argument), which saves a page fault for every 4 KB.

Why samples do not fit together is told by `explain`, after the fact: the fast way tracks nothing.
"""

from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from copy import copy
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from torch.utils.data._utils.collate import collate as torch_collate
from torch.utils.data._utils.collate import default_collate_fn_map

from trueload.errors import KeysDifferError

Empty = Callable[[tuple[int, ...], torch.dtype], torch.Tensor]
"""Gives an uninitialized contiguous CPU tensor of this shape and dtype, maybe in reused memory."""

LARGE_BYTES = 1 << 18
"""From this size on a fresh allocation costs more in page faults than the copy itself."""

LARGE_ROW_BYTES = 1 << 17
"""From this size on torch shares a row out over threads, which costs more than it saves."""

_dtype_of = attrgetter("dtype")
_ORIGINAL = dict(default_collate_fn_map)
_PLAIN_DIMENSIONS = 3


def fresh(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Give a CPU tensor in new memory."""
    return torch.empty(shape, dtype=dtype, device="cpu")


def collate(samples: Sequence[Any], empty: Empty = fresh) -> Any:  # noqa: PLR0911 - one a kind
    """Make one batch of a list of samples.

    Args:
        samples: What `dataset[index]` returned, at least one.
        empty: Where large leaves get their memory from.

    Returns:
        The samples' structure with a new first axis: tensors of shape (batch, ...). As in torch,
        tuples become lists, and strings stay lists of strings.

    Raises:
        RuntimeError: Shapes or lengths differ.
        TypeError: A leaf is neither tensor, array, number, string, mapping nor sequence.
        KeysDifferError: A mapping has other keys than the first one.
    """
    first = samples[0]
    kind = type(first)
    known = _LEAVES.get(kind)
    if known is not None and default_collate_fn_map.get(kind) is _ORIGINAL.get(kind):
        return known(samples, empty)
    if isinstance(first, np.number) and default_collate_fn_map.keys() == _ORIGINAL.keys():
        return _wide(torch.as_tensor(samples), samples)
    if kind in default_collate_fn_map or isinstance(first, tuple(default_collate_fn_map)):
        return torch_collate(samples, collate_fn_map=default_collate_fn_map)
    if isinstance(first, Mapping):
        return _mappings(samples, empty)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        _same_length(samples)
        return kind(*(collate(column, empty) for column in zip(*samples, strict=True)))
    if isinstance(first, Sequence):
        return _sequences(samples, empty)
    return torch_collate(samples, collate_fn_map=default_collate_fn_map)


def _mappings(samples: Sequence[Any], empty: Empty) -> Any:
    first = samples[0]
    if len(set(map(len, samples))) > 1:
        sizes = [len(sample) == len(first) for sample in samples]
        raise _keys_differ(samples, sizes.index(False))
    for row, sample in enumerate(samples):
        if type(sample) is not dict and _would_fill(sample, first):
            raise _keys_differ(samples, row)
    columns = {key: collate(_column(samples, key), empty) for key in first}
    if type(first) is dict:
        return columns
    try:
        if not isinstance(first, MutableMapping):
            return type(first)(columns)
        result = copy(first)
        result.update(columns)
    except TypeError:
        return columns
    return result


def _would_fill(sample: Any, keys: Any) -> bool:
    """Say whether a mapping lacks keys that it would make up when asked, as a `defaultdict`."""
    return hasattr(type(sample), "__missing__") and any(key not in sample for key in keys)


def _column(samples: Sequence[Any], key: Any) -> list[Any]:
    try:
        return [sample[key] for sample in samples]
    except KeyError:
        for row, sample in enumerate(samples):
            if key not in sample:
                raise _keys_differ(samples, row) from None
        raise


def _keys_differ(samples: Sequence[Any], row: int) -> KeysDifferError:
    missing = [key for key in samples[0] if key not in samples[row]]
    extra = [key for key in samples[row] if key not in samples[0]]
    words = [f"{len(missing)} missing: {missing!r}"] * bool(missing)
    words += [f"not in the others: {extra!r}"] * bool(extra)
    return KeysDifferError(f"the sample in row {row} has other keys ({', '.join(words)})")


def _sequences(samples: Sequence[Any], empty: Empty) -> Any:
    first = samples[0]
    _same_length(samples)
    columns = [collate(column, empty) for column in zip(*samples, strict=True)]
    if isinstance(first, tuple) or type(first) is list:
        return columns
    try:
        if not isinstance(first, MutableSequence):
            return type(first)(columns)  # pyrefly: ignore - torch rebuilds any sequence so
        result = copy(first)
        for place, column in enumerate(columns):
            result[place] = column
    except TypeError:
        return columns
    return result


def _same_length(samples: Sequence[Any]) -> None:
    if len(set(map(len, samples))) > 1:
        message = "each element in list of batch should be of equal size"
        raise RuntimeError(message)


def _tensors(samples: Sequence[Any], empty: Empty) -> torch.Tensor:
    first = samples[0]
    if first.is_nested or first.layout is not torch.strided:
        return torch_collate(samples, collate_fn_map=default_collate_fn_map)
    row_bytes = first.numel() * first.element_size()
    if row_bytes * len(samples) >= LARGE_BYTES and first.dtype in COPYABLE:
        into = _copied if row_bytes >= LARGE_ROW_BYTES else _stacked
        batch = into(samples, empty)
        if batch is not None:
            return batch
    try:
        return torch.stack(samples, 0)  # pyrefly: ignore - any sequence of tensors
    except TypeError:
        if not all(isinstance(sample, (torch.Tensor, np.ndarray)) for sample in samples):
            raise
        return torch.stack([torch.as_tensor(sample) for sample in samples], 0)


def _stacked(samples: Sequence[Any], empty: Empty) -> torch.Tensor | None:
    """Stack into memory that is given, or give nothing where torch then would stack otherwise."""
    first = samples[0]
    plain = first.device.type == "cpu" and set(map(type, samples)) == {torch.Tensor}
    flat = first.dim() <= _PLAIN_DIMENSIONS or first.is_contiguous()
    if not plain or not flat or len(set(map(_dtype_of, samples))) > 1:
        return None
    batch = empty((len(samples), *first.shape), first.dtype)
    try:
        return torch.stack(samples, 0, out=batch)  # pyrefly: ignore - any sequence of tensors
    except RuntimeError:
        return None


def _copied(samples: Sequence[Any], empty: Empty) -> torch.Tensor | None:
    """Copy row by row on this one thread, or give nothing where torch must stack."""
    if not _uniform(samples):
        return None
    first = samples[0]
    batch = empty((len(samples), *first.shape), first.dtype)
    target = batch.numpy()
    for row, tensor in enumerate(samples):
        target[row] = tensor.numpy()
    return batch


def _uniform(samples: Sequence[Any]) -> bool:
    """Say whether rows can be copied one by one and give what `torch.stack` would give."""
    first = samples[0]
    shape, dtype = first.shape, first.dtype
    return first.device.type == "cpu" and all(
        type(tensor) is torch.Tensor
        and tensor.shape == shape
        and tensor.dtype == dtype
        and tensor.device.type == "cpu"
        and not (tensor.requires_grad or tensor.is_conj() or tensor.is_neg())
        and (tensor.dim() <= _PLAIN_DIMENSIONS or tensor.is_contiguous())
        and tensor.layout is torch.strided
        for tensor in samples
    )


def _arrays(samples: Sequence[Any], empty: Empty) -> Any:
    first = samples[0]
    dtype = _DTYPES.get(first.dtype)
    shape = first.shape
    if dtype is not None and shape and first.dtype.isnative and not _is_redirected():
        make = empty if first.nbytes * len(samples) >= LARGE_BYTES else fresh
        batch = _joined(samples, make, dtype)
        if batch is not None:
            return batch
    if first.dtype.kind in "SaUO":
        return torch_collate(samples, collate_fn_map=default_collate_fn_map)
    return collate([torch.as_tensor(array) for array in samples], empty)


def _joined(samples: Sequence[Any], make: Empty, dtype: torch.dtype) -> torch.Tensor | None:
    """Write arrays of one shape and dtype into a batch, or give nothing where they are not that.

    NumPy finds most of it out as it copies: a look at the shape of each costs as much as that.
    """
    shape = samples[0].shape
    if set(map(type, samples)) != {np.ndarray}:
        return None
    try:
        if len(set(map(len, samples))) > 1:
            return None
        batch = make((len(samples), *shape), dtype)
        rows = batch.numpy().reshape(len(samples) * shape[0], *shape[1:])
        np.concatenate(samples, out=rows, casting="no")  # pyrefly: ignore - a sequence of arrays
    except (TypeError, ValueError):  # also of one without an axis, which has no length
        return None
    return batch


def collate_rows(samples: np.ndarray, empty: Empty = fresh) -> Any:
    """Make one batch of the samples that are the rows of one array: what `collate` makes of them.

    Args:
        samples: Any shape with at least one row.
        empty: Where a large batch gets its memory from.

    Raises:
        TypeError: Torch has no such dtype.
    """
    dtype = _DTYPES.get(samples.dtype)
    own = default_collate_fn_map.keys() == _ORIGINAL.keys()
    if dtype is None or not (own and samples.dtype.isnative) or _is_redirected():
        return torch_collate(samples, collate_fn_map=default_collate_fn_map)
    batch = (empty if samples.nbytes >= LARGE_BYTES else fresh)(samples.shape, dtype)
    batch.numpy()[...] = samples
    return batch


def _is_redirected() -> bool:
    """Say whether torch may put new tensors elsewhere, because of `torch.set_default_device`.

    `torch.get_default_device` takes 3 us, this 0.1 us.
    """
    return bool(torch._C._len_torch_function_stack())  # noqa: SLF001 - no public one is as cheap


def _floats(samples: Sequence[Any], _: Empty) -> torch.Tensor:
    return torch.tensor(samples, dtype=torch.float64)


def _integers(samples: Sequence[Any], _: Empty) -> torch.Tensor:
    return _wide(torch.tensor(samples), samples)


def _wide(batch: torch.Tensor, samples: Sequence[Any]) -> torch.Tensor:
    """Make float64 of numbers with a Python float among them, as where it comes first."""
    if batch.dtype.is_floating_point and any(type(sample) is float for sample in samples):
        return torch.tensor(samples, dtype=torch.float64)
    return batch


def _strings(samples: Sequence[Any], _: Empty) -> Any:
    return samples


def _torch_dtypes() -> dict[np.dtype[Any], torch.dtype]:
    names = "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 float32 float64"
    names += " complex64 complex128"
    empties = [np.empty(0, name) for name in names.split()]
    return {array.dtype: torch.from_numpy(array).dtype for array in empties}


_DTYPES = _torch_dtypes()
COPYABLE = frozenset(_DTYPES.values())
"""The dtypes that NumPy has too, so that it can copy their rows."""
_LEAVES: dict[type, Callable[[Sequence[Any], Empty], Any]] = {
    torch.Tensor: _tensors,
    np.ndarray: _arrays,
    float: _floats,
    int: _integers,
    bool: _integers,
    str: _strings,
    bytes: _strings,
}
