"""What torch documents of a loader's arguments: what excludes what, with which error and words."""

import copy
import pickle
import warnings

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from .observe import OURS, TORCH


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(3))


class Pinnable:
    """A type of its own, as the documentation of torch has it for `pin_memory`."""

    def __init__(self, samples):
        self.samples, self.pinned = samples, False

    def pin_memory(self):
        self.pinned = True
        return self


ACCELERATED = torch.accelerator.is_available()
REFUSED = {
    "a negative number of workers": ({"num_workers": -1}, ValueError),
    "a negative timeout": ({"timeout": -1}, ValueError),
    "prefetching without workers": ({"prefetch_factor": 2}, ValueError),
    "negative prefetching": ({"num_workers": 1, "prefetch_factor": -1}, ValueError),
    "persistent workers without workers": ({"persistent_workers": True}, ValueError),
    "a sampler and shuffling": ({"sampler": [0], "shuffle": True}, ValueError),
    "a batch sampler and a batch size": ({"batch_sampler": [[0]], "batch_size": 2}, ValueError),
    "a batch sampler and shuffling": ({"batch_sampler": [[0]], "shuffle": True}, ValueError),
    "a batch sampler and a sampler": ({"batch_sampler": [[0]], "sampler": [0]}, ValueError),
    "a batch sampler and drop_last": ({"batch_sampler": [[0]], "drop_last": True}, ValueError),
    "no batching and drop_last": ({"batch_size": None, "drop_last": True}, ValueError),
    "a batch size of 0": ({"batch_size": 0}, ValueError),
    "a batch size that is no number": ({"batch_size": "2"}, ValueError),
    "a drop_last that is no truth value": ({"drop_last": 1}, ValueError),
    "shuffling a stream": ({"dataset": Stream(), "shuffle": True}, ValueError),
    "a sampler of a stream": ({"dataset": Stream(), "sampler": [0]}, ValueError),
    "a batch sampler of a stream": ({"dataset": Stream(), "batch_sampler": [[0]]}, ValueError),
    "a context without workers": ({"multiprocessing_context": "fork"}, ValueError),
    "an unknown context": ({"num_workers": 1, "multiprocessing_context": "x"}, ValueError),
    "a context that is none": ({"num_workers": 1, "multiprocessing_context": 3}, TypeError),
    "shuffling an empty dataset": ({"dataset": [], "shuffle": True}, ValueError),
    "an unknown argument": ({"unknown": 1}, TypeError),
}


@pytest.mark.parametrize("what", REFUSED)
def test_arguments_are_refused_with_torchs_error_and_words(what):
    arguments, error = REFUSED[what]
    told = []
    for loader_class in (TORCH, OURS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                loader_class(**{"dataset": range(3), **arguments})
            except Exception as refused:
                told.append((type(refused), str(refused)))
            else:
                told.append((None, ""))
    assert told[0] == told[1]
    assert told[0][0] is error


def test_prefetching_defaults_to_2_with_workers_and_to_none_without(loader_class):
    assert loader_class(range(3)).prefetch_factor is None
    assert loader_class(range(3), num_workers=1).prefetch_factor == 2


def test_a_timeout_without_workers_means_nothing_where_torch_fails():
    with pytest.raises(AssertionError):
        iter(TORCH(range(3), timeout=1))
    assert list(OURS(range(3), timeout=1)) == [0, 1, 2]


@pytest.mark.skipif(ACCELERATED, reason="there is an accelerator")
def test_pinning_without_an_accelerator_is_warned_of(loader_class):
    loader = loader_class(range(3), batch_size=3, pin_memory=True)
    with pytest.warns(UserWarning, match="'pin_memory' argument is set as true but no accelerator"):
        (batch,) = loader
    assert batch.tolist() == [0, 1, 2]


@pytest.mark.skipif(not ACCELERATED, reason="there is no accelerator")
@pytest.mark.parametrize("workers", [0, 1])
def test_batches_are_pinned_where_there_is_an_accelerator(loader_class, workers):
    dataset = [{"a": torch.ones(2), "b": "text"}] * 4
    batches = list(loader_class(dataset, batch_size=2, pin_memory=True, num_workers=workers))
    assert all(batch["a"].is_pinned() for batch in batches)
    assert batches[0]["b"] == ["text", "text"]


@pytest.mark.skipif(not ACCELERATED, reason="there is no accelerator")
def test_a_type_of_ones_own_is_pinned_by_its_own_method(loader_class):
    (batch,) = loader_class(range(3), batch_size=3, pin_memory=True, collate_fn=Pinnable)
    assert batch.pinned


def test_a_loader_can_be_pickled_and_copied(loader_class):
    loader = loader_class(range(5), batch_size=2)
    for again in (pickle.loads(pickle.dumps(loader)), copy.copy(loader), copy.deepcopy(loader)):
        assert [batch.tolist() for batch in again] == [[0, 1], [2, 3], [4]]


def test_an_iterator_cannot_be_pickled(loader_class):
    with pytest.raises(NotImplementedError):
        pickle.dumps(iter(loader_class(range(5))))


def test_a_subclass_may_change_how_iteration_begins(loader_class):
    class Twice(loader_class):
        def __iter__(self):
            for _ in range(2):
                yield from super().__iter__()

    assert [batch.tolist() for batch in Twice(range(3), batch_size=2)] == [[0, 1], [2]] * 2


def test_the_class_takes_a_type_in_brackets(loader_class):
    alias = loader_class[int]
    assert alias.__origin__ is loader_class
    assert isinstance(alias(range(3)), DataLoader)
