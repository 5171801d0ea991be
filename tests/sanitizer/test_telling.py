"""While a run goes on, only what was found twice is told, once, and looking takes little time."""

import pytest

from trueload.findings import Finding, Place, Severity
from trueload.sanitizer import telling
from trueload.sanitizer.telling import Telling


def finding(line=1, severity=Severity.ERROR):
    return Finding("TL701", "missing-zero-grad", severity, "t", Place("train.py", line))


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(telling, "time", clock)
    return clock


def run(looks, clock, steps=range(1, 200), seconds=0.0, **options):
    """Go through steps, and give at which of them something was told."""
    told, found, given = [], iter(looks), []
    teller = Telling(lambda: next(found, looks[-1]), given.append, **options)
    for step in steps:
        clock.now += seconds
        teller.look_if_due(step)
        told += [step] * (len(given) - len(told))
    return told, given


def test_what_two_looks_have_found_is_told_once(clock):
    assert run([[finding()]], clock) == ([32], [finding()])


def test_what_only_one_look_has_found_is_not_told(clock):
    assert run([[finding()], [], [finding()], []], clock, seconds=10.0)[1] == []
    assert run([[finding(1)], [finding(2)], [finding(3)], []], clock)[1] == []


def test_what_does_less_harm_waits_for_the_end(clock):
    warning = finding(severity=Severity.WARNING)
    assert run([[warning]], clock)[1] == []
    assert run([[warning]], clock, least=Severity.WARNING)[1] == [warning]


def test_a_short_run_tells_nothing_before_its_end(clock):
    told, _ = run([[finding()]], clock, seconds=0.1, patience_seconds=20.0)
    assert told == []
    (step,), _ = run([[finding()]], clock, seconds=1.0, patience_seconds=20.0)
    assert 32 <= step < 64


def test_later_looks_come_as_time_goes_by(clock):
    looks = []

    def look():
        looks.append(clock.now)
        clock.now += 1.0
        return []

    teller = Telling(look, print)
    for step in range(1, 10_000):
        clock.now += 1.0
        teller.look_if_due(step)
    assert len(looks) == pytest.approx(3 + 100, abs=5)


def test_what_is_said_at_the_end_is_only_what_was_not_told(clock):
    given = []
    teller = Telling(lambda: [finding(1)], given.append)
    for step in (16, 32):
        teller.look_if_due(step)
    teller.say([finding(1), finding(2, Severity.NOTE)])
    assert given == [finding(1), finding(2, Severity.NOTE)]
