"""A list whose items lie in a few flat arrays, so that many processes can share its memory.

Whoever reads a Python object writes to it: its reference count goes up and down again. In a forked
worker, each such write makes a copy of the page that holds the object. So a dataset with a list of
millions of strings grows in every worker, until each has a copy of its own. Arrays have one
reference count for all they hold, and stay shared.

This module knows a list's face only; how items are stored is the affair of `columns`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import eq
from reprlib import repr as shortened
from typing import Any, NoReturn, Self, TypeVar, final, overload

from trueload.columns import Column, column_of
from trueload.errors import ArgumentError, count, render

T = TypeVar("T")

_SHOWN = 3
_TEXTS = (str, bytes, bytearray, memoryview)


def pack(items: Iterable[T]) -> "Packed[T]":
    """Pack a list, so that workers share its memory instead of copying it.

    Use it for long lists that a dataset holds: file names, labels, captions, records. What you read
    from the packed list is equal to what you put in, and of the same type. It is made anew each
    time, so changing it does not change the packed list.

    Strings, bytes, numbers and `None` are stored flat. Tuples, lists and dictionaries that are all
    built alike are stored field by field. Everything else is pickled, item by item, as are
    lists that mix types; that is compact too, but slower to read.

    Args:
        items: A list, or anything that can be gone through once. All items are held in memory
            until they are packed.

    Raises:
        ArgumentError: It is a mapping, a single text or no iterable, or an item cannot be pickled.

    Source:
        PyTorch issue 13246, where datasets with lists grow with each worker.

    Example:
        >>> names = pack(f"{number}.jpg" for number in range(1000))
        >>> names[-1]
        '999.jpg'
        >>> list(names[10:12])
        ['10.jpg', '11.jpg']
    """
    if isinstance(items, Packed) and items.is_whole():
        return items
    if isinstance(items, Mapping):
        _refuse("a mapping", "pack its keys and its values apart, and use the same index for both")
    if isinstance(items, _TEXTS):
        _refuse(f"a single {type(items).__name__}", "put it into a list")
    if not isinstance(items, Iterable):
        _refuse(f"{type(items).__name__} {shortened(items)}", "pass a list")
    listed = items if isinstance(items, (list, tuple)) else list(items)
    return Packed(column_of(listed), len(listed))


@final
class Packed(Sequence[T]):
    """An immutable list whose items lie in flat arrays; `pack` makes it.

    It is read as a list is: by index, by slice, in a loop, with `in`, `index` and `count`. It is
    equal to any sequence with equal items. A slice is a view of the same arrays. Pickled, a slice
    takes only its own items along, and with protocol 5 the arrays can travel out of band.

    Args:
        column: What holds the items.
        length: How many it holds.
        rows: Which of them are in this list, and in which order; all, unless given.
    """

    __slots__ = ("__weakref__", "_column", "_length", "_read", "_rows")

    def __init__(self, column: Column, length: int, rows: range | None = None) -> None:
        self._column, self._length = column, length
        self._rows = range(length) if rows is None else rows
        self._read: Callable[[int], T] = column.read

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: Any) -> Any:
        try:
            row = self._rows[index]  # a range knows all about negative indices and slices
        except IndexError:
            message = f"index {index} is out of range, the packed list has {len(self._rows)} items"
            raise IndexError(message) from None
        if type(row) is range:
            return Packed(self._column, self._length, row)
        return self._read(row)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[T]:
        return map(self._read, self._rows)

    def __reversed__(self) -> Iterator[T]:
        return map(self._read, reversed(self._rows))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Sequence) or isinstance(other, _TEXTS):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # equal to lists, which have none

    def __repr__(self) -> str:
        shown = [*map(shortened, islice(self, _SHOWN)), *["..."][: len(self) > _SHOWN]]
        return f"<Packed, {count(len(self))} items: [{', '.join(shown)}]>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_whole():
            return pack(list(self)).__reduce__()
        return Packed, (self._column, self._length)

    @property
    def nbytes(self) -> int:
        """The memory of the arrays, in bytes; a slice shares that of the whole."""
        return self._column.nbytes

    def is_whole(self) -> bool:
        """Say whether this list has all that its arrays hold, in the same order."""
        return self._rows == range(self._length)


def _refuse(what: str, hint: str) -> NoReturn:
    raise ArgumentError(render(f"`pack` takes a list, got {what}", "TL105", hint=hint))
