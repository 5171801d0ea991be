"""The processes of one set of workers: started, watched, ended, replaced.

Where they come from is up to the kind of crew: forked from a template or started anew. Nothing here
knows of orders and batches.
"""

import os
import select
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_STACK_SECONDS = 0.5
_STACK_BYTES = 1 << 16
KILLED = "killed by signal"
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
        code: Its exit code, minus the signal that ended it, or `None` if unknown.
    """

    number: int
    pid: int
    reason: str
    stack: str = ""
    code: int | None = None


class Crew(ABC):
    """Processes that each do one thing until they are told to end.

    Attributes:
        stacks: The descriptor that their Python stacks are written to.
    """

    def __init__(self) -> None:
        self._reasons: dict[int, tuple[str, str]] = {}
        self._numbers: dict[int, int] = {}
        self._poll = select.poll()
        self.stacks = os.memfd_create("trueload-stacks", os.MFD_CLOEXEC)
        self._processes: dict[int, Any] = {}

    @property
    def processes(self) -> list[Any]:
        """The processes, by number."""
        self._await_all()
        return [self._processes[number] for number in sorted(self._processes)]

    @abstractmethod
    def start(self, number: int) -> None:
        """Start a worker, without waiting until it works."""

    @abstractmethod
    def leave(self) -> None:
        """Let all end by themselves, which they have been told to."""

    @abstractmethod
    def _exit_code(self, process: Any) -> int | None:
        """Give the exit code of a process that has ended, or minus the signal that ended it."""

    @abstractmethod
    def _put_away(self, process: Any) -> None:
        """Give up what is held of a process that has ended, or that will end by itself."""

    @abstractmethod
    def _await_all(self) -> None:
        """Wait until all that have been asked for are there."""

    @abstractmethod
    def _hear(self, ready: set[int]) -> None:
        """Take in what other descriptors have to say."""

    @abstractmethod
    def _dismiss(self) -> None:
        """Give up whatever workers come from."""

    def _joined(self, number: int, process: Any) -> None:
        """Take in a worker that has been started."""
        self._processes[number] = process
        self._numbers[process.sentinel] = number
        self._poll.register(process.sentinel, select.POLLIN)

    def watch(self, descriptor: int) -> None:
        """Let `wait` also wake when this can be read."""
        self._poll.register(descriptor, select.POLLIN)

    def wait(self, seconds: float | None) -> list[Death]:
        """Wait at most this long, `None` for ever; tell which processes have ended by now."""
        ready = {one for one, _ in self._poll.poll(None if seconds is None else seconds * 1000)}
        self._hear(ready)
        return [self._buried(one) for one in ready if one in self._numbers]

    def end(self, number: int, reason: str) -> None:
        """Kill a process, once it has written where it stands."""
        self._await_all()
        process = self._processes.get(number)
        if process is not None:
            self._reasons[number] = (reason, self._stack_of(process.pid))
            process.kill()

    def end_all(self, grace_seconds: float) -> None:
        """Wait so long for all to end by themselves, then kill the rest."""
        deadline = time.monotonic() + grace_seconds
        try:
            with suppress(OSError):
                self._await_all()
            for process in self._processes.values():
                process.join(max(deadline - time.monotonic(), 0))
        finally:
            for process in self._processes.values():
                process.kill()
                process.join()
            self._let_go()
            self._dismiss()

    def _let_go(self) -> None:
        for process in self._processes.values():
            self._put_away(process)
        self._numbers.clear()
        os.close(self.stacks)

    def descriptors(self) -> Iterable[int]:
        """Give the descriptors that no copy of this process may keep open."""
        return tuple(self._numbers)

    def _buried(self, descriptor: int) -> Death:
        number = self._numbers.pop(descriptor)
        self._poll.unregister(descriptor)
        process = self._processes.pop(number)
        code = self._exit_code(process)
        reason, stack = self._reasons.pop(number, (_how_ended(code), ""))
        self._put_away(process)
        return Death(number, process.pid, reason, stack, code)

    def _stack_of(self, pid: int) -> str:
        """Ask a process where its Python code stands; nothing where it cannot say."""
        os.ftruncate(self.stacks, 0)
        os.lseek(self.stacks, 0, os.SEEK_SET)
        with suppress(ProcessLookupError):
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
    if code is None:
        return "ended, with the template that would know how"
    if code < 0:
        return f"{KILLED}: {signal.strsignal(-code)} ({signal.Signals(-code).name})"
    return f"ended with exit code {code}"
