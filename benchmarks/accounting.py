"""What it costs to know what has become of each sample, and a policy for bad ones without any.

`books` compares a loader with the ledger with one without, over a sampler that can only be
followed, so that its indices must be noted one by one; a sample takes about 5 us, and 30 us. The
orders of torch's own samplers cost nothing, since what was delivered follows from the position.
`policy` compares `on_error="replace"` with `on_error="raise"`, where no sample is bad. `epoch` is a
whole epoch of 1e8 samples: the memory that its books take, and the check at its end.

    python benchmarks/accounting.py [--quick] [--json]
"""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
from common import Bar, Case, Measured, going_on, main
from torch.utils.data import Dataset, Sampler

import trueload
from trueload.balance import at_the_end
from trueload.coverage import Coverage
from trueload.iterators import books
from trueload.ledger import Account

_SHORT, _LONG = 3, 20
_BLOCK = 1 << 20
_MEGABYTE = 1 << 20


class Busy(Dataset):
    """Samples that take some work each.

    Args:
        rounds: How much: 1 takes about 1.5 us.
    """

    def __init__(self, rounds: int) -> None:
        self.rounds, self.row = rounds, np.ones(64, np.float32)

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, index: int) -> float:
        return sum(float(self.row.sum()) for _ in range(self.rounds)) + index


class Followed(Sampler):
    """A sampler that nobody knows."""

    def __init__(self, length: int) -> None:
        self.order = np.random.default_rng(0).permutation(length).tolist()

    def __iter__(self) -> Iterator[int]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    batches, turns = (10, 5) if quick else (100, 25)
    for rounds, name in ((_SHORT, "5 us"), (_LONG, "30 us")):
        ours, base = _loader(rounds), _loader(rounds)
        bare = going_on(base, batches)
        with patch.object(books, "length_of", lambda _: None):
            bare()  # the epoch begins here, without what indices could be noted in
        bars = {"cpu": Bar(ratio=1 / 1.01)} if rounds == _LONG else {}
        yield Case(
            f"books, {name} a sample",
            ours=going_on(ours, batches),
            base=bare,
            against="without",
            bars=bars,
            turns=turns,
        )
    yield Case(
        "policy, 30 us a sample",
        ours=going_on(_loader(_LONG, on_error="replace"), batches),
        base=going_on(_loader(_LONG), batches),
        against='on_error="raise"',
        turns=turns,
    )
    length = 10**6 if quick else 10**8
    bars = {} if quick else {"bytes": Bar(at_most=30 * _MEGABYTE), "wall": Bar(at_most=1.0)}
    yield Case(f"epoch of 1e{len(str(length)) - 1}", ours=partial(_epoch, length), bars=bars)


def _loader(rounds: int, **arguments: Any) -> Any:
    return trueload.DataLoader(
        Busy(rounds), 64, sampler=Followed(1_000_000), contract="off", **arguments
    )


def _epoch(length: int) -> Measured:
    """Note a whole epoch in which each index comes once but a few, and check it."""
    tracemalloc.start()
    account = Account()
    account.coverage = coverage = Coverage(length)
    for first in range(0, length, _BLOCK):
        coverage.enter_block(np.arange(first, min(first + _BLOCK, length)))
    coverage.enter_block(np.arange(10))
    for index in range(length // 100_000):
        account.enter(index, "skipped", [index])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    took = _seconds(partial(_check, coverage))
    return {"bytes": held, "wall": took}


def _check(coverage: Coverage) -> None:
    class Length:
        def __len__(self) -> int:
            return coverage.length

    loader = trueload.DataLoader(Length(), sampler=Followed(10))
    list(at_the_end(loader, batches=10, promised=10, coverage=coverage, shared=False))
    coverage.distinct()
    coverage.repeated()
    coverage.first_missing(4)
    coverage.first_repeats(4)


def _seconds(what: Callable[[], None]) -> float:
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main("accounting", __doc__ or "", cases)
