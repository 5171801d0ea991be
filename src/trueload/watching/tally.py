"""What was looked at and found, in words that the process that looks shares with the loader's."""

import time
from collections.abc import Iterable, MutableSequence, Sequence
from dataclasses import dataclass

from trueload.watching.arrays import Kept

MECHANISMS = ("", "userfaultfd", "pagemap", "digests")
_MECHANISM, _ARRAYS, _BYTES, _FROZEN, *_SUMS = range(9)
_LOOKS, _SPENT_US, _LIVED_US, _FOUND, _REREAD = _SUMS


@dataclass(frozen=True, slots=True)
class Watching:
    """How a kind of process looks after the dataset's memory.

    Attributes:
        kind: "inline" for the loader's own process, or "worker".
        mechanism: How writes to arrays are noticed: "userfaultfd", "pagemap" or "digests"; empty
            where there is nothing to watch, or nobody has begun to. Lists, dictionaries, objects,
            small arrays and mapped files are compared in any case.
        arrays: How many arrays are watched.
        arrays_bytes: How long they are.
        frozen: How many arrays are read-only while samples are made.
        looks: How often it was looked, in all processes of the kind.
        spent_seconds: How long that took, with what had to be looked into.
        spent_share: The share of the time that this is.
        found: How many findings there were, told or not.
        reread: How many samples were made again to be compared.
    """

    kind: str
    mechanism: str = ""
    arrays: int = 0
    arrays_bytes: int = 0
    frozen: int = 0
    looks: int = 0
    spent_seconds: float = 0.0
    spent_share: float = 0.0
    found: int = 0
    reread: int = 0


class Tally:
    """Counts what one process looks at.

    Args:
        words: Where; some of its own if left out. Another process may have counted there before.
    """

    SIZE = 9

    def __init__(self, words: MutableSequence[int] | memoryview | None = None) -> None:
        self._words: MutableSequence[int] | memoryview = [0] * self.SIZE if words is None else words
        self._lived_us, self._begun = self._words[_LIVED_US], time.perf_counter()

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
        self._words[_SPENT_US] += round(seconds * 1e6)
        self._words[_LIVED_US] = self._lived_us + int((time.perf_counter() - self._begun) * 1e6)

    def find(self) -> None:
        """Note a finding."""
        self._words[_FOUND] += 1

    def reread(self) -> None:
        """Note that a sample was made again."""
        self._words[_REREAD] += 1

    def words(self) -> list[int]:
        """Give what it says."""
        return list(self._words)


def together(tallies: Iterable[Sequence[int]]) -> list[int]:
    """Give what several tallies say together; the last one says how it is done."""
    words = [0] * Tally.SIZE
    for one in tallies:
        for place, word in enumerate(one):
            if place in _SUMS:
                words[place] += word
            else:
                words[place] = word or words[place]
    return words


def watching(kind: str, words: Sequence[int]) -> Watching:
    """Give what a tally says of a kind of process."""
    return Watching(
        kind=kind,
        mechanism=MECHANISMS[words[_MECHANISM]],
        arrays=words[_ARRAYS],
        arrays_bytes=words[_BYTES],
        frozen=words[_FROZEN],
        looks=words[_LOOKS],
        spent_seconds=words[_SPENT_US] / 1e6,
        spent_share=words[_SPENT_US] / max(words[_LIVED_US], 1),
        found=words[_FOUND],
        reread=words[_REREAD],
    )
