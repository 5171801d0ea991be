"""What stands between training and its first batch, and what a batch costs the loading process.

`first batch` is the time from `iter(loader)` to the first of an epoch's batches, with four workers
and a dataset of a 200 MB array and 300,000 strings. `between epochs` is what the loop waits for the
first batch of the next epoch; two workers make 8 batches of 8 samples of 1 ms, and each batch is
trained on for 5 ms, which is not counted. With a `seed`, which torch's loader does not have,
persistent workers begin the next epoch before this one ends. `parent cpu` is the loading process's
processor time for a batch of 16 small tensors, between the first batch of an epoch and the last.

    python benchmarks/turnover.py [--quick] [--json]
"""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import torch
from common import Bar, Case, Dicts, Measured, main, take
from torch.utils.data import DataLoader, Dataset
from works import Waiting

import trueload

warnings.filterwarnings("ignore", "This DataLoader will create")

_TRAINING_SECONDS = 0.005


class Labeled(Dataset):
    """A large array, and a name for every row: what the workers must come to have."""

    def __init__(self, rows: int) -> None:
        self.rows = torch.zeros(rows, 167)
        self.names = [f"the name of row {number}" for number in range(rows)]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, str]:
        return self.rows[index], self.names[index]


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    labeled = Labeled(30_000 if quick else 300_000)
    some = torch.utils.data.Subset(labeled, range(64 * 8))
    yield _case("first batch, 4 workers", _first, some, Bar(ratio=3), num_workers=4)
    few = Waiting(64, 0.001)
    yield _case("between epochs", _between, few, None, batch_size=8)
    kept = {"batch_size": 8, "persistent_workers": True}
    yield _case("between epochs, persistent", _between, few, None, **kept)
    name = "between epochs, persistent, with a seed"
    yield _case(name, _between, few, Bar(ratio=4), ours={"seed": 0}, **kept)
    dicts = Dicts(torch.rand(1000, 16), 64 * (30 if quick else 300))
    yield _case("batches of 16 small tensors", _parent, dicts, Bar(ratio=20))


def _case(
    name: str,
    way: Callable[[Any], Callable[[], Measured]],
    dataset: Dataset,
    bar: Bar | None,
    *,
    ours: Mapping[str, Any] = MappingProxyType({}),
    **arguments: Any,
) -> Case:
    arguments = {"batch_size": 64, "num_workers": 2, **arguments}
    quantity = "parent cpu" if way is _parent else "wall"
    return Case(
        name,
        ours=way(trueload.DataLoader(dataset, **arguments, **ours)),
        base=way(DataLoader(dataset, **arguments)),
        bars={quantity: bar} if bar else {},
        headline=quantity if bar and way is not _parent else "",
    )


def _first(loader: Any) -> Callable[[], Measured]:
    def once() -> Measured:
        begun = time.perf_counter()
        batches = iter(loader)
        take(batches, 1)
        begun = time.perf_counter() - begun
        take(batches, len(loader))
        return {"wall": begun}

    return once


def _between(loader: Any) -> Callable[[], Measured]:
    def forever() -> Iterator[Any]:
        while True:
            yield from loader

    epochs = forever()
    take(epochs, 1)

    def once() -> Measured:
        for _batch in range(len(loader) - 1):
            time.sleep(_TRAINING_SECONDS)
            take(epochs, 1)
        time.sleep(_TRAINING_SECONDS)
        begun = time.perf_counter()
        take(epochs, 1)
        return {"wall": time.perf_counter() - begun}

    return once


def _parent(loader: Any) -> Callable[[], Measured]:
    def once() -> Measured:
        batches = iter(loader)
        take(batches, 1)
        begun = time.process_time()
        take(batches, len(loader) - 1)
        cost = time.process_time() - begun
        take(batches, 1)
        return {"parent cpu": cost / (len(loader) - 1)}

    return once


if __name__ == "__main__":
    main("turnover", __doc__ or "", cases)
