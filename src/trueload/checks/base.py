"""What every check is: two names, a severity, a page, and a look at the evidence."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from typing import ClassVar

from trueload.evidence import Run
from trueload.findings import Finding, Place, Severity


class Check(ABC):
    """A rule over the evidence of a run; see the package for how to write one."""

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    causes: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each hit."""

    @classmethod
    def page(cls) -> str:
        """Give the text that explains the check."""
        return cleandoc(cls.__doc__ or "")

    def found(  # noqa: PLR0913 - the parts of a finding
        self,
        title: str,
        place: Place | None,
        evidence: Iterable[tuple[str, str]] = (),
        *,
        hint: str,
        count: int = 1,
        severity: Severity | None = None,
    ) -> Finding:
        """Make a finding of this check.

        Args:
            title: One clause with the values, without a final stop.
            place: The line to look at first.
            evidence: Pairs of a short name and what was measured; those without text are left out.
            hint: One way out.
            count: How often it was seen.
            severity: Where it differs from the check's.
        """
        return Finding(
            code=self.code,
            name=self.name,
            severity=self.severity if severity is None else severity,
            title=title,
            place=place,
            evidence=tuple((name, text) for name, text in evidence if text),
            hint=hint,
            count=count,
        )
