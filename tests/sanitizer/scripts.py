"""Run scripts under the instruments, each in a process forked from one that has torch loaded."""

import multiprocessing
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

from trueload.checks.registry import CHECKS
from trueload.commands import running
from trueload.evidence import Examined
from trueload.evidence.footage import Footage
from trueload.findings import Finding, Severity

HERE = Path(__file__).parent
BROKEN = sorted((HERE / "broken").glob("*.py"))
CLEAN = sorted((HERE / "clean").glob("*.py"))
_EXPECTED = re.compile(r"#\s*expect:\s*([\w, ]+)")
_NOTED = re.compile(r"#\s*note:\s*(TL[\w, ]+)")
_PATIENCE_SECONDS = 100
_FIELDS = ("findings", "troubles", "examined", "footage")


@dataclass(frozen=True)
class Seen:
    """What a script showed, and what was found in it."""

    output: str
    warnings: str
    error: str
    findings: tuple[Finding, ...] = ()
    troubles: tuple[str, ...] = ()
    examined: Examined | None = None
    footage: Footage | None = None
    told: tuple[Finding, ...] = ()

    def grave(self):
        """Give code and line of all that is above a note."""
        return {
            (finding.code, finding.place.line if finding.place else 0)
            for finding in self.findings
            if finding.severity > Severity.NOTE
        }

    def notes(self):
        """Give the codes of all notes."""
        return {code for code, _ in self.noted()}

    def noted(self):
        """Give code and line of all notes."""
        return {
            (finding.code, finding.place.line if finding.place else 0)
            for finding in self.findings
            if finding.severity is Severity.NOTE
        }


def expected(path):
    """Give code and line of each `# expect: TL701` in a script."""
    return _marked(path, _EXPECTED)


def expected_notes(path):
    """Give code and line of each `# note: TL641` in a script."""
    return _marked(path, _NOTED)


def _marked(path, mark):
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    marks = ((number, mark.search(line)) for number, line in lines)
    return {(code.strip(), number) for number, mark in marks if mark for code in mark[1].split(",")}


@dataclass(frozen=True)
class How:
    """How a script is run.

    Of the steps that are looked at only where it can be afforded, none is by default: so what is
    seen is the same on any machine, and the least that anybody sees.
    """

    checked: bool = True
    filmed: bool = False
    ours: bool = False
    pace: dict[str, float] = field(default_factory=lambda: {"share": 0.0})
    limits: dict[str, Any] = field(default_factory=lambda: {"full": True})


def see(path, **how):
    """Run a script in a process of its own, with the checks or without."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.sanitizer.template"])
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs, str(path), How(**how)))
    process.start()
    theirs.close()
    try:
        assert ours.poll(_PATIENCE_SECONDS), f"{path} takes too long"
        return ours.recv()
    finally:
        process.kill()
        process.join()


def _run(pipe, path, how):
    import torch  # noqa: PLC0415 - not needed where the scripts are only listed

    import trueload  # noqa: PLC0415
    from trueload.sanitizer.limits import Limits  # noqa: PLC0415
    from trueload.sanitizer.script import Watched  # noqa: PLC0415

    torch.set_num_threads(1)
    multiprocessing.set_start_method("fork", force=True)  # as in a script that is just run
    if how.ours:
        trueload.install()
    program = running.Program("script", path, ())
    output, warnings = StringIO(), StringIO()
    seen: dict[str, Any] = {}
    with redirect_stdout(output), redirect_stderr(warnings):
        if how.checked:
            watched = Watched(Limits(**how.limits), filmed=how.filmed)
            watched.recorder.pace = replace(watched.recorder.pace, **how.pace)
            told = []
            watched.tell_early(list(CHECKS.values()), told.append, patience_seconds=0.0)
            error = watched.run(lambda: running.run(program))
            report = watched.report(list(CHECKS.values()))
            seen = {name: getattr(report, name) for name in _FIELDS} | {"told": tuple(told)}
        else:
            error = running.run(program)
    pipe.send(Seen(output.getvalue(), warnings.getvalue(), repr(error), **seen))
