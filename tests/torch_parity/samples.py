"""Samples of every kind that a dataset may return: as plain functions of an index.

Kinds that torch's default collate refuses are among them: what it raises is part of parity.
"""

import collections
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch


class Point(NamedTuple):
    """A named tuple."""

    x: Any
    y: Any


class ReadOnly(Mapping):
    """A mapping that cannot be built from a dictionary, so collating gives a plain one."""

    def __init__(self, *, value: Any) -> None:
        self.value = value

    def __getitem__(self, key: str) -> Any:
        if key != "value":
            raise KeyError(key)
        return self.value

    def __iter__(self) -> Iterator[str]:
        return iter(["value"])

    def __len__(self) -> int:
        return 1


class Pair(Sequence):
    """An immutable sequence that can be built from a list, and keeps its type."""

    def __init__(self, items: Any) -> None:
        self.items = list(items)

    def __getitem__(self, place: Any) -> Any:
        return self.items[place]

    def __len__(self) -> int:
        return len(self.items)


class Tagged(dict):
    """A dictionary with an attribute, which a batch keeps."""

    tag = "none"


class Marked(torch.Tensor):
    """A subclass of a tensor."""


@dataclass
class Opaque:
    """What no collate function knows."""

    value: int


def tagged(index: int) -> Tagged:
    """Give a dictionary subclass with an attribute in the instance."""
    sample = Tagged(a=index)
    sample.tag = "kept"
    return sample


def grid(*shape: int) -> torch.Tensor:
    """Give a float32 tensor of this shape with different values everywhere."""
    return torch.arange(int(np.prod(shape)), dtype=torch.float32).reshape(shape)


def array(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    """Give an array of this shape with different values everywhere."""
    return np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)


_NUMPY = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64"
_TORCH = "bool uint8 int8 int16 int32 int64 float16 float32 float64 bfloat16 complex64 uint16"

NUMBERS: dict[str, Callable[[int], Any]] = {
    "int": lambda i: i,
    "negative int": lambda i: -i,
    "float": lambda i: i / 3,
    "nan": lambda i: float("nan") if i % 2 else 0.5,
    "bool": lambda i: i % 2 == 0,
    "int then bool": lambda i: bool(i) if i % 2 else i,
    "big int": lambda i: 2**62 + i,
    "too big int": lambda i: 2**70 + i,
    "complex": lambda i: complex(i, 1),
    "numpy bool": lambda i: np.bool_(i % 2),
    **{f"numpy {name}": lambda i, name=name: np.dtype(name).type(i) for name in _NUMPY.split()},
}
TEXTS: dict[str, Callable[[int], Any]] = {
    "str": lambda i: f"name {i}",
    "bytes": lambda i: b"name %d" % i,
    "numpy str": np.str_,
    "datetime": lambda i: np.datetime64("2026-01-01") + i,
}
TENSORS: dict[str, Callable[[int], Any]] = {
    **{
        f"tensor {n}": lambda i, n=n: torch.tensor([i, 1]).to(getattr(torch, n))
        for n in _TORCH.split()
    },
    "scalar tensor": torch.tensor,
    "matrix": lambda i: grid(3, 4) + i,
    "empty tensor": lambda i: torch.empty(0, 3),
    "transposed": lambda i: (grid(3, 4) + i).T,
    "channels first view": lambda i: (grid(4, 5, 3) + i).permute(2, 0, 1),
    "channels last": lambda i: (grid(1, 3, 4, 5) + i).contiguous(memory_format=torch.channels_last),
    "sliced": lambda i: (grid(6, 4) + i)[::2, 1:3],
    "expanded": lambda i: torch.tensor([float(i)]).expand(3, 4),
    "conjugate": lambda i: torch.tensor([complex(i, 1)]).conj(),
    "negative view": lambda i: torch.tensor([complex(i, 1)]).conj().imag,
    "requires grad": lambda i: (grid(2) + i).requires_grad_(),
    "computed": lambda i: (grid(2) + i).requires_grad_() * 2,
    "parameter": lambda i: torch.nn.Parameter(grid(2) + i),
    "subclass": lambda i: (grid(2) + i).as_subclass(Marked),
    "sparse": lambda i: (grid(2, 2) + i).to_sparse(),
    "different shapes": lambda i: grid(1 + i % 2),
    "different dtypes": lambda i: torch.tensor([i, 2], dtype=[torch.int64, torch.float32][i % 2]),
    "broadcastable": lambda i: grid(2, 1) if i % 2 else grid(1, 2),
    "medium": lambda i: grid(160, 180) + i,
    "medium view": lambda i: (grid(180, 160) + i).T,
    "medium image": lambda i: (grid(120, 80, 3) + i).permute(2, 0, 1),
    "medium channels last": lambda i: (grid(1, 3, 120, 80) + i).to(
        memory_format=torch.channels_last
    ),
    "medium expanded": lambda i: (grid(1, 180) + i).expand(160, 180),
    "medium conjugate": lambda i: torch.complex(grid(14_400) + i, grid(14_400)).conj(),
    "medium negative view": lambda i: torch.complex(grid(28_800) + i, grid(28_800)).conj().imag,
    "medium requires grad": lambda i: (grid(160, 180) + i).requires_grad_(i % 2 == 1),
    "medium bfloat16": lambda i: (grid(320, 180) + i).bfloat16(),
    "medium subclass": lambda i: (grid(160, 180) + i).as_subclass(
        Marked if i % 2 else torch.Tensor
    ),
    "medium different shapes": lambda i: grid(160 + i % 2, 180),
    "medium different dtypes": lambda i: grid(160, 180).to([torch.float32, torch.float64][i % 2]),
    "large": lambda i: grid(130, 600) + i,
    "large view": lambda i: (grid(600, 130) + i).T,
    "large image": lambda i: (grid(160, 180, 3) + i).permute(2, 0, 1),
    "large channels last": lambda i: (grid(1, 3, 160, 180) + i).to(
        memory_format=torch.channels_last
    ),
    "large requires grad": lambda i: (grid(130, 600) + i).requires_grad_(),
    "large bfloat16": lambda i: (grid(300, 600) + i).bfloat16(),
    "large different shapes": lambda i: grid(130 + i % 2, 600),
    "large different dtypes": lambda i: grid(130, 600).to([torch.float32, torch.float64][i % 2]),
}
ARRAYS: dict[str, Callable[[int], Any]] = {
    **{
        f"array {n}": lambda i, n=n: array(2, 3, dtype=n) + np.dtype(n).type(i)
        for n in _NUMPY.split()
    },
    "array bool": lambda i: np.array([i % 2 == 0, True]),
    "scalar array": np.array,
    "empty array": lambda i: array(0, 3),
    "reversed array": lambda i: (array(5) + i)[::-1].copy()[:3],
    "fortran array": lambda i: np.asfortranarray(array(3, 4) + i),
    "array view": lambda i: (array(6, 4) + i)[::2, 1:3],
    "negative strides": lambda i: (array(5) + i)[::-1],
    "big endian": lambda i: (array(3) + i).astype(">f4"),
    "text array": lambda i: np.array(["a", str(i)]),
    "object array": lambda i: np.array([None, i], dtype=object),
    "record array": lambda i: np.array([(i, 1.0)], dtype=[("a", "i4"), ("b", "f4")]),
    "matrix subclass": lambda i: (array(3) + i).view(np.matrix),
    "masked array": lambda i: np.ma.masked_array(array(3) + i),
    "arrays of different shapes": lambda i: array(1 + i % 2),
    "arrays of different dtypes": lambda i: array(2, dtype=["i4", "f4"][i % 2]),
    "tensors among arrays": lambda i: array(2) if i % 2 else grid(2) + i,
    "large array": lambda i: array(130, 600) + i,
    "large fortran array": lambda i: np.asfortranarray(array(130, 600) + i),
}
CONTAINERS: dict[str, Callable[[int], Any]] = {
    "tuple": lambda i: (i, float(i)),
    "list": lambda i: [i, float(i)],
    "dict": lambda i: {"a": i, "b": grid(2) + i},
    "named tuple": lambda i: Point(i, (array(2), str(i))),
    "empty tuple": lambda i: (),
    "empty list": lambda i: [],
    "empty dict": lambda i: {},
    "nested": lambda i: {"a": [i, (i, {"b": b"c"})], "d": Point(np.float32(i), [str(i), i])},
    "integer keys": lambda i: {0: i, 1: i / 2},
    "ordered dict": lambda i: collections.OrderedDict(b=i, a=i),
    "default dict": lambda i: collections.defaultdict(list, a=i),
    "user dict": lambda i: collections.UserDict(a=i),
    "counter": lambda i: collections.Counter(a=i + 1),
    "dictionary with an attribute": tagged,
    "mapping proxy": lambda i: types.MappingProxyType({"a": i}),
    "read-only mapping": lambda i: ReadOnly(value=i),
    "deque": lambda i: collections.deque([i, float(i)]),
    "user list": lambda i: collections.UserList([i, float(i)]),
    "immutable sequence": lambda i: Pair([i, float(i)]),
    "range": lambda i: range(i, i + 2),
    "set": lambda i: {i},
    "dataclass": Opaque,
    "different lengths": lambda i: [i] * (1 + i % 2),
    "tuples and lists": lambda i: (i, i) if i % 2 else [i, i],
    "dict and list": lambda i: {"a": i} if i % 2 else [i],
    "function": lambda i: grid,
}

KINDS: dict[str, Callable[[int], Any]] = {**NUMBERS, **TEXTS, **TENSORS, **ARRAYS, **CONTAINERS}
