"""Pictures whose axes were permuted: noise where they were reshaped."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from trueload.contract.departure import Departure
from trueload.contract.pictures import FIRST, is_scrambled, layout_of
from trueload.contract.traits.seen import Seen

_LOOKED: Final = 8
_NEEDED: Final = 4
_SELDOM: Final = 8


class Scrambled:
    """Looks for pictures that were made noise by a wrong reshape, at one or two of a batch."""

    def __init__(self) -> None:
        self._latest: deque[bool] = deque(maxlen=_LOOKED)
        self._is_done, self._looks = False, 0

    def look(self, seen: Seen) -> Iterator[Departure]:
        """Look at some rows."""
        if not seen.is_picture or self._is_done or seen.bad:
            return
        self._looks += 1
        if self._looks > _LOOKED and self._looks % _SELDOM:
            return
        for row in {0, len(seen.found.lows) // 2}:
            said = is_scrambled(seen.found.rows[row], seen.shape)
            if said is not None:
                self._latest.append(said)
            if said and sum(self._latest) >= _NEEDED:
                self._is_done = True
                yield _departure(seen, row)
                return


def _departure(seen: Seen, row: int) -> Departure:
    shape = seen.shape
    first = layout_of(shape) == FIRST
    was = (*shape[1:], shape[0]) if first else (shape[2], *shape[:2])
    title = f"`{seen.fact.path}` has the values of {was} pictures in the shape {shape}"
    facts = (
        ("evidence", f"read as {was}, neighbors are much more alike both down and across"),
        ("looked at", f"{_LOOKED} pictures at most, {_NEEDED} of them are so"),
    )
    axes = "2, 0, 1" if first else "1, 2, 0"
    hint = f"use `x.permute({axes})` or `x.transpose({axes})` in the place of `reshape` or `view`"
    return seen.departure("TL406", title, facts, hint, row)
