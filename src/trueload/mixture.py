"""Notice samples of one batch that have different dtypes, where they are collated.

Torch then makes all of them what holds each: one float64 among float32 turns the batch into
float64, one uint8 among them brings values up to 255. The batch alone does not show it, so the
samples are looked at: whenever the dtypes of a batch are not those of the one before, and else for
a small share of the time.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from trueload.allowance import Allowance
from trueload.blame import Blame
from trueload.errors import count, render
from trueload.tasks import Task, listed
from trueload.tree import ATOMS, children, describe, dtype_name, leaves

FIRST_SECONDS: Final = 0.002
"""How much time there is at first."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """Samples of one batch with different dtypes.

    Attributes:
        path: The leaf: `batch["image"]`.
        message: What is told.
    """

    path: str
    message: str


class Mixture:
    """Looks at the samples of batches.

    Args:
        share: How much of the time may go into it.
        allowance: What is left of that from epochs before.
        stream: Whether the dataset is iterable.
    """

    def __init__(self, share: float, allowance: Allowance, *, stream: bool) -> None:
        self._share, self._stream = share, stream
        self._allowance = allowance
        self._latest: Any = None
        self._found: Mixed | None = None

    def look(self, samples: Sequence[Any], batch: Any, task: Task) -> None:
        """Look at the samples that a batch was just made of."""
        dtypes = _dtypes(batch)
        allowed = self._allowance.allows(time.perf_counter(), self._share)
        if dtypes == self._latest and not allowed:
            return
        self._latest = dtypes
        begun = time.thread_time()
        try:
            odd = next(_odd(samples, "batch"), None)
        except Exception:  # of a class of the user's; the batch is made all the same
            odd = None
        if odd is not None:
            self._found = Mixed(odd[0], self._told(*odd, batch, task))
        self._allowance.spend(time.thread_time() - begun)

    def found(self) -> Mixed | None:
        """Give what was found, once."""
        found, self._found = self._found, None
        return found

    def _told(self, path: str, column: list[Any], names: list[str], batch: Any, task: Task) -> str:
        counts = Counter(names)
        usual, number = counts.most_common(1)[0]
        row = next(row for row, name in enumerate(names) if name != usual)
        index = "" if self._stream else f"sample {listed(task.indices)[row]!r} "
        facts = [
            ("most", f"{describe(column[names.index(usual)])}, {number} of {len(column)} samples"),
            ("other", f"{describe(column[row])}, {index}(row {row})"),
            ("becomes", _name(_at(batch, path))),
            *Blame(task, "collate", stream=self._stream).facts()[1:],
        ]
        title = f"samples of batch {count(task.batch)} are mixed: `{path}` has {len(counts)} dtypes"
        return render(title, "TL420", facts, _hint(set(counts)))


def mixed_in(mixture: Mixture | None) -> Mixed | None:
    """Give what was found, once, if anybody looks at all."""
    return None if mixture is None else mixture.found()


def _dtypes(value: Any) -> Any:
    kind = type(value)
    if kind is torch.Tensor:
        return value.dtype
    if kind is list or kind is tuple:
        return [_dtypes(child) for child in value if type(child) not in ATOMS]
    if kind is dict:
        return [_dtypes(child) for child in value.values()]
    return kind


def _odd(column: Sequence[Any], path: str) -> Iterator[tuple[str, list[Any], list[str]]]:
    """Yield each leaf that has different dtypes in different samples."""
    first = column[0]
    if type(first) in ATOMS:
        return
    if isinstance(first, Mapping):
        for step, key in zip((step for step, _ in children(first)), first, strict=True):
            yield from _odd([sample[key] for sample in column], path + step)
    elif isinstance(first, (list, tuple)):
        for (step, _), inner in zip(children(first), zip(*column, strict=True), strict=True):
            yield from _odd(inner, path + step)
    elif len({getattr(sample, "dtype", None) for sample in column}) > 1:
        names = [_name(sample) for sample in column]
        if len(set(names)) > 1 and "" not in names:
            yield path, list(column), names


def _name(value: Any) -> str:
    """Name a dtype as torch and NumPy both do; nothing for what has none, as plain numbers."""
    return dtype_name(getattr(value, "dtype", ""))


def _at(batch: Any, path: str) -> Any:
    return dict(leaves(batch)).get(path)


def _hint(dtypes: set[str]) -> str:
    if "uint8" in dtypes and any("float" in name for name in dtypes):
        return "scale and cast every sample alike, such as `x.float() / 255`"
    if "float64" in dtypes:
        return "make it float32 in every sample: `.astype(np.float32)` or `.float()`"
    return "return one dtype from `__getitem__`"
