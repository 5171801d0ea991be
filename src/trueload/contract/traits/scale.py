"""Pictures of one scale: some that are 255 times as bright or as dark as the others, or all.

A sample counts only if nothing else explains it: what it spans is that of the others times 255, the
others are close together, and the steps between its values are those of bytes.
"""

from collections.abc import Iterator
from typing import Final

import torch

from trueload.contract.departure import Departure
from trueload.contract.traits.seen import SURE, Seen
from trueload.errors import count, several

_WHITE: Final = 255.0
_SPREAD: Final = 20.0
_NEAR: Final = 1.1
_FEW: Final = 8
_LEVELS: Final = 8
_EXACT: Final = 1e-2
_DARK: Final = 1.01 / 255


class Scale:
    """Looks for pictures that were not scaled, or scaled twice."""

    def __init__(self) -> None:
        self._spans: tuple[float, float] | None = None
        self._rows, self._tiny, self._whole = 0, 0, 0
        self._low, self._high = 0.0, 0.0
        self._is_done = False

    def look(self, seen: Seen) -> Iterator[Departure]:
        """Look at some rows."""
        floating = seen.found.rows.is_floating_point()
        spans = [(row, span) for row, span in seen.spans if span > 0]
        if not (floating and seen.is_picture and spans) or self._is_done:
            return
        usual = self._usual([span for _, span in spans])
        found = None if usual is None else self._odd(seen, spans, usual)
        if found is not None:
            self._is_done = True
            yield found
            return
        self._learn(seen, spans)
        yield from self._all(seen)

    def _usual(self, spans: list[float]) -> tuple[float, float] | None:
        """Give between what the spans of the others lie, if they lie close together."""
        if self._spans is not None and self._rows >= SURE:
            low, high = self._spans
        elif len(spans) >= _FEW:
            middle = sorted(spans)[len(spans) // 2]
            near = [span for span in spans if middle / _SPREAD < span < middle * _SPREAD]
            low, high = min(near), max(near)
        else:
            return None
        return (low, high) if high <= _SPREAD * low else None

    def _odd(
        self, seen: Seen, spans: list[tuple[int, float]], usual: tuple[float, float]
    ) -> Departure | None:
        low, high = usual[0] / _NEAR, usual[1] * _NEAR
        bright = [row for row, span in spans if low <= span / _WHITE <= high]
        dark = [row for row, span in spans if low <= span * _WHITE <= high]
        bright = [row for row in bright if self._rows >= SURE or _steps(seen, row, 1.0)]
        dark = [row for row in dark if _steps(seen, row, _WHITE) or _steps(seen, row, _WHITE**2)]
        for rows, times in ((bright, "255 times"), (dark, "1/255 of")):
            if rows:
                return self._departure(seen, rows, times, usual, spans)
        return None

    def _departure(
        self,
        seen: Seen,
        rows: list[int],
        times: str,
        usual: tuple[float, float],
        spans: list[tuple[int, float]],
    ) -> Departure:
        row = rows[0]
        low, high = seen.found.lows[row], seen.found.highs[row]
        others = [one for one, span in spans if usual[0] <= span <= usual[1]]
        around = self._around(seen, others)
        title = f"`{seen.fact.path}` spans {times} what is usual in {several(len(rows), 'sample')}"
        facts = (
            ("sample spans", f"{low:.4g} to {high:.4g}"),
            ("usual", around),
            ("of", f"{len(seen.found.lows)} samples of the batch that were looked at"),
        )
        twice = times != "255 times" and usual[1] < _WHITE / _SPREAD
        code, hint = ("TL404", _TWICE) if twice else ("TL403", _NOT)
        return seen.departure(code, title, facts, hint, row)

    def _around(self, seen: Seen, others: list[int]) -> str:
        low = min([seen.found.lows[row] for row in others], default=self._low)
        high = max([seen.found.highs[row] for row in others], default=self._high)
        return f"{low:.4g} to {high:.4g}"

    def _learn(self, seen: Seen, spans: list[tuple[int, float]]) -> None:
        low, high = min(span for _, span in spans), max(span for _, span in spans)
        if self._spans is not None:
            low, high = min(low, self._spans[0]), max(high, self._spans[1])
        self._spans = low, high
        lows, highs = seen.found.lows, seen.found.highs
        finite = [row for row, _ in spans]
        self._low = min([self._low] * bool(self._rows) + [lows[row] for row in finite])
        self._high = max([self._high] * bool(self._rows) + [highs[row] for row in finite])
        self._rows += len(spans)
        if self._low >= 0 and self._high <= _DARK:
            self._tiny += _steps(seen, finite[0], _WHITE**2)

    def _all(self, seen: Seen) -> Iterator[Departure]:
        """Tell of pictures that were all scaled twice."""
        if self._rows < SURE or self._low < 0 or self._high > _DARK or self._tiny < _FEW // 2:
            return
        self._is_done = True
        title = f"`{seen.fact.path}` was divided by 255 twice"
        facts = (
            ("range", f"{self._low:.4g} to {self._high:.4g} in {count(self._rows)} samples"),
            ("steps", "whole multiples of 1/65025"),
        )
        yield seen.departure("TL404", title, facts, _TWICE, None)

    def contract(self) -> dict[str, float]:
        """Give the range of values, with room for what has not come yet."""
        if self._rows < SURE or self._spans is None:
            return {}
        for low, high in ((0.0, 1.0), (-1.0, 1.0), (0.0, _WHITE)):
            if (
                low <= self._low
                and self._high <= high
                and self._high - self._low > (high - low) / 2
            ):
                return {"low": low, "high": high}
        room = self._high - self._low
        return {"low": self._low - room, "high": self._high + room}


def _steps(seen: Seen, row: int, levels: float) -> bool:
    """Say whether the values of a row are whole multiples of one step, and several of them."""
    values = seen.probe(row).double() * levels
    whole = bool(((values - values.round()).abs() <= _EXACT).all())
    least, most = float(values.min()), float(values.max())
    inside = least > -_EXACT and most <= _WHITE * max(1.0, levels / _WHITE) + _EXACT
    return whole and inside and len(torch.unique(values.round())) >= _LEVELS


_NOT: Final = "scale every sample alike; `ToTensor` divides uint8 by 255, and nothing else"
_TWICE: Final = "leave out one of the two divisions; `ToTensor` divides uint8 by 255 itself"
