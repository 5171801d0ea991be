"""What repeatable randomness costs: generators seeded anew for each batch, or for each sample.

A sample takes about 2 us of plain Python (measured when the benchmark starts) and 256 make a
batch; there are no workers and no shuffling, so that nothing but the seeding differs. The same
loader without `seed` and `rng` is what the figures stand against. Asked: at most 5 % more for
`seed=` and for `rng="batch"`. `rng="sample"` seeds three generators for each sample; what that
costs is a fixed time, so a case with samples of 100 us shows it where it belongs.

    python benchmarks/randomness.py [--quick] [--json]
"""

import time
from collections.abc import Iterator
from typing import Any

import torch
from common import Bar, Case, going_on, main
from torch.utils.data import DataLoader, Dataset

import trueload


class Working(Dataset):
    """Samples that take a given time to make, by counting."""

    def __init__(self, seconds: float) -> None:
        self.sample = torch.rand(16)
        self.rounds = 100
        for _ in range(5):
            self.rounds = round(self.rounds * seconds / self._seconds_each()) or 1

    def __len__(self) -> int:
        return 256 * 1000

    def __getitem__(self, index: int) -> torch.Tensor:
        for _ in range(self.rounds):
            pass
        return self.sample

    def _seconds_each(self) -> float:
        def once() -> float:
            begun = time.perf_counter()
            for index in range(100):
                self[index]
            return (time.perf_counter() - begun) / 100

        return min(once() for _ in range(50))


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    turns = 5 if quick else 25
    short, long = Working(2e-6), Working(1e-4)
    five_percent = Bar(ratio=1 / 1.05)
    yield _case("seed=1, 2 us samples", short, turns, five_percent, seed=1)
    yield _case('rng="batch", 2 us samples', short, turns, five_percent, rng="batch")
    yield _case('rng="sample", 2 us samples', short, turns, None, rng="sample")
    yield _case('rng="sample", 100 us samples', long, turns // 5, None, rng="sample")
    yield Case(
        "seed=1, 2 us samples",
        ours=going_on(trueload.DataLoader(short, batch_size=256, seed=1), 10),
        base=going_on(DataLoader(short, batch_size=256), 10),
        headline="cpu",
        turns=turns,
    )


def _case(name: str, dataset: Working, turns: int, bar: Bar | None, **own: Any) -> Case:
    """Compare a loader that has these arguments with one that has not."""
    return Case(
        name,
        ours=going_on(trueload.DataLoader(dataset, batch_size=256, **own), 10),
        base=going_on(trueload.DataLoader(dataset, batch_size=256), 10),
        against="neither",
        bars={"cpu": bar} if bar else {},
        turns=turns,
    )


if __name__ == "__main__":
    main("randomness", __doc__ or "", cases)
