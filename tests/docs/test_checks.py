"""What the pages say of the checks: every check is there, and the report of the example is real."""

import re
import runpy

import pytest

from tests.commands.programs import trueload
from trueload import reports
from trueload.checks.registry import CHECKS

from .pages import ROOT, blocks, headings

REFERENCE = ROOT / "docs" / "reference" / "checks.md"
HOW_TO = ROOT / "docs" / "how-to" / "check-a-script.md"
VARIES = re.compile(r"\(\d+\.\d s\)|\(\d+ in detail\)|seen = \d+ times")
"""How long it takes, and what depends on it: how many steps can be looked at in detail."""


def test_the_reference_is_what_the_checks_say():
    written = REFERENCE.read_text(encoding="utf-8")
    made = runpy.run_path(str(ROOT / "docs" / "checks.py"))["page"]()
    assert written == made, "run `.venv/bin/python docs/checks.py`"


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_every_check_has_a_section_and_a_row(check):
    text = REFERENCE.read_text(encoding="utf-8")
    assert f"{check.code} {check.name}" in headings(REFERENCE)
    assert f"| [{check.code}](#{check.code.lower()}-{check.name}) | `{check.name}` |" in text


def test_a_section_keeps_text_as_text_and_code_as_code():
    held = runpy.run_path(str(ROOT / "docs" / "checks.py"))
    page = "Source: https://a.b/c_d.html, and `x_y` of [a*b] <c>\n\nExample:\n    a = 1\n        b"
    text, code = map(held["_shown"], reports.blocks(page))
    assert text == "**Source.** <https://a.b/c_d.html>, and `x_y` of \\[a\\*b\\] \\<c\\>"
    assert code == "**Example**\n\n```py\na = 1\n    b\n```"


@pytest.mark.timeout(120)
def test_the_report_of_the_example_is_what_is_said_of_it(tmp_path):
    shown = blocks(HOW_TO)
    script = next(block for block in shown if block.language == "python")
    report = next(block for block in shown if block.language == "text")
    (tmp_path / "train.py").write_text(script.code)
    done = trueload("check", "train.py", cwd=tmp_path)
    assert VARIES.sub("", done.stderr) == VARIES.sub("", report.code)


@pytest.mark.timeout(120)
def test_what_the_page_says_of_a_baseline_holds(tmp_path):
    shown = blocks(HOW_TO)
    (tmp_path / "train.py").write_text(next(b.code for b in shown if b.language == "python"))
    [lines] = [block.code for block in shown if "--write-baseline" in block.code]
    for line in lines.splitlines():
        done = trueload(*line.split()[1:], cwd=tmp_path)
        assert done.returncode == 0
    assert "nothing new found (3 known)" in done.stderr
