"""The report as one page for people: nothing is fetched, no script runs in it.

markup.py    elements, with all text escaped
charts.py    lines, bars, rows and cells as SVG
png.py       pictures of samples
findings.py  the head of the page and the findings
training.py  time, losses, gradients, updates
batches.py   the first batches, and labels per batch
style.css    how it looks, in light and dark, on a phone too
"""

from importlib.resources import files
from typing import Final

from trueload.reports import Report, tool_version
from trueload.reports.html.batches import batches
from trueload.reports.html.findings import findings, head, marked
from trueload.reports.html.markup import Markup, element, joined
from trueload.reports.html.training import timeline, training

_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What keeps the page from fetching anything, also if there were a mistake in it."""


def render(report: Report) -> str:
    """Give the report as a page."""
    footage = report.footage
    shown = [] if footage is None else [timeline(footage), training(footage), batches(footage)]
    body = element("body", element("main", head(report), findings(report), *shown), _foot(report))
    return f'<!DOCTYPE html>\n<html lang="en">{_head(report)}{body}</html>\n'


def _head(report: Report) -> Markup:
    style = files("trueload.reports.html").joinpath("style.css").read_text(encoding="utf-8")
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", f"trueload check {report.script}".rstrip()),
        element("style", Markup(style)),
    )


def _foot(report: Report) -> Markup:
    troubles = [
        element("p", "An instrument failed and saw less: ", marked(one)) for one in report.troubles
    ]
    looked = ", ".join(f"{rule.code} {rule.name}" for rule in report.rules)
    return element(
        "footer",
        *troubles,
        element(
            "details",
            element("summary", f"{len(report.rules)} checks looked"),
            element("p", joined(looked)),
        ),
        element("p", f"Made by trueload {tool_version()}."),
    )
