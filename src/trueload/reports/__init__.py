"""How findings are shown: one module a form, each with `render`.

A report knows what was found, how much was looked at and how the script ended. Nothing here
imports torch or numpy.
"""

from dataclasses import dataclass

from trueload.evidence import Examined
from trueload.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to show of a run.

    Attributes:
        findings: What was found, the gravest first.
        examined: How much was looked at.
        ending: How the script ended, in a few words: `stopped after 200 steps`.
        troubles: What went wrong in the instruments themselves, one line each.
    """

    findings: tuple[Finding, ...]
    examined: Examined
    ending: str
    troubles: tuple[str, ...] = ()

    def number(self, severity: Severity) -> int:
        """Count the findings of a severity."""
        return sum(finding.severity is severity for finding in self.findings)

    @property
    def grave(self) -> bool:
        """Whether anything was found above a note."""
        return any(finding.severity > Severity.NOTE for finding in self.findings)
