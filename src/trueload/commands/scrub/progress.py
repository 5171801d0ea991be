"""How far a run is: a bar with rate and time left on a terminal, nothing in a file or a pipe."""

from collections.abc import Iterable
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar

from trueload.commands.scrub.files import Read, Seen


class Progress:
    """Shows how many bytes and files have been read.

    Args:
        files: All files.
        done: Those that need not be read any more.
        console: Where to show it; the standard error by default.
    """

    def __init__(
        self, files: Iterable[Seen], done: Iterable[Read], console: Console | None = None
    ) -> None:
        files, done = list(files), list(done)
        console = console or Console(stderr=True)
        self._bar = Bar(
            TextColumn("reading"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[files]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._count, self._done = len(files), len(done)
        self._task = self._bar.add_task(
            "",
            total=sum(one.size_bytes for one in files),
            completed=sum(read.seen.size_bytes for read in done),
            files=self._files(),
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, size_bytes: int) -> None:
        """Note that so many bytes more have been read; may be called in any thread."""
        self._bar.advance(self._task, size_bytes)

    def done(self) -> None:
        """Note that a file has been read."""
        self._done += 1
        self._bar.update(self._task, files=self._files())

    def _files(self) -> str:
        return f"{self._done}/{self._count} files"
