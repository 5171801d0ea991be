"""Broken scripts are named at the right line, correct ones are left alone, none is disturbed.

A broken script marks each line that must be named: `# expect: TL701`. Nothing else above a note
may be said of it, so that one mistake is told once and by its cause. Notes that must be there are
marked, too: `# note: TL641`.
"""

import re

import pytest

from trueload.checks.registry import CHECKS

from .scripts import BROKEN, CLEAN, expected, expected_notes, see

_NOT_ALLOWED_TO_CRASH = "None"


_EACH = 8
_FEW_AT_ONCE = [
    pytest.param(path, marks=[] if number % _EACH == 0 else pytest.mark.slow)
    for number, path in enumerate([*BROKEN, *CLEAN])
]
"""All scripts; one in eight is tried at once, the others among the slow tests."""


def name(path):
    return path.stem


@pytest.mark.parametrize("path", BROKEN, ids=name)
def test_a_broken_script_is_named_at_the_right_line(path):
    seen = see(path)
    assert seen.grave() == expected(path)
    assert seen.noted() >= expected_notes(path)
    assert {(one.code, one.place.line) for one in seen.told} <= expected(path)
    assert not seen.troubles


@pytest.mark.parametrize("path", CLEAN, ids=name)
def test_nothing_is_said_of_a_correct_script(path):
    seen = see(path)
    assert seen.error == _NOT_ALLOWED_TO_CRASH
    assert not [finding for finding in seen.findings if finding.severity > 1]
    assert not seen.told
    assert not seen.troubles
    assert seen.examined.backwards > 0


@pytest.mark.parametrize("path", _FEW_AT_ONCE, ids=name)
def test_the_losses_are_the_same_to_the_last_bit(path):
    with_checks, without = see(path), see(path, checked=False)
    assert re.search(r"\d\.\d|nan", without.output)
    assert with_checks.output == without.output
    assert with_checks.warnings == without.warnings
    assert with_checks.error == without.error


@pytest.mark.slow
@pytest.mark.parametrize("path", [*BROKEN, *CLEAN], ids=name)
def test_a_closer_look_finds_the_same(path):
    seen = see(path, pace={"share": float("inf")})
    assert seen.grave() == expected(path)
    assert not seen.troubles


_PREVENTED = ("TL301", "TL302", "TL303", "TL304", "TL623")
"""What our loader prevents, or tells by itself: what is done to memory as samples are read."""

_WITH_OURS = {
    "batches_of_a_cycle_changed": {("TL302", 16)},  # kept by `cycle`, whoever made them
    "evaluated_on_data_that_reading_spoils": {("TL906", 27)},  # what comes of it
    "generator_copied_into_the_workers": set(),  # it seeds the generators that datasets own
    "fixed_crops_for_evaluation": {("TL906", 24)},  # so a fixed seed of a dataset's own is not
}


@pytest.mark.slow
@pytest.mark.parametrize("path", [*BROKEN, *CLEAN], ids=name)
def test_the_same_is_found_with_our_loader(path):
    seen = see(path, ours=True)
    wanted = {mark for mark in expected(path) if mark[0] not in _PREVENTED}
    assert seen.grave() == _WITH_OURS.get(path.stem, wanted)
    assert not seen.troubles


@pytest.mark.parametrize("code", CHECKS)
def test_every_check_has_a_broken_script(code):
    marked = (mark for path in BROKEN for mark in expected(path) | expected_notes(path))
    assert code in {found for found, _ in marked}
