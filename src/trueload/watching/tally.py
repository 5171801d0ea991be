"""What was looked at and found, in words that the process that looks shares with the loader's."""

from collections.abc import MutableSequence
from dataclasses import dataclass

from trueload.watching.arrays import Kept

MECHANISMS = ("", "userfaultfd", "pagemap", "digests")
_MECHANISM, _ARRAYS, _BYTES, _LOOKS, _SPENT_US, _FOUND, _FROZEN, _REREAD = range(8)


@dataclass(frozen=True, slots=True)
class Count:
    """What a tally says now.

    Attributes:
        mechanism: How writes to arrays are noticed; empty where they are not.
        arrays: How many arrays are watched.
        size_bytes: How long these are.
        looks: How often it was looked.
        spent_seconds: How long that took, with what was looked into.
        found: How many findings there were.
        frozen: How many arrays are read-only while samples are made.
        reread: How many samples were made again to be compared.
    """

    mechanism: str = ""
    arrays: int = 0
    size_bytes: int = 0
    looks: int = 0
    spent_seconds: float = 0.0
    found: int = 0
    frozen: int = 0
    reread: int = 0


class Tally:
    """Counts what one process looks at.

    Args:
        words: Where; some of its own if left out.
    """

    SIZE = 8

    def __init__(self, words: MutableSequence[int] | memoryview | None = None) -> None:
        self._words = [0] * self.SIZE if words is None else words

    def watch(self, mechanism: str, arrays: list[Kept]) -> None:
        """Note what is watched, and how."""
        self._words[_MECHANISM] = MECHANISMS.index(mechanism)
        self._words[_ARRAYS] = len(arrays)
        self._words[_BYTES] = sum(array.size_bytes for array in arrays)

    def freeze(self, arrays: int) -> None:
        """Note how many arrays are read-only."""
        self._words[_FROZEN] = arrays

    def look(self, seconds: float) -> None:
        """Note a look, and how long it took."""
        self._words[_LOOKS] += 1
        self._words[_SPENT_US] += int(seconds * 1e6)

    def find(self) -> None:
        """Note a finding."""
        self._words[_FOUND] += 1

    def reread(self) -> None:
        """Note that a sample was made again."""
        self._words[_REREAD] += 1

    def count(self) -> Count:
        """Give what it says."""
        words = self._words
        return Count(
            mechanism=MECHANISMS[words[_MECHANISM]],
            arrays=words[_ARRAYS],
            size_bytes=words[_BYTES],
            looks=words[_LOOKS],
            spent_seconds=words[_SPENT_US] / 1e6,
            found=words[_FOUND],
            frozen=words[_FROZEN],
            reread=words[_REREAD],
        )
