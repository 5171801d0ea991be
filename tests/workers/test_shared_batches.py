"""Slow batches that several workers make together are those that one makes alone."""

import os
import random
import signal
import time

import numpy as np
import pytest
import torch

from trueload import DataLoader
from trueload.errors import WorkerLostError
from trueload.workers import parts

from .datasets import Made, plain


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """Take everything for slow once the first batch has come."""
    monkeypatch.setattr(parts, "_SLOW_US", 1)
    monkeypatch.setattr(parts, "_LEAST_PART_US", 1)


def slow(index):
    time.sleep(0.002)
    return index


def drawing(index):
    return slow(index), random.random(), np.random.rand(), torch.rand(1).item()


def marked(index):
    """Give an index with the process that made the sample."""
    return slow(index), os.getpid()


def drawing_marked(index):
    return random.random(), *marked(index)


def noisy_collate(samples):
    return torch.tensor(samples) + torch.rand(1) + random.random()


def batches(make, workers, collate_fn=None, **arguments):
    loader = DataLoader(
        Made(make, 64), 8, num_workers=workers, collate_fn=collate_fn, seed=5, **arguments
    )
    return [plain(batch) for batch in loader]


def makers(make, **arguments):
    """Give who made the samples of each batch; the sample ends with it."""
    loader = DataLoader(Made(make, 64), 8, num_workers=3, seed=5, collate_fn=list, **arguments)
    return [{sample[-1] for sample in batch} for batch in loader]


@pytest.mark.parametrize("rng", ["batch", "sample"])
def test_slow_batches_are_shared_out(rng):
    assert any(len(pids) > 1 for pids in makers(marked, rng=rng))


def test_samples_that_draw_are_shared_out_where_each_has_a_key():
    assert any(len(pids) > 1 for pids in makers(drawing_marked, rng="sample"))
    assert all(len(pids) == 1 for pids in makers(drawing_marked, rng="batch"))


@pytest.mark.parametrize("workers", [2, 3, 5])
@pytest.mark.parametrize("rng", ["batch", "sample"])
@pytest.mark.parametrize("make", [slow, drawing])
def test_who_makes_which_rows_changes_no_batch(make, rng, workers):
    assert batches(make, workers, list, rng=rng) == batches(make, 0, list, rng=rng)


@pytest.mark.parametrize("rng", ["batch", "sample"])
@pytest.mark.parametrize("collate_fn", [noisy_collate, list, lambda samples: samples[::-1]])
def test_a_collate_function_gets_all_rows_and_draws_the_same(rng, collate_fn):
    assert batches(slow, 3, collate_fn, rng=rng) == batches(slow, 0, collate_fn, rng=rng)


def test_samples_that_begin_to_draw_late_are_noticed():
    def late(index):
        return slow(index) + (random.random() if index == 40 else 0)

    assert batches(late, 3) == batches(late, 0)


class Odd:
    """A sample that tells whether it has travelled."""

    def __init__(self, index):
        self.index, self.home = slow(index), os.getpid()

    def __reduce__(self):
        return Odd, (-1,)


def test_samples_that_would_not_travel_unchanged_stay_where_they_are():
    def indices(samples):
        return [sample.index for sample in samples]

    assert batches(Odd, 3, indices) == batches(Odd, 0, indices)


def test_samples_that_cannot_travel_stay_where_they_are():
    def functions(index):
        slow(index)
        return lambda: index

    def called(samples):
        return [sample() for sample in samples]

    assert batches(functions, 3, called) == batches(functions, 0, called)


def outcomes(loader):
    found, iterator = [], iter(loader)
    while True:
        try:
            found.append(plain(next(iterator)))
        except StopIteration:
            return found
        except Exception as error:
            found.append((type(error), str(error)))


@pytest.mark.parametrize("bad", [{16}, {23}, {17, 22}, {40, 47, 63}, set(range(8, 64))])
def test_the_first_bad_row_of_a_batch_is_the_one_that_is_told(bad):
    def make(index):
        if index in bad:
            message = f"sample {index} is bad"
            raise ValueError(message)
        return slow(index)

    expected = outcomes(DataLoader(Made(make, 64), 8))
    assert outcomes(DataLoader(Made(make, 64), 8, num_workers=3)) == expected


@pytest.mark.parametrize("rng", ["batch", "sample"])
def test_a_worker_that_dies_over_a_part_changes_no_batch(tmp_path, rng):
    def make(index):
        once = tmp_path / str(index)
        if index in {20, 45} and not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return slow(index)

    found = [plain(batch) for batch in DataLoader(Made(make, 64), 8, num_workers=3, rng=rng)]
    assert found == [list(range(first, first + 8)) for first in range(0, 64, 8)]


@pytest.mark.usefixtures("capfd")
def test_the_sample_that_ends_its_worker_twice_is_named_though_it_was_in_a_part():
    def make(index):
        if index == 46:
            os.kill(os.getpid(), signal.SIGKILL)
        return slow(index)

    found = outcomes(DataLoader(Made(make, 64), 8, num_workers=3))
    (failure,) = [one for one in found if isinstance(one, tuple)]
    assert failure[0] is WorkerLostError
    assert "dataset[46]" in failure[1]
    assert len(found) == 8


def test_a_part_that_hangs_is_named_and_the_rest_goes_on():
    def make(index):
        if index == 46:
            time.sleep(60)
        return slow(index)

    found = outcomes(DataLoader(Made(make, 64), 8, num_workers=3, timeout=0.5))
    (failure,) = [one for one in found if isinstance(one, tuple)]
    assert "dataset[46]" in failure[1]
    assert len(found) == 8


def test_batches_out_of_order_are_those_in_order():
    found = batches(slow, 3, in_order=False, shuffle=True)
    assert sorted(found) == sorted(batches(slow, 0, shuffle=True))


def test_an_epoch_that_is_given_up_leaves_nothing_to_the_next():
    loader = DataLoader(Made(slow, 64), 8, num_workers=3, persistent_workers=True)
    iterator = iter(loader)
    next(iterator), next(iterator), next(iterator)
    whole = [plain(batch) for batch in loader]
    loader._iterator = None
    assert whole == [list(range(first, first + 8)) for first in range(0, 64, 8)]


def test_a_part_that_is_a_copy_of_its_worker_ends_in_silence():
    def make(index):
        if index % 8 == 5 and os.fork():
            os.wait()
        return slow(index)

    assert batches(make, 3) == [list(range(first, first + 8)) for first in range(0, 64, 8)]
