"""The head of the page and its findings, each with what was measured and the way out."""

from collections.abc import Iterator

from trueload.errors import count, several
from trueload.findings import Finding, Severity
from trueload.reports import Report, Rule, blocks
from trueload.reports.html.markup import Markup, duration, element, joined


def head(report: Report) -> Markup:
    """Say what was run, how it ended, and how much was looked at."""
    return element(
        "header",
        element("p", "trueload check", class_="brand"),
        element("h1", report.script or "code of the command line"),
        element("ul", _verdict(report), class_="verdict"),
        element("p", report.ending, class_="ending"),
        element("dl", _examined(report), class_="examined", aria_label="What was examined"),
    )


def findings(report: Report) -> Markup:
    """Show the findings."""
    pages = {rule.code: rule for rule in report.rules}
    shown = [_card(finding, pages.get(finding.code)) for finding in report.findings]
    if not shown:
        number = count(len(report.rules))
        shown = [element("p", f"Nothing found by {number} checks in what they saw.", class_="none")]
    known = None
    if report.known:
        known = element("p", f"{count(report.known)} known from the baseline are left out.")
    return element("section", element("h2", "Findings"), *shown, known)


def _verdict(report: Report) -> Iterator[Markup]:
    for severity in reversed(Severity):
        number = report.number(severity)
        if number:
            yield element("li", several(number, str(severity)), class_=f"badge {severity}")
    if not report.findings:
        yield element("li", "nothing found", class_="badge fine")


def _examined(report: Report) -> Iterator[Markup]:
    examined = report.examined
    for name, value in (
        ("steps", count(examined.steps)),
        ("backward passes", count(examined.backwards)),
        ("batches", count(examined.batches)),
        ("samples", count(examined.samples)),
        ("parameters", count(examined.parameters)),
        ("time", duration(examined.seconds)),
    ):
        yield element("div", element("dt", name), element("dd", value))


def _card(finding: Finding, rule: Rule | None) -> Markup:
    facts = [
        element("div", element("dt", name), element("dd", text)) for name, text in finding.facts
    ]
    return element(
        "article",
        element(
            "h3",
            element("span", str(finding.severity), class_=f"badge {finding.severity}"),
            element("span", marked(finding.title)),
        ),
        _place(finding),
        element("dl", *facts, class_="facts") if facts else None,
        element("p", element("b", "Way out"), " ", marked(finding.hint), class_="hint")
        if finding.hint
        else None,
        _page(finding, rule),
        class_=str(finding.severity),
    )


def _place(finding: Finding) -> Markup | None:
    place = finding.place
    if place is None:
        return None
    lines = [element("p", place.shown, class_="place")]
    if place.source:
        source = element("code", place.source.strip())
        lines.append(element("pre", element("span", str(place.line), class_="number"), source))
    return joined(lines)


def _page(finding: Finding, rule: Rule | None) -> Markup:
    names = f"{finding.code} {finding.name}"
    if rule is None:
        return element("p", names, class_="names")
    return element("details", element("summary", f"{names}: what it means"), *paragraphs(rule.page))


def paragraphs(page: str) -> Iterator[Markup]:
    """Give the page of a check as paragraphs and blocks of code."""
    for heading, text, is_code in blocks(page):
        if is_code:
            yield element("p", element("b", f"{heading}:"))
            yield element("pre", element("code", text))
        else:
            lead = element("b", f"{heading}: ") if heading else None
            yield element("p", lead, marked(" ".join(text.split("\n"))))


def marked(text: str) -> Markup:
    """Set what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one of them has no partner
        return joined(text)
    return joined(element("code", part) if place % 2 else part for place, part in enumerate(parts))
