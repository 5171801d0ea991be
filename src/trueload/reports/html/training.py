"""Where the time went, and how loss, gradients and updates went over the steps."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from trueload.evidence import Optimizer
from trueload.evidence.footage import Footage, Span, StepShown
from trueload.reports.html import charts
from trueload.reports.html.markup import Markup, duration, element, joined

_KINDS: Final = {
    "fetch": "fetch: the loop makes its batch itself",
    "wait": "wait: workers make the batch",
    "forward": "forward: from the batch to the loss",
    "backward": "backward",
    "step": "optimizer step",
    "other": "other",
}
_ROWS: Final = 24
_LONG: Final = 2.5
_OPTIMIZERS: Final = 4
_ONE_PERCENT: Final = 0.01


def training(footage: Footage) -> Markup | None:
    """Show the scalars of the steps, for each optimizer."""
    drawn = [
        _optimizer(optimizer, steps)
        for optimizer, steps in list(footage.optimizers())[:_OPTIMIZERS]
    ]
    return element("section", element("h2", "Training"), *drawn) if drawn else None


def _optimizer(optimizer: Optimizer, steps: list[StepShown]) -> Markup:
    drawn = []
    for title, tone, values in (
        ("Loss", "forward", [one.loss for one in steps]),
        ("Gradient norm", "backward", [one.gradient for one in steps]),
        ("Update, relative to the parameters", "step", [one.update for one in steps]),
        ("Learning rate", "fetch", [one.rate for one in steps]),
    ):
        known = [(one.ordinal, v) for one, v in zip(steps, values, strict=True) if v is not None]
        if known:
            drawn.append(charts.line(title, [at for at, _ in known], [v for _, v in known], tone))
    return element(
        "div",
        element("h3", element("code", optimizer.kind)),
        element("p", f"made at {optimizer.place.shown}", class_="quiet"),
        element("div", *drawn, class_="charts"),
    )


def timeline(footage: Footage) -> Markup | None:
    """Show what the loop spent its time with: in all, and in each of the first steps."""
    if not footage.spans or not footage.seconds:
        return None
    return element(
        "section",
        element("h2", "Time"),
        element(
            "p",
            "The instruments themselves take time too, mostly in the first steps; it counts as ",
            "forward or other.",
            class_="quiet",
        ),
        _totals(footage),
        _rows(footage.spans),
    )


def _totals(footage: Footage) -> Markup:
    totals = dict(footage.totals)
    totals["other"] = max(0.0, footage.seconds - sum(totals.values()))
    parts, begin, legend = [], 0.0, []
    for kind, what in _KINDS.items():
        seconds = totals.get(kind, 0.0)
        if not seconds:
            continue
        share = seconds / footage.seconds
        text = f"{duration(seconds)}, " + ("under 1%" if share < _ONE_PERCENT else f"{share:.0%}")
        parts.append((begin, begin + seconds, kind, f"{what}: {text}"))
        begin += seconds
        swatch = element("i", class_=kind, aria_hidden="true")
        legend.append(element("li", swatch, element("span", what), element("b", text)))
    told = "Shares of the time: " + "; ".join(text for *_, text in parts)
    return joined(
        element("div", charts.row(parts, footage.seconds, told), class_="total"),
        element("ul", *legend, class_="legend"),
    )


def _rows(spans: Sequence[Span]) -> Markup | None:
    """Show the first steps one below the other, on one scale."""
    rows = list(_by_step(spans))[:_ROWS]
    if not rows:
        return None
    lengths = [row[-1].end - row[0].begin for row in rows]
    width = max(length for length in lengths if length <= _LONG * median(lengths))
    drawn = []
    for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        start = row[0].begin
        parts = [
            (one.begin - start, one.end - start, one.kind, f"{one.kind} {duration(one.seconds)}")
            for one in row
        ]
        told = f"step {place}: " + ", ".join(text for *_, text in parts)
        time = duration(length) + (" →" if length > width else "")
        drawn.append(
            joined(
                element("span", str(place)),
                charts.row(parts, width, told),
                element("span", time, class_="time"),
            )
        )
    title = element("h3", f"The first {len(rows)} steps, one in a row" if len(rows) > 1 else "Step")
    return element("div", title, element("div", *drawn, class_="rows"), class_="steps")


def _by_step(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Yield the spans of each step, up to its end."""
    row: list[Span] = []
    for span in spans:
        row.append(span)
        if span.kind == "step":
            yield row
            row = []
