"""The file that bad samples are written to, and a dataset without them.

Each line is a JSON object, appended in one write under a lock, so ranks may share the file. Indices
are those of the dataset under all `Subset`s, so that the file means the same for any split of it.
"""

import json
import os
from array import array
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from operator import index as integer
from pathlib import Path
from stat import S_ISREG
from typing import Any

from torch.utils.data import IterableDataset, Subset

from trueload.errors import ArgumentError, count, render
from trueload.fingerprint import identity_of, length_of
from trueload.sources import files_of

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, where appending is not locked
    fcntl: Any = None

_MOST_HASHED_BYTES = 1 << 26


class Quarantine:
    """Writes bad samples to a file.

    Args:
        path: The file; it is made when there is something to write.
        dataset: The dataset that the samples are of.
    """

    def __init__(self, path: str | os.PathLike[str], dataset: Any) -> None:
        self._path, self._dataset = Path(path), dataset
        self._written: set[str] | None = None

    def write(
        self, index: Any, error: Exception, file: str | None, facts: Mapping[str, Any]
    ) -> None:
        """Append a line about a sample, unless the file has one about it already.

        Args:
            index: Its index, or `None` for an iterable dataset.
            error: What was raised.
            file: The file that it comes from, or `None`, which looks into the dataset.
            facts: What else is known: `stage`, `epoch`, `position`.
        """
        base, of = under_subsets(self._dataset, index)
        record = {
            "index": _plain(of),
            "dataset": identity_of(base),
            "length": length_of(base),
            "exception": type(error).__name__,
            "message": _first_line(error),
            **facts,
        }
        if index is not None:
            key = _key(record)
            if self._written is None:
                self._written = {_key(one) for one in _records(self._path)}
            if key in self._written:
                return
            self._written.add(key)
        file = file or next(iter(files_of(base, of)), None)
        hangs = facts["stage"] == "end"  # and so may reading the file
        record |= {"file": file, "digest": None if hangs else digest_of_file(file)}
        _append(self._path, record)


def exclude(dataset: Any, path: str | os.PathLike[str]) -> Subset:
    """Give a map-style dataset without the samples that a quarantine names.

    Args:
        dataset: The dataset, or a `Subset` of it.
        path: What `ErrorPolicy(quarantine=...)` has written. Where there is no such file yet,
            nothing is left out.

    Returns:
        A `torch.utils.data.Subset`, for any loader.

    Raises:
        ArgumentError: The dataset is iterable or has no length, or the file is about the samples
            of this kind of dataset when it had another length (also a ValueError).

    Example:
        >>> import trueload
        >>> len(trueload.exclude(range(10), "no-such-file.jsonl"))
        10
    """
    length = None if isinstance(dataset, IterableDataset) else length_of(dataset)
    if length is None:
        title = f"samples of {type(dataset).__qualname__} have no indices that could be left out"
        hint = 'pass a map-style dataset; `on_error="skip"` reads on in an iterable one'
        raise ArgumentError(render(title, "TL217", hint=hint))
    base, _ = under_subsets(dataset, None)
    bad = _bad_of(Path(path), base)
    kept = (one for one in range(length) if under_subsets(dataset, one)[1] not in bad)
    return Subset(dataset, array("q", kept if bad else range(length)))  # pyrefly: ignore - integers


def _bad_of(path: Path, base: Any) -> set[int]:
    name, length = identity_of(base), length_of(base)
    mine = [one for one in _records(path) if one.get("dataset") == name]
    other = {one.get("length") for one in mine} - {length}
    if other:
        title = f"the quarantine is about another {name}: its length differs"
        facts = [
            ("file", str(path)),
            ("written", ", ".join(str(one) for one in sorted(other, key=str))),
            ("now", "none" if length is None else count(length)),
        ]
        hint = (
            "its indices mean other samples now: remove the file, and let the loader write it anew"
        )
        raise ArgumentError(render(title, "TL217", facts, hint))
    return {one["index"] for one in mine if isinstance(one.get("index"), int)}


def under_subsets(dataset: Any, index: Any) -> tuple[Any, Any]:
    """Give the dataset under all `Subset`s, and which index of it an index means."""
    while type(dataset) is Subset:
        if index is not None:
            index = dataset.indices[index]
        dataset = dataset.dataset
    return dataset, index


def digest_of_file(path: str | None) -> str | None:
    """Give a digest of what is in a file, or `None` where there is none, or it is over 64 MB.

    It tells whether the file has been mended since.
    """
    if path is None:
        return None
    try:
        about = os.stat(path)  # noqa: PTH116 - a plain path
        if not S_ISREG(about.st_mode) or about.st_size > _MOST_HASHED_BYTES:
            return None
        return f"blake2b:{blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()}"
    except OSError:
        return None


def _append(path: Path, record: Mapping[str, Any]) -> None:
    """Append a line in one write; a line that somebody was killed over is ended first."""
    line = json.dumps(record, default=repr).encode() + b"\n"
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        if fcntl is not None:
            with suppress(OSError):  # of a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            line = b"\n" + line
        os.write(file, line)
    finally:
        os.close(file)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Read what was written; a line that is not whole is passed over."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    for line in text.split("\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def _key(record: Mapping[str, Any]) -> str:
    return json.dumps([record.get(name) for name in ("dataset", "length", "index")], default=repr)


def _plain(index: Any) -> Any:
    try:
        return None if index is None else integer(index)
    except TypeError:
        return index if isinstance(index, str) else repr(index)


def _first_line(error: Exception) -> str:
    try:
        return str(error).partition("\n")[0]
    except Exception:
        return ""
