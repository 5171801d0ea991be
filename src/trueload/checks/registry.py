"""All checks by their codes, and what they find together in a run."""

from collections.abc import Iterable

from trueload.checks import batch, code, loss, memory, mode, speed, update, workers
from trueload.checks.base import Check
from trueload.evidence import Run
from trueload.findings import Finding, merged

_GROUPS = (memory, batch, workers, code, speed, update, loss, mode)
_ALL = [check for group in _GROUPS for check in group.CHECKS]

CHECKS: dict[str, type[Check]] = {
    check.code: check for check in sorted(_ALL, key=lambda one: one.code)
}
"""Each check by its code, in the order of the codes."""


def named(name: str) -> type[Check] | None:
    """Give the check with this code or name."""
    by_name = {check.name: check for check in CHECKS.values()}
    return CHECKS.get(name.upper()) or by_name.get(name.lower())


def find(run: Run, checks: Iterable[type[Check]] | None = None) -> list[Finding]:
    """Let checks look at a run, and give what they find, the gravest first.

    A finding goes where a finding of another check that explains it is there.

    Args:
        run: The evidence.
        checks: Which ones; all if left out.
    """
    chosen = list(CHECKS.values() if checks is None else checks)
    found = {check.code: list(check().look(run)) for check in chosen}
    explained = {check.code for check in chosen if any(found.get(cause) for cause in check.causes)}
    kept = [findings for code, findings in found.items() if code not in explained]
    return merged(finding for findings in kept for finding in findings)
