"""Which batches are made by several workers at once, and what is heard of their parts.

A slow batch holds up all that come after it. Where batches take long, and what they hold cannot
depend on it, their rows are shared out in parts, so that whoever is free helps with the batch that
is waited for. Whoever makes the last part collates them all, so the process that trains need not
look after it. What travels between the parts is copied, so heavy samples are not shared out.
"""

from dataclasses import dataclass, field, replace

from trueload.recipe import Recipe
from trueload.stream import StreamRecipe
from trueload.workers.base import Order
from trueload.workers.board import MOST_PARTS, Board, Part
from trueload.workers.lines import ALONE, FAILED, MADE, PART, News

_FOR_EACH_WORKER = 2
_MOST_WORKERS = 8
"""Of more workers, one has a batch ready at any time."""

_SLOW_US = 20_000
_LEAST_PART_US = 5_000
_MOST_BYTES_PER_US = 64
_PART_BIT = 48
_WEIGHT = 0.2


@dataclass(slots=True)
class _Whole:
    """A batch whose parts are out.

    Attributes:
        bounds: The first row of each part, and behind them the number of all rows.
        unheard: The tickets of the parts that nothing was heard of yet.
        slots: Those of the parts that were heard of.
        took_us: What these took together.
        over: Whether it is made or lost.
    """

    bounds: tuple[int, ...]
    unheard: set[int]
    slots: list[int] = field(default_factory=list)
    took_us: int = 0
    over: bool = False


@dataclass(slots=True)
class Pace:
    """What was learned of how batches are made; a loader keeps it from one epoch to the next.

    Attributes:
        took_us: How long light batches take; 0 where nothing is known, or where they are heavy.
        alone: Whether a batch was met that could not be made in parts.
    """

    took_us: float = 0.0
    alone: bool = False


class Parts:
    """What one set of workers makes in parts.

    Args:
        recipe: What makes batches.
        workers: How many workers there are.
        board: Where they tell one another how far they are.
        pace: What is known of how batches are made.
    """

    def __init__(
        self, recipe: Recipe | StreamRecipe, workers: int, board: Board, pace: Pace
    ) -> None:
        self._recipe, self._board, self._pace = recipe, board, pace
        self._most = min(_FOR_EACH_WORKER * workers, MOST_PARTS)
        self._out: dict[int, _Whole] = {}
        self._off = not 1 < workers <= _MOST_WORKERS

    def count(self, order: Order, room: int) -> int:
        """Say in how many parts a batch is to be made.

        Args:
            order: What is asked for.
            room: How many slots there are for it.
        """
        recipe, random = self._recipe, order.random
        took_us = self._pace.took_us
        if took_us < _SLOW_US or self._off or self._pace.alone or random is None:
            return 1
        if not (isinstance(recipe, Recipe) and recipe.can_share(random)):
            self._off = True
            return 1
        most = min(self._most, order.task.size, int(took_us) // _LEAST_PART_US)
        return most if most <= room else 1

    def begin(self, ticket: int, order: Order, slots: list[int]) -> list[tuple[int, Order]]:
        """Give the orders of the parts of a batch, each with a ticket of its own."""
        count, rows = len(slots), order.task.size
        bounds = tuple(rows * number // count for number in range(count + 1))
        for slot in slots:
            self._board.clear(slot)
        parts = [Part(number, bounds, tuple(slots)) for number in range(count)]
        orders = [
            (ticket | (one.number + 1) << _PART_BIT, replace(order, part=one)) for one in parts
        ]
        self._out[ticket] = _Whole(bounds, {part_ticket for part_ticket, _ in orders})
        return orders

    def tickets(self, ticket: int) -> set[int]:
        """Give the tickets under which an order is out."""
        whole = self._out.get(ticket)
        return {ticket} if whole is None else whole.unheard

    def whole(self, ticket: int) -> tuple[int, int]:
        """Give the ticket of the order that one belongs to, and the first row of its part."""
        ticket, number = ticket & (1 << _PART_BIT) - 1, ticket >> _PART_BIT
        return ticket, self._out[ticket].bounds[number - 1] if number else 0

    def hear(self, news: News) -> tuple[News | None, list[int]]:
        """Take in what is heard of an order, whole or in part.

        Returns:
            The news of the whole batch, if that is what they are, and the slots that are free now.
        """
        ticket, _ = self.whole(news.ticket)
        if ticket == news.ticket:
            self._learn(news, news.took_us)
            return news, []
        whole = self._out[ticket]
        first, whole.over = not whole.over, whole.over or news.outcome != PART
        whole.unheard.discard(news.ticket)
        whole.took_us += news.took_us
        self._pace.alone |= news.outcome == ALONE
        if not (first and whole.over):
            whole.slots.append(news.slot)
            return None, self._freed(ticket)
        self._learn(news, whole.took_us)
        outcome = FAILED if news.outcome == FAILED else MADE
        return news._replace(ticket=ticket, outcome=outcome), self._freed(ticket)

    def lose(self, ticket: int, slot: int | None) -> tuple[bool, list[int]]:
        """Note that an order was lost with its worker, whole or in part.

        Args:
            ticket: Its ticket.
            slot: Its slot, unless that cannot be used again.

        Returns:
            Whether that loses a whole order, and the slots that are free now.
        """
        whole_ticket, _ = self.whole(ticket)
        slots = [] if slot is None else [slot]
        if whole_ticket == ticket:
            return True, slots
        whole = self._out[whole_ticket]
        first, whole.over = not whole.over, True
        whole.unheard.discard(ticket)
        whole.slots += slots
        return first, self._freed(whole_ticket)

    def _learn(self, news: News, took_us: int) -> None:
        heavy = news.offset > took_us * _MOST_BYTES_PER_US
        known, new = self._pace.took_us, 0 if heavy else took_us
        self._pace.took_us += (new - known) * (_WEIGHT if known else 1)

    def _freed(self, ticket: int) -> list[int]:
        """Give the slots of a batch, once nobody is at work on it who may be reading them."""
        whole = self._out[ticket]
        if not whole.over or whole.unheard:
            return []
        del self._out[ticket]
        return whole.slots
