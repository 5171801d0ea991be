"""A report for the tests of its forms, with all that could break one."""

from pathlib import Path

from trueload.evidence import Examined
from trueload.findings import Finding, Place, Severity
from trueload.reports import Report, Rule

PAGE = "Each step uses the gradients of the steps before it again.\n\nWhat it finds: <b> & `more`."


def report(**changed):
    """Give a report of four findings: in a file, elsewhere, in a command, at no place."""
    here = Path.cwd()
    findings = (
        Finding(
            "TL701",
            "missing-zero-grad",
            Severity.ERROR,
            "`SGD` steps with <100 %> used gradients",
            Place(str(here / "my src" / "train.py"), 14, "Net.fit", "        optimizer.step()"),
            (("steps", "11 of 12"), ("optimizer", "made at train.py:9, line: 9")),
            "call `optimizer.zero_grad()`",
            11,
        ),
        Finding(
            "TL801",
            "broadcast-loss",
            Severity.WARNING,
            "two lines\r\nof text",
            Place("/elsewhere/train.py", 3, "<module>", "loss = (a - b).mean()"),
            hint="reshape",
        ),
        Finding(
            "TL801",
            "broadcast-loss",
            Severity.WARNING,
            "in a command",
            Place("<string>", 2, "<module>", "loss = f()"),
            hint="reshape",
        ),
        Finding("TL799", "a-name", Severity.NOTE, "it is so", None, (), "nothing to do"),
    )
    rules = (
        Rule("TL701", "missing-zero-grad", Severity.ERROR, PAGE),
        Rule("TL801", "broadcast-loss", Severity.WARNING, PAGE),
        Rule("TL799", "a-name", Severity.NOTE, PAGE),
    )
    given = {
        "findings": findings,
        "examined": Examined(12, 12, 12, 24, 384, 4, 2, 1.5),
        "ending": "the script ran to its end (1.5 s)",
        "troubles": ("TypeError: <x>",),
        "rules": rules,
        "script": "my src/train.py",
    }
    return Report(**given | changed)
