"""What a batch costs with two workers, beside torch's loader; and what starting them costs.

A turn is one epoch, unshuffled, with the workers' start and end. `wall` counts from the first
batch to the last, `cpu` and `parent cpu` all of the epoch with starting and ending, each shared
out over the batches. The training loop does nothing else, so `wall` shows the workers' pace, and
`parent cpu` what training would lose to loading. Asked: no case slower or costlier than torch.

`first batch` is the time from `iter(loader)` on. `between epochs` is that from an epoch's last
batch to the next one's first.

    python benchmarks/workers.py [--quick] [--json]
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from common import Bar, Case, Dicts, Measured, Rows, costs, main, take
from torch.utils.data import DataLoader, Dataset

import trueload

_PAR = {"wall": Bar(ratio=1), "cpu": Bar(ratio=1), "parent cpu": Bar(ratio=1)}


class Together(Rows):
    """Samples that are fetched a batch at a time."""

    def __getitems__(self, indices: list[int]) -> list[torch.Tensor]:
        return list(self.rows[indices])


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    less = 10 if quick else 1
    tiny = 256 * 1000 // less
    rows, images = torch.rand(tiny, 16), torch.rand(128, 3, 224, 224)
    yield _epochs("tensors float32[16]", Rows(rows, tiny), 256)
    yield _epochs("arrays float32[16]", Rows(rows.numpy(), tiny), 256)
    yield _epochs("__getitems__", Together(rows, tiny), 256)
    yield _epochs("dict of 16 tensors", Dicts(rows, 64 * 200 // less), 64)
    yield _epochs("64 images float32[3,224,224]", Rows(images, 64 * (20 if quick else 60)), 64)
    few = Rows(rows, 256 * 8)
    yield _case("first batch", _first, few)
    yield _case("between epochs", _between, few)
    yield _case("between epochs, persistent", _between, few, persistent_workers=True)


def _epochs(name: str, dataset: Dataset, size: int) -> Case:
    return _case(name, _epoch, dataset, size)


def _case(
    name: str,
    way: Callable[[Any], Callable[[], Measured]],
    dataset: Dataset,
    size: int = 256,
    **arguments: Any,
) -> Case:
    arguments = {"batch_size": size, "num_workers": 2, **arguments}
    return Case(
        name,
        ours=way(trueload.DataLoader(dataset, **arguments)),
        base=way(DataLoader(dataset, **arguments)),
        bars=_PAR if way is _epoch else {"wall": Bar(ratio=1)},
        headline="wall",
    )


def _epoch(loader: Any) -> Callable[[], Measured]:
    def once() -> Measured:
        begun = 0.0

        def go_over() -> None:
            nonlocal begun
            batches = iter(loader)
            take(batches, 1)
            begun = time.perf_counter()
            take(batches, len(loader))

        cost = costs(go_over, len(loader))
        return {**cost, "wall": (time.perf_counter() - begun) / (len(loader) - 1)}

    return once


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
        take(epochs, len(loader) - 1)
        begun = time.perf_counter()
        take(epochs, 1)
        return {"wall": time.perf_counter() - begun}

    return once


if __name__ == "__main__":
    main("workers", __doc__ or "", cases)
