"""Persistent workers begin the next epoch early, and nothing of it shows but the time it saves."""

import multiprocessing
import time
from pathlib import Path

import pytest
import torch

from trueload import DataLoader


class Noted:
    """Notes in a file which samples were made, and gives them with an epoch of its own."""

    def __init__(self, folder, length=48):
        self.epoch, self.length = 0, length
        self.path = str(folder / "made")

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        with open(self.path, "a", encoding="ascii") as file:  # noqa: PTH123 - no module of a library
            file.write(f"{index}\n")
        return torch.tensor([index, self.epoch, torch.randint(1 << 30, ()).item()])

    def made(self, index):
        """Say how often a sample was made."""
        return Path(self.path).read_text(encoding="ascii").split().count(str(index))


@pytest.fixture
def dataset(tmp_path):
    return Noted(tmp_path)


def build(dataset, **arguments):
    own = {"batch_size": 4, "num_workers": 2, "persistent_workers": True, "seed": 1, **arguments}
    return DataLoader(dataset, **own)


def told(loader):
    return [batch.tolist() for batch in loader]


def made_soon(dataset, index, times):
    """Wait until a sample was made so often, at most five seconds."""
    until = time.monotonic() + 5
    while dataset.made(index) < times and time.monotonic() < until:
        time.sleep(0.01)
    return dataset.made(index)


KNOWN = {"in order": {}, "shuffled": {"shuffle": True}, "without a seed": {"seed": None}}


@pytest.fixture(params=KNOWN.values(), ids=KNOWN)
def arguments(request):
    return request.param


def test_the_next_epoch_is_begun_before_it_is_asked_for(dataset):
    loader = build(dataset)
    told(loader)
    assert made_soon(dataset, 0, 2) == 2


def test_without_a_seed_samples_are_made_when_torch_makes_them(dataset):
    loader = build(dataset, seed=None)
    told(loader)
    time.sleep(0.2)
    assert dataset.made(0) == 1


@pytest.mark.parametrize("shared", [multiprocessing.Value("i"), torch.zeros(1).share_memory_()])
def test_nothing_is_made_early_of_what_another_process_may_change(dataset, shared):
    dataset.shared = shared
    loader = build(dataset)
    told(loader)
    time.sleep(0.2)
    assert dataset.made(0) == 1


def test_an_epoch_that_was_begun_early_is_not_begun_again(dataset):
    loader = build(dataset)
    for _ in range(3):
        told(loader)
    made_soon(dataset, 3, 4)
    loader._iterator = None
    assert [dataset.made(index) for index in range(4)] == [4] * 4


def test_the_epochs_are_those_of_workers_that_are_started_anew(dataset, arguments):
    found = []
    for persistent in (True, False):
        torch.manual_seed(0)
        loader = build(dataset, persistent_workers=persistent, **arguments)
        found.append([[[row[:2] for row in batch] for batch in told(loader)] for _ in range(3)])
    assert found[0] == found[1]


def test_a_seed_gives_the_same_draws_with_and_without_persistence(dataset):
    found = []
    for persistent in (True, False):
        loader = build(dataset, persistent_workers=persistent, shuffle=True)
        found.append([told(loader) for _ in range(3)])
    assert found[0] == found[1]


def test_a_change_of_the_dataset_reaches_an_epoch_that_was_begun_early(dataset, arguments):
    loader = build(dataset, **arguments)
    for epoch in range(3):
        dataset.epoch = epoch
        assert {row[1] for batch in told(loader) for row in batch} == {epoch}


def test_another_batch_size_reaches_an_epoch_that_was_begun_early(dataset):
    loader = build(dataset)
    told(loader)
    loader.batch_sampler.batch_size = 24
    assert [len(batch) for batch in told(loader)] == [24, 24]


def test_another_sampler_reaches_an_epoch_that_was_begun_early(dataset):
    loader = build(dataset)
    told(loader)
    loader.batch_sampler.sampler = [5, 3]
    assert [[row[0] for row in batch] for batch in told(loader)] == [[5, 3]]


def test_a_state_that_is_loaded_reaches_an_epoch_that_was_begun_early(dataset):
    loader = build(dataset)
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    told(iterator)
    loader.load_state_dict(state)
    assert [batch[0][0] for batch in told(loader)] == list(range(4, 48, 4))


def test_an_epoch_that_is_broken_off_is_followed_by_a_whole_one(dataset, arguments):
    loader = build(dataset, **arguments)
    for _ in range(3):
        next(iter(loader))
        assert len(told(loader)) == 12


def test_a_state_counts_only_what_was_taken(dataset, arguments):
    loader = build(dataset, **arguments)
    told(loader)
    state = loader.state_dict()
    assert (state["epoch"], state["_num_yielded"], state["_iterator_finished"]) == (0, 12, True)


def test_the_generator_is_left_alone_by_what_is_begun_early(dataset):
    loader = build(dataset, shuffle=True)
    told(loader)
    before = torch.get_rng_state()
    told(loader)
    assert torch.equal(torch.get_rng_state(), before)


class Failing(Noted):
    def __getitem__(self, index):
        if index == 0 and Path(self.path).exists() and self.made(0):
            message = "sample 0 has gone"
            raise OSError(message)
        return super().__getitem__(index)


def test_an_error_of_an_epoch_that_was_begun_early_comes_in_its_turn(tmp_path):
    loader = build(Failing(tmp_path))
    assert len(told(loader)) == 12
    with pytest.raises(OSError, match="has gone"):
        told(loader)
