"""The report as annotations of a GitHub workflow: each shows at its line of a pull request.

GitHub shows the first ten of a kind for a step; its log has them all.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands, and
the escapes of the runner: https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts
"""

import os
from pathlib import Path
from typing import Final

from trueload.findings import Finding, Place, Severity
from trueload.reports import Report

_COMMANDS: Final = {Severity.NOTE: "notice", Severity.WARNING: "warning", Severity.ERROR: "error"}


def render(report: Report) -> str:
    """Give a line for each finding."""
    return "".join(_annotation(finding) + "\n" for finding in report.findings)


def _annotation(finding: Finding) -> str:
    properties = {**_where(finding.place), "title": f"{finding.code} {finding.name}"}
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    facts = [f"{name}: {value}" for name, value in finding.evidence]
    text = "\n".join([finding.title, *facts, f"hint: {finding.hint}"])
    return f"::{_COMMANDS[finding.severity]} {listed}::{_data(text)}"


def _where(place: Place | None) -> dict[str, str]:
    if place is None or place.file.startswith("<"):
        return {}
    return {"file": _from_repository(place), "line": str(place.line)}


def _from_repository(place: Place) -> str:
    """Give the path from the root of the repository, where the workflow says which that is."""
    root = os.environ.get("GITHUB_WORKSPACE")
    file = Path(place.file).absolute()
    return file.relative_to(root).as_posix() if root and file.is_relative_to(root) else place.path


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
