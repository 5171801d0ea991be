"""Mix integers into keys: the same numbers give the same key for ever, on any machine.

All randomness of orders and samples goes back to these few lines, so they must never change.
"""

import numpy as np

MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def mix(number: int) -> int:
    """Scatter a 64-bit integer over all 64-bit integers, one to one.

    Source: splitmix64 by Sebastiano Vigna, after Steele, Lea and Flood, "Fast splittable
    pseudorandom number generators", OOPSLA 2014.
    """
    number = ((number ^ (number >> 30)) * _FIRST) & MASK
    number = ((number ^ (number >> 27)) * _SECOND) & MASK
    return number ^ (number >> 31)


def derive(seed: int, *numbers: int) -> int:
    """Give the 64-bit key of a seed and numbers: another one for any other of them.

    Args:
        seed: Any integer, also negative or longer than 64 bits.
        numbers: What the key is for, such as an epoch and a position.
    """
    key = 0 if seed >= 0 else _SECOND
    for word in _words(abs(seed)):
        key = mix((key + word + _GOLDEN) & MASK)
    for number in numbers:
        key = mix((key + number * _GOLDEN + _GOLDEN) & MASK)
    return key


def mix64(numbers: np.ndarray) -> np.ndarray:
    """Scatter each number of a uint64 array as `mix` does; the array is overwritten.

    Args:
        numbers: uint64, any shape.

    Returns:
        The same array.
    """
    rest = numbers >> np.uint64(30)
    numbers ^= rest
    numbers *= np.uint64(_FIRST)
    np.right_shift(numbers, np.uint64(27), out=rest)
    numbers ^= rest
    numbers *= np.uint64(_SECOND)
    np.right_shift(numbers, np.uint64(31), out=rest)
    numbers ^= rest
    return numbers


def counted(key: int, start: int, stop: int) -> np.ndarray:
    """Give the random 64-bit words number `start` to `stop` of a key: uint64, (stop - start,)."""
    words = np.arange(start, stop, dtype=np.uint64)
    words *= np.uint64(_GOLDEN)
    words += np.uint64(mix(key ^ _FIRST))
    return mix64(words)


def _words(number: int) -> list[int]:
    words = [number & MASK]
    while number := number >> 64:
        words.append(number & MASK)
    return words
