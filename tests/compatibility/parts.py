"""Small datasets and readers that the tests of the contract share."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset, IterableDataset, Sampler, get_worker_info

PATIENCE_SECONDS = 5.0
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
    threads = Path("/proc/self/task").iterdir()
    return [pid for thread in threads for pid in _started_by(thread) if is_alive(pid)]


def _started_by(thread: Path) -> list[int]:
    try:
        return [int(pid) for pid in (thread / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_alive(pid: int) -> bool:
    """Say whether a process runs: a zombie does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def ends_soon(condition: Callable[[], bool]) -> bool:
    """Say whether a condition comes true before patience ends."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
