"""What each worker has in hand, written by it and read by the process that watches it.

A record is a few 64-bit words in shared memory. Writing one costs 50 ns, so a worker notes every
sample; if it dies or hangs, the record says of which.
"""

import time

from trueload.workers.words import Words

NONE = -1
_WORDS = 8
_TICKET, _ROW, _SINCE, _LIVES = range(4)


class Heartbeats:
    """One record for each worker.

    Args:
        words: Where they are, from the first word on.
        count: How many workers there are.
    """

    def __init__(self, words: Words, count: int) -> None:
        self._shared, self._words = words, words.view
        self._closing = count * _WORDS
        for worker in range(count):
            self.idle(worker)

    @staticmethod
    def size(count: int) -> int:
        """Say how many words the records of so many workers take."""
        return (count + 1) * _WORDS

    def __getstate__(self) -> tuple[Words, int]:
        """Take the words along to a process that is being started."""
        return self._shared, self._closing

    def __setstate__(self, state: tuple[Words, int]) -> None:
        self._shared, self._closing = state
        self._words = self._shared.view

    def close(self) -> None:
        """Tell all workers to end before they begin another order."""
        self._words[self._closing] = 1

    def is_closing(self) -> bool:
        """Say whether workers are to end."""
        return bool(self._words[self._closing])

    def live(self, worker: int, *, lives: bool) -> None:
        """Note that a worker has begun to work, or that another one is to take its place."""
        self._words[worker * _WORDS + _LIVES] = lives

    def lives(self, worker: int) -> bool:
        """Say whether a worker has begun to work."""
        return bool(self._words[worker * _WORDS + _LIVES])

    def begin(self, worker: int, ticket: int) -> None:
        """Note that a worker has taken an order."""
        at = worker * _WORDS
        self._words[at + _ROW] = NONE
        self._words[at + _SINCE] = time.monotonic_ns()
        self._words[at + _TICKET] = ticket

    def idle(self, worker: int) -> None:
        """Note that a worker has nothing in hand."""
        self._words[worker * _WORDS + _TICKET] = NONE

    def hand(self, worker: int) -> memoryview:
        """Give the one word in which a worker notes the row of the sample in hand."""
        at = worker * _WORDS + _ROW
        return self._words[at : at + 1]

    def ticket(self, worker: int) -> int | None:
        """Give the ticket of the order that a worker has in hand, or `None`."""
        ticket = self._words[worker * _WORDS + _TICKET]
        return None if ticket == NONE else ticket

    def row(self, worker: int) -> int | None:
        """Give the row of the sample that a worker has in hand, or `None`."""
        row = self._words[worker * _WORDS + _ROW]
        return None if row == NONE else row
