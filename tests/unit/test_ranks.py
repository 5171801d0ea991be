"""Loaders that are shared by ranks, all of them in this process: a pair stands for each rank."""

import copy
import os

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from torch.utils.data.distributed import DistributedSampler

from trueload import DataLoader
from trueload.errors import ArgumentError, StateError
from trueload.ranks import rank_and_world_size

RUNS = [(1, 3), (3, 2), (2, 4), (4, 1)]
"""Numbers of ranks before and after a run is resumed."""


class Numbers:
    """Each sample is its index, and what it draws."""

    def __init__(self, length=29):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if not 0 <= index < self.length:
            raise IndexError(index)
        return torch.tensor([index, np.random.rand()], dtype=torch.float64)


class Stream(IterableDataset):
    """Gives numbers in an order that it draws while it is read."""

    def __init__(self, length=29):
        self.length = length

    def __len__(self):
        return self.length

    def __iter__(self):
        waiting = []
        for number in range(self.length):
            waiting.append(number)
            if len(waiting) > 5:
                yield self.sample(waiting)
        while waiting:
            yield self.sample(waiting)

    def sample(self, waiting):
        number = waiting.pop(np.random.randint(len(waiting)))
        return torch.tensor([number, 0], dtype=torch.float64)


class Knowing(IterableDataset):
    """Knows a state of its own."""

    def __init__(self, length=29):
        self.length, self.at = length, 0

    def __iter__(self):
        while self.at < self.length:
            self.at += 1
            yield torch.tensor([self.at - 1, 0], dtype=torch.float64)
        self.at = 0

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


class Backwards:
    """A sampler of a user's own."""

    def __init__(self, length):
        self.length = length

    def __iter__(self):
        return iter(range(self.length - 1, -1, -1))

    def __len__(self):
        return self.length


class Standing(Backwards):
    """A sampler with a state."""

    def __init__(self, length):
        super().__init__(length)
        self.at = 0

    def __iter__(self):
        while self.at < self.length:
            self.at += 1
            yield self.length - self.at
        self.at = 0

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


class Uneven:
    """A batch sampler whose batches are of different lengths, and which fills one list again."""

    def __init__(self, length):
        self.length = length

    def __iter__(self):
        batch, wanted = [], 1
        for index in range(self.length):
            batch.append(index)
            if len(batch) == wanted or index + 1 == self.length:
                yield batch
                batch.clear()
                wanted = wanted % 4 + 1

    def __len__(self):
        return len([len(batch) for batch in self])


def seeded(length):
    return RandomSampler(range(length), generator=torch.Generator().manual_seed(3))


def weighted(length):
    return WeightedRandomSampler(torch.ones(length), length, replacement=False)


SAMPLERS = {
    "in order": lambda _: {},
    "shuffled": lambda _: {"shuffle": True},
    "without batches": lambda _: {"shuffle": True, "batch_size": None},
    "weighted": lambda n: {"sampler": weighted(n)},
    "subset": lambda n: {"sampler": SubsetRandomSampler(range(n))},
    "a list": lambda n: {"sampler": list(range(n))[::-1]},
    "their own": lambda n: {"sampler": Backwards(n)},
    "their own, with a state": lambda n: {"sampler": Standing(n)},
    "a generator of its own": lambda n: {"sampler": seeded(n)},
    "drawn with replacement": lambda n: {"sampler": RandomSampler(range(n), replacement=True)},
    "batches": lambda n: {"batch_sampler": Uneven(n)},
    "batches of a batch sampler": lambda n: {
        "batch_sampler": BatchSampler(SequentialSampler(range(n)), 3, drop_last=False)
    },
}
each_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)


def loaders(world_size, arguments, dataset=None, **more):
    """Give the loaders of all ranks, each with samplers and datasets of its own."""
    given = {"seed": 5, **arguments(29), **more}
    if "batch_sampler" not in given:
        given = {"batch_size": 4, **given}
    made = [dataset() if dataset else Numbers() for _ in range(world_size)]
    return [
        DataLoader(own, **copy.deepcopy(given), shard=(rank, world_size))
        for rank, own in enumerate(made)
    ]


def rows_of(loader, batch):
    """Give the samples of a batch that count."""
    return torch.as_tensor(batch).reshape(-1, 2)[loader.taken.mask].tolist()


def run(ranks, steps=None):
    """Take steps on all ranks: what they took, how many steps there were, and a state."""
    rows, counts, states = [], set(), []
    for loader in ranks:
        taken = 0
        for batch in loader:
            rows += rows_of(loader, batch)
            taken += 1
            if taken == steps:
                break
        counts.add(taken)
        states.append(loader.state_dict())
    assert len(counts) == 1
    return rows, counts.pop(), states


def resumed(ranks, state):
    for loader in ranks:
        loader.load_state_dict(state)
    return ranks


@each_sampler
@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_ranks_take_together_what_one_takes_alone(sampler, world_size):
    alone, _, _ = run(loaders(1, sampler))
    together, steps, _ = run(loaders(world_size, sampler))
    assert sorted(row[0] for row in together) == sorted(row[0] for row in alone)
    assert {len(loader) for loader in loaders(world_size, sampler)} == {steps}
    assert {len(iter(loader)) for loader in loaders(world_size, sampler)} == {steps}


@each_sampler
@pytest.mark.parametrize(("before", "after"), RUNS)
def test_another_number_of_ranks_goes_on_where_one_stopped(sampler, before, after):
    whole, _, _ = run(loaders(1, sampler))
    for steps in range(1, min(4, len(loaders(before, sampler)[0]))):
        first, _, states = run(loaders(before, sampler), steps)
        assert all({**state, "generator": 0} == {**states[0], "generator": 0} for state in states)
        rest, _, _ = run(resumed(loaders(after, sampler), states[-1]))
        assert sorted(row[0] for row in first + rest) == sorted(row[0] for row in whole)


@pytest.mark.parametrize("even", [None, "drop", "pad"])
@pytest.mark.parametrize(("before", "after"), RUNS)
def test_no_way_of_evening_out_repeats_or_loses_more_than_it_says(even, before, after):
    for steps in (1, 2):
        first, _, states = run(loaders(before, SAMPLERS["shuffled"], even=even), steps)
        rest, _, _ = run(resumed(loaders(after, SAMPLERS["shuffled"], even=even), states[0]))
        read = [row[0] for row in first + rest]
        assert len(set(read)) == len(read)
        assert len(read) == 29 - ((29 - len(first)) % after if even == "drop" else 0)


@pytest.mark.parametrize("dataset", [Stream, Knowing])
@pytest.mark.parametrize(("before", "after"), [(1, 1), *RUNS])
def test_a_stream_is_shared_and_resumed_by_any_number_of_ranks(dataset, before, after):
    whole, steps, _ = run(loaders(before, SAMPLERS["in order"], dataset))
    assert sorted(row[0] for row in whole) == list(range(29))
    assert steps == -(-29 // (4 * before))
    for number in range(1, steps):
        first, _, states = run(loaders(before, SAMPLERS["in order"], dataset), number)
        rest, _, _ = run(resumed(loaders(after, SAMPLERS["in order"], dataset), states[0]))
        assert sorted(row[0] for row in first + rest) == list(range(29))


def test_ranks_may_change_in_every_epoch_and_all_samples_come_each_time():
    state = None
    for world_size in (2, 3, 1):
        ranks = loaders(world_size, SAMPLERS["shuffled"])
        rows, _, states = run(ranks if state is None else resumed(ranks, state))
        state = states[0]
        assert sorted(row[0] for row in rows) == list(range(29))
        assert state["epoch"] == {2: 0, 3: 1, 1: 2}[world_size]


def test_what_a_sample_draws_depends_on_its_position_over_all_ranks():
    alone, _, _ = run(loaders(1, SAMPLERS["shuffled"], rng="sample"))
    for world_size in (2, 3):
        together, _, _ = run(loaders(world_size, SAMPLERS["shuffled"], rng="sample"))
        assert sorted(together) == sorted(alone)


def test_batches_of_two_ranks_draw_differently():
    rows, _, _ = run(loaders(2, SAMPLERS["in order"]))
    assert len({row[1] for row in rows}) == len(rows)


def test_a_state_of_one_process_goes_on_with_ranks_and_the_other_way_round():
    alone = DataLoader(Numbers(), batch_size=4, seed=5, shuffle=True)
    batches = iter(alone)
    first = [row for _ in range(2) for row in next(batches).tolist()]
    rest, _, _ = run(resumed(loaders(3, SAMPLERS["shuffled"]), alone.state_dict()))
    assert sorted(row[0] for row in first + rest) == list(range(29))
    first, _, states = run(loaders(3, SAMPLERS["their own"]), 1)
    alone = DataLoader(Numbers(), batch_size=4, seed=5, sampler=Backwards(29))
    alone.load_state_dict(states[1])
    rest = [row for batch in alone for row in batch.tolist()]
    assert sorted(row[0] for row in first + rest) == list(range(29))


def test_a_state_between_the_last_batch_and_the_end_gives_no_batch_again():
    for even in (None, "drop", "pad"):
        ranks = loaders(3, SAMPLERS["shuffled"], even=even)
        steps = len(ranks[0])
        _, _, states = run(ranks, steps)
        rows, taken, _ = run(resumed(loaders(3, SAMPLERS["shuffled"], even=even), states[0]))
        assert (rows, taken) == ([], 0)


def test_a_batch_that_only_repeats_is_masked_and_told_once(caplog):
    loader = DataLoader(range(2), seed=0, shard=(2, 3))
    for _ in range(2):
        (batch,) = loader
        assert batch.tolist() == [0]
    assert [record.message.partition("\n")[0][-7:] for record in caplog.records] == ["[TL512]"]
    caplog.clear()
    for _ in loader:
        assert loader.taken.mask.tolist() == [False]
        assert (loader.taken.size, loader.taken.real) == (1, 0)


@pytest.mark.parametrize("more", [{"guard": "off"}, {"even": "pad"}])
def test_a_batch_that_only_repeats_is_not_told_where_that_was_asked_for(more, caplog):
    class Others:
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return index

    assert len(list(DataLoader(Others(), seed=0, shard=(2, 3), **more))) == 1
    assert not caplog.records


def test_a_mask_covers_every_batch_of_any_loader():
    loader = DataLoader(range(5), batch_size=2)
    assert [loader.taken.mask.tolist() for _ in loader] == [[True] * 2, [True] * 2, [True]]
    stream = DataLoader(Knowing(3), batch_size=2, shard="ranks")
    assert [stream.taken.mask.tolist() for _ in stream] == [[True] * 2, [True]]
    next(iter(loader := DataLoader(Knowing(3), batch_size=2)))
    with pytest.raises(ValueError, match="`shard=`"):
        _ = loader.taken.mask


@pytest.fixture
def environment(monkeypatch):
    """Give a function that pretends to be a rank that torchrun has started."""

    def pretend(rank, world_size):
        for name, value in (("RANK", rank), ("WORLD_SIZE", world_size)):
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, str(value))

    return pretend


def test_without_a_group_torchrun_says_which_rank_this_is(environment):
    environment(None, None)
    assert rank_and_world_size() == (0, 1)
    rows = []
    for rank in range(3):
        environment(rank, 3)
        loader = DataLoader(range(10), batch_size=2, shard="ranks")
        rows += [index for batch in loader for index in batch.tolist()]
        assert os.environ["RANK"] == str(rank)
    assert sorted(rows) == list(range(10))


@pytest.mark.parametrize(("rank", "world_size"), [("2", "2"), ("0", None), (None, "2"), ("a", "2")])
def test_a_rank_that_cannot_be_is_refused(environment, rank, world_size):
    environment(rank, world_size)
    with pytest.raises(ArgumentError, match="TL110"):
        DataLoader(range(4), shard="ranks")


def test_drawing_an_order_of_its_own_is_refused_where_ranks_cannot_agree(environment):
    environment(0, 2)
    with pytest.raises(ArgumentError, match="TL109"):
        iter(DataLoader(range(4), shuffle=True, shard="ranks"))
    environment(0, 1)
    assert len(list(DataLoader(range(4), shuffle=True, shard="ranks"))) == 4


@pytest.mark.parametrize("shard", ["ranks", (0, 2)])
def test_a_second_split_is_refused(shard):
    split = DistributedSampler(range(8), num_replicas=2, rank=0)
    cut = BatchSampler(split, 2, drop_last=False)
    for arguments in ({"sampler": split}, {"batch_sampler": cut}):
        with pytest.raises(ArgumentError, match="TL108"):
            DataLoader(range(8), shard=shard, **arguments)
    loader = DataLoader(range(8), shard=shard)
    object.__setattr__(loader, "sampler", split)
    object.__setattr__(loader, "batch_sampler", cut)
    with pytest.raises(ArgumentError, match="TL108"):
        iter(loader)


def test_a_distributed_sampler_alone_is_no_second_split():
    split = DistributedSampler(range(8), num_replicas=2, rank=1, shuffle=False)
    rows = [int(row) for row in DataLoader(range(8), sampler=split)]
    assert rows == [1, 3, 5, 7]
    one = DistributedSampler(range(8), num_replicas=1, rank=0, shuffle=False)
    assert len(list(DataLoader(range(8), sampler=one, shard=(0, 2)))) == 4


@pytest.mark.parametrize(
    "arguments",
    [
        {"shard": "rank"},
        {"shard": (2, 2)},
        {"shard": [0, 2]},
        {"shard": (0, True)},
        {"shard": "ranks", "even": "both"},
        {"even": "pad"},
        {"shard": "ranks", "in_order": False},
    ],
)
def test_what_means_nothing_is_refused(arguments):
    with pytest.raises(ArgumentError, match="TL105"):
        DataLoader(range(4), **arguments)


def test_a_stream_that_ranks_shared_goes_on_only_where_it_is_shared():
    _, _, states = run(loaders(2, SAMPLERS["in order"], Stream), 1)
    loader = DataLoader(Stream(), batch_size=4, seed=5)
    loader.load_state_dict(states[0])
    with pytest.raises(StateError, match="TL103"):
        iter(loader)


def test_a_stream_with_a_batch_sampler_cannot_be_shared():
    loader = DataLoader(Stream(), shard="ranks")
    object.__setattr__(loader, "batch_sampler", [[0, 1]])
    with pytest.raises(ArgumentError, match="batch_sampler"):
        iter(loader)


def test_for_ever_goes_on_over_ranks_in_equal_steps():
    ranks = [loader.endless(steps=20) for loader in loaders(3, SAMPLERS["shuffled"])]
    steps = list(zip(*ranks, strict=True))
    each = -(-29 // 12)
    for at in range(0, 18, each):
        rows = [row for step in steps[at : at + each] for batch in step for row in batch.tolist()]
        assert sorted(row[0] for row in rows) == list(range(29))
