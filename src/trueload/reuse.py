"""Find out whether a dataset hands out the same memory again before its batch is collated.

`__getitem__`, a generator or a transform may fill one buffer and return it each time. Every sample
of the batch then equals the last one. So the samples of a first batch are copied as they come, and
at its end the first few are compared with their copies: memory that was handed out must not have
changed. Where it has, all later samples are copied as they come, too. Where some lie in one place
and are equal nevertheless, a few more batches are made so: they may have been equal by chance.
"""

from itertools import combinations
from typing import Any

import numpy as np
import torch

from trueload.ownership import Copying, owned
from trueload.tasks import Task
from trueload.tree import ATOMS, leaves

_COMPARED = 4
_VALUES = (set, frozenset, bytearray)
_DOUBTFUL_BATCHES = 4


class Care:
    """Decides whether samples are copied as they come, and learns from each batch."""

    def __init__(self) -> None:
        self._needed, self._doubtful_batches = True, _DOUBTFUL_BATCHES

    def copies(self, task: Task, copying: Copying) -> "Copies | None":
        """Give what is to copy the samples of a batch, or `None`; one sample overwrites no other.

        Args:
            task: The batch.
            copying: `"never"` leaves all to the dataset.
        """
        return Copies() if self._needed and task.size > 1 and copying != "never" else None

    def learn(self, copies: "Copies") -> None:
        """Learn from a batch whose samples have been copied as they came."""
        if copies.have_changed():
            return
        self._doubtful_batches -= 1
        self._needed = copies.lie_together() and self._doubtful_batches > 0


class Copies:
    """Copies the samples of one batch as they come."""

    def __init__(self) -> None:
        self._first: list[tuple[Any, Any]] = []

    def of(self, sample: Any) -> Any:
        """Give a copy of a sample: of its arrays and tensors, in containers that are not shared."""
        copy = owned([sample], "always")
        if len(self._first) < _COMPARED:
            self._first.append((sample, copy))
        return copy

    def have_changed(self) -> bool:
        """Say whether a sample is no longer what it was when it was copied."""
        return not all(is_same(sample, copy) for sample, copy in self._first)

    def lie_together(self) -> bool:
        """Say whether two samples have a leaf at the same place in memory."""
        places = [_places(sample) for sample, _ in self._first]
        return any(one & other for one, other in combinations(places, 2))


def _places(sample: Any) -> set[int]:
    """Give where the leaves of a sample lie."""
    return {
        leaf.data_ptr() if isinstance(leaf, torch.Tensor) else leaf.__array_interface__["data"][0]
        for _, leaf in leaves(sample)
        if (isinstance(leaf, torch.Tensor) and _has_memory(leaf))
        or (isinstance(leaf, np.ndarray) and leaf.size)
    }


def _has_memory(tensor: torch.Tensor) -> bool:
    plain = tensor.layout is torch.strided and not (tensor.is_nested or tensor.is_meta)
    return plain and tensor.numel() > 0


def is_same(one: Any, other: Any) -> bool:
    """Say whether two samples hold the same arrays, tensors, numbers and strings."""
    before, after = dict(leaves(one)), dict(leaves(other))
    return before.keys() == after.keys() and all(
        _is_same(leaf, after[name]) for name, leaf in before.items()
    )


def _is_same(one: Any, other: Any) -> bool:
    """Say whether two leaves hold the same; those that cannot be compared here are taken so."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        try:
            return _are_same_tensors(one, other)
        except Exception:  # of a class of tensors, or of a dtype that knows no such operation
            return True
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and not one.dtype.hasobject:
        return one.tobytes() == other.tobytes()
    if type(one) in ATOMS or type(other) in ATOMS:
        alike = one == other or (one != one and other != other)  # noqa: PLR0124 - NaN
        return type(one) is type(other) and alike
    return _are_same_objects(one, other)


def _are_same_objects(one: Any, other: Any) -> bool:
    """Compare numbers of NumPy's, images, sets and plain objects."""
    if type(one) is not type(other) or one is other:
        return True
    try:
        if isinstance(one, _VALUES):
            return one == other
        if callable(getattr(one, "tobytes", None)):
            return one.tobytes() == other.tobytes()
        return not hasattr(one, "__dict__") or is_same(vars(one), vars(other))
    except Exception:  # of a class that does not bear it
        return True


def _are_same_tensors(one: torch.Tensor, other: torch.Tensor) -> bool:
    if not one.is_cpu or one.is_nested or one.layout is not torch.strided:
        return True
    if one.shape != other.shape:
        return False
    if one.requires_grad or one.is_conj() or one.is_neg() or one.is_quantized:
        return torch.equal(one, other)
    return bytes(_raw(one)) == bytes(_raw(other))


def _raw(tensor: torch.Tensor) -> Any:
    """Give the bytes of a tensor, so that one NaN is like another."""
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data
