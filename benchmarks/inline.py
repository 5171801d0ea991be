"""What a batch costs without workers, beside torch's loader.

Each case goes over the same dataset in the same order, unshuffled, with `num_workers=0`; a turn
is a few batches of a loop that goes on. Asked: no slower than torch whatever the samples are;
half its time for big images, whose batches come to lie in memory used before; a fifth of it where
the dataset is a plain array, from which a whole batch is taken at once.

    python benchmarks/inline.py [--quick] [--json]
"""

from collections.abc import Iterator
from typing import Any

import torch
from common import Bar, Case, Dicts, Rows, going_on, main
from torch.utils.data import DataLoader, TensorDataset

import trueload


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    turns = 3 if quick else 25
    rows = torch.rand(1_000_000, 16)
    par, times_5 = Bar(ratio=1), Bar(ratio=5)
    yield _case("1e6 tensors float32[16]", Rows(rows), (256, 20), turns, par)
    yield _case("1e6 arrays float32[16]", Rows(rows.numpy()), (256, 20), turns, par)
    yield _case("dict of 16 tensors", Dicts(rows), (64, 20), turns, par)
    yield _case("TensorDataset", TensorDataset(rows), (256, 20), turns, times_5)
    yield _case("a plain array", rows.numpy(), (256, 20), turns, times_5)
    images = Rows(torch.rand(256, 3, 224, 224), 64 * 1000)
    yield _case("64 images float32[3,224,224]", images, (64, 5), turns // 3, Bar(ratio=2))


def _case(name: str, dataset: Any, sizes: tuple[int, int], turns: int, bar: Bar) -> Case:
    """Compare loops over batches of this size, so many batches a turn."""
    size, batches = sizes
    return Case(
        name,
        ours=going_on(trueload.DataLoader(dataset, batch_size=size), batches),
        base=going_on(DataLoader(dataset, batch_size=size), batches),
        bars={"cpu": bar},
        headline="wall",
        turns=turns,
    )


if __name__ == "__main__":
    main("inline", __doc__ or "", cases)
