"""What the order of a shuffled epoch costs, beside torch's `RandomSampler`.

The dataset costs nothing and a batch is its list of indices, so that only the order is measured:
made by a keyed permutation (`seed=`) on one side, by `torch.randperm` on the other (and on both,
without a seed). Torch draws
the whole order before the first batch, which at a billion samples needs more memory than most
machines have; so its start is measured at a tenth of that, which takes 5 GB and many seconds.
Asked: under 0.2 us an index at 1e8 indices; under 50 ms to the first batch of a billion.

    python benchmarks/sampling.py [--quick] [--json]
"""

from collections.abc import Callable, Iterator
from functools import partial

from common import Bar, Case, Indices, Measured, alone, costs, main, same, short, take
from torch.utils.data import DataLoader

import trueload

_ours = partial(trueload.DataLoader, seed=1)


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    whole = 10**5 if quick else 5 * 10**6
    yield Case(
        f"an index, whole epoch of {short(whole)}",
        ours=_over(_ours, whole, whole),
        base=_over(DataLoader, whole, whole),
    )
    yield Case(
        f"an index, the same without a seed, {short(whole)}",
        ours=_over(trueload.DataLoader, whole, whole),
        base=_over(DataLoader, whole, whole),
    )
    some = 10**5 if quick else 5 * 10**6
    yield Case(
        f"an index, {short(some)} out of 1e8",
        ours=_over(_ours, 10**8, some),
        bars={"cpu": Bar(at_most=0.2e-6)},
        headline="cpu",
    )
    start = 10**6 if quick else 10**8
    yield Case(
        f"first batch of {short(start)}",
        ours=_first(_ours, start),
        base=_first(DataLoader, start),
        headline="wall",
        repeats=3,
    )
    yield Case(
        "first batch of 1e9",
        ours=_first(_ours, 10**9),
        bars={"wall": Bar(at_most=0.05)},
    )


def _over(loader: Callable[..., DataLoader], length: int, indices: int) -> Callable[[], Measured]:
    dataset, size = Indices(length), 1000
    make = partial(loader, dataset, batch_size=size, shuffle=True, collate_fn=same)
    return lambda: alone(costs(lambda: take(make(), indices // size), indices))


def _first(loader: Callable[..., DataLoader], length: int) -> Callable[[], Measured]:
    dataset = Indices(length)
    make = partial(loader, dataset, batch_size=256, shuffle=True, collate_fn=same)
    return lambda: alone(costs(lambda: take(make(), 1), 1))


if __name__ == "__main__":
    main("sampling", __doc__ or "", cases)
