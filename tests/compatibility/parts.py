"""Small datasets and readers that the tests of the contract share."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import Dataset, IterableDataset, Sampler, get_worker_info

from tests import leftovers

WORKERS = (0, 2)


class Numbers(Dataset):
    """A map-style dataset: the sample of an index is the index.

    Args:
        length: How many samples it has.
    """

    def __init__(self, length: int = 12) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self.length:
            raise IndexError(index)
        return index


class Counting(IterableDataset):
    """An iterable dataset that its workers share as Hugging Face's datasets do.

    Args:
        length: How many samples it has.
    """

    def __init__(self, length: int = 12) -> None:
        self.length = length

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from range(first, self.length, step)


class Endless(Sampler):
    """A sampler without end and without a length, as StyleGAN and detectron2 have.

    Args:
        length: How many samples the dataset has.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self.drawn = 0

    def __iter__(self) -> Iterator[int]:
        while True:
            self.drawn += 1
            yield (self.drawn - 1) % self.length


def told(batch: Any) -> Any:
    """Give a batch as plain numbers."""
    return batch.tolist() if isinstance(batch, torch.Tensor) else batch


def batches(loader: Any) -> list[Any]:
    """Give the batches of an epoch as plain numbers."""
    return [told(batch) for batch in loader]


def samples(loader: Any) -> list[Any]:
    """Give the samples of an epoch, in the order of the batches."""
    return [sample for batch in loader for sample in told(batch)]


def take(iterator: Any, number: int) -> list[Any]:
    """Give the next batches of an iterator as plain numbers."""
    return [told(next(iterator)) for _ in range(number)]


def children() -> list[int]:
    """Give the ids of the processes that this one started and that still run."""
    return [pid for pid in leftovers.children() if leftovers.is_alive(pid)]


is_alive, ends_soon = leftovers.is_alive, leftovers.comes_true
