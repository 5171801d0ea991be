"""The report for terminals, as golden text: its wording is a public interface."""

from io import StringIO

from rich.console import Console
from rich.text import Text

from trueload.evidence import Examined
from trueload.findings import Finding, Place, Severity
from trueload.reports import Report, text

PLACE = Place("<string>", 14, "fit", "        optimizer.step()  # [not markup]")
FINDINGS = (
    Finding(
        "TL701",
        "missing-zero-grad",
        Severity.ERROR,
        "`SGD` steps with gradients that earlier steps have already used",
        PLACE,
        (("steps", "11 of 12"), ("optimizer", "made at train.py:9")),
        "call `optimizer.zero_grad()` before each `backward()`",
        11,
    ),
    Finding("TL799", "a-name", Severity.NOTE, "x" * 200, None, (), "nothing to do"),
)
EXAMINED = Examined(1, 1200, 64, 12, 192, 4, 1)


def shown(report, **options):
    file = StringIO()
    text.render(report, Console(file=file, **options))
    return file.getvalue()


def test_a_report(snapshot):
    assert shown(Report(FINDINGS, EXAMINED, "the script ran to its end (1.2 s)")) == snapshot


def test_a_report_of_nothing(snapshot):
    report = Report((), Examined(), "the script raised ValueError (0.1 s)", ("TypeError: x",))
    assert shown(report) == snapshot


def test_color_adds_nothing_but_color():
    report = Report(FINDINGS, EXAMINED, "the script ran to its end (1.2 s)")
    colored = Console(file=StringIO(), force_terminal=True, color_system="standard")
    text.render(report, colored)
    assert "\x1b[" in colored.file.getvalue()
    assert without_codes(colored.file.getvalue()) == shown(report)


def without_codes(shown):
    return "".join(Text.from_ansi(line).plain for line in shown.splitlines(keepends=True))


def test_only_what_is_above_a_note_is_grave():
    assert Report(FINDINGS, EXAMINED, "").grave
    assert not Report(FINDINGS[1:], EXAMINED, "").grave
