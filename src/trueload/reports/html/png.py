"""Small pictures as PNG in the page itself.

Source: https://www.w3.org/TR/png-3/, the chunks IHDR, IDAT and IEND.
"""

import struct
import zlib
from base64 import b64encode
from typing import Final

from trueload.evidence.footage import Picture

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES: Final = {1: 0, 3: 2}


def encode(picture: Picture) -> bytes:
    """Give a picture as the bytes of a PNG file."""
    row = picture.width * picture.channels
    lines = (
        b"\0" + picture.pixels[start : start + row] for start in range(0, row * picture.height, row)
    )
    color = _COLOR_TYPES[picture.channels]
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, color, 0, 0, 0)
    data = zlib.compress(b"".join(lines), 9)
    parts = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in parts)


def address(picture: Picture) -> str:
    """Give a picture as an address that holds all of it."""
    return "data:image/png;base64," + b64encode(encode(picture)).decode()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
