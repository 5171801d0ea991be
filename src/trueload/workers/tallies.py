"""What each worker counts as it looks after the dataset, where the loader's process can read it."""

from trueload.watching.tally import Tally
from trueload.workers.words import Words


class Tallies:
    """The tally of each worker.

    Args:
        words: Where they are.
        start: Number of their first word.
    """

    def __init__(self, words: Words, start: int) -> None:
        self._shared, self._start = words, start

    @staticmethod
    def size(count: int) -> int:
        """Say how many words the tallies of so many workers take."""
        return count * Tally.SIZE

    def __getstate__(self) -> tuple[Words, int]:
        """Take the words along to a process that is being started."""
        return self._shared, self._start

    def __setstate__(self, state: tuple[Words, int]) -> None:
        self._shared, self._start = state

    def of(self, worker: int) -> Tally:
        """Give the tally of a worker."""
        at = self._start + worker * Tally.SIZE
        return Tally(self._shared.view[at : at + Tally.SIZE])
