"""What it costs that batches are looked at.

A loader with `contract="learn"`, the default, is compared with one with `contract="off"`: with a
sample of 5 us, which is what fetching and collating it takes, with one of 30 us, with 16 leaves,
with text whose batches have many shapes, and with photographs as JPEG files; without workers and
with two. A turn is some batches of a loop that goes on, epoch after epoch. `declared` holds every
value of every batch against a contract. Asked of the processor time without workers: less than 1 %.

    python benchmarks/contract.py [--quick] [--json]
"""

import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Bar, Case, Dicts, Rows, going_on, main
from torch.utils.data import Dataset
from works import Photographs, Sentences, padded, write_photographs

import trueload
from trueload import BatchContract, LeafContract

_BAR = Bar(ratio=1 / 1.01)
_DECLARED = BatchContract(
    [
        LeafContract("float32", ("batch", 3, 32, 32), low=-100, high=100, finite=True),
        LeafContract("int64", ("batch",), classes=10),
    ]
)


class Pictures(Dataset):
    """Rows of a large array with a label, and some work for each: about 30 us."""

    def __init__(self, rows: int) -> None:
        self.rows = np.random.default_rng(0).random((rows, 3, 32, 32), np.float32)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        row = self.rows[index]
        return torch.from_numpy((row - row.mean()) / (row.std() + 1)), index % 10


class Small(Rows):
    """A few numbers with a label: about 5 us."""

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.rows[index % len(self.rows)] + 1.0, index % 10


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    turns = 5 if quick else 60
    small, pictures = Small(torch.rand(10_000, 16), 10_000), Pictures(2_000)
    yield _case("5 us", small, turns, 250)
    yield _case("30 us", pictures, turns, 60)
    yield _case("16 leaves", Dicts(torch.rand(1000, 16), 10_000), turns, 100)
    yield _case("text, padded", Sentences(5_000), turns, 20, collate_fn=padded)
    yield _case("declared, 30 us", pictures, turns, 20, contract=_DECLARED)
    yield _case("5 us, 2 workers", small, turns // 3, 150, num_workers=2)
    yield _case("30 us, 2 workers", pictures, turns // 3, 30, num_workers=2)
    if all(find_spec(name) for name in ("PIL", "skimage", "sklearn")):
        with tempfile.TemporaryDirectory(prefix="trueload-benchmark-") as name:
            write_photographs(Path(name))
            photographs = Photographs(Path(name), 64 * 3)
            yield _case("JPEG", photographs, max(turns // 6, 1), 3)
            yield _case("JPEG, 2 workers", photographs, max(turns // 6, 1), 3, num_workers=2)


def _case(
    name: str, dataset: Any, turns: int, batches: int, contract: Any = "learn", **arguments: Any
) -> Case:
    workers = "num_workers" in arguments
    arguments = {"batch_size": 64, "persistent_workers": workers, **arguments}
    return Case(
        name,
        ours=_loop(dataset, batches, contract=contract, **arguments),
        base=_loop(dataset, batches, contract="off", **arguments),
        against='contract="off"',
        bars={} if workers or contract != "learn" else {"cpu": _BAR},
        turns=turns,
    )


def _loop(dataset: Any, batches: int, **arguments: Any) -> Callable[[], Any]:
    return going_on(trueload.DataLoader(dataset, **arguments), batches)


if __name__ == "__main__":
    main("contract", __doc__ or "", cases)
