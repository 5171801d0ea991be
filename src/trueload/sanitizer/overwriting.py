"""Find out whether memory that was given out is written to again for what comes next.

Samples are copied as they come, and compared with their copies when the next one has come. Nothing
is made again: a stand-in for the dataset, or for its iterator, looks on while a batch is made.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any, Final

import numpy as np
import torch
from torch.utils.data import IterableDataset

from trueload.ownership import owned
from trueload.reuse import is_same
from trueload.tree import dtype_name, leaves
from trueload.watching.lines import line_that

_MOST_SAMPLES: Final = 4
_MOST_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Overwritten:
    """What was written to again.

    Attributes:
        leaf: Which part of the sample or batch.
        what: Its dtype and shape.
        line: The code that wrote and the number of the line; `None` if that is not known.
    """

    leaf: str
    what: str
    line: tuple[CodeType, int] | None = None


class Seen:
    """Stands in for the dataset of a fetcher, or its iterator, while one batch is made.

    Args:
        fetcher: One of torch's.
    """

    def __init__(self, fetcher: Any) -> None:
        self._fetcher = fetcher
        self._name = "dataset_iter" if isinstance(fetcher.dataset, IterableDataset) else "dataset"
        self._inner = getattr(fetcher, self._name)
        self._sample: Any = None
        self._copy: Any = None
        self._number = 0
        self.overwritten: Overwritten | None = None
        setattr(fetcher, self._name, self)

    @classmethod
    def put_in(cls, fetcher: Any) -> "Seen | None":
        """Put a stand-in in, where samples come one by one and are collated."""
        at_once = getattr(fetcher.dataset, "__getitems__", None)
        return None if at_once or not fetcher.auto_collation else cls(fetcher)

    def take_out(self) -> None:
        """Put what it stood in for back."""
        setattr(self._fetcher, self._name, self._inner)
        self._sample = self._copy = None

    def __getitem__(self, index: Any) -> Any:
        inner = self._inner
        return self._noted(lambda: inner[index])

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._noted(self._inner.__next__)

    def _noted(self, make: Callable[[], Any]) -> Any:
        if self._number >= _MOST_SAMPLES:
            return make()
        self._number += 1
        known = self.overwritten
        if known is None:
            sample = make()
            self._compare()
        else:  # one after the other was overwritten; this time it is looked who does it
            box: list[Any] = []
            line = line_that(self._has_changed, lambda: box.append(make()))
            sample = box.pop()
            if line is not None:
                where = line.code, line.number
                self.overwritten = Overwritten(known.leaf, known.what, where)
                self._number = _MOST_SAMPLES
        self._sample, self._copy = sample, owned([sample], "always")
        return sample

    def _has_changed(self) -> bool:
        return not is_same(self._sample, self._copy)

    def _compare(self) -> None:
        if self._copy is None or not self._has_changed():
            return
        pairs = zip(leaves(self._sample, "sample"), leaves(self._copy, "sample"), strict=False)
        for (name, one), (_, copy) in pairs:
            if not is_same(one, copy):
                self.overwritten = Overwritten(name, describe(one))
                return


class SeenBatches:
    """Compares the first batches of a fetcher with their copies once the next one has been made.

    Args:
        sent: Whether batches leave the process, so that tensors are moved meanwhile.
    """

    def __init__(self, *, sent: bool) -> None:
        self._sent = sent
        self._batch: Any = None
        self._copy: Any = None

    def before(self) -> None:
        """Copy the batch before, which the loop may have changed meanwhile."""
        if self._batch is not None and not self._sent:
            self._copy = owned([self._batch], "always")

    def after(self, batch: Any) -> Overwritten | None:
        """Say what of the batch before was written to when this one was made."""
        found = None
        if self._copy is not None:
            pairs = zip(leaves(self._batch), leaves(self._copy), strict=False)
            now = {_place(leaf) for _, leaf in leaves(batch)}
            found = next(
                (
                    Overwritten(name, describe(before))
                    for (name, before), (_, copy) in pairs
                    if _place(before) in now
                    and _is_settled(before, sent=self._sent)
                    and not is_same(before, copy)
                ),
                None,
            )
        self._keep(batch)
        return found

    def _keep(self, batch: Any) -> None:
        small = sum(getattr(leaf, "nbytes", 0) for _, leaf in leaves(batch)) < _MOST_BYTES
        self._batch = batch if small else None
        self._copy = owned([batch], "always") if small and self._sent else None

    def end(self) -> None:
        """Hold nothing any more."""
        self._batch = self._copy = None


def _place(leaf: Any) -> int | None:
    """Give where a leaf lies; nothing else lies there while it is held."""
    if isinstance(leaf, np.ndarray) and leaf.size:
        return leaf.__array_interface__["data"][0]
    if isinstance(leaf, torch.Tensor) and leaf.layout is torch.strided and leaf.is_cpu:
        return leaf.untyped_storage()._cdata  # noqa: SLF001 - tells storages apart
    return None


def _is_settled(leaf: Any, *, sent: bool) -> bool:
    """Say whether a leaf can be read: a tensor may just be moved to memory that others see."""
    if isinstance(leaf, torch.Tensor):
        return leaf.is_cpu and (leaf.is_shared() or not sent)
    return isinstance(leaf, np.ndarray)


def describe(leaf: Any) -> str:
    """Describe a leaf: `float32 (3, 64, 64)`."""
    shape, dtype = getattr(leaf, "shape", None), getattr(leaf, "dtype", None)
    if shape is None or dtype is None:
        return type(leaf).__name__
    return f"{dtype_name(dtype)} {tuple(shape)}"


def summary(value: Any) -> str:
    """Describe a leaf with its mean: `float32 (3, 64, 64), mean 0.4993`."""
    if getattr(value, "shape", None) is None or getattr(value, "dtype", None) is None:
        return str(value)[:60]
    name = describe(value)
    try:
        values = value.double() if isinstance(value, torch.Tensor) else np.asarray(value, "f8")
        return f"{name}, mean {float(values.mean()):.4g}"
    except (TypeError, ValueError, RuntimeError):
        return name
