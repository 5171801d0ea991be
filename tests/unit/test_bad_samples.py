"""What becomes of batches with bad samples, in a loader without workers."""

import json
import logging

import numpy as np
import pytest
import torch
from torch.utils.data import SequentialSampler, Subset, WeightedRandomSampler
from torch.utils.data.distributed import DistributedSampler

from trueload import BudgetError, DataLoader, ErrorPolicy, Ledger
from trueload.errors import NoneSampleError, StopIterationError

from .bad_samples import Numbers, Photos, Together, bad, batches_of


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.INFO, "trueload")
    return lambda: [record.getMessage().splitlines()[0] for record in caplog.records]


@pytest.mark.parametrize("kind", [Photos, Together])
def test_a_bad_sample_is_left_out_of_its_batch(kind):
    loader = DataLoader(kind(bad(5)), 4, on_error="skip")
    assert batches_of(loader) == [[0, 1, 2, 3], [4, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]]
    assert loader.ledger.skipped == [5]
    assert loader.ledger.counts.delivered == 15
    assert loader.ledger.missing.tolist() == [5]


@pytest.mark.parametrize("kind", [Photos, Together])
def test_a_bad_sample_is_replaced_by_one_that_is_not_in_the_batch(kind):
    loader = DataLoader(kind(bad(5, 6)), 4, on_error="replace", seed=0)
    batches = batches_of(loader)
    assert [len(batch) for batch in batches] == [4] * 4
    assert len(set(batches[1])) == 4
    assert set(batches[1]) & {4, 7} == {4, 7}
    assert not set(batches[1]) & {5, 6}
    replaced = loader.ledger.replaced
    assert list(replaced) == [5, 6]
    assert list(replaced.values()) == batches[1][1:3]


@pytest.mark.parametrize("action", ["skip", "replace"])
def test_without_bad_samples_a_policy_changes_nothing(action):
    def drawn(sample):
        return sample + torch.rand(2)

    batches = [
        torch.stack(list(DataLoader(range(16), 4, seed=3, shuffle=True, transform=drawn, **given)))
        for given in ({}, {"on_error": action})
    ]
    assert torch.equal(*batches)


def test_a_batch_of_bad_samples_only_is_left_out():
    loader = DataLoader(Photos(bad(4, 5, 6, 7)), 4, on_error="skip")
    assert batches_of(loader) == [[0, 1, 2, 3], [8, 9, 10, 11], [12, 13, 14, 15]]
    assert loader.ledger.skipped == [4, 5, 6, 7]


@pytest.mark.parametrize("action", ["skip", "replace"])
def test_without_batching_a_bad_sample_has_no_place_or_another_sample(action):
    loader = DataLoader(Photos(bad(1, 5), 6), batch_size=None, on_error=action, seed=0)
    samples = list(loader)
    if action == "skip":
        assert samples == [0, 2, 3, 4]
    else:
        assert len(samples) == 6
        assert set(samples) == {0, 2, 3, 4}
        assert samples[0:1] + samples[2:5] == [0, 2, 3, 4]


def test_a_replacement_that_is_bad_is_replaced_too():
    good = {3, 11, 14}
    dataset = Photos(bad(*set(range(16)) - good))
    policy = ErrorPolicy("replace", budget_share=1.0, consecutive=None)
    loader = DataLoader(dataset, 4, on_error=policy, seed=0)
    samples = [sample for batch in loader for sample in batch.tolist()]
    assert len(samples) == 16
    assert set(samples) == good


def test_who_is_known_to_be_bad_changes_no_replacement():
    def batches(known):
        policy = ErrorPolicy("replace", budget_share=1.0, consecutive=None)
        loader = DataLoader(Photos(bad(*range(0, 16, 2))), 4, on_error=policy, seed=5)
        for index in known:
            loader._progress.known.add(index)
        return batches_of(loader)

    assert batches([]) == batches(range(0, 16, 2)) == batches([4, 10])


def test_a_sample_that_is_none_is_a_bad_one():
    loader = DataLoader(Photos({3: None}), 4, on_error="skip", transform=lambda x: x + 100)
    assert batches_of(loader)[0] == [100, 101, 102]


def test_a_transform_that_gives_none_makes_a_sample_bad():
    def odd(sample):
        return None if sample == 3 else sample

    assert batches_of(DataLoader(range(4), 4, on_error="skip", transform=odd)) == [[0, 1, 2]]


def test_a_transform_that_raises_makes_a_sample_bad(told):
    def inverse(sample):
        return 12 // (sample - 3)

    loader = DataLoader(range(5), 5, on_error="skip", transform=inverse)
    assert batches_of(loader) == [[-4, -6, -12, 12]]
    assert told()[0].startswith("a bad sample is left out: `transform` raised ZeroDivisionError")


def test_a_sample_of_another_shape_than_most_is_a_bad_one():
    odd = {index: torch.zeros(2) for index in range(16)} | {6: torch.zeros(3), 7: torch.zeros(1)}
    loader = DataLoader(Photos(odd), 8, on_error="skip")
    assert [tuple(batch.shape) for batch in loader] == [(6, 2), (8, 2)]
    assert loader.ledger.skipped == [6, 7]


def test_without_a_majority_nobody_knows_which_samples_are_bad():
    loader = DataLoader(Photos({0: torch.zeros(2), 1: torch.zeros(3)}, 2), 2, on_error="skip")
    with pytest.raises(RuntimeError, match="stack"):
        list(loader)


def test_a_sample_that_cannot_be_collated_alone_is_a_bad_one():
    def collate(samples):
        return torch.tensor([12 // (sample - 3) for sample in samples])

    loader = DataLoader(range(5), 5, on_error="skip", collate_fn=collate)
    assert batches_of(loader) == [[-4, -6, -12, 12]]


def test_a_collate_function_that_can_take_none_is_not_the_fault_of_samples():
    def collate(samples):
        raise ValueError

    with pytest.raises(ValueError, match="TL204"):
        list(DataLoader(range(4), 2, on_error="skip", collate_fn=collate))


FAULTS = [
    *(NameError(), SyntaxError(), ImportError(), AttributeError(), MemoryError()),
    *(RecursionError(), ModuleNotFoundError(), UnboundLocalError(), torch.OutOfMemoryError()),
]


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("action", ["skip", "replace"])
@pytest.mark.parametrize("kind", [Photos, Together, Numbers])
def test_a_fault_of_the_program_is_raised_under_any_policy(error, action, kind):
    policy = ErrorPolicy(action, budget_share=1.0)
    loader = DataLoader(kind({5: error}), 4, on_error=policy)
    with pytest.raises(type(error)):
        list(loader)


def test_a_stop_iteration_is_an_error_under_any_policy():
    with pytest.raises(StopIterationError):
        list(DataLoader(Photos({5: StopIteration()}), 4, on_error="skip"))


def test_a_type_error_in_collate_is_raised_under_any_policy():
    def collate(samples):
        return sum(samples) + "1"

    with pytest.raises(TypeError):
        list(DataLoader(range(4), 2, on_error="skip", collate_fn=collate))


def test_a_type_error_of_a_sample_makes_it_bad():
    loader = DataLoader(Photos({5: TypeError()}), 4, on_error="skip")
    assert sum(map(len, loader)) == 15


def test_only_the_exceptions_that_a_policy_names_make_a_sample_bad():
    policy = ErrorPolicy("skip", exceptions=(OSError, KeyError))
    assert sum(map(len, DataLoader(Photos({5: KeyError()}), 4, on_error=policy))) == 15
    with pytest.raises(ValueError, match="number 5"):
        list(DataLoader(Photos(bad(5)), 4, on_error=policy))
    with pytest.raises(NoneSampleError):
        list(DataLoader(Photos({5: None}), 4, on_error=policy))


def test_the_budget_is_a_share_of_the_epoch_but_at_least_ten(told):
    at = range(0, 2000, 150)
    assert sum(map(len, DataLoader(Photos(bad(*at[:10]), 2000), 8, on_error="skip"))) == 1990
    with pytest.raises(BudgetError, match="11 in epoch 0, 10 are allowed") as caught:
        list(DataLoader(Photos(bad(*at[:11]), 2000), 8, on_error="skip"))
    assert type(caught.value.__cause__) is ValueError


def test_of_a_short_epoch_half_may_be_bad():
    assert sum(map(len, DataLoader(Photos(bad(0, 2), 4), 2, on_error="skip"))) == 2
    with pytest.raises(BudgetError):
        list(DataLoader(Photos(bad(0, 2, 3), 4), 2, on_error="skip"))


def test_ten_bad_samples_in_a_row_are_too_many():
    policy = ErrorPolicy("skip", budget_share=1.0)
    with pytest.raises(BudgetError, match="the last 10 came in a row"):
        list(DataLoader(Photos(bad(*range(20, 30)), 64), 4, on_error=policy))
    dataset = Photos(bad(*range(20, 29), *range(30, 39)), 64)
    assert sum(map(len, DataLoader(dataset, 4, on_error=policy))) == 46


def test_a_budget_counts_anew_in_each_epoch():
    policy = ErrorPolicy("skip", budget_count=2)
    loader = DataLoader(Photos(bad(3, 9)), 4, on_error=policy)
    for _ in range(3):
        assert sum(map(len, loader)) == 14
        assert loader.ledger.skipped == [3, 9]


def test_after_too_many_bad_samples_the_iterator_goes_on_with_the_next_batch():
    batches = iter(DataLoader(Photos(bad(1)), 4, on_error=ErrorPolicy("skip", budget_count=0)))
    with pytest.raises(BudgetError):
        next(batches)
    assert next(batches).tolist() == [4, 5, 6, 7]


def test_no_good_sample_left_is_an_error():
    policy = ErrorPolicy("replace", budget_share=1.0, consecutive=None)
    with pytest.raises(BudgetError, match="no good sample"):
        list(DataLoader(Photos(bad(*range(4)), 4), 2, on_error=policy))


@pytest.fixture
def _no_pause(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)


class Flaky(Photos):
    """Raises the first times that a sample is asked for, once it has drawn."""

    def __init__(self, error, times=2):
        super().__init__()
        self.error, self.left = error, {5: times, 9: times}

    def __getitem__(self, index):
        drawn = torch.rand(1) + np.random.rand()
        if self.left.get(index, 0):
            self.left[index] -= 1
            raise self.error
        return index + drawn


@pytest.mark.usefixtures("_no_pause")
@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), TimeoutError()])
@pytest.mark.parametrize("action", ["raise", "skip", "replace"])
@pytest.mark.parametrize("rng", ["batch", "sample"])
def test_what_may_be_over_in_a_moment_is_tried_again_and_draws_the_same(error, action, rng):
    policy = ErrorPolicy(action, retry=2)
    loaders = [
        DataLoader(Flaky(error, times), 4, on_error=policy, seed=0, rng=rng) for times in (2, 0)
    ]
    tried, clean = (torch.cat(list(loader)) for loader in loaders)
    assert torch.equal(tried, clean)
    assert loaders[0].ledger.counts.delivered == 16


@pytest.mark.usefixtures("_no_pause")
@pytest.mark.parametrize(
    ("error", "retry"), [(FileNotFoundError(2, "gone"), 2), (ValueError(), 2), (OSError(), 1)]
)
def test_what_lasts_is_not_tried_again(error, retry):
    with pytest.raises(type(error)):
        list(DataLoader(Flaky(error), 4, on_error=ErrorPolicy("raise", retry=retry)))


def test_the_first_bad_sample_is_told_and_all_are_summed_up(told):
    loader = DataLoader(Photos(bad(5, 11) | {12: None}), 4, on_error="skip")
    list(loader)
    list(loader)
    assert told() == [
        "a bad sample is left out: dataset[5] raised ValueError: number 5 [TL214]",
        "epoch 0 had 3 bad samples, 3 skipped [TL215]",
        "epoch 1 had 3 bad samples, 3 skipped [TL215]",
    ]


def test_statistics_count_bad_samples_over_all_epochs():
    loader = DataLoader(Photos(bad(5, 11)), 4, on_error="replace", seed=0)
    for _ in range(3):
        list(loader)
    assert loader.statistics().bad_samples == 6
    assert loader.statistics().samples == 48


def test_nothing_is_told_without_bad_samples(told):
    list(DataLoader(Photos(), 4, on_error="skip"))
    assert told() == []


@pytest.mark.parametrize("action", ["skip", "replace"])
@pytest.mark.parametrize("stop", range(5))
@pytest.mark.parametrize(
    "sampler", [None, "weighted", "distributed", "subset", "batches", "generator"]
)
def test_a_state_goes_on_as_if_nothing_had_been_between(action, stop, sampler):
    def loader():
        dataset = Photos(bad(2, 3, 9, 14))
        policy = ErrorPolicy(action, budget_share=1.0)
        given = {"on_error": policy, "seed": 1, "rng": "batch", "batch_size": 4}
        if sampler == "weighted":
            given["sampler"] = WeightedRandomSampler([1.0] * 16, 18)
        elif sampler == "distributed":
            given["sampler"] = DistributedSampler(range(16), 1, 0)
        elif sampler == "subset":
            dataset = Subset(dataset, list(range(12)))
        elif sampler == "batches":
            del given["batch_size"]
            given["batch_sampler"] = [[0, 1, 2], [3], [4, 5], [9, 14], [7, 8], [14, 15, 1]]
        elif sampler == "generator":
            given["sampler"] = Evens()
        return DataLoader(dataset, shuffle=sampler is None or None, **given)

    whole = loader()
    expected = batches_of(whole) + batches_of(whole)
    first = loader()
    batches = iter(first)
    taken = [next(batches).tolist() for _ in range(min(stop, len(first)))]
    second = loader()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    rest = batches_of(second)
    assert taken + rest + batches_of(second) == expected
    assert second.ledger.entries == whole.ledger.entries
    assert second.ledger.counts == whole.ledger.counts


class Evens:
    """A sampler that nobody knows."""

    def __iter__(self):
        return iter(range(16))

    def __len__(self):
        return 16


def test_the_replacement_comes_from_what_the_sampler_gives():
    chosen = [0, 1, 2, 3, 10, 11]
    sampler = WeightedRandomSampler([float(index in chosen) for index in range(16)], 40)
    loader = DataLoader(Photos(bad(1, 10)), 4, sampler=sampler, on_error=budgeted(), seed=0)
    samples = [sample for batch in loader for sample in batch.tolist()]
    assert set(samples) == {0, 2, 3, 11}
    assert len(samples) == 40


def test_the_replacement_of_a_rank_is_one_of_its_own():
    for rank in range(2):
        sampler = DistributedSampler(range(32), 2, rank, seed=3)
        own = set(sampler)
        loader = DataLoader(
            Photos(bad(*range(0, 32, 5)), 32), 4, sampler=sampler, on_error=budgeted()
        )
        samples = [sample for batch in loader for sample in batch.tolist()]
        assert len(samples) == 16
        assert set(samples) <= own


def budgeted(action="replace"):
    return ErrorPolicy(action, budget_share=1.0, consecutive=None)


def test_the_replacement_in_a_batch_of_a_batch_sampler_is_of_that_batch():
    batches = [[0, 1, 2, 3], [8, 9, 10, 11]]
    loader = DataLoader(Photos(bad(1, 8)), batch_sampler=batches, on_error="replace")
    for batch, wanted in zip(batches_of(loader), batches, strict=True):
        assert set(batch) <= set(wanted)
        assert len(batch) == 4


@pytest.mark.parametrize("even", [None, "drop", "pad"])
@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_replace_bad_samples_by_their_own(even, ranks):
    whole, steps, shares = set(), set(), []
    for rank in range(ranks):
        given = {"shard": (rank, ranks), "even": even, "shuffle": True, "seed": 5}
        own = {i for batch in DataLoader(Photos(length=23), 4, **given) for i in batch.tolist()}
        loader = DataLoader(Photos(bad(3, 9, 20), 23), 4, on_error=budgeted(), **given)
        batches = batches_of(loader)
        assert {index for batch in batches for index in batch} <= own - {3, 9, 20}
        steps.add(len(batches))
        whole |= own
        shares.append(loader.ledger)
    assert len(steps) == 1
    merged = Ledger.merged(shares)
    assert set(merged.replaced) == whole & {3, 9, 20}
    assert set(merged.missing.tolist()) == {3, 9, 20} | set(range(23)) - whole


def test_a_rank_leaves_no_whole_batch_out():
    loader = DataLoader(
        Photos(bad(0, 2)), 2, shard=(0, 2), on_error=budgeted("skip"), sampler=range(16)
    )
    with pytest.raises(BudgetError, match="other ranks would wait"):
        next(iter(loader))


def test_samples_of_names_are_replaced_by_samples_of_names():
    names = {name: torch.tensor(ord(name)) for name in "abcdefgh"}
    names["c"] = None
    loader = DataLoader(names, 4, sampler=list("abcdefgh"), on_error="replace", seed=0)
    first = next(iter(loader)).tolist()
    assert len(first) == 4
    assert ord("c") not in first


def test_replaying_a_bad_sample_raises_what_it_raised():
    loader = DataLoader(Photos(bad(5)), 4, on_error="skip", seed=0)
    list(loader)
    with pytest.raises(ValueError, match="number 5"):
        loader.replay(5)


@pytest.mark.parametrize("action", ["skip", "replace"])
def test_with_keys_of_their_own_the_other_samples_draw_as_without_the_bad_one(action):
    def loader(dataset):
        return DataLoader(
            dataset,
            4,
            sampler=SequentialSampler(range(4)),
            transform=lambda sample: sample + torch.rand(1),
            rng="sample",
            seed=4,
            on_error=action,
        )

    (clean,), (mended,) = loader(Photos()), loader(Photos(bad(1)))
    assert torch.equal(mended[-2:], clean[-2:])
    assert torch.equal(mended[0], clean[0])


def test_a_collate_function_that_drops_none_is_told_of_and_counted(told):
    def dropping(samples):
        return torch.tensor([sample for sample in samples if sample is not None])

    loader = DataLoader(Photos({1: None, 9: None}), 4, collate_fn=dropping)
    assert sum(map(len, loader)) == 14
    assert loader.ledger.counts.nones == 2
    (line,) = told()
    assert (
        line
        == "1 sample was `None` and left to `collate_fn`, which made a batch of the others [TL218]"
    )


def test_a_batch_lost_to_an_exception_is_in_the_ledger():
    loader = DataLoader(Photos(bad(5)), 4)
    batches = iter(loader)
    next(batches)
    with pytest.raises(ValueError, match="number 5"):
        next(batches)
    assert [batch.tolist() for batch in batches] == [[8, 9, 10, 11], [12, 13, 14, 15]]
    assert loader.ledger.lost == [4, 5, 6, 7]
    assert loader.ledger.counts.delivered == 12
    assert loader.ledger.missing.tolist() == [4, 5, 6, 7]
