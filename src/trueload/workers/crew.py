"""The processes of one set of workers: started, watched, ended, replaced.

They are forked from this process. What they need they inherit: the dataset, the mapping of the
slots, the pipes. Nothing is pickled on the way, and starting one takes milliseconds. This module
knows nothing of orders and batches.
"""

import gc
import multiprocessing
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_STACK_SECONDS = 0.5
_STACK_BYTES = 1 << 16
STACK_SIGNAL = signal.SIGUSR2
"""Makes a worker write its Python stack, whatever it is doing."""


@dataclass(frozen=True, slots=True)
class Death:
    """A worker that has ended.

    Attributes:
        number: Its number.
        pid: Its process id.
        reason: What ended it: a signal, an exit code, a time limit.
        stack: Where its Python code stood, if that could be had.
    """

    number: int
    pid: int
    reason: str
    stack: str


class Crew:
    """Processes that each do one thing until they are told to end.

    Args:
        count: How many there are.
        target: What the process of a number runs.

    Attributes:
        processes: The processes, by number, as `multiprocessing` shows them.
        stacks: The descriptor that their Python stacks are written to.
    """

    def __init__(self, count: int, target: Callable[[int], None]) -> None:
        self._target = target
        self._context: Any = multiprocessing.get_context("fork")
        self._reasons: dict[int, tuple[str, str]] = {}
        self._numbers: dict[int, int] = {}
        self._poll = select.poll()
        self.stacks = os.memfd_create("trueload-stacks", os.MFD_CLOEXEC)
        self.processes: list[Any] = [None] * count

    def start(self, number: int) -> None:
        """Fork a process. Frozen objects are not visited by its collector: pages stay shared."""
        process = self._context.Process(target=self._target, args=(number,), daemon=True)
        frozen = gc.get_freeze_count()
        if not frozen:
            gc.freeze()
        try:
            process.start()
        finally:
            if not frozen:
                gc.unfreeze()
        self.processes[number] = process
        descriptor = os.pidfd_open(process.pid)
        self._numbers[descriptor] = number
        self._poll.register(descriptor, select.POLLIN)

    def watch(self, descriptor: int) -> None:
        """Let `wait` also wake when this can be read."""
        self._poll.register(descriptor, select.POLLIN)

    def wait(self, seconds: float | None) -> list[Death]:
        """Wait at most this long, `None` for ever; tell which processes have ended by now."""
        ready = self._poll.poll(None if seconds is None else seconds * 1000)
        return [self._buried(one) for one, _ in ready if one in self._numbers]

    def end(self, number: int, reason: str) -> None:
        """Kill a process, once it has written where it stands."""
        process = self.processes[number]
        self._reasons[number] = (reason, self._stack_of(process.pid))
        process.kill()

    def end_all(self, grace_seconds: float) -> None:
        """Wait so long for all to end by themselves, then kill the rest."""
        deadline = time.monotonic() + grace_seconds
        for process in filter(None, self.processes):
            process.join(max(deadline - time.monotonic(), 0))
            if process.is_alive():
                process.kill()
                process.join()
        for descriptor in (*self._numbers, self.stacks):
            os.close(descriptor)
        self._numbers.clear()

    def descriptors(self) -> tuple[int, ...]:
        """Give the descriptors that a process forked from here has no use for."""
        return tuple(self._numbers)

    def _buried(self, descriptor: int) -> Death:
        number = self._numbers.pop(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        process = self.processes[number]
        process.join()
        reason, stack = self._reasons.pop(number, (_how_ended(process.exitcode), ""))
        return Death(number, process.pid, reason, stack)

    def _stack_of(self, pid: int) -> str:
        """Ask a process where its Python code stands; nothing where it cannot say."""
        os.ftruncate(self.stacks, 0)
        os.lseek(self.stacks, 0, os.SEEK_SET)
        os.kill(pid, STACK_SIGNAL)
        deadline = time.monotonic() + _STACK_SECONDS
        size = -1
        while time.monotonic() < deadline:
            time.sleep(0.02)
            now = os.fstat(self.stacks).st_size
            if now and now == size:
                break
            size = now
        return os.pread(self.stacks, _STACK_BYTES, 0).decode(errors="replace")


def _how_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
