"""What a dataset is known by: cheap, the same in every process, another for another dataset."""

import re

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset

from trueload.fingerprint import identity_of, length_of


class Photos(Dataset):
    def __init__(self, length=3):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        message = "the data themselves are never read"
        raise AssertionError(message)


class Unsized(Dataset):
    def __getitem__(self, index):
        return index


class Refusing(Photos):
    error = NotImplementedError

    def __len__(self):
        raise self.error


class RefusingByType(Refusing):
    error = TypeError


class Broken(Refusing):
    error = ZeroDivisionError


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(3))


@pytest.mark.parametrize(
    ("dataset", "length"),
    [(Photos(7), 7), ([1, 2], 2), ({"a": 1}, 1), (torch.ones(4, 2), 4), (Photos(0), 0)],
)
def test_a_length_is_what_the_dataset_says(dataset, length):
    assert length_of(dataset) == length


@pytest.mark.parametrize("dataset", [Unsized(), Refusing(), RefusingByType(), Stream(), iter([])])
def test_a_dataset_may_have_no_length(dataset):
    assert length_of(dataset) is None


def test_any_other_error_of_a_length_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        length_of(Broken())


@pytest.mark.parametrize(
    ("dataset", "identity"),
    [
        (Photos(), "Photos"),
        ([1, 2], "list"),
        (Subset(Photos(), [0]), "Subset(Photos)"),
        (Subset(Subset(Photos(), [0, 1]), [0]), "Subset(Subset(Photos))"),
        (ConcatDataset([Photos(), Subset(Photos(), [0])]), "ConcatDataset(Photos, Subset(Photos))"),
        (
            TensorDataset(torch.ones(4, 3, 2), torch.ones(4, dtype=torch.int64)),
            "TensorDataset(float32[3, 2], int64[])",
        ),
        (torch.ones(4, 3, dtype=torch.bfloat16), "Tensor(bfloat16[3])"),
        (np.ones((4, 3), dtype=np.uint8), "ndarray(uint8[3])"),
    ],
)
def test_an_identity_names_the_type_and_what_it_wraps(dataset, identity):
    assert identity_of(dataset) == identity


def test_an_identity_does_not_depend_on_the_module():
    moved = type("Photos", (Photos,), {"__module__": "__main__", "__qualname__": "Photos"})
    assert identity_of(moved()) == identity_of(Photos())


def test_an_identity_holds_no_address():
    assert not re.search(r"0x[0-9a-f]+", identity_of(Subset(Photos(), [0])))


def test_an_identity_does_not_depend_on_the_length():
    assert identity_of(Photos(3)) == identity_of(Photos(4))
    assert identity_of(torch.ones(3, 2)) == identity_of(torch.ones(4, 2))


def test_arrays_of_another_shape_or_dtype_have_another_identity():
    arrays = [torch.ones(4, 3), torch.ones(4, 2), torch.ones(4, 3, dtype=torch.int32)]
    assert len({identity_of(array) for array in arrays}) == 3


def test_an_identity_stays_short_for_many_parts():
    many = ConcatDataset([Photos() for _ in range(10_000)])
    assert identity_of(many) == f"ConcatDataset({', '.join(['Photos'] * 8)})"
