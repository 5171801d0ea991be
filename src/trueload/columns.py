"""Python objects of one kind in a few flat arrays, from which any one is made again exactly.

A column knows how to make the item of a row, and nothing of lists or slices. Text and bytes lie end
to end with their boundaries beside them, numbers in an array. Tuples, lists and dictionaries that
are all built alike become a column for each of their fields. Everything else is pickled, item by
item, and lies end to end like text.
"""

import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from itertools import accumulate, chain
from typing import Any, Protocol, Self

import numpy as np

from trueload.errors import ArgumentError, render

_DEEPEST = 8
"""How deep columns nest; what lies deeper is pickled, and so is what contains itself."""

_MOST_FIELDS = 64
"""Beyond this many fields, one pickle is read faster than one column after another."""

_NUMERIC = frozenset("biufc")
_PROTOCOL = 5


class Column(Protocol):
    """Items of one kind in flat arrays."""

    @property
    def read(self) -> Callable[[int], Any]:
        """What makes the item of a row, from 0; the caller sees to it that there is such a row."""
        ...

    @property
    def nbytes(self) -> int:
        """The memory of the arrays, in bytes."""
        ...


def column_of(items: Sequence[Any], depth: int = 0) -> Column:
    """Give the column that holds these items.

    Raises:
        ArgumentError: An item can neither be flattened nor pickled.
    """
    kinds = set(map(type, items))
    found = _flat(kinds.pop(), items, depth) if len(kinds) == 1 else None
    return Pickles.of(items) if found is None else found


def _flat(kind: type, items: Sequence[Any], depth: int) -> Column | None:
    """Give a column without pickles on its own level, or `None` where there is none."""
    if kind in {tuple, list, dict}:
        return _fields(kind, items, depth)
    if issubclass(kind, np.generic):
        return _scalars(kind, items)
    make = _MAKERS.get(kind)
    return None if make is None else make(items)


class _Spans:
    """Items as bytes that lie end to end.

    Args:
        data: All bytes, uint8.
        bounds: Where each item begins, int64, and at last where the last one ends.
    """

    __slots__ = ("_arrays", "_bounds", "_data")

    def __init__(self, data: np.ndarray, bounds: np.ndarray) -> None:
        self._arrays = data, bounds
        # Through a memoryview, NumPy takes no part in reading: that is three times as fast.
        self._data, self._bounds = map(_frozen, self._arrays)

    @classmethod
    def of(cls, parts: Iterable[bytes]) -> Self:
        """Lay parts end to end, each of which may be gone when the next one comes."""
        stream = BytesIO()
        bounds = np.fromiter(accumulate(map(stream.write, parts), initial=0), np.int64)
        return cls(np.frombuffer(stream.getvalue(), np.uint8), bounds)

    @property
    def nbytes(self) -> int:
        """The memory of the arrays, in bytes."""
        return sum(array.nbytes for array in self._arrays)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arrays


class Texts(_Spans):
    """Strings, in UTF-8 that lets lone surrogates through."""

    __slots__ = ()

    def read(self, row: int) -> str:
        """Make the string of a row."""
        bounds = self._bounds
        return str(self._data[bounds[row] : bounds[row + 1]], "utf-8", "surrogatepass")


class Blobs(_Spans):
    """Bytes."""

    __slots__ = ()

    def read(self, row: int) -> bytes:
        """Make the bytes of a row."""
        bounds = self._bounds
        return self._data[bounds[row] : bounds[row + 1]].tobytes()


class Pickles(_Spans):
    """Whatever can be pickled."""

    __slots__ = ()

    @classmethod
    def of(cls, parts: Iterable[Any]) -> Self:
        """Pickle each item.

        Raises:
            ArgumentError: That cannot be done.
        """
        return super().of(_pickled(parts))

    def read(self, row: int) -> Any:
        """Make the object of a row."""
        bounds = self._bounds
        return pickle.loads(self._data[bounds[row] : bounds[row + 1]])  # noqa: S301 - our own


class Numbers:
    """Python's own numbers: `int` within 64 bits, `float`, `bool`.

    Args:
        array: The numbers.
    """

    __slots__ = ("_array", "read")

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.read: Callable[[int], Any] = _frozen(array).__getitem__

    @property
    def nbytes(self) -> int:
        """The memory of the arrays, in bytes."""
        return self._array.nbytes

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._array,)


class Scalars(Numbers):
    """NumPy's numbers, all of one type."""

    __slots__ = ()

    def __init__(self, array: np.ndarray) -> None:
        super().__init__(array)
        self.read = array.__getitem__


class Nones:
    """`None` in every row."""

    __slots__ = ()
    nbytes = 0

    def read(self, row: int) -> None:
        """Give `None`, as in every row."""


class _Fields:
    """Containers that are built alike, as a column for each field.

    Args:
        columns: The columns, in the order of the fields.
    """

    __slots__ = ("_columns", "_reads")

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._reads = [column.read for column in columns]

    @property
    def nbytes(self) -> int:
        """The memory of the arrays, in bytes."""
        return sum(column.nbytes for column in self._columns)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._columns,)


class Lists(_Fields):
    """Lists of one length."""

    __slots__ = ()

    def read(self, row: int) -> list[Any]:
        """Make the list of a row."""
        return [read(row) for read in self._reads]


class Tuples(_Fields):
    """Tuples of one length."""

    __slots__ = ()

    def read(self, row: int) -> tuple[Any, ...]:
        """Make the tuple of a row."""
        return tuple([read(row) for read in self._reads])


class Dicts(_Fields):
    """Dictionaries with the same strings as keys, in the same order.

    Args:
        columns: The columns of the values.
        keys: The keys.
    """

    __slots__ = ("_keys", "_named")

    def __init__(self, columns: Sequence[Column], keys: Sequence[str]) -> None:
        super().__init__(columns)
        self._keys = keys
        self._named = list(zip(keys, self._reads, strict=True))

    def read(self, row: int) -> dict[str, Any]:
        """Make the dictionary of a row."""
        return {key: read(row) for key, read in self._named}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._columns, self._keys)


def _frozen(array: np.ndarray) -> memoryview:
    array.flags.writeable = False
    return array.data


def _texts(items: Sequence[str]) -> Column:
    return Texts.of(item.encode("utf-8", "surrogatepass") for item in items)


def _integers(items: Sequence[int]) -> Column | None:
    try:
        return Numbers(np.array(items, np.int64))
    except OverflowError:
        return None


def _scalars(kind: type[np.generic], items: Sequence[Any]) -> Column | None:
    dtype = np.dtype(kind)
    return Scalars(np.array(items, dtype)) if dtype.kind in _NUMERIC else None


_MAKERS: dict[type, Callable[[Sequence[Any]], Column | None]] = {
    str: _texts,
    bytes: Blobs.of,
    int: _integers,
    float: lambda items: Numbers(np.array(items, np.float64)),
    bool: lambda items: Numbers(np.array(items, np.bool_)),
    type(None): lambda _: Nones(),
}


def _fields(kind: type, items: Sequence[Any], depth: int) -> Column | None:
    first = items[0]
    if depth == _DEEPEST or len(first) > _MOST_FIELDS or len(set(map(len, items))) > 1:
        return None
    if kind is dict:
        return _dicts(list(first), items, depth)
    columns = [column_of([item[field] for item in items], depth + 1) for field in range(len(first))]
    return Tuples(columns) if kind is tuple else Lists(columns)


def _dicts(keys: list[Any], items: Sequence[dict[Any, Any]], depth: int) -> Column | None:
    if set(map(type, chain.from_iterable(items))) - {str}:
        return None  # 1, True and 1.0 are equal keys of several types
    if any(list(item) != keys for item in items):
        return None
    return Dicts([column_of([item[key] for item in items], depth + 1) for key in keys], keys)


class _Pickler(pickle.Pickler):
    """Pickles a tensor as an array: as itself it would take the whole of its storage along."""

    def reducer_override(self, thing: Any) -> Any:
        torch = sys.modules.get("torch")  # not imported for those who have no tensors
        if torch is None or type(thing) is not torch.Tensor or thing.requires_grad:
            return NotImplemented
        try:
            return torch.from_numpy, (thing.numpy(),)
        except (RuntimeError, TypeError):  # a dtype, a device or a layout that NumPy lacks
            return thing.clone().__reduce_ex__(_PROTOCOL)


def _pickled(items: Iterable[Any]) -> Iterator[bytes]:
    stream = BytesIO()
    pickler = _Pickler(stream, _PROTOCOL)
    for row, item in enumerate(items):
        try:
            pickler.dump(item)
        except Exception as error:
            title = f"item {row} cannot be packed: {type(error).__name__}: {error}"
            raise ArgumentError(render(title, "TL105", hint=_HINT)) from error
        pickler.clear_memo()
        yield stream.getvalue()
        stream.seek(0)
        stream.truncate()


_HINT = "hold what can be pickled: no open files, locks, lambdas, or objects of a local class"
