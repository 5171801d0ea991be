"""What the values of batches are used to be: of each leaf, and of what may not repeat."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from trueload.contract.departure import Departure
from trueload.contract.habit import Habit
from trueload.contract.labels import Labels
from trueload.contract.reading import Fact
from trueload.contract.repeats import Repeats
from trueload.contract.traits.seen import Seen
from trueload.contract.values import extremes_of, tensor_of

_MOST_BYTES: Final = 1 << 22
_MOST_ROWS: Final = 64
_OFTEN: Final = 32
_SELDOM: Final = 8


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of the samples of a batch.

    Attributes:
        classes: How many classes the dataset has, or `None`.
        origins: Gives what each sample is, equal for the same sample; `None` if unknown.
    """

    classes: int | None = None
    origins: Callable[[], Sequence[Hashable]] | None = None


class Habits:
    """What the values of batches are used to be. A look takes a share of a batch's values."""

    def __init__(self) -> None:
        self._habits: dict[str, Habit] = {}
        self._labels, self._repeats = Labels(), Repeats()
        self._turn = 0

    def look(
        self,
        facts: list[Fact],
        led: set[str],
        size: int | None,
        where: Any,
        context: Context,
    ) -> Iterator[Departure]:
        """Look at some rows of each leaf, other ones each time; give what must be told.

        Args:
            facts: The leaves of the batch.
            led: Those whose first axis is that of the samples.
            size: How many samples it has, or `None`.
            where: What is given back with a departure.
            context: What is known of the samples.
        """
        self._turn += 1
        for fact in facts:
            if fact.shape is None or not _has_traits(fact):
                continue
            by_rows = fact.path in led and fact.shape[:1] == (size,)
            habit = self._habits.get(fact.path)
            if habit is None:
                habit = self._habits[fact.path] = Habit()
            seen = self._seen(fact, facts, where, by_rows=by_rows)
            if seen is not None:
                yield from habit.look(seen)
        if context.classes is not None:
            yield from self._labels.look(facts, context.classes, where, size)
        compares = self._turn <= _OFTEN or self._turn % _SELDOM == 0
        if context.origins is not None and size is not None and compares:
            yield from self._repeats.look(facts, size, context.origins, where)

    def contract(self, path: str) -> dict[str, Any]:
        """Give what is known of the values of a leaf, for its contract."""
        habit = self._habits.get(path)
        return {} if habit is None else habit.contract()

    def _seen(self, fact: Fact, others: list[Fact], where: Any, *, by_rows: bool) -> Seen | None:
        shape, tensor = fact.shape or (), tensor_of(fact.value)
        if tensor is None:
            return None
        begin, most = self._part(tensor) if by_rows else (0, None)
        found = extremes_of(fact, by_rows=by_rows, begin=begin, most=most)
        if found is None:
            return None
        if by_rows:
            return Seen(fact, found, shape[1:], begin, where, others)
        return Seen(fact, found, shape, None, where, others)

    def _part(self, tensor: torch.Tensor) -> tuple[int, int]:
        """Choose which rows are looked at: as many as may be in one look, in turn."""
        row_bytes = max(tensor.nbytes // max(len(tensor), 1), 1)
        most = max(1, min(_MOST_ROWS, _MOST_BYTES // row_bytes))
        parts = max(-(-len(tensor) // most), 1)
        return self._turn % parts * most, most


def _has_traits(fact: Fact) -> bool:
    """Say whether a leaf is a picture or holds floating numbers; whole ones may be anything."""
    return "float" in fact.dtype or fact.dtype == "uint8"
