"""The arrays and tensors that a dataset keeps: where they lie, and what they are called."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.lib.array_utils import byte_bounds

from trueload.reach import parts_of
from trueload.tree import OPAQUE, dtype_name

_PAGE = mmap.PAGESIZE
_MOST_ARRAYS = 1000
_MOST_THINGS = 5000
_MOST_STEPS = 8
_MOST_ITEMS = 64
_DATA = (np.ndarray, torch.Tensor)
_OPAQUE = (str, bytes, int, float, *OPAQUE)


@dataclass(frozen=True)
class Kept:
    """An array or a tensor that a dataset keeps.

    Attributes:
        path: What it is called: `dataset.images`.
        array: Its memory as an array, rows first.
        address: Where its memory begins.
        size_bytes: How long that is.
        dtype: Its dtype, as the dataset has it.
    """

    path: str
    array: np.ndarray
    address: int
    size_bytes: int
    dtype: str

    @property
    def is_mapped(self) -> bool:
        """Whether it lies in a file that is mapped, as a `numpy.memmap` does."""
        base: Any = self.array
        while isinstance(base, np.ndarray):
            base = base.base
        return isinstance(base, mmap.mmap)

    @property
    def end(self) -> int:
        """Where its memory ends."""
        return self.address + self.size_bytes

    @property
    def pages(self) -> tuple[int, int]:
        """Where the pages begin and end that belong to nothing else; of no length if there is none.

        A small array shares its page with other objects, which are written to all the time.
        """
        start = -(-self.address // _PAGE) * _PAGE
        return start, max(start, self.end // _PAGE * _PAGE)

    def is_in(self, spans: list[tuple[int, int]]) -> bool:
        """Say whether it lies in some spans of memory, at least in part."""
        first, last = self.pages
        return any(start < last and end > first for start, end in spans)

    def span_of_rows(self, start: int, end: int) -> tuple[int, int]:
        """Give where the rows begin and end that lie, maybe in part, between two addresses."""
        first = max(start - self.address, 0) // self.row_bytes
        stop = -(-(min(end, self.end) - self.address) // self.row_bytes)
        begin = self.address + first * self.row_bytes
        return begin, max(begin, min(self.address + stop * self.row_bytes, self.end))

    def rows_in(self, spans: list[tuple[int, int]]) -> list[int]:
        """Give the rows that lie, at least in part, in some spans of memory."""
        rows: dict[int, None] = {}
        for span in spans:
            start, end = self.span_of_rows(*span)
            first, stop = (start - self.address), (end - self.address)
            rows |= dict.fromkeys(range(first // self.row_bytes, -(-stop // self.row_bytes)))
        return list(rows)

    @property
    def row_bytes(self) -> int:
        """How long a row is."""
        return max(self.size_bytes // max(len(self.array), 1), 1)

    def describe(self) -> str:
        """Name it with dtype and shape: `dataset.images, float32 (60000, 28, 28)`."""
        return f"{self.path}, {self.dtype} {self.array.shape}"


def kept_by(dataset: Any, *, small: bool = False) -> list[Kept]:
    """Find the arrays of a dataset, nearest first.

    Containers are looked into up to 64 items and 8 steps deep; what is the same memory comes once.

    Args:
        dataset: The dataset.
        small: Whether to give those too that have no page to themselves.
    """
    found: dict[int, Kept] = {}
    for path, array in arrays_of(dataset):
        kept = kept_of(path, array)
        if kept is not None and kept.size_bytes and (small or kept.pages[0] < kept.pages[1]):
            found.setdefault(kept.address, kept)
        if len(found) == _MOST_ARRAYS:
            break
    return list(found.values())


def kept_of(path: str, array: Any) -> Kept | None:
    """Give where an array or a tensor lies; `None` where it is not dense, or cannot be written."""
    dtype = dtype_name(array.dtype)
    if isinstance(array, torch.Tensor):
        array = over_tensor(array)
        if array is None:
            return None
    dense = array.flags.c_contiguous and array.ndim and not array.dtype.hasobject
    if not dense or not array.flags.writeable:
        return None
    return Kept(path, array, array.__array_interface__["data"][0], array.nbytes, dtype)


_NAMES = "bool uint8 int8 int16 int32 int64 float16 float32 float64 complex64 complex128"
_NUMPY = frozenset(torch.from_numpy(np.empty(0, name)).dtype for name in _NAMES.split())
_RAW = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def over_tensor(tensor: torch.Tensor) -> np.ndarray | None:
    """Give an array over the memory of a tensor; of another dtype, where NumPy lacks its own."""
    plain = tensor.layout is torch.strided and tensor.is_cpu and not tensor.is_nested
    if not plain or tensor.is_conj() or tensor.is_neg() or tensor.is_quantized:
        return None
    tensor = tensor.detach()
    if tensor.dtype not in _NUMPY:
        half = tensor.dtype is torch.bfloat16
        raw = torch.float16 if half else _RAW.get(tensor.dtype.itemsize)
        if raw is None:
            return None
        tensor = tensor.view(raw)
    return tensor.numpy()


def writable(array: np.ndarray) -> np.ndarray:
    """Give an array over the same memory that can be written to, whatever its flags say."""
    low, high = byte_bounds(array)
    offset = array.__array_interface__["data"][0] - low
    memory = bytes_at(low, high)
    return np.ndarray(array.shape, array.dtype, memory, offset, array.strides)


def bytes_at(start: int, end: int) -> np.ndarray:
    """Give the memory at an address: uint8, (end - start,)."""
    holder: Any = type("Memory", (), {})()
    shape, place = (end - start,), (start, False)
    holder.__array_interface__ = {"data": place, "shape": shape, "typestr": "|u1", "version": 3}
    return np.asarray(holder)


def arrays_of(dataset: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays and tensors of a dataset, nearest first, each with its name."""
    seen: set[int] = set()
    line = [("dataset", dataset)]
    for _ in range(_MOST_STEPS):
        following: list[tuple[str, Any]] = []
        for path, thing in line:
            if id(thing) in seen or isinstance(thing, _OPAQUE) or len(seen) == _MOST_THINGS:
                continue
            seen.add(id(thing))
            if isinstance(thing, _DATA):
                yield path, thing
            else:
                following += ((path + step, part) for step, part in _parts(thing))
        line = following


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield the first of what a thing holds, and the arrays that its class does."""
    yield from islice(parts_of(thing), _MOST_ITEMS)
    if hasattr(thing, "__dict__"):
        common = vars(type(thing)).items()
        yield from ((f".{name}", part) for name, part in common if isinstance(part, _DATA))
