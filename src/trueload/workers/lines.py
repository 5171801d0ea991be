"""The pipes between a process and its workers: orders out, news home.

Messages have a fixed length and are written whole, so no message is ever torn and no lock is ever
held: a worker that dies in the middle of anything leaves both pipes in order. Workers that are
asked for any batch read from one common pipe, so that whoever is free takes the next order. Workers
that read a stream each have a pipe of their own.

A pipe holds 4,096 orders or 2,048 news; the engine keeps fewer in flight, so that nobody ever
waits to write.
"""

import os
import struct
from collections.abc import Iterator
from multiprocessing.reduction import DupFd
from typing import Any, NamedTuple

from trueload.waiting import is_readable

_ORDER = struct.Struct("<QII")
_NEWS = struct.Struct("<QHHIQQ")
_MOST_US = (1 << 32) - 1
_MANY = 128


class Call(NamedTuple):
    """An order on its way: what a worker reads.

    Attributes:
        ticket: The number of the order; 0 tells a worker to end.
        slot: The slot that holds the order and is to hold its batch.
        size_bytes: How long the order is.
    """

    ticket: int
    slot: int
    size_bytes: int


class News(NamedTuple):
    """What a worker writes about a batch.

    Attributes:
        ticket: The number of the order.
        slot: The slot that it was made in.
        outcome: `MADE` or `FAILED`; `ENDED` where the stream is over; `PART` where others make the
            rest of the batch; `ALONE` where it was made by one because it had to be.
        offset: Where in the slot the structure of the batch lies.
        size_bytes: How long the structure is.
        took_us: How long it took, in microseconds.
    """

    ticket: int
    slot: int
    outcome: int
    offset: int = 0
    size_bytes: int = 0
    took_us: int = 0

    def packed(self) -> bytes:
        """Give them as bytes."""
        ticket, slot, outcome, offset, size_bytes, took_us = self
        return _NEWS.pack(ticket, slot, outcome, min(took_us, _MOST_US), offset, size_bytes)


MADE, FAILED, ENDED, PART, ALONE = range(5)


class Lines:
    """All pipes between a process and its workers.

    Args:
        count: How many workers there are.
        common: Whether all of them read from one pipe.
    """

    def __init__(self, count: int, *, common: bool) -> None:
        self._count = count
        *self._pipes, (self.news_out, self._news_in) = _pipes(1 + (1 if common else count))
        os.set_blocking(self.news_out, False)
        for reader, _ in self._pipes:
            os.set_blocking(reader, common)

    def send(self, call: Call, worker: int) -> None:
        """Write an order into the pipe that a worker reads from."""
        os.write(self._pipe(worker)[1], _ORDER.pack(*call))

    def send_end(self) -> None:
        """Tell every worker to end, after the orders it has already been sent."""
        for worker in range(self._count):
            self.send(Call(0, 0, 0), worker)

    def end(self, worker: int) -> "LineEnd":
        """Give the ends of the pipes that a worker has."""
        return LineEnd(self._pipe(worker)[0], self._news_in)

    def drain(self, worker: int) -> Iterator[Call]:
        """Take back what a worker with a pipe of its own has not read."""
        try:
            while message := os.read(self._pipe(worker)[0], _ORDER.size):
                yield Call(*_ORDER.unpack(message))
        except BlockingIOError:
            return

    def is_waiting(self) -> bool:
        """Say whether the common pipe holds orders that nobody has read."""
        return is_readable(self._pipes[0][0], 0)

    def news(self) -> list[News]:
        """Read the news that are there, without waiting."""
        try:
            data = os.read(self.news_out, _NEWS.size * _MANY)
        except BlockingIOError:
            return []
        return [
            News(ticket, slot, outcome, offset, size_bytes, took_us)
            for ticket, slot, outcome, took_us, offset, size_bytes in _NEWS.iter_unpack(data)
        ]

    def parents(self) -> tuple[int, ...]:
        """Give the descriptors that no worker may keep, or it would outlive its parent."""
        return self.news_out, *(writer for _, writer in self._pipes)

    def close(self) -> None:
        """Close all pipes."""
        for pipe in (*self._pipes, (self.news_out, self._news_in)):
            for descriptor in pipe:
                os.close(descriptor)

    def _pipe(self, worker: int) -> tuple[int, int]:
        return self._pipes[worker if len(self._pipes) > 1 else 0]


class LineEnd:
    """The ends of the pipes that one worker has: orders in, news out.

    Args:
        orders: The descriptor that orders are read from.
        news: The one that news are written to.
    """

    def __init__(self, orders: int, news: int) -> None:
        self._orders, self._news = orders, news

    def __getstate__(self) -> tuple[Any, Any]:
        """Take the descriptors along to the process that is being started."""
        return DupFd(self._orders), DupFd(self._news)

    def __setstate__(self, state: tuple[Any, Any]) -> None:
        self._orders, self._news = (one.detach() for one in state)

    def receive(self) -> Call | None:
        """Wait for the next order; `None` once nobody is left to send one."""
        while True:
            try:
                message = os.read(self._orders, _ORDER.size)
            except BlockingIOError:
                is_readable(self._orders, None)
                continue
            return Call(*_ORDER.unpack(message)) if message else None

    def tell(self, news: News) -> None:
        """Write news."""
        os.write(self._news, news.packed())


def _pipes(count: int) -> list[tuple[int, int]]:
    """Open so many pipes, or none."""
    opened: list[tuple[int, int]] = []
    try:
        for _ in range(count):
            opened.append(os.pipe())  # noqa: PERF401 - those before a failure are to be closed
    except OSError:
        for descriptor in (one for pipe in opened for one in pipe):
            os.close(descriptor)
        raise
    return opened
