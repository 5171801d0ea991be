"""Which samplers become orders: torch's own, keyed by a seed or drawn as torch draws."""

from itertools import islice

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from trueload.order import (
    Chosen,
    Permutation,
    Repeated,
    Replacement,
    Sequential,
    Stored,
    Weighted,
)
from trueload.samplers import draw_seed, read, shuffled

DATA = range(10)


class Evens(torch.utils.data.Sampler):
    def __iter__(self):
        return iter(range(0, 10, 2))


class Halves(torch.utils.data.Sampler):
    def __iter__(self):
        yield from ([0, 1, 2, 3, 4], [5, 6, 7, 8, 9])


class Slower(RandomSampler):
    """A subclass may give anything."""


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def plan_of(seed=None, epoch=0, dataset=DATA, **arguments):
    return read(DataLoader(dataset, **arguments), seed, epoch)


def order_of(plan, drawn=None):
    order = plan.order_of(drawn)
    return order, order.indices(0, len(order)).tolist()


WEIGHTS = [0.0, 1.0, 2.0, 0.0, 1.0]
SAMPLERS = {
    "sequential": (lambda: SequentialSampler(DATA), Sequential, "SequentialSampler"),
    "random": (lambda: RandomSampler(DATA), Permutation, "RandomSampler keyed by the seed"),
    "more than once": (
        lambda: RandomSampler(DATA, num_samples=25),
        Repeated,
        "RandomSampler keyed by the seed",
    ),
    "fewer": (
        lambda: RandomSampler(DATA, num_samples=3),
        Repeated,
        "RandomSampler keyed by the seed",
    ),
    "replacement": (
        lambda: RandomSampler(DATA, replacement=True, num_samples=25),
        Replacement,
        "RandomSampler keyed by the seed",
    ),
    "subset": (
        lambda: SubsetRandomSampler([9, 2, 5]),
        Chosen,
        "SubsetRandomSampler keyed by the seed",
    ),
    "weighted": (
        lambda: WeightedRandomSampler(WEIGHTS, 8),
        Weighted,
        "WeightedRandomSampler keyed by the seed",
    ),
    "weighted without replacement": (
        lambda: WeightedRandomSampler(WEIGHTS, 3, replacement=False),
        Weighted,
        "WeightedRandomSampler keyed by the seed",
    ),
}


@pytest.mark.parametrize(("make", "kind", "name"), SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("batch_size", [4, None])
def test_with_a_seed_a_sampler_of_torchs_is_an_order(make, kind, name, batch_size):
    plan = plan_of(seed=1, sampler=make(), batch_size=batch_size)
    order, indices = order_of(plan)
    assert type(order) is kind
    assert len(indices) == len(make())
    assert set(indices) <= set(DATA)
    assert (plan.name, plan.draws) == (name, False)


@pytest.mark.parametrize(("make", "kind", "name"), SAMPLERS.values(), ids=SAMPLERS)
def test_a_seed_and_an_epoch_give_the_same_order_again(make, kind, name):
    orders = [order_of(plan_of(seed=1, epoch=2, sampler=make()))[1] for _ in range(2)]
    assert orders[0] == orders[1]


KEYED = [name for name in SAMPLERS if name != "sequential"]


@pytest.mark.parametrize("name", KEYED)
def test_other_seeds_and_epochs_give_other_orders(name):
    make = SAMPLERS[name][0]
    orders = {
        tuple(order_of(plan_of(seed=seed, epoch=epoch, sampler=make()))[1])
        for seed in range(4)
        for epoch in range(4)
    }
    assert len(orders) > 3


def test_a_subset_gives_its_own_indices():
    assert sorted(order_of(plan_of(seed=1, sampler=SubsetRandomSampler([9, 2, 5])))[1]) == [2, 5, 9]


def test_weights_of_zero_are_never_drawn():
    drawn = order_of(plan_of(seed=1, sampler=WeightedRandomSampler(WEIGHTS, 200)))[1]
    assert set(drawn) == {1, 2, 4}


def test_without_a_seed_the_sequence_is_an_order():
    order, indices = order_of(plan_of())
    assert type(order) is Sequential
    assert indices == list(DATA)


def test_without_a_seed_a_shuffle_is_an_order_once_its_seed_is_drawn():
    plan = plan_of(shuffle=True)
    assert (plan.draws, plan.name) == (True, "RandomSampler")
    order, indices = order_of(plan, drawn=5)
    assert type(order) is Stored
    assert indices == torch.randperm(10, generator=generator(5)).tolist()


FOLLOWED = {
    "shuffle with a generator": {"shuffle": True, "generator": generator()},
    "generator of the sampler": {"sampler": RandomSampler(DATA, generator=generator())},
    "replacement": {"sampler": RandomSampler(DATA, replacement=True)},
    "more than once": {"sampler": RandomSampler(DATA, num_samples=25)},
    "fewer": {"sampler": RandomSampler(DATA, num_samples=3)},
    "subset": {"sampler": SubsetRandomSampler([9, 2, 5])},
    "weighted": {"sampler": WeightedRandomSampler(WEIGHTS, 8)},
    "of the user": {"sampler": Evens()},
    "subclass": {"sampler": Slower(DATA)},
    "list": {"sampler": [3, 1, 2]},
    "batches of the user": {"batch_sampler": Halves()},
    "list of batches": {"batch_sampler": [[1, 2], [3]]},
    "batches of batches": {
        "sampler": BatchSampler(SequentialSampler(DATA), 2, False),
        "batch_size": None,
    },
}


@pytest.mark.parametrize("arguments", FOLLOWED.values(), ids=FOLLOWED)
def test_without_a_seed_any_other_sampler_is_followed(arguments):
    plan = plan_of(**arguments)
    assert plan.order_of is None
    assert not plan.draws


@pytest.mark.parametrize(
    "name",
    [
        "generator of the sampler",
        "of the user",
        "subclass",
        "list",
        "batches of the user",
        "list of batches",
        "batches of batches",
    ],
)
def test_a_seed_makes_no_order_of_what_only_its_owner_knows(name):
    plan = plan_of(seed=1, **FOLLOWED[name])
    assert plan.order_of is None
    assert "keyed" not in plan.name


def test_a_seed_comes_before_the_loaders_generator():
    plan = plan_of(seed=1, shuffle=True, generator=generator())
    assert type(order_of(plan)[0]) is Permutation


def test_a_subset_by_what_are_no_indices_is_followed():
    assert plan_of(seed=1, sampler=SubsetRandomSampler(["a", "b"])).order_of is None
    assert plan_of(seed=1, sampler=SubsetRandomSampler([])).order_of is None


@pytest.mark.parametrize(
    ("arguments", "batched", "batch_size", "drop_last"),
    [
        ({"batch_size": 4}, True, 4, False),
        ({"batch_size": 4, "drop_last": True}, True, 4, True),
        ({"batch_size": None}, False, None, False),
        ({"batch_sampler": BatchSampler(Evens(), 3, True)}, True, 3, True),
        ({"batch_sampler": Halves()}, True, None, False),
    ],
    ids=["batches", "drop_last", "no batches", "torch's batch sampler", "the user's"],
)
def test_how_batches_are_cut_is_read(arguments, batched, batch_size, drop_last):
    plan = plan_of(**arguments)
    assert (plan.batched, plan.batch_size, plan.drop_last) == (batched, batch_size, drop_last)


def test_a_batch_sampler_of_torchs_is_cut_here():
    sampler = BatchSampler(RandomSampler(DATA), 3, drop_last=False)
    assert type(order_of(plan_of(seed=1, batch_sampler=sampler))[0]) is Permutation


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"sampler": Evens()}, "Evens"),
        ({"batch_sampler": Halves()}, "Halves"),
        ({"batch_sampler": [[1]]}, "list"),
        ({"sampler": BatchSampler(Evens(), 2, False), "batch_size": None}, "BatchSampler of Evens"),
    ],
    ids=["sampler", "batch sampler", "list", "batches of batches"],
)
def test_a_followed_sampler_is_named(arguments, name):
    assert plan_of(**arguments).name == name


def test_a_sampler_that_was_swapped_is_read_anew():
    loader = DataLoader(DATA, batch_size=4)
    assert read(loader, None, 0).name == "SequentialSampler"
    loader.batch_sampler.sampler = Evens()
    assert read(loader, None, 1).name == "Evens"


def test_a_dataset_that_has_grown_is_seen():
    data = [1, 2, 3]
    loader = DataLoader(data)
    plan = read(loader, None, 0)
    data.append(4)
    assert len(plan.order_of(None)) == 4


@pytest.mark.parametrize(
    "place",
    [
        lambda given: {"shuffle": True, "generator": given},
        lambda given: {"sampler": RandomSampler(DATA, generator=given)},
        lambda given: {
            "batch_sampler": BatchSampler(RandomSampler(DATA, generator=given), 2, False)
        },
    ],
    ids=["loader", "sampler", "batch sampler"],
)
def test_the_generator_that_a_sampler_draws_from_is_found(place):
    given = generator()
    assert plan_of(**place(given)).generator is given


def test_without_one_of_its_own_a_sampler_draws_from_torchs_generator():
    assert plan_of(shuffle=True).generator is torch.default_generator


@pytest.mark.parametrize("length", [1, 10, 1000])
def test_a_shuffled_order_is_torchs_own(length):
    torch.manual_seed(3)
    ours = shuffled(length, None)
    torch.manual_seed(3)
    assert ours.indices(0, length).tolist() == list(RandomSampler(range(length)))


def test_a_seed_is_drawn_as_torchs_samplers_draw_it():
    torch.manual_seed(3)
    ours = [draw_seed(), draw_seed()]
    torch.manual_seed(3)
    theirs = [int(torch.empty((), dtype=torch.int64).random_().item()) for _ in range(2)]
    assert ours == theirs


def test_reading_draws_nothing():
    before = torch.default_generator.get_state()
    plan_of(shuffle=True)
    plan_of(seed=1, sampler=WeightedRandomSampler(WEIGHTS, 8))
    assert torch.equal(torch.default_generator.get_state(), before)


def test_an_order_of_a_huge_dataset_begins_at_once():
    plan = plan_of(seed=1, dataset=range(1 << 40), shuffle=True)
    order = plan.order_of(None)
    assert len(list(islice(order.indices(1 << 39, (1 << 39) + 5), 5))) == 5
