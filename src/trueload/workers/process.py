"""Worker processes, as who starts them sees them: orders out, news home, deaths told."""

import errno
import os
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakSet

from trueload.guard import GUARD_OFF, Guard
from trueload.recipe import Recipe
from trueload.stream import StreamRecipe
from trueload.watching.budget import Experience
from trueload.watching.tally import together
from trueload.workers.base import Event, Lost, Made, Order, StartError, StreamEndError, Workers
from trueload.workers.board import Board
from trueload.workers.crew import Crew, Death
from trueload.workers.forked import ForkedCrew
from trueload.workers.heartbeat import Heartbeats
from trueload.workers.interrupts import held_back
from trueload.workers.lines import ENDED, MADE, Call, Lines, News
from trueload.workers.packing import unpack
from trueload.workers.parts import Parts
from trueload.workers.shelf import Shelf
from trueload.workers.started import StartedCrew
from trueload.workers.tallies import Tallies
from trueload.workers.template import Purpose, forking
from trueload.workers.words import Words
from trueload.workers.worker import Hooks, Outfit, live, start

_GRACE_SECONDS = 1.0
_QUIET_SECONDS = 0.05
_FRUITLESS = 3
_alive: WeakSet["ProcessWorkers"] = WeakSet()
"""All that have workers here: a template must close what it inherits of every one."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How a set of workers is set up.

    Attributes:
        count: How many processes.
        depth: How many orders are in flight at most.
        hooks: What of the user's runs as a worker begins.
        base_seed: Torch's base seed.
        shelf: Where their shared memory comes from, and goes back to.
        common: Whether any of them may make any batch; otherwise each order names its worker.
        context: The context of `multiprocessing` that starts them anew, or `None` for forks of a
            template of this process.
        guard: How they look after the dataset's memory.
        experience: What is known of it from earlier epochs.
    """

    count: int
    depth: int
    hooks: Hooks
    base_seed: int
    shelf: Shelf
    common: bool
    context: Any = None
    guard: Guard = GUARD_OFF
    experience: Experience | None = None


class ProcessWorkers(Workers):
    """Processes forked from a template of this one, or started anew.

    Args:
        recipe: What makes batches.
        setup: How many there are, and what they need.

    Attributes:
        replaced: How many have ended and been replaced.
    """

    def __init__(self, recipe: Recipe | StreamRecipe, setup: Setup) -> None:
        self._owner_pid, self._closed = os.getpid(), False
        self._opened = ExitStack()
        self._recipe, self._setup, self._count = recipe, setup, setup.count
        self._common = setup.common
        self._sent: dict[int, tuple[int, int | None]] = {}
        self._unread: set[int] = set()
        self._quiet_since: float | None = None
        self._deaths_since_news = 0
        self.replaced = 0
        with held_back():
            try:
                with forking:
                    self._open(setup)
            except Exception:
                self.close()
                raise

    def _open(self, setup: Setup) -> None:
        travels = setup.context is not None
        self._slots = setup.shelf.take(setup.depth, travels=travels)
        self._arena = self._slots.arena
        self._opened.callback(setup.shelf.put, self._slots, setup.depth, travels=travels)
        self._lines = Lines(self._count, common=self._common)
        self._opened.callback(self._lines.close)
        heartbeats = Heartbeats.size(self._count)
        board = Board.size(self._slots.count())
        words = Words(heartbeats + board + Tallies.size(self._count))
        self._opened.callback(words.close)
        self._tallies = Tallies(words, heartbeats + board)
        self._heartbeats, self._board = Heartbeats(words, self._count), Board(words, heartbeats)
        makers = self._count if self._common else 1
        self._parts = Parts(self._recipe, makers, self._board, setup.shelf.pace)
        self._crew = self._assembled(setup)
        self._opened.callback(self._end_crew)
        self._opened.callback(self._lines.send_end)
        self._opened.callback(self._heartbeats.close)
        self._crew.watch(self._lines.news_out)
        _alive.add(self)
        for number in range(self._count):
            self._crew.start(number)

    def _assembled(self, setup: Setup) -> Crew:
        """Give the crew that suits the setup, without workers yet."""
        contents = (self._recipe, setup.hooks)
        if setup.context is not None:
            return StartedCrew(setup.context, start, contents, self._outfit)
        is_over = self._heartbeats.is_closing
        return ForkedCrew(Purpose(self._live, _private_descriptors, is_over, contents))

    def tally(self) -> list[int]:
        """Give what the workers have counted together as they look after the dataset."""
        return together(self._tallies.of(number).words() for number in range(self._count))

    @property
    def processes(self) -> list[Any]:
        """The processes by number, as `multiprocessing` shows them."""
        return self._crew.processes

    def submit(self, ticket: int, order: Order) -> None:
        """Hand an order to whoever is free next, or to the one worker that may make it."""
        self._check_owner()
        count = self._parts.count(order, self._slots.room())
        if count == 1:
            self._send(ticket, order, self._slots.lend())
            return
        slots = [self._slots.lend() for _ in range(count)]
        for slot, (part_ticket, part) in zip(
            slots, self._parts.begin(ticket, order, slots), strict=True
        ):
            self._send(part_ticket, part, slot)

    def _send(self, ticket: int, order: Order, slot: int) -> None:
        try:
            data = order.packed()
            self._arena.write(slot, 0, data)
        except Exception:
            self._slots.release(slot)
            raise
        self._sent[ticket] = (slot, order.worker)
        self._lines.send(Call(ticket, slot, len(data)), order.worker or 0)

    def poll(self, timeout_seconds: float | None) -> list[Event]:
        """Wait for news at most this long, `None` for ever, and give it; maybe none."""
        self._check_owner()
        events = self._heard(self._lines.news())
        if events:
            return events
        wait = None if timeout_seconds is None else max(timeout_seconds, 0.0)
        if self._unread:
            wait = _QUIET_SECONDS if wait is None else min(wait, _QUIET_SECONDS)
        deaths = self._crew.wait(wait)
        events = self._heard(self._lines.news())
        for death in deaths:
            events += self._replaced(death)
        return events + self._never_begun(idle=not events)

    def take(self, parcel: News) -> Any:
        """Give the batch of a parcel, once."""
        if parcel.outcome == ENDED:
            self._slots.release(parcel.slot)
            raise StreamEndError
        copied = parcel.outcome != MADE or self._slots.is_scarce()
        end = parcel.offset + parcel.size_bytes
        batch, lease, error = unpack(
            self._arena, parcel.slot, parcel.offset, parcel.size_bytes, copied=copied
        )
        self._slots.lease(parcel.slot, lease, end)
        if error is not None:
            raise error
        if parcel.outcome != MADE:
            raise batch.error()
        return batch

    def drop(self, parcel: News) -> None:
        """Give a parcel up unread."""
        self._slots.release(parcel.slot)

    def end_holder(self, ticket: int, reason: str) -> bool:
        """End the worker that holds an order, or those that are free and leave it lying."""
        holders = self._holders(ticket)
        for number in holders:
            self._crew.end(number, reason)
        return bool(holders)

    def _holders(self, ticket: int) -> list[int]:
        held = [self._heartbeats.ticket(number) for number in range(self._count)]
        tickets = self._parts.tickets(ticket)
        if holders := [number for number, one in enumerate(held) if one in tickets]:
            return holders
        _, worker = self._sent.get(ticket, (0, None))
        if worker is not None:
            return [worker]
        if self._common and self._lines.is_waiting():
            return [number for number, one in enumerate(held) if one is None]
        return []

    def close(self) -> None:
        """End all workers and give everything back; does nothing the second time.

        Workers that have nothing to do end by themselves, soon. Those that make a batch that nobody
        will take may write to its slot until they have ended, so that is waited for.
        """
        if self._closed or os.getpid() != self._owner_pid:
            return
        with held_back(ending=True):
            self._closed = True
            _alive.discard(self)
            self._opened.close()

    def __del__(self) -> None:
        """End what nobody has ended."""
        self.close()

    def _end_crew(self) -> None:
        if self._sent:
            self._crew.end_all(_GRACE_SECONDS)
        else:
            self._crew.leave()

    def _check_owner(self) -> None:
        if os.getpid() != self._owner_pid:
            message = "these workers belong to the process that this one was forked from"
            raise RuntimeError(message)

    def _live(self, number: int, parent: int) -> None:
        """Be a worker, in a process that has just been forked."""
        live(self._outfit(number), self._recipe, self._setup.hooks, parent)

    def _outfit(self, number: int) -> Outfit:
        return Outfit(
            number=number,
            count=self._count,
            base_seed=self._setup.base_seed,
            arena=self._arena,
            heartbeats=self._heartbeats,
            board=self._board,
            line=self._lines.end(number),
            stacks=self._crew.stacks,
            tallies=self._tallies,
            guard=self._setup.guard,
            experience=self._setup.experience,
            forked=self._setup.context is None,
        )

    def descriptors(self) -> tuple[int, ...]:
        """Give the descriptors that are for this process alone."""
        return *self._lines.parents(), *self._crew.descriptors()

    def _heard(self, news: list[News]) -> list[Event]:
        events: list[Event] = []
        for one in news:
            self._unread.discard(one.ticket)
            if self._sent.pop(one.ticket, None) is None:
                continue
            self._deaths_since_news = 0
            whole, freed = self._parts.hear(one)
            self._release(freed)
            if whole is not None:
                events.append(Made(whole.ticket, whole))
        return events

    def _replaced(self, death: Death) -> list[Event]:
        """Replace a worker that has ended, and tell what was lost with it."""
        held = self._heartbeats.ticket(death.number)
        row = self._heartbeats.row(death.number)
        if self._cannot_start(death):
            raise StartError(death.pid, death.reason)
        self._heartbeats.live(death.number, lives=False)
        self._heartbeats.idle(death.number)
        self._deaths_since_news += 1
        self.replaced += 1
        fruitless = self._deaths_since_news > _FRUITLESS * self._count
        lost = self._taken_back(death.number) if not self._common else []
        if held is None and fruitless and not lost:
            held = min(self._sent, default=None)
        self._crew.start(death.number)
        if held is not None and held in self._sent:
            lost = [held, *(ticket for ticket in lost if ticket != held)]
        elif self._common:
            self._unread, self._quiet_since = set(self._sent), None
        events: list[Event] = []
        for ticket in lost:
            events += self._lost(ticket, death, row, guilty=ticket == held or fruitless)
        return events

    def _cannot_start(self, death: Death) -> bool:
        """Say whether a worker has ended by itself before it began: so would the next."""
        by_itself = death.code is not None and death.code >= 0
        begun = self._setup.context is None or self._heartbeats.lives(death.number)
        return by_itself and not begun

    def _taken_back(self, worker: int) -> list[int]:
        """Take back all orders of a worker that reads a stream, made or not, in their order."""
        for _ in self._lines.drain(worker):
            pass
        return sorted(ticket for ticket, (_, of) in self._sent.items() if of == worker)

    def _lost(
        self, ticket: int, death: Death, row: int | None, *, guilty: bool, reusable: bool = True
    ) -> list[Event]:
        """Tell that an order is lost, unless it was known already from another of its parts."""
        slot, _ = self._sent.pop(ticket)
        whole, first_row = self._parts.whole(ticket)
        is_news, freed = self._parts.lose(ticket, slot if reusable else None)
        self._release(freed)
        if not is_news:
            return []
        if not guilty:
            return [Lost(whole, guilty, None, None, death.reason)]
        row = None if row is None else first_row + row
        return [Lost(whole, guilty, death.pid, row, death.reason, death.stack)]

    def _release(self, slots: Iterable[int]) -> None:
        for slot in slots:
            self._slots.release(slot)

    def _never_begun(self, *, idle: bool) -> list[Event]:
        """Find orders that a worker took and died with before it noted them.

        It held none by its record, so whatever is neither in the pipe nor in a living worker's
        hand after a quiet moment went down with it. Their slots are never used again.
        """
        if not self._unread:
            return []
        held = {self._heartbeats.ticket(number) for number in range(self._count)}
        waiting = self._lines.is_waiting()
        now = time.monotonic()
        if not idle or waiting or self._quiet_since is None:
            self._quiet_since = now if not waiting and idle else None
            return []
        if now - self._quiet_since < _QUIET_SECONDS:
            return []
        gone = [ticket for ticket in self._unread if ticket in self._sent and ticket not in held]
        self._unread.clear()
        death = Death(0, 0, "a worker ended as it took it")
        events: list[Event] = []
        for ticket in gone:
            events += self._lost(ticket, death, None, guilty=False, reusable=False)
        return events


def _private_descriptors() -> list[int]:
    """Give what no copy of this process may keep open, or it would outlive its parent."""
    while True:
        try:
            return [one for workers in _alive for one in workers.descriptors()]
        except RuntimeError:  # the garbage collector has just ended some of them
            continue


@cache
def is_supported() -> bool:
    """Say whether workers of this kind can be had here: a Linux with memory files and pidfds.

    Python may know calls that an older kernel (before 5.3) or a sandbox refuses, so they are tried.
    """
    try:
        os.close(os.memfd_create("trueload"))
        os.close(os.pidfd_open(os.getpid()))
    except AttributeError:
        return False
    except OSError as error:
        return error.errno not in {errno.ENOSYS, errno.EPERM}  # others, as of too few, pass
    return hasattr(os, "fork")
