"""Keep the shared memory of a loader from one set of workers to the next.

Pages that were touched once need not be faulted in again, which is what makes slots fast; so an
epoch begins with the memory of the one before. It is given back with the loader. A fork of this
process leaves it to this process: what one of them wrote, the other would see.
"""

import os
from collections import deque

from trueload.workers.arena import Arena, Slots
from trueload.workers.board import MOST_PARTS
from trueload.workers.parts import Pace

MOST_BYTES = 512 << 20
"""How much memory a loader keeps between epochs."""

_KEPT_SLOTS = 32
_BUDGET_BYTES = 2 << 30
_MOST_KEPT = 2
_Kind = tuple[int, bool]


class Shelf:
    """Slots that no workers use now.

    Attributes:
        pace: What was learned of how batches are made.
    """

    def __init__(self) -> None:
        self.pace = Pace()
        self._kept: deque[tuple[_Kind, Slots]] = deque()
        self._lent: set[Slots] = set()
        self._owner_pid = os.getpid()

    def take(self, depth: int, *, travels: bool = False) -> Slots:
        """Give slots for workers that have so many orders in flight.

        Args:
            depth: How many.
            travels: Whether workers are started anew.

        Raises:
            OSError: Not even small slots can be mapped.
        """
        if os.getpid() != self._owner_pid:
            self._owner_pid = os.getpid()
            self._kept.clear()
            self._lent.clear()
        for entry in list(self._kept):
            if entry[0] == (depth, travels):
                self._kept.remove(entry)
                self._lent.add(entry[1])
                return entry[1]
        reserve = (1 + MOST_PARTS) * depth
        count = 2 * reserve + _KEPT_SLOTS
        arena = Arena(count, travels=travels)
        slots = Slots(arena, count, reserve=reserve, budget_bytes=_BUDGET_BYTES)
        self._lent.add(slots)
        return slots

    def held_bytes(self) -> int:
        """Say how many bytes are held for batches, by workers at work too."""
        return sum(slots.held_bytes() for slots in {*self._lent, *(kept for _, kept in self._kept)})

    def put(self, slots: Slots, depth: int, *, travels: bool = False) -> None:
        """Take slots back, once their workers have ended; the rest is as it was for `take`."""
        self._lent.discard(slots)
        slots.reclaim(MOST_BYTES)
        if len(self._kept) == _MOST_KEPT:
            self._kept.popleft()[1].close()
        self._kept.append(((depth, travels), slots))

    def __del__(self) -> None:
        """Give the memory back, but for batches that somebody keeps."""
        while self._kept and os.getpid() == self._owner_pid:
            self._kept.pop()[1].close()
