"""When enough was seen of a script."""

import pytest

from trueload.sanitizer.limits import Enough, Limits


@pytest.mark.parametrize(
    ("limits", "steps", "passes", "evaluated", "stops"),
    [
        ({}, 199, 9, True, False),
        ({}, 200, 1, True, False),
        ({}, 200, 2, False, False),
        ({}, 200, 2, True, True),
        ({}, 1000, 0, False, True),
        ({"steps": 5}, 4, 9, True, False),
        ({"steps": 5}, 5, 0, False, True),
        ({"seconds": 50}, 10**6, 9, True, False),
        ({"full": True, "steps": 5}, 10**6, 9, True, False),
    ],
)
def test_when_it_is_time_to_stop(limits, steps, passes, evaluated, stops):
    assert Limits(**limits).reached(steps, passes, evaluated=evaluated) is stops


@pytest.mark.parametrize(
    ("seconds", "after", "stops"), [(None, 61, True), (5, 4, False), (5, 6, True)]
)
def test_time_counts_from_the_first_thing_seen(seconds, after, stops, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    limits = Limits(seconds=seconds)
    assert not limits.reached(0, 0, evaluated=False)
    now[0] += after
    assert limits.reached(0, 0, evaluated=False) is stops


def test_a_script_that_catches_it_each_time_is_given_up():
    given_up = []
    limits = Limits(give_up=lambda: given_up.append(True))
    for _ in range(100):
        with pytest.raises(Enough):
            limits.stop()
    assert not given_up
    with pytest.raises(Enough):
        limits.stop()
    assert given_up


def test_a_forked_child_is_not_stopped(monkeypatch):
    limits = Limits(steps=1)
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert not limits.reached(10, 9, evaluated=True)
