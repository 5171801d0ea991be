"""Read all files of a folder, in several threads, and go on where a stopped run was."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

from trueload.manifest import NAME, Entry, Head, digest_of, read_entries, read_head

_FLUSH_SECONDS = 1.0
_AHEAD = 4
"""So many files a thread wait to be read: few, so that a stop is soon."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it is listed, before it is read.

    Attributes:
        path: Its path from the root, with `/` between folders.
        size_bytes: How long it is.
        modified_ns: When it was last written to.
        error: Why it cannot be looked at, or nothing.
    """

    path: str
    size_bytes: int
    modified_ns: int
    error: str = ""


def listed(root: Path, without: set[Path]) -> list[Seen]:
    """List the files in a folder and in those below it, in the order of their names.

    Links are followed. Whatever is no file, as a pipe, is left out, and so are manifests.

    Args:
        root: The folder.
        without: Files that are left out.
    """
    apart = {os.path.abspath(path) for path in without}  # noqa: PTH100 - keeps links
    found = [
        seen(path, path.relative_to(root).as_posix())
        for path in _walked(root)
        if os.path.abspath(path) not in apart and NAME not in path.name  # noqa: PTH100
    ]
    return sorted((one for one in found if one.size_bytes >= 0), key=lambda one: one.path)


def _walked(root: Path) -> Iterator[Path]:
    entered: set[tuple[int, int]] = set()
    for folder, inner, names in os.walk(root, followlinks=True):
        status = os.stat(folder)  # noqa: PTH116 - a string from `walk`
        key = status.st_dev, status.st_ino
        if key in entered:  # a link that leads back
            inner.clear()
            continue
        entered.add(key)
        yield from (Path(folder, name) for name in names)


def seen(path: Path, name: str) -> Seen:
    """Look at a file; one that is no file has a negative length."""
    try:
        status = path.stat()
    except OSError as error:
        return Seen(name, 0, 0, error.strerror or type(error).__name__)
    size = status.st_size if path.is_file() else -1
    return Seen(name, size, status.st_mtime_ns)


@dataclass
class Journal:
    """What a run has read so far, on disk, so that the next one need not read it again.

    Args:
        file: Where.
        head: What digests it holds; those of another algorithm are of no use.
    """

    file: Path
    head: Head
    _lines: IO[str] | None = field(default=None, repr=False)
    _flushed: float = 0.0

    def known(self) -> dict[str, Entry]:
        """Give what a run that was stopped has left."""
        try:
            return read_entries(self.file) if read_head(self.file) == self.head else {}
        except (OSError, ValueError):
            return {}

    def open(self, known: dict[str, Entry]) -> None:
        """Begin to write, with what is known already.

        Raises:
            OSError: It cannot be written.
        """
        self._lines = self.file.open("w", encoding="utf-8")
        self._lines.write(self.head.line())
        self._lines.writelines(entry.line(path) for path, entry in known.items())
        self._lines.flush()

    def add(self, path: str, entry: Entry) -> None:
        """Write down that a file was read."""
        if self._lines is not None:
            self._lines.write(entry.line(path))
            if time.monotonic() - self._flushed > _FLUSH_SECONDS:
                self._lines.flush()
                self._flushed = time.monotonic()

    def close(self) -> None:
        """Stop writing, and keep it."""
        if self._lines is not None:
            self._lines.close()

    def remove(self) -> None:
        """Remove it, as nothing is left to do."""
        self.close()
        self.file.unlink(missing_ok=True)


@dataclass(frozen=True)
class Read:
    """A file that was read.

    Attributes:
        seen: The file.
        entry: What it is, or `None` where it could not be read.
        error: Why not.
        said: What it says of itself, by its own checksums: a fault, or nothing.
    """

    seen: Seen
    entry: Entry | None
    error: str = ""
    said: str = ""


class Reader:
    """Reads files in several threads.

    Args:
        root: The folder that their paths begin in.
        algorithm: What makes the digests.
        threads: How many.
        progressed: Called with the number of bytes read since the last call.
        inspect: Gives the fault that a file's own checksums show, or nothing.
    """

    def __init__(
        self,
        root: Path,
        algorithm: str,
        threads: int,
        progressed: Callable[[int], object],
        inspect: Callable[[Path, Entry, str], str],
    ) -> None:
        self._root, self._algorithm, self._threads = root, algorithm, threads
        self._progressed, self._inspect = progressed, inspect
        self._stopped = threading.Event()

    def read(self, files: list[Seen]) -> Iterator[Read]:
        """Yield the files as they have been read, in any order.

        Raises:
            KeyboardInterrupt: Soon after it came, with no thread left reading.
        """
        rest = iter(files)
        with ThreadPoolExecutor(self._threads) as pool:
            under_way: set[Future[Read]] = set()
            try:
                while True:
                    room = self._threads * _AHEAD - len(under_way)
                    under_way |= {pool.submit(self._one, seen) for seen in islice(rest, room)}
                    if not under_way:
                        return
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            finally:
                self._stopped.set()
                pool.shutdown(wait=True, cancel_futures=True)

    def _one(self, seen: Seen) -> Read:
        path = self._root / seen.path
        if seen.error:
            return Read(seen, None, seen.error)
        try:
            entry = digest_of(path, self._algorithm, self._count)
        except OSError as error:
            return Read(seen, None, error.strerror or type(error).__name__)
        return Read(seen, entry, said=self._inspect(path, entry, seen.path))

    def _count(self, size_bytes: int) -> None:
        if self._stopped.is_set():
            raise InterruptedError
        self._progressed(size_bytes)
