"""What the values of one leaf are used to be: what its traits say, one by one."""

from collections.abc import Iterator
from typing import Any

from trueload.contract.departure import Departure
from trueload.contract.traits.constant import Constant
from trueload.contract.traits.doubles import Doubles
from trueload.contract.traits.finite import Finite
from trueload.contract.traits.scale import Scale
from trueload.contract.traits.scrambled import Scrambled
from trueload.contract.traits.seen import Seen


class Habit:
    """What the values of one leaf are used to be."""

    def __init__(self) -> None:
        self._finite, self._scale = Finite(), Scale()
        self._traits = (self._finite, self._scale, Constant(), Scrambled(), Doubles())

    def look(self, seen: Seen) -> Iterator[Departure]:
        """Look at some rows, and give what must be told."""
        for trait in self._traits:
            yield from trait.look(seen)

    def contract(self) -> dict[str, Any]:
        """Give what is known, for the leaf's contract."""
        return {**self._scale.contract(), "finite": self._finite.holds}
