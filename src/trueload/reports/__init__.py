"""How findings are shown: one module a form, each with `render`.

    text      for a terminal or a log
    json      for programs: all there is
    sarif     for code scanning and editors, SARIF 2.1.0
    github    annotations of a GitHub workflow
    html      one page for people, with charts and pictures

A report knows what was found, how much was looked at and how the script ended. Nothing here
imports torch or numpy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final, NamedTuple

from trueload.evidence import Examined
from trueload.evidence.footage import Footage
from trueload.findings import Finding, Severity

FORMS: Final = ("text", "json", "sarif", "github", "html")
"""The names of the forms: of the modules here, and of `--format`."""

_HEADING_WORDS: Final = 4
"""As many as the longest heading of a page has: `When it is wrong`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What reports tell of a check, whether it found something or not.

    Attributes:
        code: The check's code.
        name: The check's name.
        severity: Of its findings, where they do not say otherwise.
        page: The text that explains it; its first line is a sentence.
    """

    code: str
    name: str
    severity: Severity
    page: str

    @property
    def summary(self) -> str:
        """The first sentence of the page."""
        return self.page.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to show of a run.

    Attributes:
        findings: What was found, the gravest first.
        examined: How much was looked at.
        ending: How the script ended, in a few words: `stopped after 200 steps`.
        troubles: What went wrong in the instruments themselves, one line each.
        rules: The checks that looked.
        script: What was run, as the user named it; empty for code of a command line.
        known: How many findings were left out because a baseline has them.
        footage: What only the HTML page shows, where it was recorded.
    """

    findings: tuple[Finding, ...]
    examined: Examined
    ending: str
    troubles: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    script: str = ""
    known: int = 0
    footage: Footage | None = None

    def number(self, severity: Severity) -> int:
        """Count the findings of a severity."""
        return sum(finding.severity is severity for finding in self.findings)

    @property
    def grave(self) -> bool:
        """Whether anything was found above a note."""
        return any(finding.severity > Severity.NOTE for finding in self.findings)


class Block(NamedTuple):
    """A paragraph of a check's page, or code.

    Attributes:
        heading: What comes before it: `What it finds`, `Example`; empty for none.
        text: Its lines; code without the indentation of the page.
        is_code: Whether it is code.
    """

    heading: str
    text: str
    is_code: bool = False


def blocks(page: str) -> Iterator[Block]:
    """Take the page of a check apart."""
    for block in page.split("\n\n"):
        first, _, rest = block.partition("\n")
        heading, colon, text = block.partition(": ")
        if rest.startswith("    "):
            lines = (line.removeprefix("    ") for line in rest.split("\n"))
            yield Block(first.removesuffix(":"), "\n".join(lines), is_code=True)
        elif colon and len(heading.split()) <= _HEADING_WORDS:
            yield Block(heading, text)
        else:
            yield Block("", block)


def tool_version() -> str:
    """Give the version of the package; `0` where a checkout is only on the path."""
    try:
        return version("trueload")
    except PackageNotFoundError:
        return "0"
