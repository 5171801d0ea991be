"""What a sample costs with worker processes, beside torch's loader.

A turn is one epoch with two workers, unshuffled. `wall` counts from the first batch to the last, so
it shows the workers' pace; the training loop does nothing else. `cpu` is the processor time of all
processes over the whole epoch, the workers' start and end included; `parent cpu` is that of the
loading process alone between the first batch and the last, which is what training loses to loading.
All are for one sample.

Where samples only wait, the time stands beside the least that is possible, all workers waiting all
the time. `gap p99` is what one gap in a hundred between two batches exceeds.

    python benchmarks/workers.py [--quick] [--json]
"""

import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import processes
from common import Bar, Case, Measured, main, take
from torch.utils.data import DataLoader
from works import Waiting, Work, works

import trueload

_MANY = 32
_ROUNDS_TO_BEGIN = 3
"""Batches for each worker until all have begun and none has a lead."""

warnings.filterwarnings("ignore", "This DataLoader will create")


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    processes.adopt()
    with works(quick=quick) as known:
        for work in known:
            yield _paired(work)
    yield from _waiting(quick=quick)
    yield _stragglers(400 if quick else 6400)


def _paired(work: Work) -> Case:
    arguments = {**work.arguments(), "num_workers": 2}
    return Case(
        work.name,
        ours=epoch(trueload.DataLoader(work.dataset, **arguments), work),
        base=epoch(DataLoader(work.dataset, **arguments), work),
        bars=work.asked,
        headline="wall" if work.shown else "",
    )


def epoch(loader: Any, work: Work, *, whole: bool = True) -> Callable[[], Measured]:
    """Measure epochs.

    Args:
        loader: Any iterable that has `work.batches()` batches.
        work: What it does.
        whole: Whether the start and the end of the workers count.
    """
    count = work.batches() - 1

    def once() -> Measured:
        start = processes.cpu_seconds()
        batches = iter(loader)
        take(batches, 1)
        first, own, begun = processes.cpu_seconds(), time.process_time(), time.perf_counter()
        take(batches, count)
        wall, own = time.perf_counter() - begun, time.process_time() - own
        last = processes.cpu_seconds()
        if whole:
            take(batches, 1)
            del batches
            processes.settle()
        end = processes.cpu_seconds() if whole else last
        processes.check_grown(last, end)
        cpu = (end - start) / len(work.dataset) if whole else (last - first) / _samples(count)
        return {"wall": wall / _samples(count), "cpu": cpu, "parent cpu": own / _samples(count)}

    def _samples(batches: int) -> int:
        return batches * work.batch_size

    return once


def _waiting(*, quick: bool) -> Iterator[Case]:
    """Measure how much of the time 32 workers really wait, once all of them have begun."""
    rounds, size, seconds = 3 if quick else 13, 16, 0.005
    dataset = Waiting(_MANY * size * (_ROUNDS_TO_BEGIN + rounds), seconds)

    def pace(kind: Callable[..., Any]) -> Callable[[], Measured]:
        loader = kind(dataset, batch_size=size, num_workers=_MANY)

        def once() -> Measured:
            batches = iter(loader)
            take(batches, _MANY * _ROUNDS_TO_BEGIN)
            begun = time.perf_counter()
            take(batches, _MANY * rounds)
            wall = time.perf_counter() - begun
            take(batches, 1)
            return {"wall": wall / (_MANY * rounds * size)}

        return once

    name, ours = "5 ms of waiting, 32 workers", pace(trueload.DataLoader)
    yield Case(
        name,
        ours=ours,
        base=lambda: {"wall": seconds / _MANY},
        against="the ideal",
        bars={"wall": Bar(ratio=0.95)},
    )
    yield Case(name, ours=ours, base=pace(DataLoader))


def _stragglers(length: int) -> Case:
    """Measure samples of which 2 % take 50 times as long as the others."""
    dataset = Waiting(length, 0.001, slow_seconds=0.05)

    def gaps(kind: Callable[..., Any]) -> Callable[[], Measured]:
        loader = kind(dataset, batch_size=16, num_workers=4)

        def once() -> Measured:
            moments = [time.perf_counter() for _batch in loader]
            found = [after - before for before, after in pairwise(moments)]
            wall = (moments[-1] - moments[0]) / (len(dataset) - 16)
            return {"wall": wall, "gap p99": statistics.quantiles(found, n=100)[98]}

        return once

    return Case(
        "1 ms, 2 % of them 50 ms, 4 workers",
        ours=gaps(trueload.DataLoader),
        base=gaps(DataLoader),
        bars={"wall": Bar(ratio=1.1), "gap p99": Bar(ratio=2)},
        headline="gap p99",
    )


if __name__ == "__main__":
    main("workers", __doc__ or "", cases)
