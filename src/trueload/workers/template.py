"""The template: a fork of this process, taken once, that workers are forked from.

A process that trains has threads, and other threads hold locks. A fork of it has one thread, and
the locks stay locked. So it is forked once, when an iteration begins, and looked after (`locks`);
every worker, and every one that replaces another later, is forked from that quiet copy. So all
workers of an epoch start from the same dataset, the same code and the same settings, whatever the
training process does meanwhile, and starting one costs the training process a message.

Nothing is pickled and no memory is copied: a worker shares the pages of the dataset until somebody
writes to them. This module knows nothing of orders and batches.

Source: the zygote of Android and Chromium; why it is not a process started anew stands in
docs/decisions/0006-template-is-a-fork.md.
"""

import gc
import logging
import multiprocessing
import os
import pickle
import select
import signal
import socket
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from trueload.waiting import is_readable
from trueload.workers.files import files_read, reopen
from trueload.workers.locks import freed_locks, is_sound

logger = logging.getLogger("trueload")

_MESSAGE_BYTES = 4096
_EXIT_CODE_SECONDS = 2.0
_LEAVE_SECONDS = 2.0
_MOST_TRIES = 8


forking = threading.RLock()
"""Held while what no copy of this process may keep is opened and written down, and while it is
forked: another thread's template would otherwise keep a socket that nobody has told it of."""
os.register_at_fork(after_in_child=forking._at_fork_reinit)  # noqa: SLF001  # pyrefly: ignore


class TemplateLostError(Exception):
    """The template has ended, so no worker can be forked from it."""


class ForkedWorker:
    """A worker as the process that trains sees it: what libraries use of `multiprocessing.Process`.

    Attributes:
        template: What it was forked from.
        pid: Its process id.
        name: Its name.
        daemon: True: it ends with its parent.
        sentinel: A descriptor that can be read once the process has ended.
    """

    def __init__(self, template: "Template", number: int, pid: int, descriptor: int) -> None:
        self.template = template
        self.pid, self.sentinel = pid, descriptor
        self.name, self.daemon = f"DataLoader worker {number}", True

    @property
    def exitcode(self) -> int | None:
        """Its exit code, minus the signal that killed it, or `None` while it runs or if unknown."""
        return self.template.exit_code(self.pid, 0.0)

    def is_alive(self) -> bool:
        """Say whether it runs."""
        return self.sentinel >= 0 and not is_readable(self.sentinel, 0)

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it (SIGKILL)."""
        self._signal(signal.SIGKILL)

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, at most so many seconds."""
        if self.sentinel >= 0:
            is_readable(self.sentinel, timeout)

    def close(self) -> None:
        """Give its descriptor back, once it has ended."""
        if self.sentinel >= 0:
            os.close(self.sentinel)
            self.sentinel = -1

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            if self.sentinel >= 0:
                signal.pidfd_send_signal(self.sentinel, number)


@dataclass(frozen=True)
class Purpose:
    """What a template is for.

    Attributes:
        target: What a worker runs, called with its number and a descriptor that can be read once
            this process has ended.
        private: Gives the descriptors of this process that no copy may keep open.
        is_over: Says whether no more workers are needed.
        roots: Objects whose locks are freed in the copy if a thread of this process holds them.
    """

    target: Callable[[int, int], None]
    private: Callable[[], Iterable[int]]
    is_over: Callable[[], bool]
    roots: tuple[Any, ...]


class Template:
    """The copy of this process, from this side.

    Args:
        purpose: What it is for.
    """

    def __init__(self, purpose: Purpose) -> None:
        self._codes: dict[int, int] = {}
        self._arrived: deque[tuple[int, ForkedWorker | None] | OSError] = deque()
        self.process: Any = None
        try:
            self._begin(purpose)
        except Exception:
            if self.process is not None:
                self.close()
            raise

    def _begin(self, purpose: Purpose) -> None:
        threaded = threading.active_count() > 1
        for _ in range(_MOST_TRIES):
            self._fork(purpose, threaded=threaded)
            if not threaded or self._receive() == "ready":
                return
            self.close()
        self._fork(purpose, threaded=False)
        logger.warning("a thread of this process seems to hold locks that workers need")

    def _fork(self, purpose: Purpose, *, threaded: bool) -> None:
        """Fork; the caller holds `forking`."""
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        context = multiprocessing.get_context("fork")
        life = _Life(
            purpose,
            theirs,
            self._ours.fileno(),
            os.getpid(),
            threaded=threaded,
        )
        process = context.Process(target=life.run, name="DataLoader template", daemon=True)
        try:
            with warnings.catch_warnings():
                # Python warns of the locks that `_Life` looks after
                warnings.filterwarnings("ignore", ".*multi-threaded", DeprecationWarning)
                process.start()
            self.process = process
        except OSError:
            self._ours.close()
            raise
        finally:
            theirs.close()

    def ask(self, number: int) -> None:
        """Ask for a worker; `started` tells when there is one.

        Raises:
            TemplateLostError: The template has ended.
        """
        try:
            self._ours.send(pickle.dumps(number))
        except ConnectionError:
            raise TemplateLostError from None

    def wait(self, seconds: float | None) -> bool:
        """Wait at most so long until `started` has something to read; say whether it has."""
        return bool(self._arrived) or is_readable(self.descriptor(), seconds)

    def started(self, seconds: float | None) -> tuple[int, ForkedWorker | None] | None:
        """Give a worker that was asked for, with its number; wait for one at most so long.

        There is a number and no worker where none was needed any more.

        Raises:
            TemplateLostError: The template has ended.
            OSError: The system has no room for another process.
        """
        try:
            while not self._arrived and is_readable(self.descriptor(), seconds):
                self._receive()
        except (ConnectionError, EOFError):
            raise TemplateLostError from None
        if not self._arrived:
            return None
        arrived = self._arrived.popleft()
        if isinstance(arrived, OSError):
            raise arrived
        return arrived

    def exit_code(self, pid: int, seconds: float = _EXIT_CODE_SECONDS) -> int | None:
        """Give the exit code of a worker that has ended; wait so long for it to be told."""
        deadline = time.monotonic() + seconds
        with suppress(ConnectionError, EOFError):
            while pid not in self._codes and self.descriptor() >= 0:
                if not is_readable(self.descriptor(), deadline - time.monotonic()):
                    break
                self._receive()
        return self._codes.get(pid)

    def descriptor(self) -> int:
        """Give the descriptor that its messages come from; no other process may keep it open."""
        return self._ours.fileno()

    def leave(self) -> None:
        """Let the template end by itself, after its workers, without waiting for it."""
        self._hang_up()

    def close(self) -> None:
        """End the template. Its workers are ended before."""
        self._hang_up()
        process, self.process = self.process, None
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(process.pid)
            if not is_readable(descriptor, _EXIT_CODE_SECONDS):
                process.kill()
            os.close(descriptor)
        process.join()
        process.close()

    def _hang_up(self) -> None:
        self._ours.close()
        for arrived in self._arrived:
            if not isinstance(arrived, OSError) and arrived[1] is not None:
                arrived[1].close()
        self._arrived.clear()

    def _receive(self) -> str:
        """Read one message, and say of what kind it was."""
        data, descriptors, _, _ = socket.recv_fds(self._ours, _MESSAGE_BYTES, 1)
        if not data:
            raise EOFError
        kind, *values = pickle.loads(data)  # noqa: S301 - from our own process
        if kind == "ended":
            pid, code = values
            self._codes[pid] = code
        elif kind == "failed":
            self._arrived.append(OSError(*values))
        elif kind == "not started":
            self._arrived.append((values[0], None))
        elif kind == "started":
            number, pid = values
            self._arrived.append((number, ForkedWorker(self, number, pid, descriptors[0])))
        return kind


class _Life:
    """The life of the template, from its own side.

    Args:
        purpose: What it is for.
        line: Its end of the socket.
        others: The other end of it, which is closed first.
        parent_pid: The process that it ends with.
        threaded: Whether that process had other threads.
    """

    def __init__(
        self,
        purpose: Purpose,
        line: socket.socket,
        others: int,
        parent_pid: int,
        *,
        threaded: bool,
    ) -> None:
        self._purpose, self._line, self._others = purpose, line, others
        self._files = files_read()  # as they stand before the fork
        self._parent_pid, self._threaded = parent_pid, threaded
        self._context = multiprocessing.get_context("fork")
        self._workers: dict[int, Any] = {}

    def run(self) -> None:
        """Fork workers and tell how they end, until the training process is gone."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for descriptor in {*self._purpose.private(), self._others}:
            with suppress(OSError):  # another thread may have been closing it
                os.close(descriptor)
        gc.freeze()  # its objects are not visited by a worker's collector: their pages stay shared
        multiprocessing.current_process()._config["daemon"] = False  # noqa: SLF001  # pyrefly: ignore
        with suppress(ProcessLookupError, ConnectionError):
            self._parent = os.pidfd_open(self._parent_pid)
            if os.getppid() == self._parent_pid and self._is_ready():
                self._serve()
        self._kill_all()  # one that is stopped, or in C code, does not end by itself
        os._exit(0)

    def _is_ready(self) -> bool:
        """Look after the locks that other threads held, and tell the result."""
        if not self._threaded:
            return True
        freed_locks(self._purpose.roots)
        ready = is_sound()
        self._tell("ready" if ready else "unsound")
        return ready

    def _serve(self) -> None:
        """Do what the training process asks for; once it has gone away, see the workers end."""
        poll = select.poll()
        poll.register(self._parent, select.POLLIN)
        poll.register(self._line, select.POLLIN)
        leaving = False
        while self._workers or not leaving:
            ready = poll.poll(_LEAVE_SECONDS * 1000 if leaving else None)
            if not ready:
                self._kill_all()
            for descriptor, _ in ready:
                if descriptor == self._parent:
                    return
                if descriptor != self._line.fileno():
                    poll.unregister(descriptor)
                    self._bury(descriptor)
                elif not self._answer(poll):
                    poll.unregister(descriptor)
                    leaving = True

    def _answer(self, poll: select.poll) -> bool:
        """Fork a worker that is asked for; say whether there may be more to do."""
        try:
            data = self._line.recv(_MESSAGE_BYTES)
        except ConnectionError:
            return False
        if not data:
            return False
        number = pickle.loads(data)  # noqa: S301 - from our own process
        if self._purpose.is_over():
            self._tell("not started", number)
        else:
            self._fork(number, poll)
        return True

    def _fork(self, number: int, poll: select.poll) -> None:
        name = f"DataLoader worker {number}"
        process = self._context.Process(
            target=self._be_worker, args=(number,), name=name, daemon=True
        )
        try:
            process.start()
            descriptor = os.pidfd_open(process.pid)  # pyrefly: ignore - it has been started
        except OSError as error:
            self._tell("failed", error.errno, error.strerror)
            return
        self._workers[descriptor] = process
        poll.register(descriptor, select.POLLIN)
        self._tell("started", number, process.pid, descriptor=descriptor)

    def _tell(self, *message: Any, descriptor: int | None = None) -> None:
        """Send a message, unless nobody listens any more."""
        with suppress(ConnectionError):
            descriptors = [] if descriptor is None else [descriptor]
            socket.send_fds(self._line, [pickle.dumps(message)], descriptors)

    def _kill_all(self) -> None:
        for process in self._workers.values():
            process.kill()

    def _be_worker(self, number: int) -> None:
        self._line.close()
        reopen(self._files)
        self._purpose.target(number, self._parent)

    def _bury(self, descriptor: int) -> None:
        process = self._workers.pop(descriptor)
        os.close(descriptor)
        process.join()
        self._tell("ended", process.pid, process.exitcode)
