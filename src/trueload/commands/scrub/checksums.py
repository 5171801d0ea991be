"""What a file says of itself: the checksums that formats write, which most readers never look at.

One flipped bit passes unnoticed through most readers: of Parquet and HDF5, if not told otherwise,
and of TFRecord in most libraries. Here they are looked at, where the library that it takes is
installed; what could not be looked at is told too. No library is imported for files of another
kind.
"""

import gzip
import io
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from trueload.commands.scrub.tfrecord import fault_of_records

_CHUNK_BYTES = 1 << 20


class NotVerified(Exception):  # noqa: N818 - no error: a thing left undone
    """What a file says of itself could not be looked at, or only in part."""


def fault_of(path: Path) -> str:
    """Give the fault that a file's own checksums show, or nothing if it has none that do.

    Args:
        path: The file.

    Raises:
        NotVerified: It has some, and they could not be looked at.
    """
    with path.open("rb") as file:
        begin = file.read(8)
    look = _look_for(path.name.lower(), begin) if begin else None
    if look is None:
        return ""
    try:
        return look(path)
    except NotVerified:
        raise
    except Exception as error:  # whatever a library makes of a damaged file
        return str(error).partition("\n")[0] or type(error).__name__


def _look_for(name: str, begin: bytes) -> Callable[[Path], str] | None:
    """Tell the kind of a file from its name and, where names lie, from how it begins."""
    for suffix, magic, look in _LOOKS:
        if begin.startswith(magic) and re.search(suffix, name):
            return look
    return None


def _of_zip(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        try:
            name = archive.testzip()
        except (NotImplementedError, RuntimeError) as error:  # a password, another compression
            message = "nothing: Python cannot read such archives"
            raise NotVerified(message) from error
    return "" if name is None else f"bad CRC-32 of {name!r} in it"


def _of_gzip(path: Path) -> str:
    with gzip.open(path) as file:
        while file.read(_CHUNK_BYTES):
            pass
    return ""


def _of_tar(path: Path) -> str:
    """Look at the headers, which alone have checksums, and at what is behind the last one."""
    with tarfile.open(path, "r:") as archive:
        members = archive.getmembers()
        end = archive.offset
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(end)
        behind = file.read(tarfile.BLOCKSIZE)
    if end > size:
        return "it ends within its last member"
    if behind.strip(b"\0"):
        return f"bad header at byte {end}, behind {len(members)} members"
    return ""


def _of_png(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(len(_PNG))
        while head := file.read(8):
            length, kind = struct.unpack(">I4s", head)
            body, crc = file.read(length), file.read(4)
            if crc != struct.pack(">I", zlib.crc32(body, zlib.crc32(kind))):
                return f"bad CRC-32 of its chunk {kind.decode('latin-1')!r}"
            if kind == b"IEND":
                return ""
    return "it ends before its last chunk"


_PNG = b"\x89PNG\r\n\x1a\n"


def _of_records(path: Path) -> str:
    fault, whole = fault_of_records(path)
    if not fault and not whole:
        message = "only lengths: the data of TFRecords takes the package google-crc32c or crc32c"
        raise NotVerified(message)
    return fault


def _of_parquet(path: Path) -> str:
    """Read all pages with their checksums; without the library, look at both ends."""
    with path.open("rb") as file:
        first, size = file.read(4), file.seek(0, io.SEEK_END)
        file.seek(max(size - 8, 0))
        footer, last = struct.unpack("<I4s", file.read(8).rjust(8, b"\0"))
    if first != _PARQUET or last != _PARQUET or footer + 12 > size:
        return "it does not begin and end as a Parquet file"
    if find_spec("pyarrow") is None:
        message = "only its ends: the pages of Parquet take the package pyarrow"
        raise NotVerified(message)
    parquet = import_module("pyarrow.parquet")
    with parquet.ParquetFile(path, page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            file.read_row_group(group)
    return ""


_PARQUET = b"PAR1"


def _of_hdf5(path: Path) -> str:
    """Read the chunks of all datasets that have a checksum (fletcher32)."""
    if find_spec("h5py") is None:
        message = "the chunks of HDF5 take the package h5py"
        raise NotVerified(message)
    h5py = import_module("h5py")
    with h5py.File(path, "r") as file:
        return file.visititems(lambda name, one: _fault_of_dataset(h5py, name, one)) or ""


def _fault_of_dataset(h5py: object, name: str, one: object) -> str | None:
    if not isinstance(one, h5py.Dataset) or not one.fletcher32:  # pyrefly: ignore - not imported here
        return None
    try:
        for chunk in one.iter_chunks():  # pyrefly: ignore
            one[chunk]  # pyrefly: ignore
    except OSError:
        return f"bad Fletcher-32 of a chunk of {name!r}"
    return None


_GZIP = b"\x1f\x8b\x08"
_LOOKS: list[tuple[str, bytes, Callable[[Path], str]]] = [
    (r"", _PNG, _of_png),
    (r"", b"\x89HDF\r\n\x1a\n", _of_hdf5),
    (r"\.(zip|npz)$", b"PK\x03\x04", _of_zip),
    (r"\.(gz|tgz|tar|tfrecords?)$", _GZIP, _of_gzip),
    (r"\.tar$", b"", _of_tar),
    (r"\.parquet$", b"", _of_parquet),
    (r"\.tfrecords?(-\d+-of-\d+)?$", b"", _of_records),
]
"""How a name ends, how the file begins, and who looks at it."""
