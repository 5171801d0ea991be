"""What was in some memory, to compare with what is there later, and to put it back."""

from collections.abc import Iterable

import numpy as np

from trueload.watching.arrays import Kept, bytes_at
from trueload.watching.pages import Span

_MOST_BYTES = 64 << 20


class Saved:
    """The rows of arrays that lie in some pages, as they are now.

    Args:
        arrays: The arrays.
        spans: The pages. Of more than 64 MiB, the rest is left out.
    """

    def __init__(self, arrays: Iterable[Kept], spans: list[Span]) -> None:
        self._kept: dict[str, list[tuple[int, np.ndarray]]] = {}
        room = _MOST_BYTES
        for array in arrays:
            pieces = self._kept[array.path] = []
            for start, end in _merged(array.span_of_rows(*span) for span in spans):
                room -= end - start
                if room > 0:
                    pieces.append((start, bytes_at(start, end).copy()))

    def put_back(self) -> None:
        """Make the memory what it was, where it is not."""
        for pieces in self._kept.values():
            for start, data in pieces:
                now = bytes_at(start, start + len(data))
                if not np.array_equal(now, data):
                    now[:] = data

    def has_changed(self, array: Kept) -> bool:
        """Say whether a row of an array is not what it was."""
        return bool(self.changed_rows(array))

    def changed_rows(self, array: Kept) -> list[int]:
        """Give the rows of an array that are not what they were."""
        rows: set[int] = set()
        for start, data in self._kept[array.path]:
            now = bytes_at(start, start + len(data))
            if not np.array_equal(now, data):
                offsets = np.flatnonzero(now != data) + (start - array.address)
                rows.update(np.unique(offsets // array.row_bytes).tolist())
        return sorted(rows)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Give spans in order, those that touch as one, and none that are empty."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found
