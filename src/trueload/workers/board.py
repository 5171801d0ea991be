"""Where workers that make one batch together tell one another how far they are.

Each part of the batch has a slot. Its record, a few 64-bit words in shared memory, says where in
the slot the samples of the part lie once they are made. Who makes a part looks, under a lock,
whether it is the last: no message is sent, and nobody waits for anybody. The lock is one that the
system frees when its holder dies.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from trueload.workers.words import Words

MOST_PARTS = 8
"""Parts of one batch at most: more would keep more memory in use and gain little."""

_WORDS = 3
_OFFSET, _SIZE, _CLAIMED = range(_WORDS)


@dataclass(frozen=True, slots=True)
class Part:
    """Which rows of a batch one worker makes, and where the others lie.

    Attributes:
        number: Number of the part, from 0.
        bounds: The first row of each part, and behind them the number of all rows.
        slots: The slot of each part.
    """

    number: int
    bounds: tuple[int, ...]
    slots: tuple[int, ...]

    @property
    def rows(self) -> range:
        """The rows of this part."""
        return range(self.bounds[self.number], self.bounds[self.number + 1])


class Board:
    """The records of all slots.

    Args:
        words: Where they are.
        start: Number of their first word.
    """

    def __init__(self, words: Words, start: int) -> None:
        self._shared, self._start, self._words = words, start, words.view[start:]

    @staticmethod
    def size(slots: int) -> int:
        """Say how many words the records of so many slots take."""
        return slots * _WORDS

    def __getstate__(self) -> tuple[Words, int]:
        """Take the words along to a process that is being started."""
        return self._shared, self._start

    def __setstate__(self, state: tuple[Words, int]) -> None:
        self.__init__(*state)

    def clear(self, slot: int) -> None:
        """Note that a slot holds no part."""
        self._words[slot * _WORDS + _SIZE] = self._words[slot * _WORDS + _CLAIMED] = 0

    def write(self, slot: int, offset: int, size_bytes: int) -> None:
        """Note where in a slot the samples of a part lie."""
        self._words[slot * _WORDS + _OFFSET] = offset
        self._words[slot * _WORDS + _SIZE] = size_bytes

    def read(self, slot: int) -> tuple[int, int]:
        """Give where in a slot the samples of a part lie, and how long that is; 0 until they do."""
        return self._words[slot * _WORDS + _OFFSET], self._words[slot * _WORDS + _SIZE]

    def is_last(self, part: Part) -> bool:
        """Say whether all other parts are made."""
        others = (slot for number, slot in enumerate(part.slots) if number != part.number)
        return all(self.read(slot)[1] for slot in others)

    def claim(self, part: Part) -> bool:
        """Say whether a batch that cannot be made in parts is to be made by who asks, the first."""
        at = part.slots[0] * _WORDS + _CLAIMED
        first, self._words[at] = not self._words[at], 1
        return first

    @contextmanager
    def locked(self, part: Part) -> Iterator[None]:
        """Keep the others who make parts of the same batch waiting, for some microseconds."""
        at = part.slots[0]
        fcntl.lockf(self._shared.file, fcntl.LOCK_EX, 1, at)
        try:
            yield
        finally:
            fcntl.lockf(self._shared.file, fcntl.LOCK_UN, 1, at)
