"""Promise 2: batches depend on their tasks alone, whoever makes them."""

import mmap
import os
import random
import signal
import time

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.torch_parity.compare import difference
from trueload import DataLoader
from trueload.iterators import starting

from .datasets import Made, Shared, augmented, plain_batches, same

LENGTH = 22


def epochs(number=2, dataset=None, **arguments):
    """Give the batches of so many epochs, begun from the same state of the generators."""
    torch.manual_seed(7)
    dataset = Made(augmented, LENGTH) if dataset is None else dataset
    loader = DataLoader(dataset, 4, **arguments)
    found = [list(loader) for _ in range(number)]
    loader._iterator = None
    return found


KEYS = [{"rng": "batch"}, {"rng": "sample"}, {"seed": 3}, {"seed": 3, "rng": "sample"}]


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("key", KEYS, ids=str)
def test_any_number_of_workers_gives_the_batches_that_none_gives(workers, key):
    without = epochs(shuffle=True, num_workers=0, **key)
    assert not difference(without, epochs(shuffle=True, num_workers=workers, **key))


@pytest.mark.parametrize("prefetch", [1, 3, 40])
def test_any_prefetch_factor_gives_the_batches_that_no_worker_gives(prefetch):
    without = epochs(num_workers=0, rng="batch")
    assert not difference(without, epochs(num_workers=2, prefetch_factor=prefetch))


def test_persistent_workers_give_the_batches_that_no_worker_gives():
    without = epochs(3, shuffle=True, num_workers=0, seed=1)
    kept = epochs(3, shuffle=True, num_workers=2, seed=1, persistent_workers=True)
    assert not difference(without, kept)


def test_batches_out_of_order_are_the_same_batches():
    (without,) = epochs(1, num_workers=0, seed=1)
    (mixed,) = epochs(1, num_workers=3, seed=1, in_order=False)
    mixed.sort(key=lambda batch: batch["index"][0].item())
    assert not difference(without, mixed)


def test_samples_without_batching_are_the_same_samples():
    def single(workers):
        arguments = {"batch_size": None, "seed": 1, "shuffle": True}
        return list(DataLoader(Made(augmented, LENGTH), num_workers=workers, **arguments))

    assert not difference(single(0), single(2))


def test_torchs_engine_gives_the_batches_that_ours_gives(monkeypatch):
    ours = epochs(1, shuffle=True, num_workers=2, seed=1)
    monkeypatch.setattr(starting, "is_supported", lambda: False)
    assert not difference(ours, epochs(1, shuffle=True, num_workers=2, seed=1))


def test_one_worker_gives_the_stream_that_none_gives():
    without = epochs(num_workers=0, rng="batch", dataset=Shared(augmented, LENGTH))
    assert not difference(without, epochs(num_workers=1, dataset=Shared(augmented, LENGTH)))


@pytest.mark.parametrize("prefetch", [1, 7])
def test_a_stream_read_by_several_workers_is_the_same_each_time(prefetch):
    first, again = (
        epochs(num_workers=3, prefetch_factor=factor, dataset=Shared(augmented, LENGTH))
        for factor in (2, prefetch)
    )
    assert not difference(first, again)


def test_a_random_order_of_slow_samples_changes_no_batch():
    def slow(index):
        sample = augmented(index)
        time.sleep(random.Random(index).random() * 0.01)
        return sample

    without = epochs(1, num_workers=0, seed=1, dataset=Made(augmented, LENGTH))
    assert not difference(without, epochs(1, num_workers=4, seed=1, dataset=Made(slow, LENGTH)))


class Generators:
    """Draws from generators of its own, which every copy of it has."""

    def __init__(self):
        self.numpy = np.random.default_rng(0)

    def __call__(self, index):
        time.sleep(0.005)  # lets every worker have some
        return self.numpy.integers(10**9)


def test_a_generator_on_the_dataset_repeats_in_no_other_worker_and_epoch():
    loader = DataLoader(Made(Generators(), 12), 2, num_workers=3)
    drawn = [value for _ in range(2) for batch in plain_batches(loader) for value in batch]
    assert len(set(drawn)) == len(drawn)


def test_the_training_process_keeps_its_random_state():
    def states():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

    loader = DataLoader(Made(augmented, 8), 2, num_workers=2, seed=3)
    batches = iter(loader)
    before = states()
    assert len(list(batches)) == 4
    assert states() == before


def kill(pattern):
    """Make samples whose workers are killed as often as a shared counter for each says."""
    left = mmap.mmap(-1, LENGTH)  # shared by all processes that are forked from here on
    left[:] = bytes(pattern)

    def make(index):
        sample = augmented(index)
        if left[index]:
            left[index] = 0
            os.kill(os.getpid(), signal.SIGKILL)
        return sample

    return make


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    killed=st.sets(st.integers(0, LENGTH // 4), max_size=4),
    row=st.integers(0, 1),
    workers=st.integers(1, 3),
    in_order=st.booleans(),
)
def test_any_pattern_of_deaths_gives_the_batches_that_no_worker_gives(
    killed, row, workers, in_order
):
    pattern = [0] * LENGTH
    for batch in killed:
        pattern[batch * 4 + row] = 1
    (without,) = epochs(1, num_workers=0, seed=1)
    dataset = Made(kill(pattern), LENGTH)
    (found,) = epochs(1, num_workers=workers, seed=1, in_order=in_order, dataset=dataset)
    if not in_order:
        found.sort(key=lambda batch: batch["index"][0].item())
    assert not difference(without, found)


@pytest.mark.parametrize("workers", [1, 2])
def test_endless_batches_are_those_that_no_worker_gives(workers):
    def some(number):
        torch.manual_seed(7)
        dataset = Made(augmented, LENGTH)
        loader = DataLoader(dataset, 4, shuffle=True, rng="batch", num_workers=number)
        return list(loader.endless(20))

    assert not difference(some(0), some(workers))


def test_an_endless_stream_read_by_one_worker_is_that_which_none_reads():
    def some(number):
        torch.manual_seed(7)
        loader = DataLoader(Shared(same, LENGTH), 4, rng="batch", num_workers=number)
        return list(loader.endless(20))

    assert not difference(some(0), some(1))
