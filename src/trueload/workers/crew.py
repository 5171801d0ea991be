"""The processes of one set of workers: started, watched, ended, replaced.

They are forked from a template, and what they need they inherit: the dataset, the mapping of the
slots, the pipes. This module knows nothing of orders and batches.
"""

import os
import select
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from trueload.workers.interrupts import held_back
from trueload.workers.template import ForkedWorker, Purpose, Template, TemplateLostError, forking

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
    """

    number: int
    pid: int
    reason: str
    stack: str


class Crew:
    """Processes that each do one thing until they are told to end.

    Args:
        purpose: What the template is for that they are forked from.

    Attributes:
        stacks: The descriptor that their Python stacks are written to.
    """

    def __init__(self, purpose: Purpose) -> None:
        self._purpose = purpose
        self._reasons: dict[int, tuple[str, str]] = {}
        self._numbers: dict[int, int] = {}
        self._poll = select.poll()
        self.stacks = os.memfd_create("trueload-stacks", os.MFD_CLOEXEC)
        self._processes: dict[int, ForkedWorker] = {}
        self._asked: set[int] = set()
        self._template: Template | None = None

    @property
    def processes(self) -> list[ForkedWorker]:
        """The processes, by number."""
        self._await_all()
        return [self._processes[number] for number in sorted(self._processes)]

    def start(self, number: int) -> None:
        """Have a worker forked, without waiting for it; a template that has ended is replaced."""
        self._asked.add(number)
        try:
            if self._template is None:
                with forking:
                    self._template = Template(self._purpose)
                self._poll.register(self._template.descriptor(), select.POLLIN)
            self._template.ask(number)
        except TemplateLostError:
            self._replace_template()

    def _hear(self) -> bool:
        """Take in a worker that has been started, if one has come."""
        if self._template is None:
            return False
        try:
            started = self._template.started(0)
        except TemplateLostError:
            self._replace_template()
            return bool(self._asked)
        if started is None:
            return False
        number, process = started
        self._asked.discard(number)
        if process is None:
            return True
        self._processes[number] = process
        self._numbers[process.sentinel] = number
        self._poll.register(process.sentinel, select.POLLIN)
        return True

    def _await_all(self) -> None:
        while self._asked and self._template is not None:
            self._template.wait(None)
            with held_back():
                self._hear()

    def _replace_template(self) -> None:
        """Forget a template that has ended, and ask another one for what it still owed."""
        self._forget_template()
        for number in sorted(self._asked):
            self.start(number)

    def _forget_template(self) -> None:
        template, self._template = self._template, None
        if template is not None:
            self._poll.unregister(template.descriptor())
            template.close()

    def watch(self, descriptor: int) -> None:
        """Let `wait` also wake when this can be read."""
        self._poll.register(descriptor, select.POLLIN)

    def wait(self, seconds: float | None) -> list[Death]:
        """Wait at most this long, `None` for ever; tell which processes have ended by now."""
        ready = self._poll.poll(None if seconds is None else seconds * 1000)
        template = None if self._template is None else self._template.descriptor()
        if any(one == template for one, _ in ready):
            while self._template is not None and self._template.wait(0):
                with held_back():
                    self._hear()
        return [self._buried(one) for one, _ in ready if one in self._numbers]

    def end(self, number: int, reason: str) -> None:
        """Kill a process, once it has written where it stands."""
        self._await_all()
        process = self._processes[number]
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
            self._forget_template()

    def leave(self) -> None:
        """Let all end by themselves, without waiting for it: they have been told to."""
        self._let_go()
        if self._template is not None:
            self._template.leave()

    def _let_go(self) -> None:
        for process in self._processes.values():
            process.close()
        self._numbers.clear()
        os.close(self.stacks)
        del self._purpose  # it refers to whoever holds this crew

    def descriptors(self) -> Iterable[int]:
        """Give the descriptors that no copy of this process may keep open."""
        template = () if self._template is None else (self._template.descriptor(),)
        return *self._numbers, *template

    def _buried(self, descriptor: int) -> Death:
        number = self._numbers.pop(descriptor)
        self._poll.unregister(descriptor)
        process = self._processes[number]
        code = process.template.exit_code(process.pid)
        reason, stack = self._reasons.pop(number, (_how_ended(code), ""))
        process.close()
        return Death(number, process.pid, reason, stack)

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
