"""Small datasets whose samples are plain functions of an index."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info


class Made(Dataset):
    """A map-style dataset: a function makes the sample of an index.

    Args:
        make: The function.
        length: How many samples it has.
    """

    def __init__(self, make: Callable[[int], Any], length: int = 24) -> None:
        self.make, self.length = make, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        return self.make(index)


class Shared(IterableDataset):
    """An iterable dataset that workers share: worker `w` of `n` gives every `n`-th sample.

    Args:
        make: Makes the sample of an index.
        length: How many samples it has.
    """

    def __init__(self, make: Callable[[int], Any], length: int = 24) -> None:
        self.make, self.length = make, length

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for index in range(first, self.length, step):
            yield self.make(index)


def same(index: int) -> int:
    """Give the index itself."""
    return index


def augmented(index: int) -> dict[str, Any]:
    """Draw from all three global generators, as augmentations do."""
    return {
        "index": index,
        "random": random.random(),
        "numpy": np.random.rand(3),
        "torch": torch.rand(2, 3),
        "turned": np.random.permutation(np.arange(index + 4))[:3],
    }


class Once:
    """Does something at a chosen sample, the first time that any process makes it.

    Args:
        folder: Where it leaves a mark.
        index: The sample.
        act: What it does.
        times: How often it does that.
    """

    def __init__(
        self, folder: Path, index: int, act: Callable[[], Any], *, times: int = 1, make: Any = same
    ) -> None:
        self._folder, self._index, self._act = folder, index, act
        self._times, self._make = times, make

    def __call__(self, index: int) -> Any:
        if index == self._index and self._is_due():
            self._act()
        return self._make(index)

    def _is_due(self) -> bool:
        for time in range(self._times):
            try:
                mark = os.open(self._folder / f"{self._index}-{time}", os.O_CREAT | os.O_EXCL)
            except FileExistsError:
                continue
            os.close(mark)
            return True
        return False


def plain(batch: Any) -> Any:
    """Give a batch as plain numbers."""
    return batch.tolist() if isinstance(batch, torch.Tensor) else batch


def plain_batches(loader: Any) -> list[Any]:
    """Give the batches of an epoch as plain numbers."""
    return [plain(batch) for batch in loader]
