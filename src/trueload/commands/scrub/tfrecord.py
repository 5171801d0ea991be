"""Read the checksums of TFRecord files, without TensorFlow.

A record is its length in 8 bytes, a checksum of these, the data, and a checksum of the data. Both
are CRC-32C, rotated and shifted so that a checksum of checksums makes sense. That of the length is
made here; for the data Python would take a second for each few megabytes, so a library must do it.

Source: tensorflow/core/lib/io/record_writer.h and tensorflow/core/lib/hash/crc32c.h.
"""

import struct
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

Crc = Callable[[bytes], int]

_POLYNOMIAL = 0x82F63B78
_DELTA = 0xA282EAD8
_WORD = 0xFFFFFFFF
_HEAD = struct.Struct("<QI")


def fault_of_records(path: Path) -> tuple[str, bool]:
    """Look at a file of records.

    Returns:
        What is wrong, or nothing; and whether the data was looked at too, not only the lengths.
    """
    crc = _library()
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        number = 0
        while head := file.read(_HEAD.size):
            fault = _fault_of_head(head, size_bytes - file.tell())
            if fault:
                return f"record {number}: {fault}", crc is not None
            length = int.from_bytes(head[:8], "little")
            if crc is None:
                file.seek(length + 4, 1)
            elif masked(crc(file.read(length))) != int.from_bytes(file.read(4), "little"):
                return f"record {number}: bad CRC-32C of the data", True
            number += 1
    return "", crc is not None


def _fault_of_head(head: bytes, left: int) -> str:
    if len(head) < _HEAD.size:
        return "it ends within the length"
    length, checksum = _HEAD.unpack(head)
    if masked(crc32c(head[:8])) != checksum:
        return "bad CRC-32C of the length"
    return "it ends within the data" if length + 4 > left else ""


def masked(crc: int) -> int:
    """Rotate and shift a checksum, as TFRecord stores it."""
    return ((crc >> 15 | crc << 17) + _DELTA) & _WORD


def crc32c(data: bytes) -> int:
    """Give the CRC-32C of a few bytes."""
    crc = _WORD
    for byte in data:
        crc = crc >> 8 ^ _table()[(crc ^ byte) & 0xFF]
    return crc ^ _WORD


@cache
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def _library() -> Crc | None:
    """Give the CRC-32C of an installed package."""
    if find_spec("google_crc32c") is not None:
        return import_module("google_crc32c").value
    if find_spec("crc32c") is not None:
        return import_module("crc32c").crc32c
    return None
