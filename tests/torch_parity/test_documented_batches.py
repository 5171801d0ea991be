"""What torch documents of datasets, samplers, batching and collation, over both loaders."""

from collections import namedtuple

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    Dataset,
    IterableDataset,
    RandomSampler,
    default_collate,
    default_convert,
)
from torch.utils.data._utils.collate import default_collate_fn_map

Point = namedtuple("Point", ["x", "y"])  # noqa: PYI024 - what torch documents


class Letters(Dataset):
    """A map-style dataset whose indices are words."""

    words = ("one", "two", "three")

    def __len__(self):
        return len(self.words)

    def __getitem__(self, word):
        return len(word), self.words.index(word)


class Together(Dataset):
    """A dataset that makes the samples of a batch in one call."""

    def __init__(self):
        self.asked = []

    def __len__(self):
        return 5

    def __getitem__(self, index):
        raise AssertionError

    def __getitems__(self, indices):
        self.asked.append(list(indices))
        return [10 * index for index in indices]


class Stream(IterableDataset):
    """An iterable dataset that says how long it is."""

    def __init__(self, length, told=None):
        self.length, self.told = length, told

    def __iter__(self):
        return iter(range(self.length))

    def __len__(self):
        if self.told is None:
            raise TypeError
        return self.told


def told(batches):
    return [batch.tolist() for batch in batches]


def test_a_map_style_dataset_may_have_any_indices(loader_class):
    words = ["two", "three", "one"]
    (batch,) = loader_class(Letters(), batch_size=3, sampler=words)
    assert told(batch) == [[3, 5, 3], [1, 2, 0]]


def test_a_dataset_may_make_a_batch_in_one_call(loader_class):
    dataset = Together()
    assert told(loader_class(dataset, batch_size=2)) == [[0, 10], [20, 30], [40]]
    assert dataset.asked == [[0, 1], [2, 3], [4]]


def test_an_iterable_dataset_is_read_in_its_own_order(loader_class):
    assert told(loader_class(Stream(5), batch_size=2)) == [[0, 1], [2, 3], [4]]


def test_samples_come_one_by_one_in_batches_of_one_by_default(loader_class):
    assert told(loader_class(range(3))) == [[0], [1], [2]]


def test_the_last_batch_is_smaller_unless_it_is_dropped(loader_class):
    assert told(loader_class(range(5), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert told(loader_class(range(5), batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]
    assert told(loader_class(Stream(5), batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]


def test_without_shuffling_the_order_is_that_of_the_indices(loader_class):
    assert told(loader_class(range(4), batch_size=4, shuffle=False)) == [[0, 1, 2, 3]]


def test_with_shuffling_every_epoch_has_another_order_of_all(loader_class):
    torch.manual_seed(0)
    loader = loader_class(range(50), batch_size=50, shuffle=True)
    (one,), (other,) = told(loader), told(loader)
    assert one != other
    assert sorted(one) == sorted(other) == list(range(50))


def test_a_generator_decides_the_order_of_shuffling(loader_class):
    made = [
        told(loader_class(range(9), 9, shuffle=True, generator=torch.Generator().manual_seed(3)))
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_a_sampler_decides_the_order(loader_class):
    assert told(loader_class(range(9), batch_size=2, sampler=[8, 1, 5])) == [[8, 1], [5]]


def test_a_batch_sampler_decides_the_batches(loader_class):
    batches = [[3], [0, 1, 2], [3, 3]]
    loader = loader_class(range(4), batch_sampler=batches)
    assert told(loader) == batches
    assert (len(loader), loader.batch_size, loader.drop_last) == (3, None, False)


def test_the_batch_size_is_put_into_a_batch_sampler(loader_class):
    loader = loader_class(range(9), batch_size=4, drop_last=True, shuffle=True)
    assert type(loader.batch_sampler) is BatchSampler
    assert (loader.batch_sampler.batch_size, loader.batch_sampler.drop_last) == (4, True)
    assert type(loader.sampler) is RandomSampler
    assert loader.batch_sampler.sampler is loader.sampler


def test_without_batching_each_sample_comes_alone(loader_class):
    assert list(loader_class(range(3), batch_size=None)) == [0, 1, 2]
    assert list(loader_class(Stream(3), batch_size=None)) == [0, 1, 2]


def test_without_batching_arrays_become_tensors_and_all_else_stays(loader_class):
    dataset = [{"array": np.arange(3), "text": "a", "number": 1.5}]
    (sample,) = loader_class(dataset, batch_size=None)
    assert torch.equal(sample["array"], torch.arange(3))
    assert (sample["text"], sample["number"]) == ("a", 1.5)


def test_without_batching_a_list_of_a_sampler_is_one_index(loader_class):
    sampler = BatchSampler(range(4), 2, drop_last=False)
    dataset = np.arange(40).reshape(4, 10)
    rows = list(loader_class(dataset, batch_size=None, sampler=sampler))
    assert [tuple(row.shape) for row in rows] == [(2, 10), (2, 10)]


def test_a_collate_function_gets_the_list_of_samples(loader_class):
    given = list(loader_class(range(5), batch_size=2, collate_fn=lambda samples: samples))
    assert given == [[0, 1], [2, 3], [4]]


def test_without_batching_a_collate_function_gets_each_sample(loader_class):
    given = list(loader_class(range(3), batch_size=None, collate_fn=lambda sample: sample * 10))
    assert given == [0, 10, 20]


def test_the_default_functions_are_default_collate_and_default_convert(loader_class):
    assert loader_class(range(3)).collate_fn is default_collate
    assert loader_class(range(3), batch_size=None).collate_fn is default_convert


COLLATED = {
    "tensors": ([torch.tensor([1, 2]), torch.tensor([3, 4])], torch.tensor([[1, 2], [3, 4]])),
    "arrays": ([np.array([1.5]), np.array([2.5])], torch.tensor([[1.5], [2.5]]).double()),
    "floats": ([0.5, 1.5], torch.tensor([0.5, 1.5]).double()),
    "integers": ([1, 2], torch.tensor([1, 2])),
    "booleans": ([True, False], torch.tensor([True, False])),
}


@pytest.mark.parametrize("kind", COLLATED)
def test_numbers_arrays_and_tensors_get_a_first_axis(loader_class, kind):
    samples, expected = COLLATED[kind]
    (batch,) = loader_class(samples, batch_size=2)
    assert batch.dtype == expected.dtype
    assert torch.equal(batch, expected)


def test_strings_and_bytes_stay_as_they_are(loader_class):
    assert list(loader_class(["a", "b"], batch_size=2)) == [["a", "b"]]
    assert list(loader_class([b"a", b"b"], batch_size=2)) == [[b"a", b"b"]]


def test_mappings_keep_their_keys(loader_class):
    samples = [{"A": 0, "B": [1, "x"]}, {"A": 100, "B": [100, "y"]}]
    (batch,) = loader_class(samples, batch_size=2)
    assert list(batch) == ["A", "B"]
    assert batch["A"].tolist() == [0, 100]
    assert batch["B"][0].tolist() == [1, 100]
    assert batch["B"][1] == ("x", "y")


def test_named_tuples_keep_their_type(loader_class):
    (batch,) = loader_class([Point(0, 1), Point(2, 3)], batch_size=2)
    assert type(batch) is Point
    assert (batch.x.tolist(), batch.y.tolist()) == ([0, 2], [1, 3])


def test_tuples_and_lists_are_collated_place_by_place(loader_class):
    for sequence in (tuple, list):
        (batch,) = loader_class([sequence([0, 1]), sequence([2, 3])], batch_size=2)
        assert told(batch) == [[0, 2], [1, 3]]


def test_types_can_be_registered_with_default_collate(loader_class, monkeypatch):
    def join(batch, *, collate_fn_map):
        return frozenset().union(*batch)

    monkeypatch.setitem(default_collate_fn_map, frozenset, join)
    samples = [frozenset("ab"), frozenset("bc")]
    assert list(loader_class(samples, batch_size=2)) == [frozenset("abc")]


@pytest.mark.parametrize(
    ("samples", "error"),
    [
        ([object(), object()], TypeError),
        ([None, None], TypeError),
        ([torch.zeros(2), torch.zeros(3)], RuntimeError),
        ([[1, 2], [3]], RuntimeError),
        ([{"a": 1}, {"b": 1}], KeyError),
    ],
    ids=["objects", "None", "shapes", "lengths", "keys"],
)
def test_what_cannot_be_collated_is_an_error_of_this_type(loader_class, samples, error):
    with pytest.raises(error):
        list(loader_class(samples, batch_size=2))


def test_the_length_is_that_of_the_sampler(loader_class):
    assert len(loader_class(range(9), batch_size=2, sampler=[1, 2, 3])) == 2
    assert len(loader_class(range(9), batch_size=None, sampler=[1, 2, 3])) == 3


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "length"), [(2, False, 3), (2, True, 2), (None, False, 5)]
)
def test_the_length_over_an_iterable_dataset_is_an_estimate(
    loader_class, batch_size, drop_last, length
):
    loader = loader_class(Stream(0, told=5), batch_size=batch_size, drop_last=drop_last)
    assert len(loader) == length


def test_an_iterable_dataset_without_a_length_gives_none(loader_class):
    with pytest.raises(TypeError):
        len(loader_class(Stream(5)))


def test_more_samples_than_the_length_said_are_warned_of(loader_class):
    loader = loader_class(Stream(3, told=2), batch_size=None)
    assert len(loader) == 2
    words = r"was reported to be 2\(when accessing len\(dataloader\)\), but 3 samples have been"
    with pytest.warns(UserWarning, match=words):
        assert list(loader) == [0, 1, 2]
