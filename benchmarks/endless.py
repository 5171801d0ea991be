"""What going on for ever costs: the time between two epochs, and the memory of many batches.

`loader.endless()` stands beside `while True: for batch in loader:` with torch's loader, shuffled
and without workers. The dataset costs nothing, so that what lies between the last batch of an
epoch and the first of the next is all there is. Memory is what the process holds (its resident
set) after many batches of tensors beyond what it held after the first few. Asked: at most 1 MiB.

    python benchmarks/endless.py [--quick] [--json]
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from common import (
    Bar,
    Case,
    Indices,
    Measured,
    Rows,
    alone,
    costs,
    main,
    resident_bytes,
    same,
    take,
)
from torch.utils.data import DataLoader, Dataset

import trueload


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    for exponent in (3, 5) if quick else (3, 5, 6):
        yield Case(
            f"between epochs of 1e{exponent} samples",
            ours=_between(_endless, 10**exponent),
            base=_between(_again_and_again, 10**exponent),
            headline="wall" if exponent == 6 else "",
        )
    batches = 300 if quick else 20_000
    yield Case(
        f"memory of {batches} more batches",
        ours=_growth(_endless, batches),
        base=_growth(_again_and_again, batches),
        bars={"growth": Bar(at_most=1 << 20)},
        repeats=3,
    )


def _endless(dataset: Dataset, **arguments: Any) -> Iterator[Any]:
    return trueload.DataLoader(dataset, shuffle=True, seed=1, **arguments).endless()


def _again_and_again(dataset: Dataset, **arguments: Any) -> Iterator[Any]:
    loader = DataLoader(dataset, shuffle=True, **arguments)
    while True:
        yield from loader


def _between(loop: Callable[..., Iterator[Any]], length: int) -> Callable[[], Measured]:
    """Measure the step from the last batch of an epoch to the first of the next."""
    epochs = loop(Indices(length), batch_size=100, collate_fn=same)
    take(epochs, 1)

    def once() -> Measured:
        take(epochs, length // 100 - 1)
        return alone(costs(lambda: next(epochs), 1))

    return once


def _growth(loop: Callable[..., Iterator[Any]], batches: int) -> Callable[[], Measured]:
    def once() -> Measured:
        epochs = loop(Rows(torch.rand(1000, 16)), batch_size=32)
        take(epochs, 200)
        before = resident_bytes()
        take(epochs, batches)
        return {"growth": resident_bytes() - before}

    return once


if __name__ == "__main__":
    main("endless", __doc__ or "", cases)
