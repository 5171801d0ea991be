"""Findings that are known: what an old code base starts with, so that only new ones are told.

A finding is known by its check, its file and the text of its line, not by the line's number: it
stays known when lines above it come and go, and is new again when its own line changes. Two equal
lines of a file with the same finding are two: a third one is new.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from trueload.errors import ArgumentError, render
from trueload.findings import Finding

_VERSION: Final = 1
_KEYS: Final = ("code", "file", "source")


def unknown(findings: Iterable[Finding], file: Path) -> list[Finding]:
    """Leave out the findings that a baseline has.

    Args:
        findings: What was found.
        file: The baseline.

    Raises:
        ArgumentError: The file cannot be read, or is no baseline (also a ValueError).
    """
    known = Counter(read(file))
    kept = []
    for finding in findings:
        key = _key(finding, file.parent)
        if known[key] > 0:
            known[key] -= 1
        else:
            kept.append(finding)
    return kept


def read(file: Path) -> list[tuple[str, ...]]:
    """Give code, file and source of each finding of a baseline.

    Raises:
        ArgumentError: The file cannot be read, or is no baseline (also a ValueError).
    """
    try:
        held: Any = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _refused(file, error.strerror or str(error)) from None
    except ValueError:
        raise _refused(file, "it is no JSON") from None
    if not isinstance(held, dict) or held.get("version") != _VERSION:
        raise _refused(file, f"it has no `version` of {_VERSION}")
    try:
        return [tuple(str(one[key]) for key in _KEYS) for one in held["findings"]]
    except (KeyError, TypeError):
        raise _refused(file, "its findings lack " + ", ".join(_KEYS)) from None


def write(findings: Iterable[Finding], file: Path) -> None:
    """Write a baseline of these findings, in an order that makes for small differences.

    Raises:
        OSError: The file cannot be written.
    """
    keys = sorted(_key(finding, file.parent) for finding in findings)
    listed = [dict(zip(_KEYS, key, strict=True)) for key in keys]
    held = {"version": _VERSION, "findings": listed}
    file.write_text(json.dumps(held, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _key(finding: Finding, folder: Path) -> tuple[str, ...]:
    """Give what a finding is known by; files are named from the folder of the baseline."""
    place = finding.place
    if place is None:
        return finding.code, "", ""
    path = place.file
    if not path.startswith("<"):
        path = Path(os.path.relpath(path, folder)).as_posix()
    return finding.code, path, place.source.strip()


def _refused(file: Path, why: str) -> ArgumentError:
    hint = "write one with `trueload check --write-baseline FILE ...`"
    return ArgumentError(render(f"{file.name} is no baseline: {why}", "TL105", hint=hint))
