"""Promise 3, second half: a batch that is kept is left alone, and holds up nobody."""

import gc
import multiprocessing
import os
import resource
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from tests.leftovers import comes_true
from trueload import DataLoader

from .datasets import Made, Shared

KEPT = 300


@contextmanager
def few_descriptors(limit):
    """Allow this process so many descriptors, and the workers that it starts meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def filled(index):
    return torch.full((2000,), index), np.full(500, index)


def kept_all(workers, **arguments):
    loader = DataLoader(Made(filled, KEPT), 1, num_workers=workers, **arguments)
    return list(loader)


def assert_unchanged(kept):
    for index, (tensor, array) in enumerate(kept):
        assert tensor.unique().tolist() == [index]
        assert array.unique().tolist() == [index]


@pytest.mark.parametrize("limit", [64, 256])
@pytest.mark.parametrize("workers", [1, 5])
def test_hundreds_of_kept_batches_need_few_descriptors(limit, workers):
    with few_descriptors(limit):
        assert_unchanged(kept_all(workers))


def test_a_kept_batch_is_not_changed_by_later_ones():
    batches = iter(DataLoader(Made(filled, KEPT), 1, num_workers=2))
    first = next(batches)
    second = next(batches)[0][0, ::2]
    for _ in batches:
        pass
    assert first[0].unique().tolist() == [0]
    assert second.unique().tolist() == [1]


def test_a_batch_outlives_its_loader():
    loader = DataLoader(Made(filled, 4), 1, num_workers=2)
    batches = iter(loader)
    first = next(batches)
    del batches, loader
    first[0][:] = 7
    assert first[0].unique().tolist() == [7]


def test_batches_of_a_stream_may_be_kept_too():
    kept = list(DataLoader(Shared(filled, KEPT), 1, num_workers=2))
    assert_unchanged(kept)


def test_batches_may_be_kept_across_epochs():
    loader = DataLoader(Made(filled, 40), 1, num_workers=2, persistent_workers=True)
    kept = [batch for _ in range(4) for batch in loader]
    loader._iterator = None
    for place, (tensor, _) in enumerate(kept):
        assert tensor.unique().tolist() == [place % 40]


def test_a_loop_that_keeps_nothing_uses_few_slots():
    loader = DataLoader(Made(lambda i: torch.full((100_000,), i), 200), 1, num_workers=2)
    used = max(_bytes_in_slots() for _ in loader)
    assert used < 12 * 500_000 * 2


def _bytes_in_slots():
    """Give how much memory the slots of this process have taken."""
    size_bytes = 0
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the names are what is asked for
        path = f"/proc/self/fd/{name}"
        try:
            if "memfd:trueload " in os.readlink(path):  # noqa: PTH115 - no path of a file
                size_bytes += os.stat(path).st_blocks * 512  # noqa: PTH116
        except FileNotFoundError:
            continue
    return size_bytes


@pytest.mark.parametrize("kept", [0, 1])
def test_a_loader_that_is_given_up_gives_its_memory_back(kept):
    loader = DataLoader(Made(lambda i: torch.full((1_000_000,), i), 20), 1, num_workers=2)
    batches = iter(loader)
    held = [next(batches) for _ in range(3)][:kept]
    del batches, loader
    assert _bytes_in_slots() <= len(held) * 9_000_000 + 100_000


def _descriptors():
    """Count the descriptors of this process, once the templates of earlier epochs have ended."""
    assert comes_true(lambda: not multiprocessing.active_children())
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only counted


def test_epochs_do_not_add_up_until_the_collector_of_cycles_comes():
    loader = DataLoader(Made(filled, 4), 1, num_workers=2)
    gc.disable()
    try:
        assert len(next(iter(loader))) == 2
        before = _descriptors()
        assert [len(list(loader)) for _ in range(3)] == [4, 4, 4]
        assert len(next(iter(loader))) == 2
        assert _descriptors() == before
    finally:
        gc.enable()


def test_a_change_of_one_batch_reaches_no_other():
    loader = DataLoader(Made(filled, 30), 1, num_workers=2)
    for index, (tensor, _) in enumerate(loader):
        assert tensor.unique().tolist() == [index]
        tensor.zero_()
