"""One run of `trueload scrub`: what is asked for, the reading, the report, the manifest."""

import json
import os
import sys
import threading
from argparse import Namespace
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from trueload.commands.codes import Exit
from trueload.commands.scrub.checksums import NotVerified, fault_of
from trueload.commands.scrub.compare import Hit, Verdict, compared
from trueload.commands.scrub.files import Journal, Read, Reader, Seen, listed, seen
from trueload.commands.scrub.progress import Progress
from trueload.errors import ArgumentError, count, render, several
from trueload.manifest import (
    NAME,
    Entry,
    Head,
    best_algorithm,
    is_known,
    read_entries,
    read_head,
    root_of,
)

_MOST_THREADS = 8


def work_of(args: Namespace) -> "Work":
    """Find out what is asked for.

    Raises:
        ArgumentError: It cannot be done.
        OSError: A file cannot be read.
    """
    path: Path = args.path
    if not path.exists():
        _refuse(f"there is no {str(path)!r}")
    if args.threads is not None and args.threads < 1:
        _refuse(f"`--threads` must be at least 1, got {args.threads}")
    root = path if path.is_dir() else path.parent
    file = args.manifest or root / (NAME if path.is_dir() else f"{path.name}{NAME}")
    before = read_entries(file) if file.exists() else None
    head = Head(best_algorithm(), os.path.relpath(root, file.parent)) if before is None else None
    head = head or _head_of(file, root)
    threads = args.threads or min(os.cpu_count() or 1, _MOST_THREADS)
    return Work(path, root, file, head, before, threads, update=args.update, form=args.format)


def _head_of(file: Path, root: Path) -> Head:
    """Read what a manifest is about, and see that it suits."""
    head = read_head(file)
    if not is_known(head.algorithm):
        title = f"the manifest has digests of {head.algorithm}, which takes the package xxhash"
        _refuse(title, "pip install xxhash")
    about = root_of(file, head)
    if about.resolve() != root.resolve():
        _refuse(f"the manifest {str(file)!r} is about {str(about)!r}", f"trueload scrub {about}")
    return head


def _refuse(title: str, hint: str = "") -> None:
    raise ArgumentError(render(title, "TL608", hint=hint))


@dataclass
class Work:
    """One run.

    Attributes:
        path: What is asked for: a folder, or one file.
        root: The folder that paths begin in.
        file: The manifest.
        head: What it is, or will be.
        before: What it has, or `None` where there is none.
        threads: How many threads read.
        update: Whether it is written anew.
        form: How to tell what was found.
    """

    path: Path
    root: Path
    file: Path
    head: Head
    before: dict[str, Entry] | None
    threads: int
    update: bool
    form: str
    _undone: Counter[str] = field(default_factory=Counter, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def run(self) -> int:
        """Do it, and give the exit code."""
        journal = Journal(self.file.with_name(self.file.name + ".partial"), self.head)
        files = self._files({self.file, journal.file})
        try:
            reads = self._read(files, journal)
            if self.before is None or self.update:
                self._write(reads)
        except OSError as error:
            print(f"{error}\n\nhint: `--manifest FILE` puts it elsewhere", file=sys.stderr)
            return Exit.FAILED
        journal.remove()
        hits = compared(reads, self.before)
        self._tell(reads, hits)
        grave = any(hit.verdict is not Verdict.NEW for hit in hits)
        return Exit.FOUND if grave else Exit.CLEAN

    def _files(self, without: set[Path]) -> list[Seen]:
        if self.path.is_dir():
            return listed(self.root, without)
        return [seen(self.path, self.path.name)]

    def _read(self, files: list[Seen], journal: Journal) -> list[Read]:
        """Read the files, but for those that a run that was stopped has read."""
        left = journal.known()
        done = [Read(one, left[one.path]) for one in files if _is_same(one, left.get(one.path))]
        known = {read.seen.path: read.entry for read in done if read.entry is not None}
        rest = [one for one in files if one.path not in known]
        journal.open(known)
        with Progress(files, done) as progress:
            reader = Reader(
                self.root, self.head.algorithm, self.threads, progress.advance, self._inspect
            )
            try:
                for read in reader.read(rest):
                    progress.done()
                    done.append(read)
                    if read.entry is not None and not read.said:
                        journal.add(read.seen.path, read.entry)
            finally:
                journal.close()
        return done

    def _inspect(self, path: Path, entry: Entry, name: str) -> str:
        """Look at a file's own checksums, unless it is known to be what it was."""
        old = None if self.before is None else self.before.get(name)
        if old is not None and old.digest == entry.digest:
            return ""
        try:
            return fault_of(path)
        except NotVerified as undone:
            with self._lock:
                self._undone[str(undone)] += 1
        except OSError as error:
            return str(error)
        return ""

    def _write(self, reads: list[Read]) -> None:
        """Write the manifest, whole or not at all; what is known to be damaged is left out."""
        entries = {read.seen.path: read.entry for read in reads if not read.said}
        new = self.file.with_name(self.file.name + ".new")
        with new.open("w", encoding="utf-8") as lines:
            lines.write(self.head.line())
            for path in sorted(entries):
                if (entry := entries[path]) is not None:
                    lines.write(entry.line(path))
        new.replace(self.file)

    def _tell(self, reads: list[Read], hits: list[Hit]) -> None:
        """Write what was found to the output, and what was done to the standard error."""
        width = max((len(hit.path) for hit in hits), default=0)
        for hit in hits:
            text = f"{hit.verdict:<10}  {hit.path:<{width}}  {hit.detail}"
            print(json.dumps(hit.as_json()) if self.form == "json" else text)
        for reason, files in self._undone.items():
            print(f"trueload: of {several(files, 'file')} {reason}", file=sys.stderr)
        written = self.before is None or self.update
        size = sum(read.entry.size_bytes for read in reads if read.entry is not None)
        what = f"{several(len(reads), 'file')}, {count(size)} bytes, {self.head.algorithm}"
        done = f"wrote {str(self.file)!r}" if written else f"checked with {str(self.file)!r}"
        found = Counter(str(hit.verdict) for hit in hits)
        sums = ", ".join(f"{count(number)} {verdict}" for verdict, number in found.items())
        print(f"trueload: {what}; {done}: {sums or 'all is well'}", file=sys.stderr)


def _is_same(one: Seen, entry: Entry | None) -> bool:
    if entry is None or one.error:
        return False
    return (one.size_bytes, one.modified_ns) == (entry.size_bytes, entry.modified_ns)
