"""Findings while a run goes on: looked for now and then, told once they are certain.

A check judges what has been seen so far, as it does where a run is stopped. What it finds is taken
for certain when a later look finds it again, at the same place. The looks take no more than a
hundredth of the time.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from trueload.findings import Finding, Place, Severity

_SOON: Final = (16, 32, 64)
_SECONDS: Final = 30.0
_TIMES: Final = 100

_Key = tuple[str, Place | None]


@dataclass(slots=True)
class Telling:
    """Tells each finding once.

    Attributes:
        look: Gives what is found by now.
        tell: Is given each finding that is certain, once for each check and place.
        least: The least severity that is told before the end.
        patience_seconds: How long to say nothing, from the first step on: a short run tells all at
            its end.
    """

    look: Callable[[], Iterable[Finding]]
    tell: Callable[[Finding], None]
    least: Severity = Severity.ERROR
    patience_seconds: float = 0.0
    _began: float | None = None
    _next: float = 0.0
    _soon: list[int] = field(default_factory=lambda: list(_SOON))
    _before: set[_Key] = field(default_factory=set)
    _told: set[_Key] = field(default_factory=set)

    def look_if_due(self, steps: int) -> None:
        """Look after a few steps, and then as time goes by.

        Args:
            steps: How many steps there have been.
        """
        if not steps:
            return
        now = time.monotonic()
        if self._began is None:
            self._began, self._next = now, now + _SECONDS
        soon = bool(self._soon) and steps >= self._soon[0]
        if now - self._began < self.patience_seconds or not (soon or now >= self._next):
            return
        while self._soon and steps >= self._soon[0]:
            self._soon.pop(0)
        found = [one for one in self.look() if one.severity >= self.least]
        again = [one for one in found if _key(one) in self._before]
        self._before = set(map(_key, found))
        ended = time.monotonic()
        self._next = ended + max(_SECONDS, _TIMES * (ended - now))
        self.say(again)

    def say(self, findings: Iterable[Finding]) -> None:
        """Tell what has not been told yet."""
        for finding in findings:
            if _key(finding) not in self._told:
                self._told.add(_key(finding))
                self.tell(finding)


def _key(finding: Finding) -> _Key:
    return finding.code, finding.place
