"""Samples of one batch that are the same, although their indices are not.

The data may hold a sample twice, and people list a sample several times to see it more often. So a
pair means little. What means something is one content that comes again and again while no other
does, such as what a `__getitem__` returns when it cannot read a file, and batches of one sample.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Final

import torch

from trueload.contract.departure import Departure
from trueload.contract.reading import Fact
from trueload.contract.values import tensor_of

_LEAST_VALUES: Final = 256
_PROBES: Final = 16
_RICH: Final = 16
_MOST_ROWS: Final = 256
_ALL: Final = 4
_AGAIN: Final = 4
_SURE_OF_ALL: Final = 2


class Repeats:
    """Looks for samples that repeat within batches."""

    def __init__(self) -> None:
        self._whole, self._told, self._noted = 0, False, False
        self._contents: dict[bytes, set[Hashable]] = {}

    def look(
        self, facts: list[Fact], size: int, origins: Callable[[], Sequence[Hashable]], where: Any
    ) -> Iterator[Departure]:
        """Look at a batch.

        Args:
            facts: Its leaves.
            size: How many samples it has.
            origins: Gives what each sample is, equal for the same sample of a dataset.
            where: What is given back with a departure.
        """
        if self._told or any(fact.row is not None for fact in facts):
            return  # lists of what belongs to each sample are not compared
        rich = _richest(facts, size)
        if rich is None:
            return
        groups, known = _groups(rich, facts, size, origins)
        if not groups:
            self._whole = 0
            return
        rows = max(groups, key=len)
        self._whole = self._whole + 1 if len(rows) == size >= _ALL else 0
        for group in groups:
            same = self._contents.setdefault(_content(rich, group[0]), set())
            same.update(known[row] for row in group)
        alone = len(self._contents) == 1 and len(next(iter(self._contents.values()))) >= _AGAIN
        if self._whole >= _SURE_OF_ALL or (alone and not self._whole):
            self._told = True
            yield _departure(rich, rows, size, where, harmless=False)
        elif not self._noted and not self._whole:
            self._noted = True
            yield _departure(rich, rows, size, where, harmless=True)


def _departure(rich: Fact, rows: list[int], size: int, where: Any, *, harmless: bool) -> Departure:
    named = f"{', '.join(map(str, rows[:_NAMED]))}{', ...' * (len(rows) > _NAMED)}"
    title = f"{len(rows)} of the {size} samples of a batch are the same, at different indices"
    facts = (("rows", named), ("compared", f"`{rich.path}` and what else there is but labels"))
    return Departure("TL426", rich.path, title, facts, _HINT, where, rows[1], harmless=harmless)


def _richest(facts: list[Fact], size: int) -> Fact | None:
    """Give the leaf with the most values a sample, if they are so many that chance is out."""
    led = [
        fact
        for fact in facts
        if fact.shape and fact.shape[0] == size and fact.row is None and _is_content(fact)
    ]
    best = max(led, key=_values, default=None)
    return best if best is not None and _values(best) >= _LEAST_VALUES else None


def _is_content(fact: Fact) -> bool:
    known = fact.dtype == "uint8" or "float" in fact.dtype
    return known and tensor_of(fact.value) is not None


def _values(fact: Fact) -> int:
    number = 1
    for size in (fact.shape or ())[1:]:
        number *= size
    return number


def _groups(
    rich: Fact, facts: list[Fact], size: int, origins: Callable[[], Sequence[Hashable]]
) -> tuple[list[list[int]], Sequence[Hashable]]:
    """Give the rows that are the same in all leaves and come from different samples, and these."""
    tensor = tensor_of(rich.value)
    if tensor is None:
        return [], ()
    rows = tensor[:_MOST_ROWS].reshape(min(len(tensor), _MOST_ROWS), -1)
    places = torch.arange(_PROBES) * (rows.shape[1] // _PROBES) + rows.shape[1] // (2 * _PROBES)
    few = rows[:, places].tolist()
    alike: dict[tuple[Any, ...], list[int]] = {}
    for row, values in enumerate(few):
        alike.setdefault(tuple(values), []).append(row)
    found: list[list[int]] = []
    if len(alike) == len(few):
        return [], ()
    known = origins()
    for group in alike.values():
        first = group[0]
        others = [row for row in group[1:] if known[row] != known[first]]
        if others and _is_rich(rows[first]):
            whole = len(others) + 1 == size
            same = [row for row in others if _are_same(facts, size, first, row, but_labels=whole)]
            if same:
                found.append([first, *same])
    return found, known


def _is_rich(row: torch.Tensor) -> bool:
    step = max(1, row.numel() // 4096)
    return len(row[::step].unique()) >= _RICH


def _are_same(facts: list[Fact], size: int, one: int, other: int, *, but_labels: bool) -> bool:
    """Say whether two rows are the same in all leaves that have rows.

    One input for all labels of a batch is as wrong as one sample.
    """
    for fact in facts:
        if not (fact.shape and fact.shape[0] == size and fact.row is None):
            continue
        if but_labels and fact.shape == (size,) and not _is_content(fact):
            continue
        tensor = tensor_of(fact.value)
        if tensor is None or not torch.equal(tensor[one], tensor[other]):
            return False
    return True


def _content(rich: Fact, row: int) -> bytes:
    tensor = tensor_of(rich.value)
    if tensor is None:
        return b""
    flat = tensor[row].flatten()
    return flat[:: max(1, flat.numel() // _LEAST_VALUES)].double().numpy().tobytes()


_NAMED: Final = 6
_HINT: Final = (
    "look at what `__getitem__` returns for these indices: an exception that it swallows, or an "
    "index that it does not use, gives one sample for many"
)
