"""What it costs that batches are the caller's and the dataset is watched.

`guard` compares a loader with `guard="on"`, the default, with one with `guard="off"`, both without
a contract; `copy` one with `copy="rollback"` with one with `copy="auto"`. The dataset keeps 246 MB
in an array, a sample takes about 30 us and changes nothing, and a turn is some batches of 64
without workers. With `targets`, it also keeps a dictionary with a list and a small array for each
sample. `looking` is what asking who sees its memory costs for one of 16 leaves, beside making them.
`setting up` is what beginning to look after the dataset takes in a worker.

    python benchmarks/memory.py [--quick] [--json]
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from common import Bar, Case, Measured, going_on, main
from torch.utils.data import Dataset, default_collate

import trueload
from trueload.guard import Guard
from trueload.ownership import owned
from trueload.recipe import Recipe
from trueload.watching.sentry import Sentry

_BATCHES, _LEAVES = 400, 16


class Photos(Dataset):
    """Rows of a large array, and some work for each."""

    def __init__(self, rows: int = 20_000) -> None:
        self.rows = np.ones((rows, 3, 32, 32), np.float32)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> torch.Tensor:
        row = self.rows[index]
        return torch.from_numpy((row - row.mean()) / (row.std() + 1))


class Targets(Photos):
    """The same, with a target for each row."""

    def __init__(self, rows: int = 20_000) -> None:
        super().__init__(rows)
        self.names = [f"photo {row}" for row in range(rows)]
        self.targets = {
            name: {"boxes": np.ones((4, 4), np.float32), "tags": ["a", "b"]} for name in self.names
        }

    def __getitem__(self, index: int) -> torch.Tensor:
        boxes = self.targets[self.names[index]]["boxes"]
        return super().__getitem__(index) * float(boxes[0, 0])


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    photos, turns = Photos(2_000 if quick else 20_000), 5 if quick else 25
    beside = {"guard": "off", "contract": "off"}
    on = {"guard": "on", "contract": "off"}
    yield _paired("guard", photos, turns, Bar(ratio=1 / 1.01), **on, beside=beside)
    targets = Targets(len(photos))
    bar = Bar(ratio=1 / 1.01)
    name = "guard, targets"
    yield _paired(name, targets, turns, bar, **on, beside=beside)
    del targets
    beside = {"copy": "auto", "guard": "off"}
    bar = Bar(ratio=1 / 1.03)
    yield _paired("copy", photos, turns, bar, copy="rollback", guard="off", beside=beside)
    yield _looking("tensor", lambda: torch.empty(3))
    yield _looking("array", lambda: np.empty(3))
    recipe = Recipe(photos, None, default_collate, batched=True)
    yield Case("setting up", ours=_setting_up(recipe), bars={"wall": Bar(at_most=0.005)})


def _paired(
    name: str, photos: Photos, turns: int, bar: Bar, *, beside: dict[str, Any], **own: Any
) -> Case:
    (one, value), (_, other) = next(iter(own.items())), next(iter(beside.items()))
    return Case(
        f'{name}="{value}"' if name == one else name,
        ours=going_on(trueload.DataLoader(photos, 64, **own), 20),
        base=going_on(trueload.DataLoader(photos, 64, **beside), 20),
        against=f'{one}="{other}"',
        bars={"cpu": bar},
        turns=turns,
    )


def _looking(kind: str, make: Callable[[], Any]) -> Case:
    def seconds(treat: Callable[[list[Any]], Any]) -> float:
        begun = time.process_time()
        for _ in range(_BATCHES):
            treat([make() for _ in range(_LEAVES)])
        return (time.process_time() - begun) / _BATCHES / _LEAVES

    def with_a_look() -> Measured:
        return {"cpu": max(seconds(owned) - seconds(len), 1e-9)}

    return Case(f"looking at a {kind}", ours=with_a_look, bars={"cpu": Bar(at_most=1e-6)}, turns=5)


def _setting_up(recipe: Recipe) -> Callable[[], Measured]:
    def once() -> Measured:
        begun = time.perf_counter()
        sentry = Sentry(recipe, guard=Guard(), forked=True)
        took = time.perf_counter() - begun
        del sentry
        return {"wall": took}

    return once


if __name__ == "__main__":
    main("memory", __doc__ or "", cases)
