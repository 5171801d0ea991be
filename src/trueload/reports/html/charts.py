"""Charts as SVG within HTML.

A chart stretches to the width that there is, and its lines keep their strength. Its text is HTML
around the SVG, so that it stays readable on a phone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from trueload.reports.html.markup import Markup, element, number

_WIDTH: Final = 1000
_HEIGHT: Final = 100
_LOG_FROM: Final = 30.0
"""From which ratio of the greatest to the least value an axis is logarithmic."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A vertical axis.

    Attributes:
        low: The value at the bottom.
        high: The value at the top.
        log: Whether it is logarithmic.
    """

    low: float
    high: float
    log: bool

    def at(self, value: float) -> float:
        """Give the height of a value, from 0 at the top."""
        low, high, here = self.low, self.high, value
        if self.log:
            low, high, here = math.log(low), math.log(high), math.log(value)
        share = (here - low) / (high - low) if high > low else 0.5
        return _HEIGHT * (1 - share)


def axis_of(values: Sequence[float]) -> Axis | None:
    """Choose an axis for values; `None` where none of them is finite."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    low, high = min(finite), max(finite)
    return Axis(low, high, log=low > 0 and high / low >= _LOG_FROM)


def line(title: str, steps: Sequence[int], values: Sequence[float], tone: str) -> Markup:
    """Draw values over steps; those that are not finite are marked and leave a gap.

    Args:
        title: What the values are.
        steps: Where they are, ascending.
        values: As many.
        tone: The name of a color of the page.
    """
    axis = axis_of(values)
    first, last = steps[0], steps[-1]
    across = [_WIDTH * (step - first) / max(1, last - first) for step in steps]
    drawn = [element("line", x1=0, x2=_WIDTH, y1=y, y2=y, class_="grid") for y in (0, 50, 100)]
    drawn += _bands(across, values)
    if axis is not None:
        drawn.append(element("path", d=_path(across, values, axis), class_=f"line {tone}"))
    told = f"{title} from step {first} to {last}: " + _told(values, axis)
    scale = ", log scale" if axis is not None and axis.log else ""
    return element(
        "figure",
        element("figcaption", element("b", title), element("span", _now(values) + scale)),
        element(
            "div",
            element(
                "div",
                element("span", number(axis.high) if axis else "-"),
                element("span", number(axis.low)) if axis and axis.low < axis.high else None,
                class_="ticks",
                aria_hidden="true",
            ),
            _svg(drawn, told, _WIDTH, _HEIGHT, "plot"),
            class_="chart",
        ),
        element("div", element("span", f"step {first}"), element("span", f"{last}"), class_="foot"),
    )


def histogram(counts: Sequence[int], told: str) -> Markup:
    """Draw how many values fall into each of equal parts."""
    most = max(counts) or 1
    bars = [
        element(
            "rect",
            x=place + 0.05,
            y=_f(20 - max(0.6, 20 * share / most)),
            width=0.9,
            height=_f(max(0.6, 20 * share / most)),
        )
        for place, share in enumerate(counts)
        if share
    ]
    return _svg(bars, told, len(counts), 20, "histogram")


def row(parts: Sequence[tuple[float, float, str, str]], width: float, told: str) -> Markup:
    """Draw stretches in a row.

    Args:
        parts: Begin, end, class and text of each.
        width: Where the row ends, in the unit of the stretches.
        told: What the row says.
    """
    scale = _WIDTH / width if width > 0 else 0.0
    drawn = [
        element(
            "rect",
            element("title", text),
            x=_f(begin * scale),
            y=0,
            width=_f(max(0.0, min(end, width) - begin) * scale),
            height=10,
            class_=name,
        )
        for begin, end, name, text in parts
        if begin < width
    ]
    return _svg(drawn, told, _WIDTH, 10, "row")


def cells(shares: Sequence[float], texts: Sequence[str], told: str) -> Markup:
    """Draw a row of cells, each as strong as its share.

    Args:
        shares: From 0 to 1.
        texts: What each cell says.
        told: What the row says.
    """
    drawn = [
        element(
            "rect",
            element("title", text),
            x=place + 0.04,
            y=0.04,
            width=0.92,
            height=0.92,
            fill_opacity=_f(0.06 + 0.94 * share),
        )
        for place, (share, text) in enumerate(zip(shares, texts, strict=True))
    ]
    return _svg(drawn, told, len(shares), 1, "cells")


def _svg(drawn: Sequence[Markup], told: str, width: float, height: float, name: str) -> Markup:
    return element(
        "svg",
        *drawn,
        view_box=f"0 0 {width} {height}",
        preserveAspectRatio="none",
        role="img",
        aria_label=told,
        class_=name,
    )


def _path(across: Sequence[float], values: Sequence[float], axis: Axis) -> str:
    """Give the path through all finite values; a lone one is a dot."""
    steps, pen_down = [], False
    for x, value in zip(across, values, strict=True):
        if math.isfinite(value):
            y = _f(axis.at(value))
            steps.append(f"L{_f(x)} {y}" if pen_down else f"M{_f(x)} {y}L{_f(x)} {y}")
        pen_down = math.isfinite(value)
    return "".join(steps)


def _bands(across: Sequence[float], values: Sequence[float]) -> list[Markup]:
    """Mark each stretch of values that are not finite."""
    found: list[list[float]] = []
    before_was_bad = False
    for x, value in zip(across, values, strict=True):
        is_bad = not math.isfinite(value)
        if is_bad and before_was_bad:
            found[-1][1] = x
        elif is_bad:
            found.append([x, x])
        before_was_bad = is_bad
    return [
        element("rect", x=_f(begin - 2), y=0, width=_f(end - begin + 4), height=100, class_="bad")
        for begin, end in found
    ]


def _told(values: Sequence[float], axis: Axis | None) -> str:
    if axis is None:
        return "no finite value"
    bad = sum(not math.isfinite(value) for value in values)
    text = f"between {number(axis.low)} and {number(axis.high)}, last {number(values[-1])}"
    return text + (f", {bad} not finite" if bad else "")


def _now(values: Sequence[float]) -> str:
    first, last = number(values[0]), number(values[-1])
    return first if first == last else f"{first} to {last}"


def _f(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
