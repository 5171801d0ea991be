"""What a state costs, beside torchdata's `StatefulDataLoader`: bytes, microseconds, resuming.

A shuffled loader without workers has given 10 batches when its state is taken. The bytes are
those of its pickle. `resume` makes a new loader, loads a state taken half way through the epoch
and takes the next batch.

    python benchmarks/state.py [--quick] [--json]
"""

import pickle
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torchdata.stateful_dataloader
from common import Case, Indices, Measured, alone, costs, main, same, take

import trueload

warnings.filterwarnings("ignore", "'set_vital' is deprecated")

_theirs = torchdata.stateful_dataloader.StatefulDataLoader
_ours = partial(trueload.DataLoader, seed=1)


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    for exponent in (3, 5) if quick else (3, 4, 5, 6, 7):
        yield Case(
            f"state_dict, 1e{exponent} samples",
            ours=_state(_loader(_ours, 10**exponent)),
            base=_state(_loader(_theirs, 10**exponent)),
            against="torchdata",
            headline="bytes" if exponent == 7 else "",
        )
    exponent = 5 if quick else 6
    yield Case(
        f"resume half way, 1e{exponent} samples",
        ours=_resume(partial(_loader, _ours, 10**exponent)),
        base=_resume(partial(_loader, _theirs, 10**exponent)),
        against="torchdata",
        headline="wall",
    )


def _loader(kind: Callable[..., Any], length: int) -> Any:
    return kind(Indices(length), batch_size=10, shuffle=True, collate_fn=same)


def _state(loader: Any) -> Callable[[], Measured]:
    take(loader, 10)

    def once() -> Measured:
        size = len(pickle.dumps(loader.state_dict()))
        cost = alone(costs(lambda: [loader.state_dict() for _ in range(100)], 100))
        return {"bytes": size, **cost}

    return once


def _resume(make: Callable[[], Any]) -> Callable[[], Measured]:
    loader = make()
    take(loader, len(loader) // 2)
    state = loader.state_dict()

    def once() -> None:
        again = make()
        again.load_state_dict(state)
        take(again, 1)

    return lambda: alone(costs(once, 1))


if __name__ == "__main__":
    main("state", __doc__ or "", cases)
