"""What the instruments tell of samples: their contents, and what a dataset draws from."""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, get_worker_info

from trueload.sanitizer.hooks import instruments
from trueload.sanitizer.places import Places
from trueload.sanitizer.recorder import Recorder
from trueload.sanitizer.samples import _rows, names_used


def read(*loaders):
    recorder = Recorder(Places())
    with instruments(recorder):
        for loader in loaders:
            for _ in loader:
                pass
    return recorder


def test_equal_rows_have_equal_numbers_and_others_do_not():
    rows = torch.randn(200, 3, 20)
    numbers = _rows(torch.cat([rows, rows.flip(0)]))
    assert (numbers[:200] == numbers[200:][::-1]).all()
    assert len(np.unique(numbers)) == 200


def test_rows_of_the_same_values_in_another_order_differ():
    assert len(np.unique(_rows(torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])))) == 2


def test_subsets_of_one_dataset_share_samples_by_index():
    data = TensorDataset(torch.zeros(30, 4))
    first = DataLoader(Subset(data, range(20)), batch_size=4)
    second = DataLoader(Subset(Subset(data, range(10, 30)), range(15)), batch_size=4)
    recorder = read(first, second)
    run = recorder.judge()
    (shared,) = run.data.shared
    assert shared.by_index
    assert (shared.samples, shared.of_one, shared.of_other) == (10, 20, 15)
    assert len(recorder.judge().data.shared) == 1


def test_labels_are_counted_across_batches():
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    loader = DataLoader(TensorDataset(torch.randn(8, 3), labels), batch_size=2)
    (seen,) = read(loader).judge().data.labels
    assert seen.counts == {0: 3, 1: 2, 2: 3}
    assert (seen.runs, seen.batches, seen.pure) == (3, 4, 2)


def test_a_loader_that_was_left_early_begins_with_the_right_indices():
    loader = DataLoader(TensorDataset(torch.randn(40, 3)), batch_size=4, shuffle=True)
    recorder = Recorder(Places())
    given = []
    with instruments(recorder):
        given.extend(next(iter(loader))[0] for _ in range(3))
    assert len(recorder.judge().data.orders) == 3
    for order, batch in zip(recorder.run.data.orders, given, strict=True):
        assert torch.equal(loader.dataset.tensors[0][order.indices], batch)


def test_loaders_that_are_made_without_end_cost_no_memory_without_end():
    data = TensorDataset(torch.randn(8, 3), torch.arange(8))
    run = read(*(DataLoader(data, batch_size=4) for _ in range(40))).judge()
    assert len(run.loaders) == 40
    assert len(run.data.orders) == len(run.data.labels) == len(run.data.contents) == 24


class Uses(Dataset):
    def __init__(self):
        self.rng = self.seed_rng = self.building = np.random.default_rng(0)
        self.build()

    def build(self):
        return self.building.normal()

    def helper(self):
        return self.rng.normal()

    def __getitem__(self, index):
        self.seed_rng = np.random.default_rng(index)
        return self.helper() + self.seed_rng.normal()


class Asks(Uses):
    def helper(self):
        return self.rng.normal() + get_worker_info().id


def test_what_makes_samples_is_told_from_what_made_the_dataset():
    names = names_used(Uses)
    assert "rng" in names
    assert "building" not in names
    assert "seed_rng" not in names


def test_a_dataset_that_asks_which_worker_it_is_in_knows_what_it_does():
    assert not names_used(Asks)
