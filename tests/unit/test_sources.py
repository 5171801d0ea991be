"""The files of a sample: named by exceptions, by the dataset's lists, or by code that raised."""

import os
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import ConcatDataset, Dataset, Subset

from trueload import pack
from trueload.sources import files_of


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{number}.jpg" for number in range(4)]
    for path in paths:
        path.write_bytes(b"x")
    return [str(path) for path in paths]


class Photos(Dataset):
    def __init__(self, **attributes):
        vars(self).update(attributes)

    def __len__(self):
        return 4


def raised(function):
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError


def test_an_exception_that_carries_the_file_comes_first(files, tmp_path):
    missing = tmp_path / "missing.jpg"
    error = raised(missing.open)
    assert files_of(Photos(files=files), 2, error) == (str(missing),)
    assert files_of(Photos(), 0, OSError(2, "gone", os.fsencode(missing))) == (str(missing),)


def test_the_cause_of_an_exception_may_carry_it(files, tmp_path):
    error = ValueError("cannot read it")
    error.__cause__ = raised((tmp_path / "missing.jpg").open)
    assert files_of(Photos(), 0, error) == (str(tmp_path / "missing.jpg"),)


def test_an_exception_may_quote_it(files):
    assert files_of(Photos(), 0, ValueError(f"cannot identify image file {files[1]!r}")) == (
        files[1],
    )
    assert files_of(Photos(), 0, ValueError("no 'key' in 'x'")) == ()


@pytest.mark.parametrize(
    "attributes",
    [
        lambda files: {"samples": [(file, 0) for file in files]},
        lambda files: {"files": files},
        lambda files: {"records": [{"label": 1, "image": file} for file in files]},
        lambda files: {"files": np.array(files), "scale": np.array(1.0)},
        lambda files: {"files": pack(files)},
        lambda files: {"names": [Path(file).name for file in files], "root": Path(files[0]).parent},
    ],
)
def test_the_lists_of_a_dataset_have_it(files, attributes):
    assert files_of(Photos(**attributes(files)), 2) == (files[2],)
    assert files_of(Photos(**attributes(files)), np.int64(2)) == (files[2],)


def test_the_class_of_a_dataset_may_have_the_list(files):
    class Shared(Photos):
        names = tuple(Path(file).name for file in files)
        root = Path(files[0]).parent

    assert files_of(Shared(), 1) == (files[1],)


def test_a_dataset_may_be_a_list_of_paths(files):
    assert files_of(files, 1) == (files[1],)


def test_all_files_of_a_sample_are_given(files):
    dataset = Photos(images=files, masks=files[::-1])
    assert files_of(dataset, 0) == (files[0], files[3])


def test_lists_of_another_length_say_nothing(files):
    assert files_of(Photos(others=files[:3], labels=[1, 2, 3, 4]), 1) == ()


def test_subsets_and_joined_datasets_are_looked_through(files):
    photos = Photos(files=files)
    assert files_of(Subset(photos, [3, 1]), 1) == (files[1],)
    joined = ConcatDataset([photos, Subset(photos, [2])])
    assert files_of(joined, 3) == (files[3],)
    assert files_of(joined, 4) == files_of(joined, -1) == (files[2],)


def test_the_variables_of_the_code_that_raised_have_it(files):
    def read(path):
        with Path(path).open("rb"):
            raise ValueError

    assert files_of(Photos(), 0, raised(lambda: read(files[3]))) == (files[3],)


@pytest.mark.parametrize("index", [None, "a", (1, 2), 99, -99])
def test_of_an_index_that_leads_nowhere_nothing_is_known(files, index):
    assert files_of(Photos(files=files), index) == ()
    assert files_of(Subset(Photos(files=files), [0]), index) == ()


def test_a_dataset_whose_length_raises_says_nothing(files):
    class Endless(Photos):
        def __len__(self):
            raise TypeError

    assert files_of(Endless(files=files), 0) == ()
