"""Where a worker makes its batches: an order read from a slot, the batch written into it."""

import os
import time
from dataclasses import dataclass
from typing import Any

from trueload.blame import Blame
from trueload.recipe import DrawnError, Recipe, part_of
from trueload.stream import StreamBatch, StreamRecipe
from trueload.tasks import Task
from trueload.tolerance import Bad, BadSamplesError
from trueload.transport import Failure, failure
from trueload.watching.sentry import Sentry
from trueload.workers.arena import Arena
from trueload.workers.base import Noted, Order, noted
from trueload.workers.board import Board, Part
from trueload.workers.lines import ALONE, ENDED, FAILED, MADE, PART, Call, News
from trueload.workers.packing import Room, is_exact, unpack


class Bench:
    """Where a worker makes its batches.

    Args:
        recipe: What makes them.
        arena: The slots.
        board: Where workers that make one batch together tell one another how far they are.
        hand: Where to note the row of the sample in hand.
        sentry: Who watches the dataset's memory.
    """

    def __init__(
        self,
        recipe: Recipe | StreamRecipe,
        arena: Arena,
        board: Board,
        hand: memoryview,
        sentry: Sentry,
    ) -> None:
        self._recipe, self.arena, self.board, self.hand = recipe, arena, board, hand
        self._changed, self.sentry = 0, sentry
        self._pid = os.getpid()

    def make(self, call: Call) -> News:
        """Make the batch of an order in its slot; tell the outcome and where it lies."""
        begun = time.perf_counter_ns()
        try:
            news = self._made(call)
        except StopIteration:
            self.end_child()
            news = News(call.ticket, call.slot, ENDED)
        except Exception as error:
            if self.is_child():
                raise
            news = self.failed(call, error)
        self.sentry.undo()
        return news._replace(took_us=(time.perf_counter_ns() - begun) // 1000)

    def failed(self, call: Call, error: Exception) -> News:
        """Tell what was raised in the place of a batch."""
        room = Room(self.arena, call.slot, call.size_bytes)
        return News(call.ticket, call.slot, FAILED, *room.pack(failure(error)))

    def _made(self, call: Call) -> News:
        order = Order.unpacked(self.arena.read(call.slot, 0, call.size_bytes))
        self._set_up(order)
        room = Room(self.arena, call.slot, call.size_bytes)
        if order.part is not None and isinstance(self._recipe, Recipe):
            return _Share(self, self._recipe, call, order.part, room).make(order)
        return News(call.ticket, call.slot, MADE, *self.make_whole(order, room))

    def make_whole(self, order: Order, room: Room) -> tuple[int, int]:
        """Make a batch from its first row to its last; give where its structure lies."""

        def make() -> Any:
            batch = self._recipe.make(order.task, order.random, room.empty, self.hand)
            self.end_child()
            return batch

        batch = self.sentry.make(order.task, make, keyed=order.random is not None)
        return _packed(room, self.noted(batch, order), order.task)

    def noted(self, batch: Any, order: Order) -> Any:
        """Give a batch, with what was noticed as it was made and read again, if anything was."""
        reads = self.sentry.reread(order.rereads) if order.rereads else ()
        return noted(batch, self._recipe, self.sentry.found(), reads)

    def end_child(self) -> None:
        """End a copy of the worker that the user's code has forked and that has come back."""
        if self.is_child():
            os._exit(1)

    def is_child(self) -> bool:
        """Say whether this is a copy of the worker, forked by the user's code and come back."""
        return os.getpid() != self._pid

    def _set_up(self, order: Order) -> None:
        """Make this worker's copy of the dataset what the order is meant for."""
        changes, recipe = order.changes, self._recipe
        if changes is not None and changes.number > self._changed:
            changes.apply(recipe)
            self._changed = changes.number
            if isinstance(recipe, Recipe):
                recipe.refresh()
                self.sentry.begin_again()
        if order.begin is not None and isinstance(recipe, StreamRecipe):
            recipe.begin(order.begin)


@dataclass(slots=True)
class _Share:
    """What one worker does for a batch that several make together."""

    bench: Bench
    recipe: Recipe
    call: Call
    part: Part
    room: Room

    def make(self, order: Order) -> News:
        """Make some rows of the batch; if all others are made, make the batch of them."""
        rows, board = self._rows(order), self.bench.board
        if rows is None:
            with board.locked(self.part):
                if not board.claim(self.part):
                    return self._news(PART)
            return self._news(ALONE, *self.bench.make_whole(order, self.room))
        if not board.is_last(self.part):
            where = self.room.pack(rows)
            with board.locked(self.part):
                if not board.is_last(self.part):
                    board.write(self.call.slot, *where)
                    return self._news(PART)
        return self._joined(order, rows)

    def _rows(self, order: Order) -> list[Any] | Failure | BadSamplesError | None:
        """Make the samples of a part; `None` where they cannot be made or sent apart."""
        task, rows, random = order.task, self.part.rows, order.random
        part, bench = part_of(task, rows), self.bench

        def make() -> list[Any]:
            made = self.recipe.make_part(task, random, rows, bench.hand)
            bench.end_child()
            return made

        try:
            made = bench.sentry.make(part, make, keyed=random is not None)
        except DrawnError:
            bench.end_child()  # Python seeds its generator anew in every fork
            return None
        except Exception as error:
            if bench.is_child():
                raise
            return error if isinstance(error, BadSamplesError) else failure(error)
        return made if is_exact(made) else None

    def _joined(self, order: Order, rows: list[Any] | Failure | BadSamplesError) -> News:
        samples: list[Any] = []
        bads: list[Bad] = []
        for number, slot in enumerate(self.part.slots):
            made = rows if number == self.part.number else self._read(slot)
            if isinstance(made, Failure):
                return self._news(FAILED, *self.room.pack(made))
            if isinstance(made, BadSamplesError):
                bads += made.bads
            else:
                samples += made
        if bads:
            raise BadSamplesError(bads)
        batch = self.recipe.join(order.task, order.random, samples, self.room.empty)
        self.bench.end_child()
        noted = self.bench.noted(batch, order)
        return self._news(MADE, *_packed(self.room, noted, order.task))

    def _read(self, slot: int) -> Any:
        """Give what another worker has made, in memory of its own: the slot will be used again."""
        return unpack(self.bench.arena, slot, *self.bench.board.read(slot), copied=True).batch

    def _news(self, outcome: int, *where: int) -> News:
        return News(self.call.ticket, self.call.slot, outcome, *where)


def _packed(room: Room, batch: Any, task: Task) -> tuple[int, int]:
    try:
        return room.pack(batch)
    except Exception as error:
        inner = batch.batch if isinstance(batch, StreamBatch | Noted) else batch
        Blame(task, "send").tell_unsent(error, inner)
