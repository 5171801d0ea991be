"""Datasets for the tests of contracts, and what is told of their batches."""

import numpy as np
import torch
from torch.nn.functional import interpolate
from torch.utils.data import Dataset, IterableDataset

from trueload import DataLoader

LENGTH = 128


class Made(Dataset):
    """Samples that a function makes of their indices."""

    def __init__(self, make, length=LENGTH, **attributes):
        self.make, self.length = make, length
        vars(self).update(attributes)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.make(index)


class Streamed(IterableDataset):
    """The same as a stream."""

    def __init__(self, make, length=LENGTH):
        self.make, self.length = make, length

    def __iter__(self):
        return map(self.make, range(self.length))


def photo(index, side=24, channels=3):
    """Give a smooth picture, from 0 to 1, as photographs are."""
    random = torch.Generator().manual_seed(index)
    coarse = torch.rand(1, channels, 4, 4, generator=random)
    return interpolate(coarse, size=(side, side), mode="bicubic")[0].clamp(0, 1)


def pixels(index, side=24):
    """Give a picture of bytes."""
    return (photo(index, side) * 255).to(torch.uint8)


def rows(index, length=8):
    """Give some random numbers."""
    return torch.rand(length, generator=torch.Generator().manual_seed(index))


def noise(index):
    """Give random numbers as NumPy makes them."""
    return np.random.default_rng(index).random(8)


def told(caplog, dataset, epochs=2, **arguments):
    """Go over a loader, and give what the log has of it: levels with messages."""
    caplog.clear()
    caplog.set_level("DEBUG", logger="trueload")
    arguments = {"batch_size": 8, **arguments}
    loader = DataLoader(dataset, **arguments)
    for _ in range(epochs):
        for _batch in loader:
            pass
    assert "not looked at" not in caplog.text
    records = [record for record in caplog.records if record.levelname != "DEBUG"]
    return [(record.levelname, record.getMessage()) for record in records]
