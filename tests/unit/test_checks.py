"""What holds for all checks: their names, their pages, and how they look together."""

import re

import pytest

from trueload.checks.base import Check
from trueload.checks.registry import CHECKS, find, named
from trueload.evidence import Run
from trueload.findings import Place, Severity

PARTS = (
    "What it finds: ",
    "Why it matters: ",
    "Example:\n",
    "Instead:\n",
    "When it is wrong: ",
    "Source: ",
)


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_a_check_has_two_names_and_a_page_of_six_parts(check):
    assert re.fullmatch(r"TL[3-9]\d\d", check.code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", check.name)
    places = [check.page().find(f"\n\n{part}") for part in PARTS]
    assert -1 not in places, PARTS[places.index(-1)]
    assert places == sorted(places)


def test_no_two_checks_share_a_name():
    assert len({check.name for check in CHECKS.values()}) == len(CHECKS)


def test_nothing_is_found_in_nothing():
    assert find(Run()) == []


def test_a_check_is_known_by_code_and_name():
    assert named("tl701") is named("missing-zero-grad") is CHECKS["TL701"]
    assert named("TL7") is None


class Cause(Check):
    """A cause."""

    code, name, severity = "TL991", "a-cause", Severity.WARNING

    def look(self, run):
        yield self.found("it is so", Place("a.py", 1), [("empty", ""), ("a", "b")], hint="do")


class Symptom(Cause):
    """A symptom."""

    code, name, causes = "TL992", "a-symptom", ("TL991",)


def test_a_cause_explains_its_symptom_away():
    assert [finding.code for finding in find(Run(), [Symptom, Cause])] == ["TL991"]
    assert [finding.code for finding in find(Run(), [Symptom])] == ["TL992"]


def test_evidence_without_text_is_left_out():
    assert find(Run(), [Cause])[0].evidence == (("a", "b"),)
