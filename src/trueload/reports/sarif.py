"""The report for code scanning and editors: SARIF 2.1.0.

Files below the working folder are named from it, so that a service finds them in the repository.
A result's fingerprint holds the text of its line and not the number, so that it stays the same
finding when lines above it come and go.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html, and what GitHub's code
scanning reads of it: https://docs.github.com/en/code-security/reference/code-scanning/sarif-files
"""

import json
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from trueload.findings import Finding, Place, Severity
from trueload.reports import Report, Rule, tool_version

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_ROOT: Final = "%SRCROOT%"
_LEVELS: Final = {Severity.NOTE: "note", Severity.WARNING: "warning", Severity.ERROR: "error"}


def render(report: Report) -> str:
    """Give the report as a SARIF log with one run."""
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report)]}
    return json.dumps(log, indent=2) + "\n"


def _run(report: Report) -> dict[str, Any]:
    driver = {
        "name": "Trueload",
        "version": tool_version(),
        "rules": [_rule(rule) for rule in report.rules],
    }
    return {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": trouble}}
                    for trouble in report.troubles
                ],
            }
        ],
        "results": _results(report),
        "properties": {"ending": report.ending},
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": rule.page, "markdown": f"```text\n{rule.page}\n```"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": [rule.name]},
    }


def _results(report: Report) -> list[dict[str, Any]]:
    indices = {rule.code: index for index, rule in enumerate(report.rules)}
    alike: Counter[str] = Counter()
    results = []
    for finding in report.findings:
        result = _result(finding, report.script)
        if finding.code in indices:
            result["ruleIndex"] = indices[finding.code]
        print_ = _fingerprint(finding)
        alike[print_] += 1
        result["partialFingerprints"] = {"trueload/v1": f"{print_}:{alike[print_]}"}
        results.append(result)
    return results


def _result(finding: Finding, script: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": _LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "occurrenceCount": finding.count,
        "properties": {"evidence": dict(finding.evidence), "hint": finding.hint},
    }
    location = _location(finding.place, script)
    if location is not None:
        result["locations"] = [location]
    return result


def _message(finding: Finding) -> str:
    facts = "".join(f"\n{name}: {value}" for name, value in finding.evidence)
    return f"{finding.title}{facts}" + (f"\nHint: {finding.hint}" if finding.hint else "")


def _location(place: Place | None, script: str) -> dict[str, Any] | None:
    """Give the place; the script as a whole where no line is to blame."""
    if place is None or place.file.startswith("<"):
        is_file = Path(script).is_file()  # else it is a module, or code of a command line
        return {"physicalLocation": {"artifactLocation": _artifact(script)}} if is_file else None
    region: dict[str, Any] = {"startLine": max(1, place.line)}
    if place.source:
        region["snippet"] = {"text": place.source}
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": _artifact(place.path), "region": region}
    }
    if place.function not in {"", "<module>"}:
        named = {"fullyQualifiedName": place.function, "kind": "function"}
        location["logicalLocations"] = [named]
    return location


def _artifact(path: str) -> dict[str, str]:
    file = Path(path)
    if file.is_absolute():
        return {"uri": file.as_uri()}
    return {"uri": quote(file.as_posix()), "uriBaseId": _ROOT}


def _fingerprint(finding: Finding) -> str:
    place = finding.place
    where = ("", "") if place is None else (place.path, place.source.strip())
    return sha256("\0".join((finding.code, *where)).encode()).hexdigest()[:32]
