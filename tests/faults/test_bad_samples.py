"""Samples that end or hang their workers are bad ones, treated by the loader's policy."""

import os
import signal
import time
from itertools import chain

import pytest

from tests.workers.datasets import Made
from trueload import DataLoader, ErrorPolicy
from trueload.errors import WorkerLostError

from .parts import rest_of


def deadly(index):
    if index in {5, 13}:
        os.kill(os.getpid(), signal.SIGKILL)
    return index


def raising(index):
    if index in {5, 13}:
        raise ValueError
    return index


def hanging(index):
    if index == 5:
        time.sleep(60)
    return index


class Together(Made):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


def loader_of(make, action="skip", workers=2, kind=Made, **given):
    return DataLoader(
        kind(make, 24), 4, num_workers=workers, on_error=action, seed=1, shuffle=True, **given
    )


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("skip", Made),
        ("replace", Together),
        pytest.param("replace", Made, marks=pytest.mark.slow),
        pytest.param("skip", Together, marks=pytest.mark.slow),
    ],
)
def test_a_sample_that_kills_is_treated_as_one_that_raises(action, kind):
    expected = rest_of(loader_of(raising, action, workers=0))
    loader = loader_of(deadly, action, kind=kind)
    assert rest_of(loader) == expected
    assert {one.index for one in loader.ledger.entries} == {5, 13}


def test_a_sample_that_kills_alone_is_treated_too():
    loader = DataLoader(Made(deadly, 8), None, num_workers=2, on_error="skip")
    assert rest_of(loader) == [0, 1, 2, 3, 4, 6, 7]


def test_a_sample_that_hangs_is_left_out():
    loader = loader_of(hanging, timeout=0.4)
    assert sorted(chain.from_iterable(rest_of(loader))) == [*range(5), *range(6, 24)]
    assert loader.ledger.skipped == [5]


def test_a_sample_that_kills_is_in_the_quarantine(tmp_path):
    path = tmp_path / "bad.jsonl"
    policy = ErrorPolicy("skip", quarantine=path)
    rest_of(loader_of(deadly, policy))
    (first, second) = sorted(path.read_text().splitlines())
    assert '"stage": "end"' in first
    assert '"exception": "WorkerLostError"' in second


def test_a_policy_about_other_exceptions_lets_a_lost_worker_be_an_error():
    policy = ErrorPolicy("skip", exceptions=OSError)
    with pytest.raises(WorkerLostError):
        rest_of(loader_of(deadly, policy))


@pytest.mark.parametrize("number", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_workers_change_no_batch_with_bad_samples(number):
    expected = rest_of(loader_of(raising, "replace", workers=0))
    batches = iter(loader_of(raising, "replace"))
    first = [next(batches).tolist() for _ in range(2)]
    os.kill(batches._workers[number].pid, signal.SIGKILL)
    assert first + rest_of(batches) == expected
