"""What checks say and reports show: findings, each at a place of the user's code.

This module knows what a finding consists of, not how it is found or shown. It imports neither
torch nor numpy.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path

from trueload.errors import count


class Severity(IntEnum):
    """What a finding does to training, from harmless to harmful."""

    NOTE = 1
    """Worth knowing; often on purpose."""
    WARNING = 2
    """Training is probably worse for it."""
    ERROR = 3
    """Training does not do what the code says."""

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the user's code. Two places are equal if file and line are.

    Attributes:
        file: The path as Python has it; `<string>` for code of a command line.
        line: From 1.
        function: The qualified name of the function around it, or `<module>`.
        source: The line's text when it ran, without the line break.
    """

    file: str
    line: int
    function: str = field(default="", compare=False)
    source: str = field(default="", compare=False)

    @property
    def shown(self) -> str:
        """Where it is, as a person reads it: `train.py:41 in Photos.__getitem__`."""
        inside = self.function not in {"", "<module>"}
        return f"{self.path}:{self.line}" + (f" in {self.function}" if inside else "")

    @property
    def path(self) -> str:
        """The file, from the working directory where it lies below it."""
        if self.file.startswith("<"):
            return self.file
        path = Path(self.file)
        return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else self.file

    @property
    def short(self) -> str:
        """The place in a few characters, for evidence: `train.py:41`."""
        return f"{Path(self.file).name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One hit of a check.

    Attributes:
        code: The check's code, such as `TL701`.
        name: The check's name, such as `missing-zero-grad`.
        severity: What it does to training.
        title: One clause with the values, without a final stop.
        place: The line to look at first; `None` where no line is to blame.
        evidence: Pairs of a short name and what was measured.
        hint: One way out.
        count: How often it was seen.
    """

    code: str
    name: str
    severity: Severity
    title: str
    place: Place | None
    evidence: tuple[tuple[str, str], ...] = ()
    hint: str = ""
    count: int = 1

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The evidence, and how often it was seen if more than once."""
        seen = [("seen", f"{count(self.count)} times")] if self.count > 1 else []
        return [*self.evidence, *seen]


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Make one finding of those with the same code and place, and put the gravest first.

    The first of them gives title and evidence; severity is the gravest, counts are added.
    """
    found: dict[tuple[str, Place | None], Finding] = {}
    for finding in findings:
        key = (finding.code, finding.place)
        before = found.get(key)
        if before is None:
            found[key] = finding
            continue
        found[key] = replace(
            before,
            severity=max(before.severity, finding.severity),
            count=before.count + finding.count,
        )
    return sorted(found.values(), key=lambda finding: -finding.severity)
