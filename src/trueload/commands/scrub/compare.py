"""Compare files with their manifest, and say of each what has become of it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from trueload.commands.scrub.files import Read
from trueload.errors import count, several
from trueload.manifest import Entry


class Verdict(StrEnum):
    """What has become of a file, the worst first."""

    DAMAGED = "damaged"
    TRUNCATED = "truncated"
    UNREADABLE = "unreadable"
    MISSING = "missing"
    CHANGED = "changed"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Hit:
    """A file that is not what it was.

    Attributes:
        verdict: What has become of it.
        path: Its path from the root.
        detail: What was measured, as a clause.
    """

    verdict: Verdict
    path: str
    detail: str

    def as_json(self) -> dict[str, str]:
        """Give it as plain values."""
        return asdict(self) | {"verdict": str(self.verdict)}


def compared(reads: Iterable[Read], before: Mapping[str, Entry] | None) -> list[Hit]:
    """Give the files that are not what they were, the worst first.

    Args:
        reads: All files that there are.
        before: What the manifest has, or `None` where there is none.
    """
    reads = list(reads)
    hits = [hit for read in reads if (hit := _hit(read, before)) is not None]
    there = {read.seen.path for read in reads}
    gone = [] if before is None else sorted(before.keys() - there)
    hits += [Hit(Verdict.MISSING, path, _had(before[path])) for path in gone if before]
    order = list(Verdict)
    return sorted(hits, key=lambda hit: (order.index(hit.verdict), hit.path))


def _hit(read: Read, before: Mapping[str, Entry] | None) -> Hit | None:
    path, entry = read.seen.path, read.entry
    if entry is None:
        return Hit(Verdict.UNREADABLE, path, read.error)
    old = None if before is None else before.get(path)
    if old is not None:
        return _differing(read, entry, old)
    if read.said:
        return Hit(Verdict.DAMAGED, path, read.said)
    return None if before is None else Hit(Verdict.NEW, path, _length(entry))


def _differing(read: Read, entry: Entry, old: Entry) -> Hit | None:
    path = read.seen.path
    if old.digest == entry.digest and old.size_bytes == entry.size_bytes:
        return None
    if entry.size_bytes < old.size_bytes:
        return Hit(Verdict.TRUNCATED, path, f"{count(entry.size_bytes)} of {_length(old)} are left")
    if _is_untouched(entry, old):
        return Hit(Verdict.DAMAGED, path, "other content, though size and time are as before")
    if read.said:
        return Hit(Verdict.DAMAGED, path, read.said)
    return Hit(Verdict.CHANGED, path, _changed(entry, old))


def _is_untouched(now: Entry, before: Entry) -> bool:
    return (now.size_bytes, now.modified_ns) == (before.size_bytes, before.modified_ns)


def _changed(now: Entry, before: Entry) -> str:
    if now.size_bytes == before.size_bytes:
        return f"other content, written to since, {_length(now)} as before"
    return f"{_length(now)}, {count(before.size_bytes)} before"


def _had(entry: Entry) -> str:
    return f"had {_length(entry)}"


def _length(entry: Entry) -> str:
    return several(entry.size_bytes, "byte")
