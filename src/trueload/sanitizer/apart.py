"""Try something in a copy of this process, so that nothing of it lasts.

To read a sample once more may count a counter on, fill a cache, draw a number, print a line, or
write to memory that other processes see. So it is read in a forked copy, as torch forks its
workers. There, memory that is shared with other processes is made the copy's own first. What is
told comes back through a pipe; then the copy is gone. Positions in files, which both share, are put
back.
"""

import ctypes
import fcntl
import mmap
import os
import pickle
import resource
import select
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch

from trueload.watching.saved import bytes_at

_MOST_COPIED: Final = 256 << 20
_PRIVATE, _FIXED, _ANONYMOUS = 2, 16, 32
_FAILED: Final = ctypes.c_void_p(-1).value
_COPIED: Final = ("/dev/shm/", "/dev/zero", "/memfd:", "/SYSV")  # noqa: S108 - names in maps
_NO_FILES: Final = ("/dev/", "/memfd:", "/SYSV", "anon_inode", "[")
_CHUNK: Final = 1 << 16


def apart(work: Callable[[], Any], seconds: float) -> Any:
    """Do some work in a copy of this process, and give what it gives.

    Args:
        work: Its result can be pickled.
        seconds: How long it may take. A copy that takes longer, as one that waits for a lock that
            some other thread held, is ended.

    Returns:
        The result; `None` where the work raised, took too long, or there can be no copy.
    """
    if sys.platform != "linux":
        return None
    positions = list(_positions())
    reads, writes = os.pipe()
    copy = os.fork()
    if not copy:
        _work(work, reads, writes)
    os.close(writes)
    try:
        return _heard(reads, time.monotonic() + seconds)
    finally:
        os.close(reads)
        with suppress(ProcessLookupError):
            os.kill(copy, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(copy, 0)
        _put_back(positions)


def _heard(reads: int, deadline: float) -> Any:
    said = bytearray()
    while select.select([reads], [], [], max(0.0, deadline - time.monotonic()))[0]:
        chunk = os.read(reads, _CHUNK)
        if not chunk:
            return pickle.loads(said) if said else None  # noqa: S301 - our own copy said it
        said += chunk
    return None


def _work(work: Callable[[], Any], reads: int, writes: int) -> None:
    """Be the copy, and end."""
    try:
        os.close(reads)
        _be_silent()
        _own_memory()
        torch.set_num_threads(1)  # the threads of the process are not in its copy
        said = memoryview(pickle.dumps(work()))
        while said:
            said = said[os.write(writes, said) :]
    finally:
        os._exit(0)  # whatever it was, and without what runs at exit


def _be_silent() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the copy ends


class Mapping(NamedTuple):
    """A stretch of memory that is shared with other processes, or is a file."""

    start: int
    end: int
    offset: int
    inode: int
    path: str


def shared_mappings() -> Iterator[Mapping]:
    """Yield what this process can write to and others see."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        span, access, offset, _, inode, *path = line.split(maxsplit=5)
        if access.startswith("rw") and access.endswith("s"):
            start, end = (int(part, 16) for part in span.split("-"))
            yield Mapping(start, end, int(offset, 16), int(inode), path[0] if path else "")


def written_files() -> list[Mapping]:
    """Give the files that are mapped into memory so that writing to it changes them."""
    return [one for one in shared_mappings() if not one.path.startswith(_NO_FILES) and one.path]


def _own_memory() -> None:
    """Make memory that is shared with others this process's own, with what is in it.

    Raises:
        OSError: It cannot be done, or is too much.
    """
    room = _MOST_COPIED
    for one in shared_mappings():
        copied = one.path.startswith(_COPIED)
        if one.path.startswith("/dev/") and not copied:
            continue  # of a device
        if not copied and _is_there(one):
            file = os.open(one.path, os.O_RDONLY | os.O_CLOEXEC)
            _map(one, _PRIVATE | _FIXED, file)
            os.close(file)
            continue
        room -= one.end - one.start
        if room < 0:
            message = f"too much memory is shared: {one.path}"
            raise OSError(message)
        held = bytes_at(one.start, one.end).copy()
        _map(one, _PRIVATE | _FIXED | _ANONYMOUS, -1)
        np.copyto(bytes_at(one.start, one.end), held)


def _is_there(one: Mapping) -> bool:
    with suppress(OSError):
        return Path(one.path).stat().st_ino == one.inode
    return False


def _map(one: Mapping, flags: int, file: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    access = mmap.PROT_READ | mmap.PROT_WRITE
    place = ctypes.c_void_p(one.start), ctypes.c_size_t(one.end - one.start)
    offset = ctypes.c_long(0 if file < 0 else one.offset)
    if libc.mmap(*place, access, flags, file, offset) == _FAILED:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _positions() -> Iterator[tuple[int, int]]:
    """Yield where in files that are read only the next read begins; a copy would move it."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers are what is wanted
        with suppress(OSError):
            file = int(name)
            read_only = fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
            if read_only and stat.S_ISREG(os.fstat(file).st_mode):
                yield file, os.lseek(file, 0, os.SEEK_CUR)


def _put_back(positions: list[tuple[int, int]]) -> None:
    for file, position in positions:
        with suppress(OSError):
            if os.lseek(file, 0, os.SEEK_CUR) != position:
                os.lseek(file, position, os.SEEK_SET)
