"""What looking on costs a step of training: `trueload.watch`, and the instruments of `check`.

The same model is trained with and without, in turns. `left on` is a step of a run that has been
going on for a while, `first 200 steps` a run of that length from its beginning to its end, with
the looks in detail, putting the instruments in and out, and the judgement at the end. Asked of
`watch`: no more than 2 % of a step of 30 ms and more; of `trueload check`: no more than 30 %. The
perceptron, whose step is over in half a millisecond, is here to be seen.

    python benchmarks/watch.py [--quick] [--json]
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any

import torch
from common import Bar, Case, Measured, main
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import trueload
from trueload.checks.registry import find
from trueload.sanitizer.hooks import instruments
from trueload.sanitizer.places import Places
from trueload.sanitizer.recorder import Recorder

_STEPS = 200
_OF_WATCH, _OF_CHECK = Bar(ratio=1 / 1.02), Bar(ratio=1 / 1.3)
Parts = tuple[nn.Module, torch.optim.Optimizer, DataLoader]


def perceptron() -> Parts:
    """Give three linear layers: half a millisecond a step."""
    layers = (nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    return _parts(nn.Sequential(*layers), torch.randn(4096, 64), 64)


def convolutions() -> Parts:
    """Give a small residual net over images of 32 pixels."""

    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.norm = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
            self.last, self.other = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            inner = self.norm(self.first(images)).relu()
            return (images + self.other(self.last(inner))).relu()

    blocks = [Block(24) for _ in range(4)]
    ends = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10))
    model = nn.Sequential(nn.Conv2d(3, 24, 3, padding=1), *blocks, *ends)
    return _parts(model, torch.randn(512, 3, 32, 32), 16)


def transformer() -> Parts:
    """Give a small transformer over 64 vectors."""
    layer = nn.TransformerEncoderLayer(64, 4, 256, batch_first=True)
    model = nn.Sequential(nn.TransformerEncoder(layer, 4), nn.Flatten(), nn.Linear(64 * 64, 10))
    return _parts(model, torch.randn(512, 64, 64), 8)


def _parts(model: nn.Module, inputs: torch.Tensor, batch_size: int) -> Parts:
    data = TensorDataset(inputs, torch.randint(0, 10, (len(inputs),)))
    loader = trueload.DataLoader(data, batch_size=batch_size, shuffle=True)
    return model, torch.optim.AdamW(model.parameters()), loader


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    logging.getLogger("trueload").setLevel(logging.ERROR)
    models = (
        ("perceptron", perceptron, 100, None),
        ("residual net", convolutions, 4, _OF_WATCH),
        ("transformer", transformer, 4, _OF_WATCH),
    )
    for name, make, few, bar in models:
        yield _left_on(f"watch, {name}, left on", make, few, bar, 3 if quick else 15)
    for name, make, few, bar in models:
        steps = few * 10 if quick else _STEPS
        yield _whole(f"watch, {name}, first {steps} steps", make, steps, _watched, None)
        yield _whole(f"check, {name}, first {steps} steps", make, steps, _Checked, _OF_CHECK)
        del bar


def _left_on(name: str, make: Callable[[], Parts], steps: int, bar: Bar | None, turns: int) -> Case:
    parts = make()
    going = _steps(*parts)
    watched = _watched(parts)
    with watched:
        list(islice(going, 130))

    def ours() -> Measured:
        with watched:
            return _timed(going, steps)

    return Case(
        name,
        ours=ours,
        base=lambda: _timed(going, steps),
        against="without",
        bars={"cpu": bar} if bar else {},
        turns=turns,
    )


def _whole(
    name: str,
    make: Callable[[], Parts],
    steps: int,
    look: Callable[[Parts], AbstractContextManager[Any]],
    bar: Bar | None,
) -> Case:
    def once(look: Callable[[Parts], AbstractContextManager[Any]]) -> Measured:
        parts = make()
        return _timed(_looking(parts, look, steps), steps)

    return Case(
        name,
        ours=lambda: once(look),
        base=lambda: once(lambda _: nullcontext()),
        against="without",
        bars={"cpu": bar} if bar else {},
        repeats=7,
    )


def _looking(
    parts: Parts, look: Callable[[Parts], AbstractContextManager[Any]], steps: int
) -> Iterator[None]:
    with look(parts):
        yield from islice(_steps(*parts), steps)


def _watched(parts: Parts) -> AbstractContextManager[Any]:
    return trueload.watch(*parts[:2])


class _Checked(AbstractContextManager[None]):
    """The instruments of `trueload check`, and all checks at the end."""

    def __init__(self, _: Parts) -> None:
        self._recorder = Recorder(Places())
        self._within = instruments(self._recorder)

    def __enter__(self) -> None:
        self._within.__enter__()

    def __exit__(self, *error: object) -> None:
        self._within.__exit__(None, None, None)
        find(self._recorder.judge())


def _steps(
    model: nn.Module, optimizer: torch.optim.Optimizer, loader: DataLoader
) -> Iterator[None]:
    while True:
        for inputs, labels in loader:
            optimizer.zero_grad()
            cross_entropy(model(inputs), labels).backward()
            optimizer.step()
            yield


def _timed(going: Iterator[None], steps: int) -> Measured:
    """Take steps, to the end where that is the end, and give what one of them cost."""
    wall, cpu = time.perf_counter(), time.process_time()
    taken = sum(1 for _ in islice(going, steps))
    if taken == steps and hasattr(going, "close") and steps >= _STEPS:
        next(going, None)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall": wall / steps, "cpu": cpu / steps}


if __name__ == "__main__":
    main("watch", __doc__ or "", cases)
