"""Measure two ways of doing the same work side by side, and show what came out.

A machine is seldom quiet, so no number here stands alone: the two contenders take turns within one
run, each pair of turns gives one ratio, and the median of the ratios is reported with its spread,
from the 10th to the 90th percentile. A ratio above 1 says that trueload needs less. `cpu` counts
the user and system time of this process and of its workers, `parent cpu` that of this one alone.

A benchmark is a generator of `Case`s, handed to `main`. What is compared is its own affair.
"""

import argparse
import gc
import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

Measured = Mapping[str, float]
"""Seconds, or bytes where the name says so, by what was measured."""

BYTES = frozenset({"bytes", "growth"})
_PREFIXES = ((1, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_BINARY = ((1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))


@dataclass(frozen=True)
class Bar:
    """What the project asks of a figure: a ratio of at least, or a value of at most."""

    ratio: float | None = None
    at_most: float | None = None

    def text(self, quantity: str) -> str:
        """Say what is asked."""
        if self.ratio is not None:
            return f">= {factor(self.ratio)}"
        return f"<= {amount(self.at_most, quantity)}"

    def is_met(self, ours: float, ratio: float | None) -> bool:
        """Say whether it came out so."""
        if self.at_most is not None:
            return ours <= self.at_most
        return ratio is not None and self.ratio is not None and ratio >= self.ratio


@dataclass(frozen=True)
class Case:
    """One comparison.

    Args:
        name: What is done, in a few words.
        ours: Does it once with trueload, and says what it cost.
        base: The same with what it is compared to; `None` where nothing else can do it.
        against: What `base` is.
        bars: What is asked, by quantity.
        headline: The quantity that the README shows; empty for none.
        turns: How many turns a repeat has. Many short ones see the same machine on both sides.
        repeats: How many repeats at most, where one takes seconds.
    """

    name: str
    ours: Callable[[], Measured]
    base: Callable[[], Measured] | None = None
    against: str = "torch"
    bars: Mapping[str, Bar] = field(default_factory=dict)
    headline: str = ""
    turns: int = 1
    repeats: int = 1000


@dataclass(frozen=True)
class Row:
    """One figure of a case: medians, and the spread of the paired ratios.

    `low` and `high` are percentiles: of the ratio, or of our own values where there is none.
    """

    case: str
    quantity: str
    against: str
    base: float | None
    ours: float
    ratio: float | None
    low: float
    high: float
    repeats: int
    bar: str
    met: bool | None
    headline: bool


def measure(case: Case, repeats: int) -> list[Row]:
    """Run a case: once each to warm up, then in turns, the first turn changing hands."""
    gc.collect()
    base, ours, repeats = case.base, case.ours, min(repeats, case.repeats) * case.turns
    if base is None:
        ours()
        pairs = [(None, ours()) for _ in range(repeats)]
    else:
        base(), ours()
        pairs = [_in_turns(base, ours, first=turn % 2 == 0) for turn in range(repeats)]
    return [_row(case, quantity, pairs) for quantity in pairs[0][1]]


def _in_turns(
    base: Callable[[], Measured], ours: Callable[[], Measured], *, first: bool
) -> tuple[Measured, Measured]:
    if first:
        return base(), ours()
    after = ours()
    return base(), after


def _row(case: Case, quantity: str, pairs: Sequence[tuple[Measured | None, Measured]]) -> Row:
    ours = [after[quantity] for _, after in pairs]
    base = [before[quantity] for before, _ in pairs if before is not None]
    median = statistics.median(ours)
    known = len(base) == len(ours) and min(*base, *ours) > 0
    ratios = [a / b for a, b in zip(base, ours, strict=True)] if known else []
    ratio = statistics.median(ratios) if ratios else None
    bar = case.bars.get(quantity)
    return Row(
        case=case.name,
        quantity=quantity,
        against=case.against if base else "",
        base=statistics.median(base) if base else None,
        ours=median,
        ratio=ratio,
        low=_percentile(ratios or ours, 10),
        high=_percentile(ratios or ours, 90),
        repeats=len(pairs),
        bar=bar.text(quantity) if bar else "",
        met=bar.is_met(median, ratio) if bar else None,
        headline=quantity == case.headline,
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def costs(work: Callable[[], object], units: int) -> Measured:
    """Say what a piece of work costs for each of its units, in this process and its workers."""
    cpu, own, wall = _cpu_seconds(), time.process_time(), time.perf_counter()
    work()
    wall = time.perf_counter() - wall
    own, cpu = time.process_time() - own, _cpu_seconds() - cpu
    return {"wall": wall / units, "cpu": cpu / units, "parent cpu": own / units}


def alone(measured: Measured) -> Measured:
    """Leave out what is the same twice where there are no workers."""
    return {name: value for name, value in measured.items() if name != "parent cpu"}


def take(loader: Iterable[Any], count: int) -> None:
    """Take batches as a training loop does: one is held while the next one is made."""
    for _batch in islice(loader, count):
        pass


def going_on(loader: Iterable[Any], batches: int) -> Callable[[], Measured]:
    """Measure one loop piece by piece: some more batches each time, epoch after epoch."""

    def forever() -> Iterator[Any]:
        while True:
            yield from loader

    loop = forever()
    return lambda: alone(costs(lambda: take(loop, batches), batches))


def resident_bytes() -> int:
    """Give the memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Rows(Dataset):
    """Samples that are rows of an array or a tensor, over and over up to a length."""

    def __init__(self, rows: Any, length: int = 0) -> None:
        self.rows = rows
        self.length = length or len(rows)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        return self.rows[index % len(self.rows)]


class Dicts(Rows):
    """Samples of 16 tensors each, by name."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index % len(self.rows)]
        return {f"field {number}": row for number in range(16)}


class Indices(Dataset):
    """A dataset that costs nothing: a batch is the list of its indices."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> int:
        return index

    def __getitems__(self, indices: list[int]) -> list[int]:
        return indices


def same(batch: Any) -> Any:
    """Collate nothing."""
    return batch


def short(number: int) -> str:
    """Write a round number as `5e6`."""
    return f"{number:.0e}".replace("e+0", "e")


def amount(value: float | None, quantity: str) -> str:
    """Write a value with its unit and three digits."""
    if value is None:
        return ""
    scale = _BINARY if quantity in BYTES else _PREFIXES
    one, unit = next((step for step in scale if abs(value) >= step[0]), scale[-1])
    scaled = value / one
    digits = 0 if abs(scaled) >= 100 or unit == "B" else 1 if abs(scaled) >= 10 else 2
    return f"{scaled:.{digits}f} {unit}"


def machine() -> str:
    """Describe the machine and the programs in one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cpu = next(names, platform.processor() or platform.machine())
    versions = {"Python": platform.python_version(), "torch": torch.__version__.partition("+")[0]}
    versions |= {"NumPy": np.__version__, platform.system(): platform.release().partition("-")[0]}
    return ", ".join([f"{cores} cores of {cpu}", *map(" ".join, versions.items())])


HEAD = ["case", "quantity", "against", "theirs", "trueload", "ratio", "spread", "n", "bar", ""]


def table(rows: Sequence[Row]) -> str:
    """Lay rows out in aligned columns."""
    lines = [HEAD, *(cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 3 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def cells(row: Row) -> list[str]:
    """Write a row as the cells of `HEAD`."""
    quantity = row.quantity
    ratio = "" if row.ratio is None else factor(row.ratio)
    verdict = {None: "", True: "met", False: "MISSED"}[row.met]
    return [
        row.case,
        quantity,
        row.against,
        amount(row.base, quantity),
        amount(row.ours, quantity),
        ratio,
        spread(row),
        str(row.repeats),
        row.bar,
        verdict,
    ]


def spread(row: Row) -> str:
    """Give the range of the ratio, or of the value where there is no ratio."""
    if row.ratio is None:
        return f"{amount(row.low, row.quantity)}..{amount(row.high, row.quantity)}"
    return f"{factor(row.low)}..{factor(row.high)}"


def factor(ratio: float) -> str:
    """Write a ratio, finer near 1, where little decides."""
    digits = 3 if ratio < 2 else 2 if ratio < 100 else 0
    return f"{ratio:.{digits}f}"


def options(description: str) -> argparse.ArgumentParser:
    """Give the arguments that every benchmark has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a few seconds, rough figures")
    parser.add_argument("--repeats", type=int, help="how often each (default: 9; 3 if quick)")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose names hold this")
    parser.add_argument("--threads", type=int, default=1, help="torch's threads (default: 1)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead")
    return parser


def main(name: str, description: str, cases: Callable[[bool], Iterator[Case]]) -> None:
    """Run a benchmark as a program."""
    chosen = options(description).parse_args()
    torch.set_num_threads(chosen.threads)
    repeats = chosen.repeats or (3 if chosen.quick else 9)
    wanted = (case for case in cases(chosen.quick) if chosen.only in case.name)
    rows = [row for case in wanted for row in measure(case, repeats)]
    if chosen.json:
        found = {"benchmark": name, "machine": machine(), "rows": [asdict(row) for row in rows]}
        print(json.dumps(found))
    else:
        print(f"{name}: {machine()}", table(rows), sep="\n\n")


def _cpu_seconds() -> float:
    """Give the processor time of this process and of the workers that it has waited for."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))
