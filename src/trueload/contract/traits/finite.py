"""Values that are finite: NaN and infinite ones where there were none."""

from collections.abc import Iterator
from typing import Final

import torch

from trueload.contract.departure import Departure
from trueload.contract.traits.seen import Seen
from trueload.contract.traits.seldom import Seldom
from trueload.contract.values import tensor_of
from trueload.errors import count


class Finite:
    """Looks for samples that are not finite, in leaves where few are.

    What marks something is left alone: minus infinity among zeros, as in masks of attention, and
    NaN where another leaf says that there is no value.
    """

    def __init__(self) -> None:
        self._seldom = Seldom()

    def look(self, seen: Seen) -> Iterator[Departure]:
        """Look at some rows."""
        if not seen.found.rows.is_floating_point() or self._seldom.is_done:
            return
        bad = [row for row in seen.bad if not _is_mask(seen.found.rows[row])]
        if bad and _is_marked(seen):
            bad = []
        first = _departure(seen, bad[0]) if bad else None
        yield from self._seldom.add(len(seen.found.lows), len(bad), first)

    @property
    def holds(self) -> bool:
        """Whether all samples were finite, and there have been enough."""
        return self._seldom.is_clean


def _departure(seen: Seen, row: int) -> Departure:
    values = seen.found.rows[row]
    nans = int(values.isnan().sum())
    infinite = int(values.isinf().sum())
    kinds = ((nans, "NaN"), (infinite, "infinite"))
    told = " and ".join(f"{count(number)} {kind}" for number, kind in kinds if number)
    title = f"`{seen.fact.path}` has {'NaN' if nans else 'infinite values'}"
    facts = (("values", f"{told} of {count(len(values))}"),)
    return seen.departure("TL401", title, facts, _HINT, row)


def _is_mask(values: torch.Tensor) -> bool:
    """Say whether infinity of one sign marks places among values that are all 0."""
    infinite = values[values.isinf()]
    rest = values[values.isfinite()]
    if values.isnan().any() or not len(infinite) or bool((infinite != infinite[0]).any()):
        return False
    return bool(infinite[0] < 0) if not len(rest) else bool((rest == 0).all())


def _is_marked(seen: Seen) -> bool:
    """Say whether another leaf of the same shape has one value where this one has NaN."""
    mine = tensor_of(seen.fact.value)
    if mine is None:
        return False
    missing = mine.isnan()
    for other in seen.others:
        if other is seen.fact or other.shape != seen.fact.shape or other.row != seen.fact.row:
            continue
        mark = tensor_of(other.value)
        if mark is None and isinstance(other.value, torch.Tensor):
            mark = other.value
        if mark is None or len(mark.unique()) > 2 or mark.unique().isnan().any():  # noqa: PLR2004 - yes and no
            continue
        at = mark[missing]
        if bool((at == at[0]).all()) and bool((mark[~missing] != at[0]).any()):
            return True
    return False


_HINT: Final = "look at this sample, and at what divides or takes a logarithm in its transforms"
