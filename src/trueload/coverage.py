"""Which indices have come, once or more often: two bits for each sample of a dataset.

Indices are taken in as lists, as samplers give them, and entered many at a time, so that it costs
a few tens of nanoseconds for each. A checksum over all of them in their order tells whether a
sampler that is read again gives what it gave.
"""

from array import array
from base64 import b85decode, b85encode
from collections import Counter
from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any, Self
from zlib import compress, crc32, decompress

import numpy as np

_BLOCK = 1 << 15
_STRETCH = 1 << 16
_MOST_OUTSIDE = 1000
_HIGH_BIT = np.uint8(128)


class Coverage:
    """Counts indices up to two.

    Args:
        length: Indices from 0 up to this are counted, the others are noted.

    Attributes:
        length: The same.
        total: How many were counted or noted.
        digest: A checksum of all in their order.
        outside: How often indices below 0 or beyond the length came; the first 1,000 of them.
        opaque: Whether some were no integers; nothing is counted then.
    """

    def __init__(self, length: int) -> None:
        self.length, self.total, self.digest = length, 0, 0
        self.outside: Counter[int] = Counter()
        self.opaque = False
        self._once = np.zeros((length + 7) // 8, np.uint8)
        self._again: np.ndarray | None = None
        self._waiting = array("q")

    def add(self, indices: Any) -> None:
        """Take in the indices of a batch: any sequence."""
        if self.opaque:
            self.total += len(indices)
            return
        try:
            self._take_in(indices)
        except (TypeError, ValueError, OverflowError):
            self.enter()
            self.total += len(indices)
            self.opaque = True
            return
        if len(self._waiting) >= _BLOCK:
            self.enter()

    def _take_in(self, indices: Any) -> None:
        """Note a batch; integers of any kind become those of C, others raise."""
        if type(indices) is np.ndarray:
            if indices.dtype.kind not in "iu" or indices.ndim != 1:
                raise TypeError
            self._waiting.frombytes(indices.astype(np.int64, copy=False).tobytes())
        else:
            self._waiting.fromlist(indices if type(indices) is list else list(indices))

    def enter(self) -> None:
        """Count what was taken in."""
        if not self._waiting:
            return
        block = np.array(self._waiting, np.int64)
        del self._waiting[:]
        self.total += len(block)
        self.digest = crc32(block.tobytes(), self.digest)
        self._count(block)

    def enter_block(self, block: np.ndarray) -> None:
        """Count indices at once: int64, shape (count,)."""
        self.total += len(block)
        self._count(block)

    def _count(self, block: np.ndarray) -> None:
        inside = (block >= 0) & (block < self.length)
        if not inside.all():
            self._note(block[~inside])
            block = block[inside]
        if not block.size:
            return
        narrow = self.length <= np.iinfo(np.int32).max  # half as long, and sorted in half the time
        block = np.sort(block.astype(np.int32) if narrow else block)
        first = np.empty(len(block), bool)
        first[0] = True
        np.not_equal(block[1:], block[:-1], out=first[1:])
        again = block[~first]
        block = block[first]
        places, masks = _bits(block)
        known = (self._once[block >> 3] & _bit(block)) != 0
        self._once[places] |= masks
        again = np.concatenate([again, block[known]])
        if again.size:
            places, masks = _bits(np.unique(again))
            self._repeats()[places] |= masks

    def _note(self, indices: np.ndarray) -> None:
        for one, times in Counter(indices.tolist()).items():
            if one in self.outside or len(self.outside) < _MOST_OUTSIDE:
                self.outside[one] += times

    def _repeats(self) -> np.ndarray:
        if self._again is None:
            self._again = np.zeros_like(self._once)
        return self._again

    def copy(self) -> "Coverage":
        """Give one that counts on by itself."""
        self.enter()
        other = copy(self)
        other.outside = self.outside.copy()
        other._once = self._once.copy()  # noqa: SLF001 - of this class
        other._again = None if self._again is None else self._again.copy()  # noqa: SLF001
        other._waiting = array("q")  # noqa: SLF001
        return other

    def take_back(self, indices: Iterable[int]) -> None:
        """Count these once less."""
        for one in indices:
            if not 0 <= one < self.length:
                continue
            place, mask = one >> 3, _HIGH_BIT >> (one & 7)
            bits = self._again if self._again is not None and self._again[place] & mask else None
            (self._once if bits is None else bits)[place] &= ~mask

    def unite(self, other: "Coverage") -> None:
        """Count what another one of the same length has counted."""
        self.enter()
        other.enter()
        once, repeats = other._once, other._again  # noqa: SLF001 - of this class
        both = self._once & once
        if repeats is not None or both.any():
            again = self._repeats()
            again |= both
            if repeats is not None:
                again |= repeats
        self._once |= once
        self.outside += other.outside
        self.total += other.total
        self.opaque |= other.opaque

    def distinct(self) -> int:
        """Say how many different indices there are, from 0 up to the length."""
        self.enter()
        return int(np.bitwise_count(self._once).sum(dtype=np.int64))

    def repeated(self) -> int:
        """Say how many indices came more than once."""
        self.enter()
        return 0 if self._again is None else int(np.bitwise_count(self._again).sum(dtype=np.int64))

    def indices(self) -> np.ndarray:
        """Give the different indices, from 0 up to the length: int64, sorted."""
        self.enter()
        return _indices(self._once, self.length)

    def missing(self) -> np.ndarray:
        """Give the indices that did not come: int64, sorted."""
        self.enter()
        return _indices(~self._once, self.length)

    def repeats(self) -> np.ndarray:
        """Give the indices that came more than once: int64, sorted."""
        self.enter()
        return np.empty(0, np.int64) if self._again is None else _indices(self._again, self.length)

    def first_missing(self, most: int) -> list[int]:
        """Give some of the indices that did not come, without a list of all."""
        self.enter()
        return _first(self._once, self.length, most, clear=True)

    def first_repeats(self, most: int) -> list[int]:
        """Give some of the indices that came more than once."""
        self.enter()
        return [] if self._again is None else _first(self._again, self.length, most, clear=False)

    def packed(self) -> dict[str, Any]:
        """Give it as plain values."""
        self.enter()
        return {
            "total": self.total,
            "digest": self.digest,
            "opaque": self.opaque,
            "outside": [[one, times] for one, times in self.outside.items()],
            "once": _text(self._once),
            "again": None if self._again is None else _text(self._again),
        }

    @classmethod
    def unpacked(cls, length: int, values: Mapping[str, Any]) -> Self:
        """Read what `packed` gave; where the length is another one, nothing is known."""
        coverage = cls(length)
        once = _array(values["once"])
        if len(once) != len(coverage._once):
            coverage.opaque = True
            return coverage
        coverage.total, coverage.digest = values["total"], values["digest"]
        coverage.opaque, coverage.outside = values["opaque"], Counter(dict(values["outside"]))
        coverage._once = once
        if values["again"] is not None:
            coverage._again = _array(values["again"])
        return coverage


def _bit(indices: np.ndarray) -> np.ndarray:
    """Give the bit of each index within its byte, as `np.packbits` would set it."""
    return np.right_shift(_HIGH_BIT, (indices & 7).astype(np.uint8))


def _bits(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the bytes that sorted indices lie in, each once, and what is set in them."""
    places = indices >> 3
    starts = np.flatnonzero(np.r_[True, places[1:] != places[:-1]])
    return places[starts], np.bitwise_or.reduceat(_bit(indices), starts)


def _indices(bits: np.ndarray, length: int) -> np.ndarray:
    return np.flatnonzero(np.unpackbits(bits, count=length)).astype(np.int64, copy=False)


def _first(bits: np.ndarray, length: int, most: int, *, clear: bool) -> list[int]:
    """Give the first bits that are set, or clear, looking at one stretch after another."""
    found: list[int] = []
    for start in range(0, len(bits), _STRETCH):
        part = bits[start : start + _STRETCH]
        places = np.flatnonzero(np.unpackbits(~part if clear else part)) + 8 * start
        found += places[places < length][: most - len(found)].tolist()
        if len(found) == most:
            break
    return found


def _text(bits: np.ndarray) -> str:
    return b85encode(compress(bits.tobytes(), 1)).decode()


def _array(text: str) -> np.ndarray:
    return np.frombuffer(decompress(b85decode(text)), np.uint8).copy()
