"""Whatever samples are bad, the batches depend on seed, epoch and position alone."""

import json
from collections import Counter
from functools import partial
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import WeightedRandomSampler
from torch.utils.data.distributed import DistributedSampler

from tests.workers.datasets import Made
from trueload import DataLoader, ErrorPolicy, Ledger

LENGTH = 23
BAD = st.sets(st.integers(0, LENGTH - 1), max_size=LENGTH - 3)
ACTIONS = st.sampled_from(["skip", "replace"])
SAMPLERS = {
    "shuffled": lambda: {"shuffle": True},
    "in order": dict,
    "weighted": lambda: {
        "sampler": WeightedRandomSampler([1.0 + i % 3 for i in range(LENGTH)], 30)
    },
    "distributed": lambda: {"sampler": DistributedSampler(range(LENGTH), 2, 1)},
    "batches": lambda: {
        "batch_sampler": [list(range(at, min(at + 4, LENGTH))) for at in range(0, LENGTH, 4)],
        "batch_size": 1,
    },
}


def odd(bad, index):
    if index in bad:
        raise ValueError(index)
    return index


def loader_of(bad, action, sampler="shuffled", **arguments):
    policy = ErrorPolicy(action, budget_share=1.0, consecutive=None)
    arguments = {"batch_size": 4, "seed": 7, **SAMPLERS[sampler](), **arguments}
    return DataLoader(Made(partial(odd, bad), LENGTH), on_error=policy, **arguments)


def plans(sampler):
    """Give what the batches would be if no sample were bad."""
    return [batch.tolist() for batch in loader_of((), "skip", sampler)]


@given(BAD, st.sampled_from([*SAMPLERS][:3]))
@settings(max_examples=40)
def test_left_out_are_the_bad_samples_and_no_others(bad, sampler):
    loader = loader_of(bad, "skip", sampler)
    batches = [batch.tolist() for batch in loader]
    wanted = [[index for index in plan if index not in bad] for plan in plans(sampler)]
    assert batches == [batch for batch in wanted if batch]
    planned = Counter(index for plan in plans(sampler) for index in plan)
    assert Counter(loader.ledger.skipped) == Counter(
        {index: times for index, times in planned.items() if index in bad}
    )


@given(BAD, st.sampled_from([*SAMPLERS][:3]))
@settings(max_examples=40)
def test_replaced_are_the_bad_samples_and_no_others(bad, sampler):
    loader = loader_of(bad, "replace", sampler)
    for batch, plan in zip(loader, plans(sampler), strict=True):
        assert not bad & set(batch.tolist())
        for found, planned in zip(batch.tolist(), plan, strict=True):
            assert found == planned or planned in bad
    assert set(loader.ledger.replaced) <= bad
    assert not bad & set(loader.ledger.delivered.tolist())


@given(
    bad=BAD,
    action=ACTIONS,
    sampler=st.sampled_from(list(SAMPLERS)),
    stops=st.lists(st.integers(1, 9), max_size=3),
)
@settings(max_examples=25)
def test_any_interruptions_change_nothing(bad, action, sampler, stops):
    try:
        whole = loader_of(bad, action, sampler)
        expected = [batch.tolist() for _ in range(2) for batch in whole]
    except RuntimeError:  # a first batch of bad samples only, and nobody knows others
        return
    found, state = [], {}
    for stop in [*stops, None, None]:
        loader = loader_of(bad, action, sampler)
        loader.load_state_dict(json.loads(json.dumps(state)))
        if loader.state_dict()["epoch"] > 1:
            break
        found += [batch.tolist() for batch in islice(loader, stop)]
        state, ledger = loader.state_dict(), loader.ledger
    assert found == expected[: len(found)]
    if len(found) == len(expected) and ledger.finished:
        assert ledger.entries == whole.ledger.entries
        assert ledger.counts == whole.ledger.counts


@given(BAD, ACTIONS, st.integers(1, 4))
@settings(max_examples=25)
def test_the_ledgers_of_any_number_of_ranks_add_up(bad, action, ranks):
    try:
        ledgers = []
        for rank in range(ranks):
            sampler = DistributedSampler(range(LENGTH), ranks, rank, seed=3)
            policy = ErrorPolicy(action, budget_share=1.0, consecutive=None)
            dataset = Made(partial(odd, bad), LENGTH)
            loader = DataLoader(dataset, 4, sampler=sampler, on_error=policy)
            for _ in loader:
                pass
            ledgers.append(loader.ledger)
    except RuntimeError:  # a rank with bad samples only
        return
    whole = Ledger.merged(ledgers)
    gone = set(whole.skipped) | set(whole.replaced)
    assert gone == bad
    assert set(whole.missing.tolist()) == bad
    assert whole.counts.delivered + whole.counts.skipped == -(-LENGTH // ranks) * ranks


@given(bad=BAD, ranks=st.integers(1, 3), stop=st.integers(0, 3), followed=st.booleans())
@settings(max_examples=40)
def test_ranks_that_go_on_from_their_states_have_the_whole_in_their_books(
    bad, ranks, stop, followed
):
    def loader_at(rank):
        sampler = {"sampler": list(range(LENGTH))} if followed else {"shuffle": True}
        policy = ErrorPolicy("replace", budget_share=1.0, consecutive=None)
        dataset = Made(partial(odd, bad), LENGTH)
        return DataLoader(dataset, 3, seed=4, shard=(rank, ranks), on_error=policy, **sampler)

    ledgers = []
    try:
        for rank in range(ranks):
            first, second = loader_at(rank), loader_at(rank)
            list(islice(first, stop))
            second.load_state_dict(json.loads(json.dumps(first.state_dict())))
            if second.state_dict()["epoch"] == 0:
                for _ in second:
                    pass
                first = second
            ledgers.append(first.ledger)
    except RuntimeError:  # a rank with bad samples only
        return
    whole = Ledger.merged(ledgers)
    assert set(whole.replaced) == set(whole.missing.tolist()) == bad
    assert whole.counts.delivered == LENGTH


@given(ranks=st.integers(1, 4), later=st.integers(1, 4), stop=st.integers(1, 2))
@settings(max_examples=30)
def test_other_ranks_that_go_on_have_the_whole_in_their_books(ranks, later, stop):
    def loader_at(rank, many):
        return DataLoader(Made(abs, LENGTH), 2, seed=4, shuffle=True, shard=(rank, many))

    first = loader_at(0, ranks)
    list(islice(first, stop))
    state, ledgers = first.state_dict(), []
    for rank in range(later):
        loader = loader_at(rank, later)
        loader.load_state_dict(state)
        for _ in loader:
            pass
        ledgers.append(loader.ledger)
    whole = Ledger.merged(ledgers)
    assert whole.missing.tolist() == whole.repeated.tolist() == []
    assert whole.counts.delivered == LENGTH


@pytest.mark.slow
@given(bad=BAD, action=ACTIONS, in_order=st.booleans(), workers=st.sampled_from([1, 2, 3]))
@settings(max_examples=25)
def test_any_number_of_workers_makes_the_same_batches(bad, action, in_order, workers):
    def read(number):
        loader = loader_of(bad, action, num_workers=number, in_order=in_order)
        batches = [batch.tolist() for batch in loader]
        entries = list(loader.ledger.entries)
        return (batches, entries) if in_order else (sorted(batches), sorted(entries))

    assert read(workers) == read(0)
