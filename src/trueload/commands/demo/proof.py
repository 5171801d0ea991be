"""Judge from the records whether a resumed epoch is the epoch that would have been.

Knows only what was written down: no loader, no process, no torch. Whatever a loader does wrong,
be it a batch left out, one given twice, another order or other random numbers, is in the records
and makes the proof fail.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Record:
    """One batch that a process took.

    Attributes:
        indices: The indices of its samples.
        digest: Digest of all its bits.
    """

    indices: tuple[int, ...]
    digest: str

    def to_line(self) -> str:
        """Return the record as one line."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read what `to_line` has written."""
        values = json.loads(line)
        return cls(tuple(values["indices"]), values["digest"])


def read(path: Path) -> list[Record]:
    """Read the records of a process; a line that a kill has cut off is no record."""
    lines = path.read_text().splitlines(keepends=True)
    return [Record.from_line(line) for line in lines if line.endswith("\n")]


@dataclass(frozen=True)
class Proof:
    """What the records say.

    Attributes:
        killed_at: Batches that the killed process took.
        kept: Samples in the state that it saved last.
        lost: Samples that it took after that; they died with it.
        resumed: Samples that the resumed process took.
        expected: Samples that the epoch should have.
        repeated: Samples in the kept and the resumed batches that should not be there again.
        missed: Samples that are in none of them.
        batches: Batches of the uninterrupted epoch.
        different: Batches that are not, bit for bit, the same batch as in that epoch.
    """

    killed_at: int
    kept: int
    lost: int
    resumed: int
    expected: int
    repeated: int
    missed: int
    batches: int
    different: int

    @property
    def in_mid_epoch(self) -> bool:
        """Whether the kill came where there was something to lose on both sides."""
        return self.kept > 0 and self.resumed > 0 and self.killed_at < self.batches

    @property
    def holds(self) -> bool:
        """Whether nothing was repeated, nothing missed and nothing changed."""
        return self.in_mid_epoch and not (self.repeated or self.missed or self.different)


def prove(
    n_samples: int,
    n_saved: int,
    *,
    calm: Sequence[Record],
    killed: Sequence[Record],
    resumed: Sequence[Record],
) -> Proof:
    """Compare a killed and resumed epoch with an uninterrupted one.

    Args:
        n_samples: Samples in the dataset.
        n_saved: Batches in the state that the killed process saved last.
        calm: What the uninterrupted process took.
        killed: What the killed process took, batches after its last saved state included.
        resumed: What the process took that went on from that state.
    """
    kept, lost = killed[:n_saved], killed[n_saved:]
    history = [*kept, *resumed]
    times = Counter(index for record in history for index in record.indices)
    known = [times[index] for index in range(n_samples)]
    expected = dict(enumerate(calm))
    # What died with the process was made again: those batches, too, have to be the same.
    again = [*enumerate(history), *enumerate(lost, n_saved)]
    unlike = {place for place, record in again if record != expected.get(place)}
    return Proof(
        killed_at=len(killed),
        kept=_samples(kept),
        lost=_samples(lost),
        resumed=_samples(resumed),
        expected=n_samples,
        repeated=times.total() - sum(count > 0 for count in known),
        missed=known.count(0),
        batches=len(calm),
        different=len(unlike | set(range(len(history), len(calm)))),
    )


def _samples(records: Sequence[Record]) -> int:
    return sum(len(record.indices) for record in records)
