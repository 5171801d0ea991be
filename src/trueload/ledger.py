"""What has become of each sample of an epoch: delivered, skipped, replaced or lost.

Where the order is known, what was delivered follows from the position, so only exceptions are
written down, and keeping the books costs nothing. For a sampler that can only be followed, the
indices are noted as they come. An iterable dataset has no indices: there samples are counted.

`Account` is what an iterator writes into; a `Ledger` is what a user gets to see of it.
"""

import json
from base64 import b85decode, b85encode
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from operator import index as integer
from typing import Any, NamedTuple
from zlib import compress, decompress

import numpy as np

from trueload.coverage import Coverage
from trueload.errors import count

_BLOCK = 1 << 18
_LONG = 400
_NAMED = 4
_KINDS = ("skipped", "replaced", "lost")


class Entry(NamedTuple):
    """One sample that was not delivered as planned.

    Attributes:
        batch: Number of its batch.
        kind: `skipped`, `replaced` or `lost`.
        index: Its index, as text if it is no integer; `None` for an iterable dataset.
        by: The index that took its place, or `None`.
    """

    batch: int
    kind: str
    index: Any
    by: Any = None


def plain(index: Any) -> int | str | None:
    """Give an index as it is written down: an integer, or else text."""
    try:
        return None if index is None else integer(index)
    except TypeError:
        return repr(index)


@dataclass
class Known:
    """The indices that turned out bad, in this epoch or an earlier one."""

    indices: set[Any] = field(default_factory=set)

    def __contains__(self, index: Any) -> bool:
        return bool(self.indices) and plain(index) in self.indices

    def add(self, index: Any) -> None:
        """Know one more."""
        self.indices.add(plain(index))


@dataclass
class Account:
    """What is written down of an epoch while it goes on.

    Attributes:
        known: The indices known to be bad.
        entries: The samples that were not delivered as planned.
        bad: How many samples of the order were bad.
        in_a_row: How many bad ones came last, without a good one in between.
        causes: How often each kind of exception made a sample a bad one.
        nones: How many samples were `None`, and left to the collate function.
        coverage: The indices that were planned, where they must be followed one by one.
        planned: How many samples were planned, where ranks share an order.
        rank: The rank that the books are of, where ranks share an order.
        stands: Whether the sampler has a state of its own, so that it is not read again.
        read: What was planned for the batches before a state, as the sampler gives it now.
        samples: How many samples an iterable dataset has given.
        last: The index that was delivered last before a state, where that may be a substitute.
        keeps_last: Whether it may.
        findings: What does not add up.
        expected: How many batches a sampler is read over, and the checksum that it must give.
    """

    known: Known = field(default_factory=Known)
    entries: list[Entry] = field(default_factory=list)
    bad: int = 0
    in_a_row: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    nones: int = 0
    coverage: Coverage | None = None
    stands: bool = False
    samples: int = 0
    planned: int = 0
    rank: int | None = None
    last: Any = None
    keeps_last: bool = False
    findings: list[str] = field(default_factory=list)
    expected: tuple[int, int] | None = None

    @property
    def raised(self) -> str:
        """What made samples bad ones, the most frequent first: `3 OSError, 1 ValueError`."""
        return ", ".join(f"{count(n)} {kind}" for kind, n in self.causes.most_common(_NAMED))

    def enter(self, batch: int, kind: str, indices: Iterable[Any]) -> None:
        """Write down that samples were skipped or lost."""
        self.entries += [Entry(batch, kind, plain(index)) for index in indices]

    def settle(self, batch: int, planned: Any, indices: Any, rows: tuple[int, ...] | None) -> None:
        """Write down what became of a batch with bad samples, once it is delivered.

        Args:
            batch: Its number.
            planned: The indices that the order has for it.
            indices: Those that were delivered.
            rows: The rows that were delivered, where others were left out.
        """
        if rows is not None:
            kept = set(rows)
            skipped = (one for row, one in enumerate(planned) if row not in kept)
            self.enter(batch, "skipped", skipped)
            return
        for one, by in zip(map(plain, planned), map(plain, indices), strict=False):
            if one != by:
                self.entries.append(Entry(batch, "replaced", one, by))

    def number(self, kind: str) -> int:
        """Say how many samples were `skipped`, `replaced` or `lost`."""
        return sum(entry.kind == kind for entry in self.entries)

    def packed(self, batches: int, ahead: Iterable[int]) -> str | None:
        """Give it as text, or `None` where there is nothing to say.

        Args:
            batches: How many batches have been taken without a gap.
            ahead: Those that were taken beyond it.
        """
        beyond = set(ahead)
        entries = [one for one in self.entries if one.batch < batches or one.batch in beyond]
        values: dict[str, Any] = {
            "bad": self.bad,
            "row": self.in_a_row,
            "known": _steps(one for one in self.known.indices if isinstance(one, int)),
            "names": sorted(one for one in self.known.indices if isinstance(one, str)),
            "entries": [list(entry) for entry in entries],
            "causes": dict(self.causes),
            "nones": self.nones,
            "samples": self.samples if self.rank is None else 0,
            "last": None if self.last is None else [self.last],  # not left out where it is 0
        }
        if self.coverage is not None:
            self.coverage.enter()
            if not (beyond or self.coverage.opaque) and self.rank is None:
                values["read"] = [batches, self.coverage.digest]
            if self.stands and self.rank is None:
                values["coverage"] = self.coverage.packed()
        said = {name: value for name, value in values.items() if value}
        own = self.rank is not None and said.keys() - {"known", "names"}
        return _text(said | ({"rank": [self.rank]} if own else {}))

    @classmethod
    def unpacked(  # noqa: PLR0913 - each is one fact of the epoch
        cls,
        text: str | None,
        known: Known,
        *,
        batches: int,
        ahead: Iterable[int],
        length: int | None,
        rank: int | None = None,
    ) -> "Account":
        """Read what `packed` gave.

        Args:
            text: What it gave.
            known: What is known already; more is added.
            batches: How many batches have been taken by now, maybe fewer than it was packed with.
            ahead: Those that were taken beyond it.
            length: Length of the dataset, where indices must be followed; else `None`.
            rank: The rank that goes on, where ranks share an order. The books of another one are
                left to that.
        """
        values = _values(text)
        known.indices.update(accumulate(values.get("known", ())), values.get("names", ()))
        if rank is not None and values.get("rank", [0]) != [rank]:
            values = {}
        beyond = set(ahead)
        entries = (Entry(*entry) for entry in values.get("entries", ()))
        account = cls(
            known=known,
            entries=[one for one in entries if one.batch < batches or one.batch in beyond],
            bad=values.get("bad", 0),
            in_a_row=values.get("row", 0),
            causes=Counter(values.get("causes", {})),
            nones=values.get("nones", 0),
            samples=values.get("samples", 0),
            rank=rank,
            last=next(iter(values.get("last", ())), None),
        )
        if length is not None:
            account.coverage = Coverage(length)
            if "coverage" in values:
                account.stands = True
                account.coverage = Coverage.unpacked(length, values["coverage"])
            elif "read" in values and values["read"][0] == batches:
                account.expected = tuple(values["read"])
        return account


def carried(text: str | None) -> str | None:
    """Give what the account of a finished epoch says to the next one: which indices are bad."""
    values = _values(text)
    return _text({name: values[name] for name in ("known", "names") if name in values})


def _steps(numbers: Iterable[int]) -> list[int]:
    """Give the first of sorted numbers and the steps to each next one, which are short."""
    ordered = sorted(numbers)
    return ordered[:1] + [after - before for before, after in pairwise(ordered)]


def _text(values: dict[str, Any]) -> str | None:
    if not values:
        return None
    text = json.dumps(values, separators=(",", ":"))
    return text if len(text) < _LONG else b85encode(compress(text.encode())).decode()


def _values(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    return json.loads(text if text.startswith("{") else decompress(b85decode(text)))


class Counts(NamedTuple):
    """How many samples of an epoch became what.

    Attributes:
        delivered: Came in a batch, those in the place of others included.
        skipped: Were bad and left out.
        replaced: Were bad, and another one came in their place.
        lost: Were in a batch that an exception took the place of.
        nones: Were `None`, and left to the collate function.
    """

    delivered: int
    skipped: int
    replaced: int
    lost: int
    nones: int


@dataclass(frozen=True)
class Ledger:
    """What has become of the samples of an epoch until now; `loader.ledger` gives it.

    It can be pickled, and those of several ranks can be `merged`.

    Attributes:
        epoch: Number of the epoch.
        finished: Whether it is over.
        length: Length of the dataset, or `None`.
        counts: How many samples were delivered, skipped, replaced and lost.
        entries: The samples that were not delivered as planned, in the order in which that was
            found: batch, `kind`, `index`, and the index that came instead.
        findings: What does not add up, in words.
    """

    epoch: int
    finished: bool
    length: int | None
    counts: Counts
    entries: tuple[Entry, ...]
    findings: tuple[str, ...]
    _covered: Callable[[], Coverage | None] = field(repr=False, compare=False)

    @property
    def skipped(self) -> list[Any]:
        """The indices that were left out."""
        return self._of("skipped")

    @property
    def replaced(self) -> dict[Any, Any]:
        """The indices that were replaced, with the one that came instead the last time."""
        return {one.index: one.by for one in self.entries if one.kind == "replaced"}

    @property
    def lost(self) -> list[Any]:
        """The indices that were lost with a batch."""
        return self._of("lost")

    @property
    def delivered(self) -> np.ndarray | None:
        """The indices that came, each once, sorted; `None` where they are not known."""
        coverage = self._coverage
        return None if coverage is None else coverage.indices()

    @property
    def missing(self) -> np.ndarray | None:
        """The indices of the dataset that have not come; `None` where they are not known."""
        coverage = self._coverage
        return None if coverage is None else coverage.missing()

    @property
    def repeated(self) -> np.ndarray | None:
        """The indices that came more than once; `None` where they are not known."""
        coverage = self._coverage
        return None if coverage is None else coverage.repeats()

    @classmethod
    def merged(cls, ledgers: Iterable["Ledger"]) -> "Ledger":
        """Make one ledger of those of several ranks.

        Args:
            ledgers: At least one, all of the same epoch of the same dataset.

        Raises:
            ValueError: They are of different epochs or datasets, or there are none.
        """
        several = list(ledgers)
        if len({(one.epoch, one.length) for one in several}) != 1:
            message = f"one epoch of one dataset has one ledger, got those of {len(several)} others"
            raise ValueError(message)
        first = several[0]
        coverages = [one._covered() for one in several]  # noqa: SLF001 - of this class
        whole = None if first.length is None or None in coverages else Coverage(first.length)
        for coverage in coverages if whole is not None else []:
            whole.unite(coverage)  # pyrefly: ignore - there is none that is None
        return cls(
            first.epoch,
            all(one.finished for one in several),
            first.length,
            Counts(*(int(total) for total in np.sum([one.counts for one in several], axis=0))),
            tuple(entry for one in several for entry in one.entries),
            tuple(dict.fromkeys(text for one in several for text in one.findings)),
            _Same(whole),
        )

    def __str__(self) -> str:
        """Say it in a line: `epoch 2: 9 990 delivered, 10 skipped`."""
        parts = self.counts._asdict().items()
        told = ", ".join(f"{count(n)} {kind}" for kind, n in parts if n or kind == "delivered")
        return f"epoch {self.epoch}: {told}"

    def __getstate__(self) -> dict[str, Any]:
        """Take the indices along rather than what they are derived from."""
        return {**vars(self), "_covered": _Same(self._covered())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    @property
    def _coverage(self) -> Coverage | None:
        planned = self._covered()
        return None if planned is None else _delivered(planned.copy(), self.entries)

    def _of(self, kind: str) -> list[Any]:
        return [one.index for one in self.entries if one.kind == kind]


@dataclass(frozen=True, slots=True)
class _Same:
    """Gives a coverage that is there already."""

    coverage: Coverage | None

    def __call__(self) -> Coverage | None:
        return self.coverage


def _delivered(coverage: Coverage, entries: Iterable[Entry]) -> Coverage:
    """Give the coverage of what was delivered from that of what was planned, which it changes."""
    for entry in entries:
        if isinstance(entry.index, int):
            coverage.take_back([entry.index])
        if isinstance(entry.by, int):
            coverage.enter_block(np.array([entry.by], np.int64))
    return coverage


def coverage_of_blocks(blocks: Iterable[np.ndarray], length: int) -> Coverage:
    """Note the indices of short arrays, many at a time."""
    coverage, waiting, number = Coverage(length), [], 0
    for block in blocks:
        waiting.append(block)
        number += len(block)
        if number >= _BLOCK:
            coverage.enter_block(np.concatenate(waiting))
            waiting, number = [], 0
    if waiting:
        coverage.enter_block(np.concatenate(waiting))
    return coverage
