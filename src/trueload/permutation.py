"""A keyed permutation of any length that can be read at any position, in no memory.

Short ones are sorted by a keyed hash, which is exactly uniform. Long ones are a Feistel network
over pairs: an index below `rows * columns` is a pair of a row and a column, and each round moves
one of the two by a keyed hash of the other, which can be undone. Results beyond the length are put
through again ("cycle walking") until they are within; `rows * columns` exceeds the length by less
than two parts in its square root, so that hardly ever happens.

The hash is our own, so that an order never changes with the version of a library.

Source: J. Black and P. Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002 (generalized
Feistel, cycle walking); the hash of the rounds is the finalizer of MurmurHash3 by A. Appleby.
"""

from dataclasses import dataclass, field
from math import isqrt

import numpy as np

from trueload.mixing import counted, derive

SORTED_UP_TO = 4096
ROUNDS = 8
MOST = 1 << 62

_U32 = np.uint32
_U64 = np.uint64


def sorted_permutation(length: int, key: int) -> np.ndarray:
    """Give a whole permutation, uniform over all: int64, shape (length,)."""
    return np.argsort(counted(key, 0, length), kind="stable")


@dataclass(frozen=True, slots=True)
class Feistel:
    """A permutation of `range(length)`, and its inverse, on whole arrays.

    Args:
        length: From 1 to 2**62.
        key: 64 bits.
    """

    length: int
    key: int
    _sides: tuple[int, int] = field(init=False, repr=False)
    _keys: tuple[tuple[int, int], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows = isqrt(self.length - 1) + 1
        columns = -(-self.length // rows)
        keys = [derive(self.key, number) for number in range(ROUNDS)]
        object.__setattr__(self, "_sides", (rows, columns))
        object.__setattr__(self, "_keys", tuple((key >> 32, key & 0xFFFFFFFF) for key in keys))

    def forward(self, positions: np.ndarray) -> np.ndarray:
        """Give the indices at positions: int64, of the same shape (n,)."""
        return self._walk(positions, inverse=False)

    def inverse(self, indices: np.ndarray) -> np.ndarray:
        """Give the positions of indices: int64, of the same shape (n,)."""
        return self._walk(indices, inverse=True)

    def _walk(self, numbers: np.ndarray, *, inverse: bool) -> np.ndarray:
        found = self._once(numbers, inverse=inverse)
        outside = np.flatnonzero(found >= self.length)
        while outside.size:
            again = self._once(found[outside], inverse=inverse)
            found[outside] = again
            outside = outside[again >= self.length]
        return found

    def _once(self, numbers: np.ndarray, *, inverse: bool) -> np.ndarray:
        rows, columns = self._sides
        high = numbers // columns
        low = (numbers - high * columns).astype(_U64)
        high = high.astype(_U64)
        for number in range(ROUNDS)[:: -1 if inverse else 1]:
            if number % 2:
                _turn(low, columns, _reduced(high, self._keys[number], columns), inverse=inverse)
            else:
                _turn(high, rows, _reduced(low, self._keys[number], rows), inverse=inverse)
        high *= _U64(columns)
        high += low
        return high.view(np.int64)


def _reduced(words: np.ndarray, key: tuple[int, int], side: int) -> np.ndarray:
    """Hash 32-bit words with a key into `range(side)`, without division: uint64.

    Source: D. Lemire, "Fast random integer generation in an interval", 2019 (multiply, then shift).
    """
    mixed = words.astype(_U32)
    mixed ^= _U32(key[0])
    rest = mixed >> _U32(16)
    mixed ^= rest
    mixed *= _U32(0x85EBCA6B)
    mixed += _U32(key[1])
    np.right_shift(mixed, _U32(13), out=rest)
    mixed ^= rest
    mixed *= _U32(0xC2B2AE35)
    np.right_shift(mixed, _U32(16), out=rest)
    mixed ^= rest
    wide = mixed.astype(_U64)
    wide *= _U64(side)
    wide >>= _U64(32)
    return wide


def _turn(half: np.ndarray, side: int, by: np.ndarray, *, inverse: bool) -> None:
    """Move one half around its circle of `side` places, in place."""
    if inverse:
        half += _U64(side)
        half -= by
    else:
        half += by
    half -= (half >= _U64(side)) * _U64(side)
