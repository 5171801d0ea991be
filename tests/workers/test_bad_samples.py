"""Batches with bad samples are the same whoever makes them, and after whatever interruption."""

import json
import time

import numpy as np
import pytest
import torch
from torch.utils.data.distributed import DistributedSampler

from trueload import DataLoader, ErrorPolicy
from trueload.errors import BudgetError
from trueload.iterators import starting
from trueload.workers import parts

from .datasets import Made, plain

LENGTH = 48
BAD = {3, 4, 17, 22, 40, 47}
ANY = {action: ErrorPolicy(action, budget_share=1.0) for action in ("skip", "replace")}
QUICK = [pytest.param("skip", marks=pytest.mark.slow), "replace"]
"""Both ways, of which the second is quick enough for every run."""


def odd(index):
    """Raise, or give nothing, for some indices; draw before and after."""
    before = torch.rand(1).item()
    if index == 22:
        return None
    if index in BAD:
        message = f"number {index}"
        raise ValueError(message)
    return index, before, np.random.rand()


class Together(Made):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


class Going(torch.utils.data.IterableDataset):
    """Goes on after it has raised."""

    def __iter__(self):
        return _Reading()


class _Reading:
    def __init__(self):
        self.next = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.next == LENGTH:
            raise StopIteration
        self.next += 1
        return odd(self.next - 1)


def read(loader):
    return [[plain(part) for part in batch] for batch in loader]


def loader_of(workers, action, dataset=Made, **given):
    given = {"seed": 2, "shuffle": "sampler" not in given or None, **given}
    return DataLoader(dataset(odd, LENGTH), 8, num_workers=workers, on_error=ANY[action], **given)


@pytest.mark.parametrize("action", ANY)
@pytest.mark.parametrize(("rng", "dataset"), [("batch", Together), ("sample", Made)])
def test_workers_change_no_batch_with_bad_samples(action, rng, dataset):
    alone, ours = (loader_of(workers, action, dataset, rng=rng) for workers in (0, 2))
    assert read(alone) == read(ours)
    assert alone.ledger.entries == ours.ledger.entries
    assert alone.ledger.counts == ours.ledger.counts
    assert read(alone) == read(ours)


@pytest.mark.parametrize("action", QUICK)
def test_batches_that_several_workers_make_have_the_same_samples(action, monkeypatch):
    monkeypatch.setattr(parts, "_SLOW_US", 1)
    monkeypatch.setattr(parts, "_LEAST_PART_US", 1)

    def slow(index):
        time.sleep(0.002)
        return odd(index)

    def loader(workers):
        dataset, policy = Made(slow, LENGTH), ANY[action]
        given = {"rng": "sample", "seed": 2, "shuffle": True, "on_error": policy}
        return DataLoader(dataset, 8, num_workers=workers, **given)

    assert read(loader(0)) == read(loader(3))


@pytest.mark.parametrize("action", QUICK)
def test_out_of_order_the_batches_are_the_same_ones(action):
    def sorted_of(workers):
        loader = loader_of(workers, action, in_order=False)
        batches = read(loader)
        return sorted(batches), sorted(loader.ledger.entries)

    assert sorted_of(0) == sorted_of(2)


@pytest.mark.parametrize("action", QUICK)
def test_workers_that_stay_make_the_same_epochs(action):
    alone, ours = loader_of(0, action), loader_of(2, action, persistent_workers=True)
    epochs = [read(alone) for _ in range(3)]
    assert [read(ours) for _ in range(3)] == epochs
    ours._iterator = None


@pytest.mark.parametrize(
    ("action", "workers"),
    [("skip", 2), pytest.param("replace", 2, marks=pytest.mark.slow), ("skip", 0)],
)
def test_an_endless_run_gives_as_many_batches_as_it_is_asked_for(action, workers):
    policy = ErrorPolicy(action, budget_share=1.0, consecutive=None)

    def batches(number):
        loader = DataLoader(
            Made(odd, LENGTH), 1, num_workers=number, seed=2, shuffle=True, on_error=policy
        )
        return read(loader.endless(steps=100)), loader.ledger.epoch

    found, epoch = batches(workers)
    assert len(found) == 100
    assert epoch == 2
    assert (found, epoch) == batches(0)


@pytest.mark.parametrize("action", QUICK)
@pytest.mark.parametrize("stop", [1, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sampler", [None, DistributedSampler(range(LENGTH), 1, 0)])
def test_a_state_goes_on_with_any_number_of_workers(action, stop, sampler):
    given = {} if sampler is None else {"sampler": sampler}
    whole = loader_of(0, action, **given)
    expected = read(whole)
    first = loader_of(2, action, **given)
    batches = iter(first)
    taken = read(next(batches) for _ in range(stop))
    state = json.loads(json.dumps(first.state_dict()))
    del batches
    second = loader_of(0, action, **given)
    second.load_state_dict(state)
    assert taken + read(second) == expected
    assert second.ledger.entries == whole.ledger.entries


@pytest.mark.parametrize("action", QUICK)
def test_workers_of_torchs_own_make_the_same_batches(action, monkeypatch):
    expected = read(loader_of(0, action))
    monkeypatch.setattr(starting, "is_supported", lambda: False)
    assert read(loader_of(2, action)) == expected


@pytest.mark.parametrize("action", QUICK)
def test_a_stream_is_read_on_the_same_by_workers_that_share_it(action):
    def loader(workers):
        shard = {"shard": "workers"} if workers else {}
        return DataLoader(Going(), 8, num_workers=workers, on_error=ANY[action], seed=1, **shard)

    alone, ours = loader(0), loader(2)
    assert read(alone) == read(ours)
    assert alone.ledger.counts == ours.ledger.counts == (42, 6, 0, 0, 0)


def test_a_budget_ends_at_the_same_sample_with_any_number_of_workers():
    def words(workers):
        policy = ErrorPolicy("skip", budget_count=3)
        loader = DataLoader(Made(odd, LENGTH), 8, num_workers=workers, on_error=policy)
        batches = iter(loader)
        with pytest.raises(BudgetError) as caught:
            list(batches)
        return str(caught.value)

    assert words(0) == words(2)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize("action", ANY)
def test_workers_started_anew_make_the_same_batches(action, method):
    expected = read(loader_of(0, action))
    assert read(loader_of(2, action, multiprocessing_context=method)) == expected
