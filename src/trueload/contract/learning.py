"""Learn what batches look like, and notice one that looks otherwise.

Every batch is looked at: which leaves there are, their dtypes and shapes. What differs from batch
to batch is free and never told. Of what is told, the batches before must have left no doubt: how
many that takes depends on how seldom it is meant. What was told is not learned, unless it stays so.
"""

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple

from trueload.allowance import Allowance
from trueload.contract.batch import BatchContract
from trueload.contract.departure import Departure
from trueload.contract.habits import Context, Habits
from trueload.contract.known import Known
from trueload.contract.reading import ITEMS, Fact, read, seems_listed, signature
from trueload.errors import count, several

_SURE_OF_LEAVES: Final = 16
_SURE_OF_ROWS: Final = 8
_MOST_SIGNATURES: Final = 256
_FIRST_SECONDS: Final = 0.005
_FIRST_LOOKS: Final = 16
_OF_MIXED: Final = frozenset({"TL402", "TL403"})


class Listed(NamedTuple):
    """What is known of a sequence.

    Attributes:
        length: How long it was.
        size: How many samples the batch had then.
        listed: Whether it has one item for each sample.
    """

    length: int
    size: int | None
    listed: bool


class Learner:
    """Learns from the batches of a loader.

    Attributes:
        batches: How many it has seen.
        allowance: How much time may go into looking at values.
        looks: How often values have been looked at.
        mixed: Leaves that are known to have samples with different dtypes, told elsewhere.
    """

    def __init__(self) -> None:
        self.batches = self.looks = 0
        self.mixed: set[str] = set()
        self._known: dict[str, Known] = {}
        self._listed: dict[str, Listed] = {}
        self._latest: Any = None
        self._signatures: set[Any] = set()
        self._habits = Habits()
        self.allowance = Allowance(_FIRST_SECONDS)

    def is_alike(self, batch: Any) -> bool:
        """Say whether a batch has the structure of the one before; if so, it counts as seen."""
        if signature(batch) != self._latest:
            return False
        self.batches += 1
        return True

    def look(self, batch: Any, size: int | None, where: Any) -> list[Departure]:
        """Look at the structure of a batch that is not like the one before, and learn it.

        Args:
            batch: The batch.
            size: How many samples it was made of, at most; `None` where it is one sample.
            where: What is given back with a departure.
        """
        found = signature(batch)
        key = (found, size)
        if key in self._signatures:
            self.batches += 1
            self._latest = found
            return []
        departures = list(self._compared(self.read(batch, size), size, where))
        self.batches += 1
        if not departures:
            self._latest = found
            if len(self._signatures) < _MOST_SIGNATURES:
                self._signatures.add(key)
        return departures

    def may_look(self, share: float) -> bool:
        """Say whether there is time to look at values: at first there always is.

        Args:
            share: How much of the time may go into it.
        """
        if self.looks < _FIRST_LOOKS:
            return share > 0
        return self.allowance.allows(time.perf_counter(), share)

    def look_at_values(
        self, batch: Any, size: int | None, where: Any, context: Context
    ) -> list[Departure]:
        """Look at the values of a batch whose structure has been looked at, and learn them.

        Args:
            batch: The batch.
            size: As above.
            where: As above.
            context: What is known of the samples.
        """
        self.looks += 1
        facts = self.read(batch, size)
        size = size_of(facts, size)
        led = {path for path, known in self._known.items() if known.leads}
        begun = time.thread_time()
        found = list(self._habits.look(facts, led, size, where, context))
        if self.looks > _FIRST_LOOKS:
            self.allowance.spend(time.thread_time() - begun)
        return [one for one in found if one.path not in self.mixed or one.code not in _OF_MIXED]

    def contract(self) -> BatchContract | None:
        """Give what has been learned, or `None` before the first batch."""
        if not self.batches:
            return None
        told = {
            path: known.contract(**self._habits.contract(path))
            for path, known in self._known.items()
        }
        return BatchContract.from_leaves(told)

    def read(self, batch: Any, size: int | None) -> list[Fact]:
        """Give the leaves of a batch."""

        def is_listed(path: str, value: Any) -> bool:
            known = self._listed.get(path)
            if known is None:
                listed = seems_listed(value, size, outermost=path == "batch")
            elif known.listed or len(value) == known.length:
                return known.listed
            else:  # as long as its batch, and another one is not so long
                listed = known.length == known.size and len(value) == size
                if listed:
                    self._forget(path)
            self._listed[path] = Listed(len(value), size, listed=listed)
            return listed

        return read(batch, is_listed)

    def _forget(self, path: str) -> None:
        for name in [name for name in self._known if name.startswith((path + "[", path + "."))]:
            del self._known[name]

    def _compared(self, facts: list[Fact], size: int | None, where: Any) -> Iterator[Departure]:
        size = size_of(facts, size)
        if all(fact.path in self._known for fact in facts):
            yield from self._uneven(facts, where)
        for fact in facts:
            leads = bool(fact.row is None and fact.shape and fact.shape[0] == size)
            known = self._known.get(fact.path)
            if known is None:
                self._known[fact.path] = Known(fact, self.batches, leads=leads)
                continue
            if fact.path in self.mixed:
                known.dtype = None
            elif known.fits(fact, leads=leads):
                continue
            departure = known.departure(fact, self.batches, where, size=size)
            if departure is None:
                known.learn(fact, leads=leads)
            else:
                known.stray(fact, leads=leads)
                yield departure
        yield from self._missing({fact.path for fact in facts}, where)

    def _missing(self, found: set[str], where: Any) -> Iterator[Departure]:
        """Tell of a key that all batches before had; what comes and goes is optional."""
        for path, known in self._known.items():
            if path in found or known.optional or ITEMS in path:
                continue
            if self.batches < _SURE_OF_LEAVES or not _is_key(path):
                known.optional = True
                continue
            known.strays += 1
            known.optional = known.strays == _SURE_OF_LEAVES
            title = f"the batch has no `{path}`, and all {count(self.batches)} before had one"
            yield Departure("TL421", path, title, (), _LACKING, where)
            return

    def _uneven(self, facts: list[Fact], where: Any) -> Iterator[Departure]:
        """Tell of a leaf that has another number of samples than one before it."""
        led = [fact for fact in facts if fact.shape and self._known[fact.path].leads]
        for one, other in pairwise(led):
            fewest = min(self.batches - self._known[fact.path].since for fact in (one, other))
            if len(one.value) == len(other.value) or fewest < _SURE_OF_ROWS:
                continue
            title = f"`{other.path}` has {several(len(other.value), 'row')}, and `{one.path}` has "
            title += f"{len(one.value)}"
            fact = ("before", f"both had one for each sample in {count(fewest)} batches")
            yield Departure("TL423", other.path, title, (fact,), _UNEVEN, where)
            return


def size_of(facts: list[Fact], size: int | None) -> int | None:
    """Give how many samples a batch seems to have.

    Args:
        facts: Its leaves.
        size: How many it was made of, at most; `None` where it is one sample.
    """
    firsts = {fact.shape[0] for fact in facts if fact.shape and fact.row is None}
    if size is None or size in firsts or len(firsts) != 1:
        return size
    only = firsts.pop()
    return min(size, only)


def _is_key(path: str) -> bool:
    """Say whether a leaf has a name, or its place in the batch itself: lists deeper down vary."""
    return not path.endswith("]") or path.endswith('"]') or path.count("[") <= 1


_LACKING: Final = "return the same keys for every batch, with a default where there is nothing"
_UNEVEN: Final = "leave a sample out of all leaves, or of none"
