"""The manifest of data files: how large each was, and a digest of what was in it.

It is a file of JSON lines, so that any tool can read it. The first says what it is; each other one
is about a file, by its path from the root, with `/` between folders:

    {"trueload_manifest": 1, "algorithm": "xxh3_64", "root": "."}
    {"path": "img/0.jpg", "size": 80421, "modified_ns": 1790000000000000000, "digest": "9f..."}

The digest is hexadecimal: of xxh3_64, or where the package xxhash is not installed, of crc32. The
root is given from the folder of the manifest, so that data and manifest can be moved together.
"""

import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trueload.errors import ArgumentError, count, render

NAME = ".trueload-manifest.jsonl"
"""What manifests are called, or how their names end."""

VERSION = 1
_CHUNK_BYTES = 1 << 20
XXH3, CRC32 = "xxh3_64", "crc32"
ALGORITHMS = (XXH3, CRC32)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a file was.

    Attributes:
        size_bytes: How long.
        modified_ns: When it was last written to, in nanoseconds since 1970.
        digest: Of its content, in hexadecimal digits.
    """

    size_bytes: int
    modified_ns: int
    digest: str

    def line(self, path: str) -> str:
        """Write it as a line of a manifest."""
        values = {"path": path, "size": self.size_bytes, "modified_ns": self.modified_ns}
        return json.dumps(values | {"digest": self.digest}) + "\n"


@dataclass(frozen=True, slots=True)
class Head:
    """The first line of a manifest.

    Attributes:
        algorithm: What makes the digests.
        root: Where paths begin, seen from the folder of the manifest.
    """

    algorithm: str
    root: str

    def line(self) -> str:
        """Write it as a line of a manifest."""
        values = {"trueload_manifest": VERSION, "algorithm": self.algorithm, "root": self.root}
        return json.dumps(values) + "\n"


def best_algorithm() -> str:
    """Give the best algorithm that can be had here."""
    return XXH3 if is_known(XXH3) else CRC32


def is_known(algorithm: str) -> bool:
    """Say whether digests of an algorithm can be made here."""
    return algorithm == CRC32 or (algorithm == XXH3 and find_spec("xxhash") is not None)


def digest_of(
    path: str | Path, algorithm: str, read: Callable[[int], object] = lambda _: None
) -> Entry:
    """Read a file, and give what it is.

    The operating system is asked to forget what it keeps of the file in memory, so that what is
    read is what the disk has.

    Args:
        path: The file.
        algorithm: One of `ALGORITHMS` that is known here.
        read: Called with the number of bytes read since the last call.

    Raises:
        OSError: It cannot be read.
    """
    update, digest = _hashing(algorithm)
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    size_bytes = 0
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a third of the time of a small one
        status = os.fstat(file.fileno())
        with suppress(OSError, AttributeError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while got := file.readinto(buffer):
            update(buffer[:got])
            read(got)
            size_bytes += got
    return Entry(size_bytes, status.st_mtime_ns, digest())


def _hashing(algorithm: str) -> tuple[Callable[[Any], object], Callable[[], str]]:
    if algorithm == XXH3:
        from xxhash import xxh3_64  # noqa: PLC0415  # pyrefly: ignore - may not be installed

        hashing = xxh3_64()
        return hashing.update, hashing.hexdigest
    return _Crc32.both()


class _Crc32:
    """The checksum of zlib, in the form of a hash."""

    def __init__(self) -> None:
        self.value = 0

    @classmethod
    def both(cls) -> tuple[Callable[[Any], object], Callable[[], str]]:
        crc = cls()
        return crc.update, lambda: f"{crc.value:08x}"

    def update(self, data: Any) -> None:
        self.value = zlib.crc32(data, self.value)


def read_head(file: Path) -> Head:
    """Read the first line of a manifest.

    Raises:
        ArgumentError: It is no manifest, or one of a later version.
        OSError: It cannot be read.
    """
    with file.open("rb") as lines:
        first = lines.readline(_CHUNK_BYTES)
    values = _values(first)
    version = values.get("trueload_manifest")
    if version == VERSION and values.get("algorithm") in ALGORITHMS:
        return Head(values["algorithm"], str(values.get("root", ".")))
    title = f"{str(file)!r} is not a manifest of `trueload scrub`, of version {VERSION}"
    if isinstance(version, int) and version > VERSION:
        title = f"a later trueload wrote the manifest {str(file)!r}: version {version}"
    raise ArgumentError(render(title, "TL608", hint="write one with `trueload scrub FOLDER`"))


def read_entries(file: Path) -> dict[str, Entry]:
    """Read all entries of a manifest; a line that was not written to its end is left out."""
    found = {}
    with file.open("rb") as lines:
        for line in lines:
            values = _values(line)
            if (entry := _entry(values)) is not None:
                found[values["path"]] = entry
    return found


def _values(line: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        values = json.loads(line)
        return values if isinstance(values, dict) else {}
    return {}


def _entry(values: Mapping[str, Any]) -> Entry | None:
    known = [values.get(name) for name in ("path", "size", "modified_ns", "digest")]
    path, size, modified, digest = known
    whole = isinstance(size, int) and isinstance(modified, int)
    if whole and isinstance(path, str) and isinstance(digest, str):
        return Entry(size, modified, digest)
    return None


def root_of(file: Path, head: Head) -> Path:
    """Give the folder that the paths of a manifest begin in."""
    return Path(os.path.normpath(file.absolute().parent / head.root))


def since(manifest: str | Path, path: str) -> str:
    """Say what has become of a file since the manifest was written, as a clause; maybe nothing.

    Args:
        manifest: The manifest.
        path: A path of the file.
    """
    file = Path(manifest)
    head = read_head(file)
    if not is_known(head.algorithm):
        return ""
    before = next(_searched(file, _names_of(path, root_of(file, head))), None)
    if before is None:
        return "not in the manifest"
    try:
        return _told(Path(path), before, head.algorithm)
    except FileNotFoundError:
        return f"missing since the manifest, {count(before.size_bytes)} bytes then"
    except OSError as error:
        return f"unreadable since the manifest: {error.strerror or type(error).__name__}"


def _told(path: Path, before: Entry, algorithm: str) -> str:
    size_bytes = path.stat().st_size
    if size_bytes != before.size_bytes:
        then = count(before.size_bytes)
        return f"changed since the manifest: {count(size_bytes)} bytes, {then} then"
    now = digest_of(path, algorithm)
    if now.digest == before.digest:
        return "as it was in the manifest"
    touched = now.modified_ns != before.modified_ns
    how = "written to" if touched else "damaged, as it has the time that it had"
    return f"changed since the manifest: {how}, {algorithm} {now.digest}, {before.digest} then"


def _names_of(path: str, root: Path) -> set[str]:
    """Give what the manifest may call a file, by the path as it is and with links followed."""
    given, real = os.path.abspath(path), os.path.realpath(path)  # noqa: PTH100 - keeps links
    roots = (root, Path(os.path.realpath(root)))
    pairs = ((one, base) for one in (given, real) for base in roots)
    return {Path(os.path.relpath(one, base)).as_posix() for one, base in pairs}


def _searched(file: Path, names: set[str]) -> Iterator[Entry]:
    """Yield the entries of some files, without keeping the others."""
    known = [json.dumps(name).encode() for name in names]
    with file.open("rb") as lines:
        for line in lines:
            if any(name in line for name in known):
                values = _values(line)
                entry = _entry(values)
                if entry is not None and values["path"] in names:
                    yield entry
