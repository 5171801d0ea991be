"""Tell what a few samples have and all others have not, wherever in the data the few come."""

from collections.abc import Iterator
from dataclasses import replace

from trueload.contract.departure import Departure
from trueload.contract.traits.seen import SURE
from trueload.errors import count


class Seldom:
    """Counts samples with and without a flaw, and keeps the first that has it.

    Before it is told there must have been enough samples without it for each one with it. So a flaw
    of the very first sample is told too, once others have come; one that is common never is.
    """

    def __init__(self) -> None:
        self._rows = self._flawed = 0
        self._first: Departure | None = None
        self.is_done = False

    def add(self, rows: int, flawed: int, first: Departure | None) -> Iterator[Departure]:
        """Count some samples.

        Args:
            rows: How many.
            flawed: How many of them have the flaw.
            first: What is to be told of the first of these, if there is one.
        """
        clean = self._rows - self._flawed
        surprising = not self._flawed and clean >= SURE and flawed
        self._rows += rows
        self._flawed += flawed
        self._first = self._first or first
        seldom = self._flawed and self._rows - self._flawed >= SURE * self._flawed
        if self._first is not None and not self.is_done and (surprising or seldom):
            self.is_done = True
            seen = ("seen", f"{count(self._flawed)} of {count(self._rows)} samples looked at")
            yield replace(self._first, facts=(*self._first.facts, seen))
            self._first = None

    @property
    def is_clean(self) -> bool:
        """Whether no sample had it, and there have been enough."""
        return not self._flawed and self._rows >= SURE
