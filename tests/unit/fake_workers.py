"""Workers without processes, for the engine: a test says what becomes of each order."""

import pickle
from typing import Any

from trueload.tasks import Task
from trueload.workers.base import Event, Lost, Made, Order, Workers


def orders(count: int) -> list[Order]:
    """Give so many orders."""
    return [Order(Task(0, batch, batch, [batch], 1), None) for batch in range(count)]


class FakeWorkers(Workers):
    """Holds orders until it is told what becomes of them.

    Attributes:
        held: The orders in hand, by ticket.
        submitted: How often the order of each batch was handed over.
        dropped: The parcels that were given up unread.
        ended: The tickets whose holders were ended, and why.
    """

    def __init__(self) -> None:
        self.held: dict[int, Order] = {}
        self.submitted: dict[int, int] = {}
        self.dropped: list[Any] = []
        self.ended: list[tuple[int, str]] = []
        self._events: list[Event] = []

    def make(self, ticket: int) -> None:
        """Make the batch of an order: its number."""
        self._events.append(Made(ticket, self.held.pop(ticket).task.batch))

    def lose(self, ticket: int, *, guilty: bool = True, reason: str = "killed") -> None:
        """Lose an order with its worker."""
        del self.held[ticket]
        self._events.append(Lost(ticket, guilty=guilty, pid=1, row=None, reason=reason))

    def ticket_of(self, batch: int) -> int:
        """Give the ticket under which the order of a batch is held."""
        return next(ticket for ticket, order in self.held.items() if order.task.batch == batch)

    def submit(self, ticket: int, order: Order) -> None:
        """Hold an order, if it can travel."""
        pickle.dumps(order)
        assert ticket not in self.held
        self.held[ticket] = order
        self.submitted[order.task.batch] = self.submitted.get(order.task.batch, 0) + 1

    def poll(self, timeout_seconds: float | None) -> list[Event]:
        """Tell what has become of orders; what nobody decided is made, the oldest first."""
        if not self._events and timeout_seconds is None:
            self.make(min(self.held))
        events, self._events = self._events, []
        return events

    def take(self, parcel: Any) -> Any:
        """Give the parcel: it is the batch."""
        return parcel

    def drop(self, parcel: Any) -> None:
        """Note that it was given up."""
        self.dropped.append(parcel)

    def end_holder(self, ticket: int, reason: str) -> bool:
        """Lose an order that is held."""
        if ticket not in self.held:
            return False
        self.ended.append((ticket, reason))
        self.lose(ticket, reason=reason)
        return True

    def close(self) -> None:
        """Do nothing."""
