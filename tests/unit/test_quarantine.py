"""The file of bad samples, and datasets without them, in any loader."""

import json
import multiprocessing

import pytest
import torch.utils.data
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, random_split

from trueload import ArgumentError, DataLoader, ErrorPolicy, exclude
from trueload.quarantine import Quarantine, digest_of_file


class Photos(Dataset):
    """Reads files, of which some are empty or missing."""

    def __init__(self, folder, length=12, bad=(3, 8)):
        self.samples = [(str(folder / f"{number}.txt"), number) for number in range(length)]
        for path, number in self.samples:
            with open(path, "w") as file:  # noqa: PTH123 - as people write
                file.write("" if number in bad else str(number))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, _ = self.samples[index]
        with open(path) as file:  # noqa: PTH123 - as people write
            return int(file.read())


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def batches_of(dataset, loader=torch.utils.data.DataLoader):
    return [batch.tolist() for batch in loader(dataset, 4)]


def read(dataset, path, workers=0, **given):
    policy = ErrorPolicy("skip", quarantine=path, budget_share=0.5)
    list(DataLoader(dataset, 4, num_workers=workers, on_error=policy, **given))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bad.jsonl"


def test_a_bad_sample_becomes_a_line(tmp_path, path):
    dataset = Photos(tmp_path)
    read(dataset, path)
    first, second = records(path)
    file = str(tmp_path / "3.txt")
    assert first == {
        "index": 3,
        "dataset": "Photos",
        "length": 12,
        "exception": "ValueError",
        "message": "invalid literal for int() with base 10: ''",
        "stage": "fetch",
        "epoch": 0,
        "position": 3,
        "file": file,
        "digest": digest_of_file(file),
    }
    assert second["index"] == 8


def test_a_bad_sample_becomes_one_line_however_often_it_is_met(tmp_path, path):
    dataset = Photos(tmp_path)
    policy = ErrorPolicy("skip", quarantine=path)
    for _ in range(2):
        loader = DataLoader(dataset, 4, shuffle=True, on_error=policy)
        list(loader)
        list(loader)
    assert sorted(record["index"] for record in records(path)) == [3, 8]


def test_a_missing_file_is_named(tmp_path, path):
    dataset = Photos(tmp_path, bad=())
    (tmp_path / "5.txt").unlink()
    read(dataset, path)
    (record,) = records(path)
    assert (record["file"], record["digest"]) == (str(tmp_path / "5.txt"), None)
    assert record["exception"] == "FileNotFoundError"


def test_a_policy_that_raises_writes_the_sample_down_too(tmp_path, path):
    policy = ErrorPolicy("raise", quarantine=path)
    with pytest.raises(ValueError, match="invalid literal"):
        list(DataLoader(Photos(tmp_path), 4, on_error=policy))
    assert [record["index"] for record in records(path)] == [3]


def test_what_is_excluded_does_not_come_in_any_loader(tmp_path, path):
    dataset = Photos(tmp_path)
    read(dataset, path)
    rest = exclude(dataset, path)
    expected = [[0, 1, 2, 4], [5, 6, 7, 9], [10, 11]]
    assert batches_of(rest) == batches_of(rest, DataLoader) == expected


def test_without_a_file_nothing_is_excluded(tmp_path, path):
    rest = exclude(Photos(tmp_path, bad=()), path)
    assert type(rest) is Subset
    assert len(rest) == 12


def test_a_quarantine_of_a_part_is_about_the_whole(tmp_path, path):
    dataset = Photos(tmp_path)
    train, valid = random_split(dataset, [6, 6], torch.Generator().manual_seed(0))
    read(train, path)
    read(valid, path)
    assert sorted(record["index"] for record in records(path)) == [3, 8]
    for part in (train, valid, dataset):
        kept = set(getattr(part, "indices", range(12))) - {3, 8}
        rest = exclude(part, path)
        assert sorted(sample for batch in batches_of(rest) for sample in batch) == sorted(kept)


def test_what_is_excluded_again_is_excluded_from_the_whole(tmp_path, path):
    dataset = Photos(tmp_path)
    policy = ErrorPolicy("raise", quarantine=path)
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            list(DataLoader(exclude(dataset, path), 4, on_error=policy))
    assert [record["index"] for record in records(path)] == [3, 8]
    assert len(list(DataLoader(exclude(dataset, path), 1))) == 10


def test_lines_of_other_datasets_are_left_aside(tmp_path, path):
    class Others(Photos):
        pass

    read(Others(tmp_path, bad=(1,)), path)
    read(Photos(tmp_path, bad=(2,)), path)
    assert len(records(path)) == 2
    assert batches_of(exclude(Photos(tmp_path, bad=()), path))[0] == [0, 1, 3, 4]


def test_a_dataset_of_another_length_is_refused(tmp_path, path):
    read(Photos(tmp_path), path)
    with pytest.raises(ArgumentError, match="TL217"):
        exclude(Photos(tmp_path, length=11), path)


def test_an_iterable_dataset_is_refused(path):
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(())

    with pytest.raises(ArgumentError, match="TL217"):
        exclude(Stream(), path)


def test_joined_datasets_are_one(tmp_path, path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    dataset = ConcatDataset([Photos(folder, 4, bad=(2,)) for folder in folders])
    read(dataset, path)
    assert [(record["index"], record["file"]) for record in records(path)] == [
        (2, str(folders[0] / "2.txt")),
        (6, str(folders[1] / "2.txt")),
    ]
    assert len(exclude(dataset, path)) == 6


def test_a_line_that_was_not_finished_spoils_no_other(tmp_path, path):
    path.write_text('{"index": 0, "data')
    read(Photos(tmp_path), path)
    assert len(path.read_text().splitlines()) == 3
    assert batches_of(exclude(Photos(tmp_path), path))[0] == [0, 1, 2, 4]


class Plain:
    def __len__(self):
        return 100


def _write(path, first):
    quarantine = Quarantine(path, Plain())
    for index in range(first, 100, 3):
        error = ValueError("x" * 3000)
        quarantine.write(index, error, None, {"stage": "fetch", "epoch": 0, "position": index})


def test_several_processes_write_whole_lines(path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(path, first)) for first in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(record["index"] for record in records(path)) == [*range(100)]


def test_a_sample_of_a_name_is_written_down_and_excludes_nothing(path):
    class Named(dict):
        def __getitem__(self, name):
            if name == "b":
                raise ValueError
            return super().__getitem__(name)

    dataset = Named.fromkeys("abcd", 1)
    read(dataset, path, sampler=list("abcd"))
    assert [record["index"] for record in records(path)] == ["b"]
