"""Worker processes, as the process that starts them sees them: orders out, news home, deaths seen.

The processes are forked from this one. What they need they inherit: the dataset, the mapping of the
slots, the pipes. Nothing is pickled on the way, and starting one again takes milliseconds.
"""

import gc
import multiprocessing
import os
import pickle
import select
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkProcess
from typing import Any
from weakref import WeakSet

import torch

from trueload.recipe import Recipe
from trueload.workers.arena import Arena, Slots
from trueload.workers.base import Event, Lost, Made, Order, Workers
from trueload.workers.heartbeat import Heartbeats
from trueload.workers.packing import unpack
from trueload.workers.worker import MADE, NEWS, ORDER, STACK_SIGNAL, Outfit, live

_BUDGET_BYTES = 2 << 30
_KEPT_SLOTS = 32
_GRACE_SECONDS = 1.0
_STACK_SECONDS = 0.5
_QUIET_SECONDS = 0.05
_FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else None
_alive: WeakSet[Any] = WeakSet()
"""All that have workers here: a new worker must close what it inherits of every one."""


class ProcessWorkers(Workers):
    """Processes forked from this one.

    Args:
        recipe: What makes batches.
        count: How many processes.
        depth: How many orders are in flight at most.
        init: The user's `worker_init_fn`, or `None`.
        base_seed: Torch's base seed for this epoch.
    """

    def __init__(
        self,
        recipe: Recipe,
        count: int,
        depth: int,
        init: Callable[[int], None] | None,
        base_seed: int,
    ) -> None:
        self._owner_pid = os.getpid()
        self._recipe, self._count, self._init, self._base_seed = recipe, count, init, base_seed
        slots = 4 * depth + _KEPT_SLOTS
        self._arena = Arena(slots)
        self._slots = Slots(self._arena, slots, reserve=2 * depth, budget_bytes=_BUDGET_BYTES)
        self._heartbeats = Heartbeats(count)
        self._orders, self._orders_in = os.pipe()
        self._news_out, self._news = os.pipe()
        os.set_blocking(self._news_out, False)
        self._stacks = os.memfd_create("trueload-stacks", os.MFD_CLOEXEC)
        self._slot_of: dict[int, int] = {}
        self._unread: set[int] = set()
        self._quiet_since: float | None = None
        self._closed = False
        self._reasons: dict[int, tuple[str, str]] = {}
        self.processes: list[ForkProcess] = []
        self._watched: dict[int, int] = {}
        self._poll = select.poll()
        self._poll.register(self._news_out, select.POLLIN)
        _alive.add(self)
        for number in range(count):
            self.processes.append(self._started(number))

    def submit(self, ticket: int, order: Order) -> None:
        """Hand an order to whoever is free next."""
        slot = self._slots.lend()
        if slot is None:
            message = "all slots are in use"
            raise RuntimeError(message)
        data = pickle.dumps(order, protocol=5)
        self._arena.write(slot, 0, data)
        self._slot_of[ticket] = slot
        os.write(self._orders_in, ORDER.pack(ticket, slot, len(data)))

    def poll(self, timeout_seconds: float | None) -> list[Event]:
        """Wait for news at most this long, `None` for ever, and give it; maybe none."""
        events = self._news_now()
        if events:
            return events
        wait = None if timeout_seconds is None else max(timeout_seconds, 0.0)
        if self._unread:
            wait = _QUIET_SECONDS if wait is None else min(wait, _QUIET_SECONDS)
        ready = self._poll.poll(None if wait is None else wait * 1000)
        events = self._news_now()
        for descriptor, _ in ready:
            if descriptor in self._watched:
                events += self._buried(self._watched[descriptor], descriptor)
        return events + self._never_begun(idle=not events)

    def take(self, parcel: tuple[int, int, int, int]) -> Any:
        """Give the batch of a parcel, once."""
        slot, outcome, offset, size_bytes = parcel
        copied = outcome != MADE or self._slots.is_scarce()
        batch, storages = unpack(self._arena, slot, offset, size_bytes, copied=copied)
        self._slots.lease(slot, storages, offset + size_bytes)
        if outcome != MADE:
            raise batch.error()
        return batch

    def drop(self, parcel: tuple[int, int, int, int]) -> None:
        """Give a parcel up unread."""
        self._slots.release(parcel[0])

    def end_holder(self, ticket: int, reason: str) -> bool:
        """End the worker that holds an order, once it has written where it stands."""
        for number, process in enumerate(self.processes):
            if self._heartbeats.ticket(number) == ticket and process.pid is not None:
                self._reasons[number] = (reason, self._stack_of(process.pid))
                process.kill()
                return True
        return False

    def close(self) -> None:
        """End all workers and give everything back; does nothing the second time."""
        if self._closed or os.getpid() != self._owner_pid:
            return
        self._closed = True
        _alive.discard(self)
        self._heartbeats.close()
        os.write(self._orders_in, ORDER.pack(0, 0, 0) * self._count)
        deadline = time.monotonic() + _GRACE_SECONDS
        for process in self.processes:  # those that make a batch now are not waited for long
            process.join(max(deadline - time.monotonic(), 0))
            if process.is_alive():
                process.kill()
                process.join()
        for descriptor in (*self._descriptors(), self._orders, self._news, self._stacks):
            os.close(descriptor)
        self._slots.close()

    def _descriptors(self) -> tuple[int, ...]:
        """Give the descriptors that are for this process alone: no worker may keep them."""
        return self._orders_in, self._news_out, *self._watched

    def _started(self, number: int) -> ForkProcess:
        """Fork a worker. Frozen objects are not visited by its collector, so pages stay shared."""
        outfit = Outfit(
            number=number,
            count=self._count,
            recipe=self._recipe,
            init=self._init,
            base_seed=self._base_seed,
            arena=self._arena,
            heartbeats=self._heartbeats,
            orders=self._orders,
            news=self._news,
            parent_pid=self._owner_pid,
            stacks=self._stacks,
            others=tuple(one for other in _alive for one in other._descriptors()),  # noqa: SLF001
        )
        process = _FORK.Process(target=live, args=(outfit,), daemon=True)
        frozen = gc.get_freeze_count()
        if not frozen:
            gc.freeze()
        try:
            process.start()
        finally:
            if not frozen:
                gc.unfreeze()
        descriptor = os.pidfd_open(process.pid or 0)
        self._watched[descriptor] = number
        self._poll.register(descriptor, select.POLLIN)
        return process

    def _news_now(self) -> list[Event]:
        try:
            data = os.read(self._news_out, NEWS.size * 128)
        except BlockingIOError:
            return []
        events: list[Event] = []
        for ticket, slot, outcome, offset, size_bytes in NEWS.iter_unpack(data):
            if self._slot_of.pop(ticket, None) is not None:
                events.append(Made(ticket, (slot, outcome, offset, size_bytes)))
            self._unread.discard(ticket)
        return events

    def _buried(self, number: int, descriptor: int) -> list[Event]:
        """Replace a worker that has ended and tell what was lost with it."""
        process = self.processes[number]
        process.join()
        self._poll.unregister(descriptor)
        del self._watched[descriptor]
        os.close(descriptor)
        reason, stack = self._reasons.pop(number, (_how_ended(process.exitcode), ""))
        ticket, row = self._heartbeats.ticket(number), self._heartbeats.row(number)
        self._heartbeats.idle(number)
        self.processes[number] = self._started(number)
        slot = None if ticket is None else self._slot_of.pop(ticket, None)
        if ticket is not None and slot is not None:
            self._slots.release(slot)
            return [Lost(ticket, process.pid, row, reason, stack)]
        self._unread = set(self._slot_of)
        self._quiet_since = None
        return []

    def _never_begun(self, *, idle: bool) -> list[Event]:
        """Find orders that a worker took and died with before it noted them.

        It held none by its record, so whatever is neither in the pipe nor in a living worker's
        hand after a quiet moment went down with it. Their slots are never used again.
        """
        if not self._unread:
            return []
        held = {self._heartbeats.ticket(number) for number in range(self._count)}
        waiting = bool(select.select([self._orders], [], [], 0)[0])
        now = time.monotonic()
        if not idle or waiting or self._quiet_since is None:
            self._quiet_since = now if not waiting and idle else None
            return []
        if now - self._quiet_since < _QUIET_SECONDS:
            return []
        gone = [ticket for ticket in self._unread if ticket in self._slot_of and ticket not in held]
        self._unread.clear()
        for ticket in gone:
            del self._slot_of[ticket]
        return [Lost(ticket, None, None, "a worker ended as it took it") for ticket in gone]

    def _stack_of(self, pid: int) -> str:
        """Ask a worker where its Python code stands; nothing where it cannot say."""
        os.ftruncate(self._stacks, 0)
        os.lseek(self._stacks, 0, os.SEEK_SET)
        os.kill(pid, STACK_SIGNAL)
        deadline = time.monotonic() + _STACK_SECONDS
        size = -1
        while time.monotonic() < deadline:
            time.sleep(0.02)
            now = os.fstat(self._stacks).st_size
            if now and now == size:
                break
            size = now
        return os.pread(self._stacks, 1 << 16, 0).decode(errors="replace")


def _how_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def is_supported() -> bool:
    """Say whether workers of this kind can be had here: Linux, with memory files and pidfds."""
    return hasattr(os, "memfd_create") and hasattr(os, "pidfd_open") and hasattr(torch, "frombuffer")
