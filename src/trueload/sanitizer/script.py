"""A script under the instruments, from its start to its report."""

import time
from collections.abc import Callable
from typing import Any

from trueload.checks.base import Check
from trueload.checks.registry import find
from trueload.checks.selection import unmarked
from trueload.evidence import Step
from trueload.findings import Finding
from trueload.reports import Report, Rule
from trueload.sanitizer.camera import Camera
from trueload.sanitizer.crash import crash_of
from trueload.sanitizer.hooks import instruments
from trueload.sanitizer.limits import Enough, Limits
from trueload.sanitizer.places import Places
from trueload.sanitizer.recorder import Recorder
from trueload.sanitizer.telling import Telling


class Watched:
    """Runs one script and reports on it.

    Args:
        limits: When to stop it.
        command: The text of the script, if it came with `-c`.
        script: What reports call it.
        filmed: Whether to record what only the HTML page shows.
    """

    def __init__(
        self, limits: Limits, command: str = "", script: str = "", *, filmed: bool = False
    ) -> None:
        self.script = script
        self.recorder = Recorder(Places(command), limits)
        self.recorder.camera = Camera() if filmed else None
        self.error: BaseException | None = None
        self._seconds = 0.0

    def tell_early(
        self, checks: list[type[Check]], tell: Callable[[Finding], None], patience_seconds: float
    ) -> None:
        """Tell errors while the script runs, once they are certain.

        Args:
            checks: Which checks look.
            tell: Is given each finding, once.
            patience_seconds: How long to say nothing: a short run tells all at its end.
        """
        recorder = self.recorder

        def look() -> list[Finding]:
            return unmarked(find(recorder.judge_so_far(), checks))

        recorder.telling = Telling(look, tell, patience_seconds=patience_seconds)

    def run(self, script: Callable[[], BaseException | None]) -> BaseException | None:
        """Run a script, and give the exception that ended it; being stopped by us is none.

        Args:
            script: Runs it, and gives what ended it.
        """
        started = time.monotonic()
        with instruments(self.recorder):
            self.error = script()
        self._seconds = time.monotonic() - started
        run = self.recorder.run
        if isinstance(self.error, Exception):
            run.crash = crash_of(self.error, self.recorder.places)
        run.complete = self.error is None or isinstance(self.error, SystemExit)
        return None if isinstance(self.error, Enough) else self.error

    def report(self, checks: list[type[Check]]) -> Report:
        """Let checks look at what was seen.

        Args:
            checks: Which ones.
        """
        run, camera = self.recorder.judge(), self.recorder.camera
        return Report(
            findings=tuple(unmarked(find(run, checks))),
            examined=run.examined(self._seconds),
            ending=self._ending(run.happened.get(Step, 0)),
            troubles=tuple(dict.fromkeys(map(_line, self.recorder.troubles))),
            rules=tuple(_rule(check) for check in checks),
            script=self.script,
            footage=None if camera is None else camera.footage,
        )

    def _ending(self, steps: int) -> str:
        if isinstance(self.error, Enough):
            how = f"stopped after {steps} steps; `--full` runs the script to its end"
        elif self.error is None or isinstance(self.error, SystemExit):
            how = "the script ran to its end"
        elif isinstance(self.error, KeyboardInterrupt):
            how = "the script was interrupted"
        else:
            how = f"the script raised {type(self.error).__name__}"
        return f"{how} ({self._seconds:.1f} s)"


def _line(error: Any) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _rule(check: type[Check]) -> Rule:
    return Rule(check.code, check.name, check.severity, check.page())
