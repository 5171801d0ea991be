"""What memory an epoch adds where the dataset is a long list of Python strings, with four workers.

Whoever reads a Python object writes to it: its reference count changes, and with that the page
that holds it is no longer shared. `bytes` is what the whole tree of processes holds at the end of
an epoch beyond what this process held before it, each shared page shared out over those who share
it (PSS), the workers' own memory included. Torch's loader has the plain list; ours has what
`trueload.pack` makes of it, and the plain list where there is no `pack` yet.

    python benchmarks/sharing.py [--quick] [--json]
"""

import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import processes
from common import Bar, Case, Measured, Rows, main, same, take
from torch.utils.data import DataLoader

import trueload

warnings.filterwarnings("ignore", "This DataLoader will create")


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    processes.adopt()
    count = 100_000 if quick else 2_000_000
    names = [f"images/{number:012d}/photograph.jpg" for number in range(count)]
    gc.collect()
    pack: Callable[[list[str]], Any] | None = getattr(trueload, "pack", None)
    yield _case(f"{count} strings, a plain list", names, names)
    if pack is not None:
        yield _case(f"{count} strings, packed", pack(names), names, Bar(ratio=6))


def _case(name: str, ours: Any, base: Any, bar: Bar | None = None) -> Case:
    return Case(
        name,
        ours=_growth(trueload.DataLoader, ours),
        base=_growth(DataLoader, base),
        bars={"bytes": bar} if bar else {},
        headline="bytes",
        repeats=2,
    )


def _growth(kind: Callable[..., Any], names: Any) -> Callable[[], Measured]:
    loader = kind(Rows(names), batch_size=1000, shuffle=True, collate_fn=same, num_workers=4)

    def once() -> Measured:
        gc.collect()
        processes.settle()
        before = processes.pss_bytes()
        batches = iter(loader)
        take(batches, len(loader))
        after = processes.pss_bytes()
        take(batches, 1)
        del batches
        processes.settle()
        return {"bytes": after - before}

    return once


if __name__ == "__main__":
    main("sharing", __doc__ or "", cases)
