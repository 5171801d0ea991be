"""Undo what making a batch has written to the dataset's arrays, as if each batch had a fresh one.

A copy of the arrays is kept, and after each batch the pages that were written to are filled from
it again. So even a `__getitem__` that changes the dataset in place gives the right samples for
ever, with any number of workers. Python objects are not undone, only arrays and tensors.
"""

from typing import Any

import numpy as np

from trueload.watching.arrays import Kept, bytes_at, kept_by
from trueload.watching.pages import Pages, Span, pages_of


class Originals:
    """The arrays of a dataset as they are now, with a copy of each.

    Args:
        dataset: The dataset.
    """

    def __init__(self, dataset: Any) -> None:
        self.arrays = kept_by(dataset, small=True)
        self.copies = [bytes_at(one.address, one.end).copy() for one in self.arrays]


class Rollback:
    """Undoes writes, in one process.

    Args:
        originals: What the arrays are to be.
        forked: Whether this process was forked after the copies were made.
    """

    def __init__(self, originals: Originals, *, forked: bool) -> None:
        self._originals = originals
        spans = [span for one in originals.arrays if (span := one.pages)[0] < span[1]]
        self._pages: Pages | None = pages_of(spans, forked=forked) if spans else None
        self._whole = bool(spans) and self._pages is None
        self._ever: set[Span] = set()
        self._edges = [edge for one in self._pairs() for edge in self._edges_of(*one)]

    def _pairs(self) -> list[tuple[Kept, np.ndarray]]:
        return list(zip(self._originals.arrays, self._originals.copies, strict=True))

    def _edges_of(self, array: Kept, copy: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Give the parts of an array that share a page with others, each with its original."""
        first, last = (array.address,) * 2 if self._whole else array.pages
        parts = ((array.address, min(first, array.end)), (max(last, array.address), array.end))
        return [_part(array, copy, *part) for part in parts if part[0] < part[1]]

    def undo(self) -> None:
        """Make the arrays what they were."""
        for now, original in self._edges:
            np.copyto(now, original)
        for start, end in self._written():
            for array, copy in self._pairs():
                part = max(start, array.address), min(end, array.end)
                if part[0] < part[1]:
                    np.copyto(*_part(array, copy, *part))

    def _written(self) -> list[Span]:
        """Give the pages that were written to; what is told once only is remembered."""
        if self._pages is None:
            return []
        written = self._pages.written()
        if not self._pages.tells_again:
            self._ever.update(written)
            return list(self._ever)
        found = list(written)
        while written:  # a look is cut off where it would be long
            written = self._pages.written()
            found += written
        return found

    def close(self) -> None:
        """Undo nothing any more."""
        pages, self._pages = self._pages, None
        if pages is not None:
            pages.close()

    def __del__(self) -> None:
        """Undo nothing any more."""
        self.close()


def _part(array: Kept, copy: np.ndarray, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Give a part of an array, and of its copy."""
    return bytes_at(start, end), copy[start - array.address : end - array.address]
