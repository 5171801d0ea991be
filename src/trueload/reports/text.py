"""The report for a terminal or a log: complete without color, one line for each fact."""

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text

from trueload.errors import count, several
from trueload.evidence import Examined
from trueload.findings import Finding, Severity
from trueload.reports import Report

_STYLES: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_LABELS: Final = ("hint", "more")


def render(report: Report, console: Console) -> None:
    """Show a report.

    Lines are not wrapped, so that a log can be searched.
    """
    for finding in report.findings:
        render_finding(finding, console)
    for trouble in report.troubles:
        _show(Text(f"trueload: an instrument failed and saw less: {trouble}", "dim"), console)
    _show(Text(f"trueload: {_verdict(report)}", "bold"), console)
    _show(Text(f"  {report.ending}"), console)
    _show(Text(f"  examined {_examined(report.examined)}"), console)


def render_finding(finding: Finding, console: Console) -> None:
    """Show one finding, and an empty line behind it."""
    for line in _finding(finding):
        _show(line, console)
    _show(Text(), console)


def shown(finding: Finding) -> str:
    """Give a finding as plain text, for a log."""
    return "\n".join(line.plain for line in _finding(finding))


def _show(line: Text, console: Console) -> None:
    console.print(line, soft_wrap=True, highlight=False)


def _finding(finding: Finding) -> Iterator[Text]:
    style = _STYLES[finding.severity]
    yield Text.assemble((f"{finding.severity}[{finding.code}]", style), f": {finding.title}")
    if finding.place is not None:
        yield Text.assemble("  ", ("-->", style), f" {finding.place.shown}")
        if finding.place.source:
            line = f"{finding.place.line:>8} | "
            yield Text.assemble((line, "dim"), finding.place.source.strip())
    pairs = finding.facts
    width = max((len(name) for name, _ in pairs), default=0)
    width = max(width, *map(len, _LABELS)) + 2
    for name, value in pairs:
        yield Text(f"{name:>{width}} = {value}")
    yield Text.assemble(f"{'hint':>{width}}: ", (finding.hint, "bold"))
    yield Text(f"{'more':>{width}}: trueload explain {finding.code}", "dim")


def _verdict(report: Report) -> str:
    parts = [
        several(report.number(severity), str(severity))
        for severity in reversed(Severity)
        if report.number(severity)
    ]
    nothing = "nothing new found" if report.known else "nothing found"
    known = f" ({count(report.known)} known)" if report.known else ""
    return (", ".join(parts) or nothing) + known


def _examined(examined: Examined) -> str:
    return ", ".join(
        [
            several(examined.steps, "step"),
            several(examined.backwards, "backward pass")
            + (f" ({count(examined.graphs)} in detail)" if examined.backwards else ""),
            several(examined.batches, "batch")
            + (f" of {several(examined.loaders, 'loader')}" if examined.batches else "")
            + (f" ({_samples(examined)})" if examined.samples else ""),
            several(examined.parameters, "parameter"),
        ]
    )


def _samples(examined: Examined) -> str:
    again = f", {count(examined.reread)} read again" if examined.reread else ""
    return several(examined.samples, "sample") + again
