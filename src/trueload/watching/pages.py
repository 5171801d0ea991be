"""Which pages of memory were written to since somebody looked.

Three ways, all without a copy, a change of the code that writes, or a right that a user lacks:

- `Protected`, Linux 6.7 and later: the kernel protects the pages against writing, takes the
  protection away at the first write without telling anybody, and says on demand which pages have
  lost it. Setting up 246 MB takes 1 ms, looking 14 us, the first write to a page 0.8 us.
- `Exclusive`, Linux 4.2 and later, in a forked worker: a page that nobody has written to is shared
  with the process that this one was forked from. Looking takes 8 us a megabyte.
- `Digests`, anywhere: what is in the pages is compared with what was there, which takes reading
  all of it, 0.4 ms a megabyte.

Source: userfaultfd(2) and `PAGEMAP_SCAN` in the kernel's Documentation/admin-guide/mm/pagemap.rst.
"""

import ctypes
import mmap
import os
import platform
import struct
import sys
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from trueload.watching.arrays import bytes_at

with suppress(ImportError):  # as on Windows, where nothing here that needs it is there
    import fcntl

Span = tuple[int, int]
"""Where pages begin and end."""

_PAGE = mmap.PAGESIZE
_CALLS = {"x86_64": 323, "aarch64": 282}
_USER_MODE_ONLY = 1
_WP_ASYNC, _WP_UNPOPULATED, _WP_SHMEM, _WP = 1 << 15, 1 << 13, 1 << 12, 1 << 0
_REGISTER_WP, _PROTECT = 1 << 1, 1
_IS_WRITTEN, _PROTECT_AGAIN, _CHECK_ASYNC = 1 << 1, 1 << 0, 1 << 1
_MOST_SPANS = 256
_EXCLUSIVE_BIT, _PRESENT_BIT = 56, 63
_SECONDS_A_BYTE = 4e-11
_CHUNK, _MOST_CHUNKS = 1 << 16, 1 << 12


class Pages(ABC):
    """Watches some spans of pages.

    Attributes:
        name: What it goes by.
        tells_again: Whether a page that was told is told again when it is written to again.
        is_slow: Whether a look reads all of the memory.
        look_seconds: What a look may take; one that takes longer was interrupted.
        spans: What is watched, which may be less than was asked for.
    """

    name: str
    tells_again: bool
    is_slow = False
    look_seconds = 1e-3
    spans: Sequence[Span]

    @abstractmethod
    def written(self) -> list[Span]:
        """Give what was written to since the last call, or since it was set up; cut off if long."""

    @abstractmethod
    def close(self) -> None:
        """Watch no longer."""


class Protected(Pages):
    """Pages that the kernel protects against writing until the first write.

    Args:
        spans: Those to watch.

    Raises:
        OSError: The kernel has no such thing, or does not let us.
    """

    name, tells_again = "userfaultfd", True

    def __init__(self, spans: list[Span]) -> None:
        self._map, self._asked, self.spans = -1, [], ()
        self._file = _userfaultfd()
        try:
            features = _WP_ASYNC | _WP_UNPOPULATED | _WP_SHMEM | _WP
            self._ask(0x3F, struct.pack("QQQ", 0xAA, features, 0))
            self._vector = (ctypes.c_uint64 * (3 * _MOST_SPANS))()
            self.spans = tuple(span for span in spans if self._is_protected(*span))
            self._asked = [self._question(*span) for span in self.spans]
            self._map = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
            self.written()
        except OSError:
            self.close()
            raise

    def _is_protected(self, start: int, end: int) -> bool:
        """Protect a span; say whether that can be done, as it cannot with mapped files."""
        try:
            self._ask(0x00, struct.pack("QQQQ", start, end - start, _REGISTER_WP, 0))
            self._ask(0x06, struct.pack("QQQ", start, end - start, _PROTECT))
        except OSError:
            return False
        return True

    def written(self) -> list[Span]:
        """Give what was written to since the last call, and protect it again."""
        found: list[Span] = []
        for asked in self._asked:
            count = fcntl.ioctl(self._map, _SCAN, asked)
            if count:
                words = self._vector[: 3 * count]
                found += zip(words[0::3], words[1::3], strict=True)
        return found

    def _question(self, start: int, end: int) -> bytearray:
        """Give the question what was written to in a span, to be asked again and again."""
        flags, vector = _PROTECT_AGAIN | _CHECK_ASYNC, ctypes.addressof(self._vector)
        where, masks = (start, end, 0, vector, _MOST_SPANS, 0), (0, _IS_WRITTEN, 0, _IS_WRITTEN)
        return bytearray(struct.pack("12Q", _SCAN_BYTES, flags, *where, *masks))

    def _ask(self, number: int, data: bytes) -> None:
        fcntl.ioctl(self._file, _request(0xAA, number, len(data)), bytearray(data))

    def close(self) -> None:
        """Watch no longer."""
        os.close(self._file)
        if self._map >= 0:
            os.close(self._map)
        self._asked = []


class Exclusive(Pages):
    """Pages of a forked process that no other process maps any more, since they were written to.

    A look is as long as the memory that is watched, so who asks decides how often.

    Args:
        spans: Those to watch.

    Raises:
        OSError: The kernel does not say.
    """

    name, tells_again = "pagemap", False

    def __init__(self, spans: list[Span]) -> None:
        self.spans: Sequence[Span] = tuple(spans)
        self.look_seconds += _SECONDS_A_BYTE * sum(end - start for start, end in spans)
        self._map = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        self._before = [self._exclusive(span) for span in spans]

    def written(self) -> list[Span]:
        """Give the pages that were not this process's own at the last call."""
        found: list[Span] = []
        for place, span in enumerate(self.spans):
            now = self._exclusive(span)
            new = np.flatnonzero(now & ~self._before[place])[:_MOST_SPANS]
            starts = (span[0] + new * _PAGE).tolist()
            found += [(start, start + _PAGE) for start in starts]
            self._before[place] = now
        return found

    def _exclusive(self, span: Span) -> np.ndarray:
        start, end = span
        data = os.pread(self._map, (end - start) // _PAGE * 8, start // _PAGE * 8)
        entries = np.frombuffer(data, np.uint64)
        own = (entries >> np.uint64(_EXCLUSIVE_BIT)) & (entries >> np.uint64(_PRESENT_BIT))
        return (own & np.uint64(1)).astype(bool)

    def close(self) -> None:
        """Watch no longer."""
        os.close(self._map)


def pages_of(spans: list[Span], *, forked: bool, digests: bool = False) -> Pages | None:
    """Watch pages in the best way that there is here, or not at all.

    Args:
        spans: Those to watch.
        forked: Whether this process was forked and shares them with another one.
        digests: Whether comparing digests will do.
    """
    kinds = [Protected, *[Exclusive] * forked, *[Digests] * digests]
    for kind in kinds:
        try:
            return kind(spans)
        except (OSError, AttributeError, KeyError, TypeError):  # there is no such thing here
            continue
    return None


class Digests(Pages):
    """Pages that are compared by digests of what is in them, where the kernel tells nothing.

    Of more than 256 MiB, some chunks are looked at, spread evenly.

    Args:
        spans: Those to watch.
    """

    name, tells_again, is_slow = "digests", True, True

    def __init__(self, spans: list[Span]) -> None:
        self.spans: Sequence[Span] = tuple(spans)
        chunks = [
            (at, min(at + _CHUNK, end)) for start, end in spans for at in range(start, end, _CHUNK)
        ]
        self.look_seconds = 1.0
        self._chunks = chunks[:: max(1, -(-len(chunks) // _MOST_CHUNKS))]
        self._before = [_digest(*chunk) for chunk in self._chunks]

    def written(self) -> list[Span]:
        """Give the chunks that are not what they were at the last call."""
        now = [_digest(*chunk) for chunk in self._chunks]
        pairs = zip(self._chunks, self._before, now, strict=True)
        found = [chunk for chunk, before, after in pairs if before != after]
        self._before = now
        return found[:_MOST_SPANS]

    def close(self) -> None:
        """Watch no longer."""
        self._chunks = []


def _digest(start: int, end: int) -> int:
    return zlib.crc32(bytes_at(start, end).data)


def _userfaultfd() -> int:
    if sys.platform != "linux":
        raise OSError
    libc = ctypes.CDLL(None, use_errno=True)
    flags = os.O_CLOEXEC | os.O_NONBLOCK | _USER_MODE_ONLY
    found = libc.syscall(_CALLS[platform.machine()], flags)
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return found


def _request(kind: int, number: int, size_bytes: int) -> int:
    """Give the number of a request that reads and writes so many bytes."""
    return 3 << 30 | size_bytes << 16 | kind << 8 | number


_SCAN_BYTES = 96
_SCAN = _request(ord("f"), 16, _SCAN_BYTES)
