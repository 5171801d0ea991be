"""What the tests of faults share: datasets with slow samples, and the batches that must come."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.leftovers import children
from tests.workers.datasets import Made, Shared, plain

LENGTH = 32
ROOT = Path(__file__).parents[2]


def slow(index: int) -> int:
    """Give the index, so late that the test can do something meanwhile."""
    time.sleep(0.005)
    return index


MAPS = {"map-style": Made, "iterable": Shared}


def expected(kind: type, workers: int = 2, length: int = LENGTH, size: int = 2) -> list[list[int]]:
    """Give the batches that a loader over the indices gives in order."""
    if kind is Made:
        return [list(range(first, first + size)) for first in range(0, length, size)]
    streams = [list(range(worker, length, workers)) for worker in range(workers)]
    cut = [[stream[at : at + size] for at in range(0, len(stream), size)] for stream in streams]
    return [batch for turn in zip(*cut, strict=True) for batch in turn]


def rest_of(batches: Any) -> list[Any]:
    """Take what is left, as plain numbers."""
    return [plain(batch) for batch in batches]


def template_of(batches: Any) -> int:
    """Give the process that the workers of an iterator are forked from."""
    (pid,) = {
        pid for pid in children() if set(children(pid)) & {one.pid for one in batches._workers}
    }
    return pid


def kill(*pids: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to processes of our own."""
    for pid in pids:
        os.kill(pid, number)


def python_path() -> str:
    """Give where a program finds the tests, and whatever this process was told."""
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


@contextmanager
def program(text: str, **arguments: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program in a process group of its own, which ends with the test."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", text],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": python_path()},
        **arguments,
    )
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
