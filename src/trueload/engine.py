"""In order, bounded, retried, exactly once: deliver the batches of tasks over any workers.

The engine keeps a bounded number of orders in flight and hands them out as their batches are
taken. Whoever is free makes the next one; a slow batch holds up delivery, never the making of the
others. An order that is lost with its worker is submitted again under a new ticket, and a late
answer to the old ticket is nobody's, so a batch is delivered once. What is simpler here than in a
job queue at large: a task is a pure value, so it can always be made again.
"""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from trueload.workers.base import Lost, Made, Order, Workers

TOO_LONG = "took too long"
_MOST_LOSSES = 2
_MOST_IN_FLIGHT = 1024


@dataclass(slots=True)
class _Entry:
    """An order in flight, or what the source of orders raised in the place of one."""

    order: Order | None
    ticket: int = 0
    losses: int = 0
    made: Made | None = None
    failure: Exception | None = None


class Engine:
    """Delivers the batches of tasks.

    Args:
        workers: Who makes them.
        depth: How many orders may be in flight.
        in_order: Whether batches come in the order of their tasks, or as they are made.
        timeout_seconds: How long a batch may be waited for; 0 for ever.

    Attributes:
        retried: How many orders were lost and submitted again.
    """

    def __init__(
        self, workers: Workers, *, depth: int, in_order: bool, timeout_seconds: float
    ) -> None:
        self.workers = workers
        self._depth = min(depth, _MOST_IN_FLIGHT)
        self._in_order, self._timeout = in_order, timeout_seconds
        self._tickets = count(1)
        self._flying: dict[int, _Entry] = {}
        self._line: deque[_Entry] = deque()
        self._abandoned: set[int] = set()
        self._orders: Iterator[Order | None] = iter(())
        self._more = False
        self.retried = 0

    def begin(self, orders: Iterator[Order | None]) -> None:
        """Start to deliver these; what is left of earlier ones is given up.

        Where the source gives `None`, it is asked again only by `go_on`.
        """
        self._abandoned.update(self._flying)
        self._flying.clear()
        for entry in self._line:
            if entry.made is not None:
                self.workers.drop(entry.made.parcel)
        self._line.clear()
        self._orders, self._more = orders, True
        self._fill()

    def next(self) -> tuple[Order, Any]:
        """Give the next order with the parcel of its batch.

        Raises:
            StopIteration: All have been delivered.
            LostError: An order was lost with its worker twice, or took too long twice.
            RefusedError: An order could not be submitted.
            Exception: Whatever the source of orders raised, after all batches before it.
        """
        deadline = time.monotonic() + self._timeout if self._timeout else None
        while True:
            entry = self._ready()
            if entry is not None:
                break
            if not self._line:
                raise StopIteration
            deadline = self._wait(deadline)
        self._line.remove(entry)
        self._fill()
        if entry.failure is not None:
            raise entry.failure
        return entry.order, entry.made.parcel  # pyrefly: ignore - there unless it failed

    def again(self, order: Order) -> None:
        """Have an order made, in another form, in the turn of the one that was delivered last."""
        entry = _Entry(order)
        self._line.appendleft(entry)
        self._submit(entry)

    def go_on(self) -> None:
        """Ask for orders again, where their source had no more and now has."""
        self._more = True
        self._fill()

    def head(self) -> Order | None:
        """Give the order whose batch is delivered next, in order, or `None` if there is none."""
        return self._line[0].order if self._line else None

    def in_flight(self) -> tuple[int, int]:
        """Say how many orders are in flight, and of how many of these the batch is made."""
        return len(self._line), sum(entry.made is not None for entry in self._line)

    def _ready(self) -> _Entry | None:
        for entry in self._line:
            first = entry is self._line[0]
            if entry.made or (entry.failure and (first or entry.order)):
                return entry
            if self._in_order:
                break
        return None

    def _wait(self, deadline: float | None) -> float | None:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return self._overdue()
        for event in self.workers.poll(left):
            self._hear(event)
        return deadline

    def _overdue(self) -> float:
        """End who holds up the batch that is waited for; the next wait is a new one."""
        entry = self._line[0]
        if not self.workers.end_holder(entry.ticket, TOO_LONG):
            entry.losses += 1  # all are busy with others, and may yet come to it
            if entry.losses >= _MOST_LOSSES:
                lost = Lost(entry.ticket, guilty=True, pid=None, row=None, reason=TOO_LONG)
                entry.failure = LostError(entry.order, lost)
                self._abandoned.add(entry.ticket)
                self._flying.pop(entry.ticket, None)
        return time.monotonic() + self._timeout

    def _hear(self, event: Made | Lost) -> None:
        entry = self._flying.pop(event.ticket, None)
        if entry is None:
            self._abandoned.discard(event.ticket)
            if isinstance(event, Made):
                self.workers.drop(event.parcel)
        elif isinstance(event, Made):
            entry.made = event
        else:
            entry.losses += event.guilty
            if entry.losses >= _MOST_LOSSES:
                entry.failure = LostError(entry.order, event)
            else:
                self.retried += 1
                self._submit(entry)

    def _fill(self) -> None:
        while self._more and len(self._line) < self._depth:
            entry = self._drawn()
            if entry is None:
                self._more = False
                return
            self._line.append(entry)
            if entry.failure is None:
                self._submit(entry)

    def _drawn(self) -> _Entry | None:
        """Draw the next order; what its source raises takes its place, so that it has its turn."""
        try:
            order = next(self._orders, None)
        except Exception as error:
            self._more = False
            return _Entry(None, failure=error)
        return None if order is None else _Entry(order)

    def _submit(self, entry: _Entry) -> None:
        entry.ticket = next(self._tickets)
        try:
            self.workers.submit(entry.ticket, entry.order)  # pyrefly: ignore - there is one
        except Exception as error:
            entry.failure = RefusedError(entry.order, error)
        else:
            self._flying[entry.ticket] = entry


class LostError(Exception):
    """An order was lost for good; `order` and `lost` say which and how."""

    def __init__(self, order: Any, lost: Lost) -> None:
        super().__init__(order, lost)
        self.order, self.lost = order, lost


class RefusedError(Exception):
    """An order could not be submitted; `order` and `error` say which and why."""

    def __init__(self, order: Any, error: Exception) -> None:
        super().__init__(order, error)
        self.order, self.error = order, error
