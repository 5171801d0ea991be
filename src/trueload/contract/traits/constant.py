"""Pictures that show something: one that is a single value all over, where all others are not."""

from collections.abc import Iterator
from typing import Final

from trueload.contract.departure import Departure
from trueload.contract.traits.seen import Seen
from trueload.contract.traits.seldom import Seldom
from trueload.errors import count


class Constant:
    """Looks for constant samples among pictures. Masks and drawings may be empty."""

    def __init__(self) -> None:
        self._seldom, self._rich = Seldom(), False

    def look(self, seen: Seen) -> Iterator[Departure]:
        """Look at some rows."""
        if not seen.is_picture or self._seldom.is_done:
            return
        flat = [row for row, span in seen.spans if span == 0]
        usual = next((row for row, span in seen.spans if span), None)
        self._rich = self._rich or (usual is not None and seen.is_rich(usual))
        if not self._rich:
            return
        first = _departure(seen, flat[0]) if flat else None
        yield from self._seldom.add(len(seen.spans), len(flat), first)


def _departure(seen: Seen, row: int) -> Departure:
    value = seen.found.lows[row]
    title = f"`{seen.fact.path}` is {value:g} all over"
    facts = (("values", f"all {count(seen.found.rows.shape[1])} are {value:g}"),)
    return seen.departure("TL424", title, facts, _HINT, row)


_HINT: Final = (
    "look at this sample: a file that is not whole, or a buffer that nothing was put into"
)
