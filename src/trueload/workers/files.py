"""Give a forked worker descriptors of its own for the files that it reads.

A fork copies descriptors, but not what stands behind them: all processes share one position in the
file, and whoever reads moves it for the others. A dataset with `self.file = open(...)` then gets
what another worker has left over. So each worker opens the very same files again, at the position
where they stood when the template was forked, and puts that in the place of what it inherited.
Nothing else changes: the numbers of descriptors, and what Python or a library keeps in memory of a
file, stay as they are, so archives and libraries in C read on as if they were alone.

This is done for files that can only be read. Of others, nobody knows what sharing means to them.
"""

import fcntl
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_OWN = Path("/proc/self/fd")
_LAST_STANDARD = 2
_KEPT_FLAGS = os.O_NONBLOCK | getattr(os, "O_DIRECT", 0) | getattr(os, "O_NOATIME", 0)
_UNREADABLE = getattr(os, "O_PATH", 0)


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that is open for reading only.

    Attributes:
        descriptor: Its descriptor.
        position: Where it is read next.
        identity: Device and inode, to know it again.
    """

    descriptor: int
    position: int
    identity: tuple[int, int]


def files_read() -> list[ReadFile]:
    """Give the files that this process has open for reading only."""
    try:
        descriptors = [int(name) for name in os.listdir(_OWN)]  # noqa: PTH208 - a third of the time
    except OSError:
        return []
    found = (_read(one) for one in descriptors if one > _LAST_STANDARD)
    return [file for file in found if file is not None]


def reopen(files: list[ReadFile]) -> int:
    """Open files again in a process that was forked, so that it shares no position.

    One that cannot be opened again, as where nobody may read it any more, stays as it is.

    Args:
        files: What `files_read` gave before the fork.

    Returns:
        How many were opened.
    """
    return sum(_reopened(file) for file in files)


def can_be_reopened(descriptor: int) -> bool:
    """Say whether a file can be opened again: it may be forbidden, and /proc is needed."""
    with suppress(OSError):
        os.close(_opened(descriptor))
        return True
    return False


def _opened(descriptor: int) -> int:
    """Open anew what stands behind a descriptor, whatever has become of its name."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL) & _KEPT_FLAGS
    return os.open(_OWN / str(descriptor), os.O_RDONLY | flags | os.O_CLOEXEC)


def _read(descriptor: int) -> ReadFile | None:
    with suppress(OSError):  # closed meanwhile, as that of the listing itself
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        status = os.fstat(descriptor)
        if _is_for_reading(flags) and stat.S_ISREG(status.st_mode):
            position = os.lseek(descriptor, 0, os.SEEK_CUR)
            return ReadFile(descriptor, position, (status.st_dev, status.st_ino))
    return None


def _is_for_reading(flags: int) -> bool:
    return flags & os.O_ACCMODE == os.O_RDONLY and not flags & _UNREADABLE


def _reopened(file: ReadFile) -> bool:
    """Put a file opened anew in the place of an inherited one, if that is still what it was."""
    old = file.descriptor
    with suppress(OSError):
        status = os.fstat(old)
        flags = fcntl.fcntl(old, fcntl.F_GETFL)
        if (status.st_dev, status.st_ino) != file.identity or not _is_for_reading(flags):
            return False
        new = _opened(old)
        try:
            os.lseek(new, file.position, os.SEEK_SET)
            os.dup2(new, old, inheritable=os.get_inheritable(old))
        finally:
            os.close(new)
        return True
    return False
