"""Where the guard freezes, a line of NumPy that changes the dataset raises; no other line does."""

import random
import traceback
import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset

from trueload import DataLoader, Guard
from trueload.errors import DatasetChangedError, ReadOnlyError
from trueload.recipe import Recipe
from trueload.watching.freezing import Frozen
from trueload.watching.sentry import Sentry

LENGTH, WIDTH = 32, 1024


@pytest.fixture(params=[0, pytest.param(2, marks=pytest.mark.slow)])
def workers(request):
    return request.param


class Rows(Dataset):
    """Rows of an array; one sample changes its row."""

    def __init__(self, width=WIDTH):
        self.rows = np.ones((LENGTH, width), np.float32)
        self.rows[:, 0] = range(LENGTH)

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        row = self.rows[index]
        return self.change(row, index) if index == 17 else row.copy()

    def change(self, row, index):
        row += 1
        return row


class ByIndex(Rows):
    def change(self, row, index):
        self.rows[index] = self.rows[index] * 2
        return self.rows[index]


class Out(Rows):
    def change(self, row, index):
        return np.negative(row, out=row)


class Shuffled(Rows):
    def __init__(self, width=WIDTH):
        super().__init__(width)
        self.rows += np.arange(width)

    def change(self, row, index):
        np.random.shuffle(row)
        return row


BUGS = [Rows, ByIndex, Out, Shuffled]


def strict(dataset, **options):
    list(DataLoader(dataset, 4, guard="strict", **options))


@pytest.mark.parametrize("width", [WIDTH, 12], ids=["pages", "small"])
@pytest.mark.parametrize("kind", BUGS)
def test_a_write_raises_at_its_line_and_changes_nothing(kind, width):
    dataset = kind(width)
    before = dataset.rows.copy()
    with pytest.raises(ReadOnlyError) as caught:
        strict(dataset)
    error = caught.value
    assert isinstance(error, (DatasetChangedError, ValueError))
    assert str(error).startswith("dataset[17] changes the dataset in place [TL301]")
    assert "read-only" in error.__notes__[0]
    assert "change" in [frame.name for frame in traceback.extract_tb(error.__traceback__)[-2:]]
    assert (dataset.rows == before).all()
    assert dataset.rows.flags.writeable


def test_it_raises_in_workers_too():
    with pytest.raises(ReadOnlyError, match=r"dataset\[17\] changes the dataset") as caught:
        strict(Rows(), num_workers=2)
    assert "row += 1" in str(caught.value.__cause__)


@pytest.mark.slow
def test_it_raises_in_workers_that_are_started_anew():
    with pytest.raises(ReadOnlyError, match=r"dataset\[17\] changes the dataset"):
        strict(Rows(), num_workers=2, multiprocessing_context="spawn")


def test_it_raises_each_time():
    batches = iter(DataLoader(Rows(), 4, guard="strict", sampler=[17, 1, 2, 3] * 3))
    for _ in range(3):
        with pytest.raises(ReadOnlyError):
            next(batches)


def test_torch_is_refused_nothing_but_watched():
    class OverArray(Rows):
        def change(self, row, index):
            return torch.from_numpy(row).add_(1)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DatasetChangedError, match=r"dataset\[17\] changes the dataset"):
            strict(OverArray())


def test_freezing_may_be_left_out():
    with pytest.raises(DatasetChangedError) as caught:
        list(DataLoader(Rows(), 4, guard=Guard(level="strict", freeze=False)))
    assert type(caught.value) is DatasetChangedError


def test_freezing_may_be_had_without_being_strict():
    with pytest.raises(ReadOnlyError):
        list(DataLoader(Rows(), 4, guard=Guard(freeze=True)))


class Caching(Rows):
    def __init__(self, width=WIDTH):
        super().__init__(width)
        self.cache, self.known = np.zeros((LENGTH, width)), np.zeros(LENGTH, bool)
        self.scratch, self.total = np.zeros(width), np.zeros(width)
        self.visits = 0

    def __getitem__(self, index):
        self.visits += 1
        if not self.known[index]:
            self.cache[index] = np.sqrt(self.rows[index])
            self.known[index] = True
        self.total += self.cache[index]
        np.multiply(self.cache[index], 2, out=self.scratch)
        np.clip(self.rows[index], 0, 1, out=self.rows[index])
        return self.scratch.copy()


@pytest.mark.parametrize("width", [WIDTH, 3])
def test_who_writes_without_harm_is_left_alone(width, workers):
    dataset = Caching(width)
    for _ in range(2):
        strict(dataset, num_workers=workers)


def test_what_is_drawn_is_what_would_be_drawn():
    class Drawing(Caching):
        def __init__(self):
            super().__init__()
            self.own = np.random.default_rng(3)

        def __getitem__(self, index):
            drawn = random.random() + np.random.rand() + torch.rand(1).item() + self.own.random()
            return super().__getitem__(index)[0] + drawn

    def epoch(guard):
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        return torch.cat(list(DataLoader(Drawing(), 4, shuffle=True, guard=guard)))

    assert torch.equal(epoch("strict"), epoch("off"))


def test_arrays_are_read_only_only_while_samples_are_made():
    dataset = Rows()
    batches = iter(DataLoader(dataset, 4, guard="strict"))
    next(batches)
    dataset.rows[3] = 5
    assert dataset.rows.flags.writeable
    with pytest.raises(ReadOnlyError):
        list(batches)
    assert dataset.rows.flags.writeable


def test_an_exception_of_the_users_own_is_left_as_it_is():
    class Failing(Rows):
        def change(self, row, index):
            message = f"row {index} is read-only"
            raise ValueError(message)

    dataset = Failing()
    with pytest.raises(ValueError, match="row 17 is read-only") as caught:
        strict(dataset)
    assert type(caught.value) is ValueError
    assert dataset.rows.flags.writeable


def test_memory_that_was_read_only_before_stays_so():
    rows = np.ones((4, 3))
    view, alone = rows[1:], np.ones(3)
    rows.flags.writeable = alone.flags.writeable = False
    dataset = {"rows": rows, "view": view, "alone": alone, "over": torch.ones(3).numpy()}
    frozen = Frozen(dataset, Guard())
    assert len(frozen) == 0
    with frozen.frozen():
        assert view.flags.writeable
    assert not rows.flags.writeable
    assert not alone.flags.writeable


def test_views_are_frozen_with_what_they_are_views_of(tmp_path):
    rows = np.ones((4, 3))
    mapped = np.memmap(tmp_path / "rows", np.uint8, "w+", shape=(8, 2))
    dataset = {"view": rows[1:], "rows": rows, "later": mapped[2:], "mapped": mapped}
    arrays = dataset.values()
    frozen = Frozen(dataset, Guard())
    with frozen.frozen():
        assert not any(array.flags.writeable for array in arrays)
    assert all(array.flags.writeable for array in arrays)
    with Frozen(dataset, Guard(ignore=["dataset['rows']"])).frozen():
        assert rows.flags.writeable


class Lines(IterableDataset):
    def __init__(self):
        self.lines, self.buffer = np.ones((8, 3)), np.zeros(3)

    def __iter__(self):
        for line in self.lines:
            line[:] = line - 1
            yield line.copy()


class Buffered(Lines):
    def __iter__(self):
        for line in self.lines:
            self.buffer[:] = line
            yield self.buffer


def test_a_stream_that_writes_to_its_arrays_is_refused(workers):
    dataset = Lines()
    with pytest.raises(ReadOnlyError) as caught:
        strict(dataset, num_workers=min(workers, 1))
    message = str(caught.value)
    assert "[TL340]" in message
    assert "  array    dataset.lines\n" in message
    assert "  line     line[:] = line - 1\n" in message
    assert (dataset.lines == 1).all()


def test_a_stream_may_write_to_memory_that_is_named(workers):
    guard = Guard(level="strict", ignore=["dataset.buffer"])
    batches = list(DataLoader(Buffered(), 4, guard=guard, num_workers=min(workers, 1)))
    assert torch.cat(batches).shape == (8, 3)
    assert list(DataLoader(Buffered(), 4, num_workers=min(workers, 1)))


def test_where_no_code_of_the_users_runs_nothing_is_looked_after():
    rows = torch.utils.data.TensorDataset(torch.ones(8, 2048))
    recipe = Recipe(rows, None, torch.utils.data.default_collate, batched=True)
    sentry = Sentry(recipe, guard=Guard(), forked=False)
    assert not any(sentry.tally.words())
