"""One sample again, alone and bit for bit, wherever it lay in whichever epoch."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset, WeightedRandomSampler, get_worker_info

from trueload import DataLoader
from trueload.errors import ArgumentError, ReplayError


class Noisy:
    """Draws from all three generators, and says which index it was asked for."""

    def __len__(self):
        return 23

    def __getitem__(self, index):
        drawn = [random.random(), np.random.rand(), torch.rand(()).item()]
        return torch.tensor([index, *drawn], dtype=torch.float64)


class Together(Noisy):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(5))


class Once(IterableDataset):
    """A stream that can be read once only."""

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration


class Drawn(IterableDataset):
    """Draws while it is read, and says which worker it is in."""

    def __init__(self, parted=True):
        self.parted = parted

    def __iter__(self):
        info = get_worker_info() if self.parted else None
        number, many = (0, 1) if info is None else (info.id, info.num_workers)
        for at in range(number, 17, many):
            yield torch.tensor([at, number, random.random(), torch.rand(()).item()])


class Backwards:
    """A sampler that nobody knows."""

    def __iter__(self):
        return iter(range(22, -1, -1))

    def __len__(self):
        return 23


def jittered(sample):
    return sample + torch.rand(())


SETUPS = {
    "in order": {},
    "shuffled": {"shuffle": True},
    "each sample its own key": {"shuffle": True, "rng": "sample"},
    "transform": {"shuffle": True, "transform": jittered},
    "transform, each sample its own key": {"rng": "sample", "transform": jittered},
    "without batches": {"shuffle": True, "batch_size": None},
    "without batches, each sample its own key": {"batch_size": None, "rng": "sample"},
}


def loader_of(dataset=None, **arguments):
    return DataLoader(dataset or Noisy(), **{"batch_size": 4, "seed": 5, **arguments})


def index_of(sample):
    """Give the index of a sample, to which a transform added less than one."""
    return int(sample[0])


def samples_of(loader):
    return [row for batch in loader for row in (batch if batch.dim() > 1 else [batch])]


FETCHED = {
    **{name: (Noisy(), arguments) for name, arguments in SETUPS.items()},
    **{f"{name}, together": (Together(), arguments) for name, arguments in SETUPS.items()},
}


@pytest.mark.parametrize(("dataset", "arguments"), FETCHED.values(), ids=FETCHED)
def test_every_sample_of_an_epoch_is_made_again_bit_for_bit(dataset, arguments):
    loader = loader_of(dataset, **arguments)
    for epoch in range(2):
        for sample in samples_of(loader):
            assert torch.equal(loader.replay(index_of(sample), epoch), sample)


@pytest.mark.parametrize("arguments", SETUPS.values(), ids=SETUPS)
def test_another_loader_of_the_same_seed_makes_the_same_sample(arguments):
    sample = samples_of(loader_of(**arguments))[9]
    assert torch.equal(loader_of(**arguments).replay(index_of(sample), 0), sample)


def test_without_an_epoch_the_one_begun_last_is_meant():
    loader = loader_of(shuffle=True)
    first, second = ({index_of(sample): sample for sample in samples_of(loader)} for _ in range(2))
    assert torch.equal(loader.replay(7), second[7])
    assert not torch.equal(loader.replay(7), first[7])


def test_without_a_seed_the_last_epoch_is_known_where_its_samples_have_keys():
    loader = loader_of(seed=None, shuffle=True, rng="sample")
    sample = samples_of(loader)[9]
    assert torch.equal(loader.replay(index_of(sample)), sample)


def test_an_index_that_is_there_twice_is_told_apart_by_its_position():
    loader = DataLoader(
        Noisy(),
        batch_size=4,
        seed=5,
        sampler=torch.utils.data.RandomSampler(Noisy(), replacement=True, num_samples=200),
    )
    samples = samples_of(loader)
    places = [place for place, sample in enumerate(samples) if index_of(sample) == 7]
    assert len(places) > 1
    for place in places:
        assert torch.equal(loader.replay(7, 0, position=place), samples[place])
    assert torch.equal(loader.replay(7, 0), samples[places[0]])


def test_a_sample_of_a_last_batch_that_was_left_out_can_be_made_too():
    loader = loader_of(drop_last=True)
    assert int(loader.replay(22, 0)[0]) == 22


def test_generators_and_progress_are_left_alone():
    loader = loader_of(shuffle=True)
    iterator = iter(loader)
    next(iterator)
    before = (random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state())
    state, taken = loader.state_dict(), loader.taken
    loader.replay(3)
    assert random.getstate() == before[0]
    assert str(np.random.get_state(legacy=False)) == str(before[1])
    assert torch.equal(torch.get_rng_state(), before[2])
    assert (loader.state_dict(), loader.taken) == (state, taken)


@pytest.mark.parametrize(
    ("loader", "asked"),
    [
        (loader_of(), {"index": 23}),
        (loader_of(), {"index": -1}),
        (loader_of(), {"index": 3, "position": 4}),
        (loader_of(), {"index": 3, "position": 23}),
        (loader_of(), {"index": 3, "position": -1}),
        (loader_of(seed=None), {"index": 3}),
        (loader_of(seed=None, shuffle=True, rng="sample"), {"index": 3}),
        (loader_of(rng="worker"), {"index": 3}),
        (loader_of(sampler=Backwards()), {"index": 3}),
        (loader_of(sampler=[3, 1]), {"index": 2}),
        (loader_of(), {"batch": 6}),
        (loader_of(), {"batch": -1}),
        (loader_of(sampler=[3, 1]), {"batch": 1}),
        (loader_of(Stream()), {"batch": 2}),
        (loader_of(Once()), {"batch": 0}),
        (loader_of(Stream()), {"index": 3}),
    ],
    ids=[
        "too large",
        "negative",
        "another position",
        "position too large",
        "position negative",
        "nothing keyed",
        "nothing drawn yet",
        "torch's streams",
        "followed sampler",
        "not in the list",
        "no such batch",
        "negative batch",
        "no such batch of a list",
        "no such batch of a stream",
        "a stream that is gone",
        "stream",
    ],
)
def test_what_cannot_be_made_again_is_refused(loader, asked):
    with pytest.raises(ReplayError, match="TL107"):
        loader.replay(**asked)


@pytest.mark.parametrize(("dataset", "arguments"), FETCHED.values(), ids=FETCHED)
def test_every_batch_of_an_epoch_is_made_again_bit_for_bit(dataset, arguments):
    loader = loader_of(dataset, **arguments)
    for epoch in range(2):
        for number, batch in enumerate(loader):
            assert torch.equal(loader.replay(batch=number, epoch=epoch), batch)


STREAMS = {
    "in one": {},
    "each sample its own key": {"rng": "sample"},
    "transform": {"transform": jittered},
    "without batches": {"batch_size": None},
    "two workers": {"num_workers": 2},
    "shared by workers": {"num_workers": 2, "shard": "workers"},
    "shared by ranks": {"shard": (1, 3)},
}


@pytest.mark.parametrize("arguments", STREAMS.values(), ids=STREAMS)
def test_every_batch_of_a_stream_is_made_again_bit_for_bit(arguments):
    loader = loader_of(Drawn(), **arguments)
    for batch in loader:
        assert torch.equal(loader.replay(batch=loader.taken.batch), batch)


def test_batches_of_ranks_are_made_again_by_number_and_their_samples_by_position():
    for rank in range(3):
        loader = loader_of(shuffle=True, shard=(rank, 3))
        for batch in loader:
            taken = loader.taken
            assert torch.equal(loader.replay(batch=taken.batch), batch)
            for row, index in enumerate(taken.indices):
                position = taken.position + 3 * row
                assert torch.equal(loader.replay(index, position=position), batch[row])
                assert torch.equal(loader_of(shuffle=True, shard=(0, 3)).replay(index), batch[row])


def test_a_run_that_went_on_with_other_ranks_is_made_again_as_each_of_them_made_it():
    first = loader_of(shuffle=True, shard=(1, 2))
    taken = [(first.taken.indices, batch) for _, batch in zip(range(2), first, strict=False)]
    second = loader_of(shuffle=True, shard=(0, 3))
    second.load_state_dict(first.state_dict())
    for batch in second:
        assert torch.equal(second.replay(batch=second.taken.batch), batch)
        taken.append((second.taken.indices, batch))
    for indices, batch in taken:
        for index, sample in zip(indices, batch, strict=True):
            assert torch.equal(second.replay(index), sample)
    with pytest.raises(ReplayError, match="epoch 0 has no batch 9"):
        second.replay(batch=9)
    third = loader_of(shuffle=True, shard=(2, 3))
    third.load_state_dict(first.state_dict())
    with pytest.raises(ReplayError, match="rank 2 is none of the 2 that made batch 1"):
        third.replay(batch=1)


def followed(name):
    weights = torch.ones(23)
    return {
        "a list": {"sampler": list(range(23))[::-1]},
        "weighted": {"sampler": WeightedRandomSampler(weights, 23)},
        "batches": {"batch_size": 1, "batch_sampler": [[3, 1], [2], [0, 4, 5]]},
    }[name]


@pytest.mark.parametrize("name", ["a list", "weighted", "batches"])
def test_a_sampler_that_is_followed_is_followed_again(name):
    arguments = {"seed": None, "rng": "batch", **followed(name)}
    loader = loader_of(**arguments)
    batches = list(loader)
    before = torch.get_rng_state()
    for number, batch in enumerate(batches):
        assert torch.equal(loader.replay(batch=number), batch)
        index = int(batch[0, 0])
        if batches[0][:, 0].tolist().count(index) == 1 and number == 0:
            assert torch.equal(loader.replay(index), batch[0])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("finished", [False, True])
def test_a_state_is_enough_to_make_a_batch_of_its_epoch_again(finished):
    arguments = {"seed": None, "rng": "batch", "shuffle": True}
    loader = loader_of(**arguments)
    list(loader)
    batches = [batch for _, batch in zip(range(9 if finished else 3), loader, strict=False)]
    other = loader_of(**arguments)
    other.load_state_dict(loader.state_dict())
    for number, batch in enumerate(batches):
        assert torch.equal(other.replay(batch=number), batch)
        assert torch.equal(other.replay(int(batch[1, 0]), epoch=1), batch[1])
    with pytest.raises(ReplayError, match="TL107"):
        other.replay(batch=0, epoch=0)


@pytest.mark.parametrize("asked", [{}, {"index": 3, "batch": 1}, {"position": 3, "batch": 1}])
def test_either_a_sample_or_a_batch_is_asked_for(asked):
    with pytest.raises(ArgumentError, match="TL105"):
        loader_of().replay(**asked)


def test_a_sample_can_be_asked_for_by_its_position_alone():
    loader = loader_of(shuffle=True)
    samples = samples_of(loader)
    assert torch.equal(loader.replay(position=13), samples[13])


def test_the_order_of_an_earlier_epoch_is_forgotten_without_a_seed():
    loader = loader_of(seed=None, shuffle=True, rng="sample")
    samples_of(loader)
    samples_of(loader)
    loader.replay(3, 1)
    with pytest.raises(ReplayError, match="the order of epoch 0 is not known any more"):
        loader.replay(3, 0)


def test_an_error_of_the_dataset_comes_with_its_note():
    loader = DataLoader([1, 2, 3], seed=1, transform=lambda sample: sample / (sample - 2))
    with pytest.raises(ZeroDivisionError) as caught:
        loader.replay(1)
    assert "TL204" in caught.value.__notes__[0]
