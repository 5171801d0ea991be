"""What a batch costs without workers, beside torch's loader.

Each case goes over the same dataset in the same order with `num_workers=0`; a turn is a few batches
of a loop that goes on, epoch after epoch. Asked of the processor time: no more than torch's,
whatever the samples are; 1/2.7 of it for big images, whose batches come to lie in memory used
before; 1/5 of it for a plain array or tensors, from which a whole batch is taken at once.

    python benchmarks/inline.py [--quick] [--json]
"""

from collections.abc import Iterator
from typing import Any

import torch
from common import Bar, Case, Dicts, Rows, going_on, main
from torch.utils.data import DataLoader, TensorDataset

import trueload

_PAR = Bar(ratio=1)
_SHOWN = ("1e6 tensors float32[16]", "TensorDataset, shuffled", "64 images float32[3,224,224]")
"""What the README shows."""


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    turns = 3 if quick else 25
    rows, labels = torch.rand(1_000_000, 16), torch.arange(1_000_000)
    windows, images = torch.zeros(1000, 1024).long(), torch.rand(256, 3, 224, 224)
    both, asked = TensorDataset(rows, labels), Bar(ratio=5)
    yield _case("1e6 tensors float32[16]", Rows(rows), turns)
    yield _case("1e6 arrays float32[16]", Rows(rows.numpy()), turns)
    yield _case("64 dicts of 16 tensors", Dicts(rows), turns, batch_size=64)
    yield _case("32 tensors int64[1024]", Rows(windows, 32_000), turns, batch_size=32)
    yield _case("TensorDataset", TensorDataset(rows), turns, asked)
    yield _case("TensorDataset, shuffled", both, turns, asked, shuffle=True)
    yield _case("a plain array", rows.numpy(), turns, asked)
    many, asked = Rows(images, 64 * 1000), Bar(ratio=2.7)
    yield _case("64 images float32[3,224,224]", many, turns // 3, asked, batch_size=64)


def _case(name: str, dataset: Any, turns: int, bar: Bar = _PAR, **arguments: Any) -> Case:
    """Compare loops over batches, of 256 samples unless said, some a turn."""
    arguments = {"batch_size": 256, **arguments}
    batches = 5 if "images" in name else 20
    return Case(
        name,
        ours=going_on(trueload.DataLoader(dataset, **arguments), batches),
        base=going_on(DataLoader(dataset, **arguments), batches),
        bars={"cpu": bar},
        headline="cpu" if name in _SHOWN else "",
        turns=turns,
    )


if __name__ == "__main__":
    main("inline", __doc__ or "", cases)
