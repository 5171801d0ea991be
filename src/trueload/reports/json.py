"""The report for programs: all there is, under names that stay.

`version` rises when a name goes or changes its meaning. New names may come without that.
"""

import json
from dataclasses import asdict
from typing import Any, Final

from trueload.findings import Finding, Place, Severity
from trueload.reports import Report, tool_version

VERSION: Final = 1


def render(report: Report) -> str:
    """Give the report as a JSON object."""
    return json.dumps(_object(report), indent=2) + "\n"


def _object(report: Report) -> dict[str, Any]:
    return {
        "version": VERSION,
        "tool": {"name": "trueload", "version": tool_version()},
        "script": report.script,
        "ending": report.ending,
        "summary": {str(severity): report.number(severity) for severity in reversed(Severity)},
        "known": report.known,
        "findings": [_finding(finding) for finding in report.findings],
        "examined": asdict(report.examined),
        "checks": [rule.code for rule in report.rules],
        "troubles": list(report.troubles),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": str(finding.severity),
        "title": finding.title,
        "place": None if finding.place is None else _place(finding.place),
        "evidence": [{"name": name, "value": value} for name, value in finding.evidence],
        "hint": finding.hint,
        "count": finding.count,
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "file": place.path,
        "line": place.line,
        "function": place.function,
        "source": place.source.strip(),
    }
