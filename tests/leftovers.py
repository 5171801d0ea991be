"""What a test has left behind: processes, descriptors, shared memory."""

import gc
import multiprocessing
import os
import select
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

PATIENCE_SECONDS = 5.0
_OF_LOADERS = ("torch_", "trueload", "psm_", "pym-", "sem.mp-")
"""How shared memory is called that a loader may leave: torch's, Python's, ours."""


@pytest.fixture(autouse=True)
def leaves_nothing() -> Iterator[None]:
    """Prove of each test of a folder whose conftest imports this that nothing is left."""
    torch.manual_seed(0)
    with nothing_left():
        yield


@pytest.fixture(autouse=True)
def many_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch not warn of more workers than this machine has cores."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(64))


@contextmanager
def nothing_left() -> Iterator[None]:
    """Prove that what is done within leaves nothing behind.

    Every process that is forked meanwhile, by whomever, inherits one end of a pipe. So the other
    end tells when the last of them is gone, children of children and orphans included, whatever
    else runs on the machine.
    """
    _collect()
    before = _held()
    reader, writer = os.pipe()
    try:
        yield
        os.close(writer)
        writer = -1
        _collect()
        assert _is_over(reader), f"processes are left: {_holders(reader)}"
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)
    # What other programs have in shared memory comes and goes; only what stays can be a leftover.
    assert comes_true(lambda: _held() <= before), _held().beyond(before)


@dataclass(frozen=True)
class Held:
    """What this process holds, and what lies about on the machine.

    Attributes:
        descriptors: How many of each kind: by the name that the system gives them.
        mappings: How many mappings of slots.
        files: Names in `/dev/shm`.
        zombies: Children that have ended and that nobody has waited for.
    """

    descriptors: tuple[str, ...]
    mappings: int
    files: frozenset[str]
    zombies: frozenset[int]

    def __le__(self, other: "Held") -> bool:
        return not self.beyond(other)

    def beyond(self, other: "Held") -> str:
        """Name what is here and not there."""
        more = []
        if len(self.descriptors) > len(other.descriptors):
            more.append(f"descriptors {self.descriptors}, before {other.descriptors}")
        if self.mappings > other.mappings:
            more.append(f"{self.mappings} mappings of slots, {other.mappings} before")
        more += [f"shared memory {name}" for name in _unused(self.files - other.files)]
        more += [f"zombie {pid}" for pid in self.zombies - other.zombies]
        return ", ".join(more)


def _held() -> Held:
    maps = Path("/proc/self/maps").read_text().splitlines()
    shared = Path("/dev/shm")  # noqa: S108 - looked into, not written to
    return Held(
        descriptors=tuple(sorted(_descriptors())),
        mappings=sum("memfd:trueload" in line for line in maps),
        files=frozenset(file.name for file in _files(shared) if file.name.startswith(_OF_LOADERS)),
        zombies=frozenset(pid for pid in children() if not is_alive(pid)),
    )


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []


def _unused(names: frozenset[str]) -> frozenset[str]:
    """Leave out the shared memory that other programs on this machine have mapped."""
    for process in Path("/proc").glob("[0-9]*"):
        if not names:
            break
        if process.name != str(os.getpid()):
            try:
                maps = (process / "maps").read_text()
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                continue
            names = frozenset(name for name in names if name not in maps)
    return names


def _descriptors() -> Iterator[str]:
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the names are what is asked for
        try:
            yield os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115 - no path of a file
        except FileNotFoundError:  # the one that the list itself was read by
            continue


def _collect() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
        comes_true(lambda: not multiprocessing.active_children())  # buries those that have ended
        gc.collect()


def _is_over(reader: int) -> bool:
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    return bool(poll.poll(PATIENCE_SECONDS * 1000))


def _holders(reader: int) -> list[str]:
    """Name the processes that hold the other end of a pipe."""
    pipe = os.readlink(f"/proc/self/fd/{reader}")  # noqa: PTH115 - no path of a file
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            held = {os.readlink(one) for one in (process / "fd").iterdir()}  # noqa: PTH115
            if pipe in held and process.name != str(os.getpid()):
                found.append(f"{process.name} {(process / 'wchan').read_text()}")
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    return found


def children(pid: int | str = "self") -> list[int]:
    """Give the ids of the processes that one has started and not waited for."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += map(int, (thread / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def is_alive(pid: int) -> bool:
    """Say whether a process runs: a zombie does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def comes_true(condition: Callable[[], bool]) -> bool:
    """Say whether a condition comes true before patience ends."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
