"""Some rows of a leaf, as all traits look at them."""

from dataclasses import dataclass
from functools import cached_property
from operator import sub
from typing import Any, Final

import torch

from trueload.contract.departure import Departure
from trueload.contract.pictures import layout_of
from trueload.contract.reading import Fact
from trueload.contract.values import Extremes

SURE: Final = 32
"""So many samples must have been otherwise before one of them is told."""

_PROBED: Final = 4096
_RICH: Final = 16


@dataclass(frozen=True)
class Seen:
    """Some rows of a leaf.

    Attributes:
        fact: The leaf.
        found: The rows and their extremes.
        shape: The shape of one row in the leaf.
        begin: Which row of the batch the first of them is; `None` if they are no rows of it.
        where: What is given back with a departure.
        others: All leaves of the batch.
    """

    fact: Fact
    found: Extremes
    shape: tuple[int, ...]
    begin: int | None
    where: Any
    others: list[Fact]

    @cached_property
    def spans(self) -> list[tuple[int, float]]:
        """The rows whose values are finite, each with how far these lie apart."""
        pairs = enumerate(map(sub, self.found.highs, self.found.lows))
        return [(row, span) for row, span in pairs if span - span == 0]

    @cached_property
    def bad(self) -> list[int]:
        """The rows with values that are not finite."""
        if len(self.spans) == len(self.found.lows):
            return []
        good = {row for row, _ in self.spans}
        return [row for row in range(len(self.found.lows)) if row not in good]

    @cached_property
    def is_picture(self) -> bool:
        """Whether a row is a picture with a channel."""
        return layout_of(self.shape) is not None

    def row(self, number: int) -> int | None:
        """Give which row of the batch one of these rows is."""
        return self.fact.row if self.begin is None else self.begin + number

    def probe(self, row: int) -> torch.Tensor:
        """Give a few thousand values of a row, from all over it."""
        values = self.found.rows[row]
        return values[:: max(1, len(values) // _PROBED)]

    def is_rich(self, row: int) -> bool:
        """Say whether a row has so many different values that it is no mask and no drawing."""
        return len(self.probe(row).unique()) >= _RICH

    def departure(  # noqa: PLR0913 - the parts of a message
        self,
        code: str,
        title: str,
        facts: tuple[tuple[str, str], ...],
        hint: str,
        row: int | None,
        *,
        harmless: bool = False,
    ) -> Departure:
        """Make a departure of one of these rows, or of all of them."""
        at = None if row is None else self.row(row)
        return Departure(
            code, self.fact.path, title, facts, hint, self.where, at, harmless=harmless
        )
