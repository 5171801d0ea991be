"""Looks are taken at the beginning, at powers of two, and in between as can be afforded."""

import time

import pytest

from trueload.sanitizer import pace
from trueload.sanitizer.pace import Pace


class Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    return clock


def looks(given, clock, steps, cost=0.0, optimizers=1):
    """Take steps of a second each, and give those that were looked at, at a cost."""
    seen = []
    for step in range(steps):
        clock.now += 1.0
        if given.detailed:
            seen.append(step)
            clock.now += cost
            given.spent_seconds += cost
        given.stepped(step + 1, optimizers)
    return seen


def test_the_first_steps_and_powers_of_two_are_looked_at_whatever_it_costs(clock):
    seen = looks(Pace(first=4, share=0.0), clock, 70, cost=9.0)
    assert seen == [0, 1, 2, 3, 4, 8, 16, 32, 64]


def test_more_is_looked_at_where_it_costs_little(clock):
    assert looks(Pace(first=4, share=0.5), clock, 40, cost=0.1) == list(range(40))


def test_looking_takes_no_more_than_its_share(clock):
    given = Pace(first=4, share=0.25, most=1000)
    seen = looks(given, clock, 500, cost=1.0)
    assert 90 <= len(seen) <= 130
    assert given.spent_seconds <= 0.25 * 500 + 2


def test_no_more_looks_are_taken_than_are_of_use(clock):
    seen = looks(Pace(first=4, share=1e9, most=20), clock, 100)
    assert seen == [*range(20), 32, 64]


def test_of_optimizers_that_take_turns_each_is_looked_at(clock):
    seen = looks(Pace(first=4, share=0.2, most=1000), clock, 300, cost=1.0, optimizers=2)
    assert {step % 2 for step in seen[8:]} == {0, 1}
    odd = sum(step % 2 for step in seen)
    assert abs(len(seen) - 2 * odd) <= 4


def test_the_time_of_the_first_step_does_not_count(clock):
    given = Pace(first=1, share=0.1)
    clock.now += 1000.0
    given.stepped(1, 1)
    given.spent_seconds += 1.0
    clock.now += 2.0
    assert not given.is_affordable()


def test_after_many_backward_passes_without_a_step_nothing_more_is_looked_at():
    given = Pace()
    for _ in range(65):
        given.went_back()
    assert not given.detailed
    given.stepped(1, 1)
    assert given.detailed


def test_the_clock_is_that_of_the_machine():
    assert pace.time is time
