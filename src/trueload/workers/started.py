"""Workers that are started anew, by "spawn" or "forkserver", and are sent all they need."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from trueload.workers.crate import Crate
from trueload.workers.crew import Crew

_LEAVE_SECONDS = 5.0


@contextmanager
def one_hash_seed() -> Iterator[None]:
    """Start processes that agree on `hash("a")`, and so on the order of a set of strings.

    Python draws it anew for each program. It cannot be made that of this process, unless that was
    told by `PYTHONHASHSEED` itself: workers then get the same. Forks have it anyway.
    """
    if os.environ.get(_HASH_SEED, "random") != "random":
        yield
        return
    before = os.environ.get(_HASH_SEED)
    os.environ[_HASH_SEED] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_HASH_SEED]
        else:
            os.environ[_HASH_SEED] = before


_HASH_SEED = "PYTHONHASHSEED"


class StartedCrew(Crew):
    """Processes that `multiprocessing` starts.

    Args:
        context: How: a context of `multiprocessing`.
        target: What a worker runs; called with its outfit and the contents.
        contents: What all of them get.
        outfit: Gives what one of them gets, by number.
    """

    def __init__(
        self,
        context: Any,
        target: Callable[[Any, Any], None],
        contents: Any,
        outfit: Callable[[int], Any],
    ) -> None:
        super().__init__()
        self._context, self._target, self._outfit = context, target, outfit
        try:
            self._crate = Crate(contents)
        except OSError:
            os.close(self.stacks)
            raise

    def start(self, number: int) -> None:
        """Start a worker, without waiting until it has begun to work.

        Raises:
            Exception: What it needs cannot be pickled.
        """
        process = self._context.Process(
            target=self._target,
            args=(self._outfit(number), self._crate),
            name=f"DataLoader worker {number}",
            daemon=True,
        )
        try:
            with one_hash_seed():
                process.start()
        finally:
            self._crate.sent()
        self._joined(number, process)

    def leave(self) -> None:
        """Let all end by themselves, which they have been told to."""
        self.end_all(_LEAVE_SECONDS)

    def _await_all(self) -> None:
        """Do nothing: `start` does not return before."""

    def _hear(self, ready: set[int]) -> None:
        """Do nothing: a process says nothing but that it has ended."""

    def _dismiss(self) -> None:
        self._crate.close()
        del self._outfit  # it refers to whoever holds this crew

    def _put_away(self, process: Any) -> None:
        process.join()  # but not closed: libraries ask it whether it lives

    def _exit_code(self, process: Any) -> int | None:
        process.join()
        return process.exitcode
