"""Find out whether a dataset hands out the same memory again before its batch is collated.

`__getitem__`, a generator or a transform may fill one buffer and return it each time. Every sample
of the batch then equals the last one. So the samples of a first batch are copied as they come, and
at its end the first few are compared with their copies: memory that was handed out must not have
changed. Where it has, all later samples are copied as they come, too.
"""

from typing import Any

import numpy as np
import torch

from trueload.ownership import owned
from trueload.tree import leaves

_COMPARED = 4
_ATOMS = {int, float, complex, bool, str, bytes}


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


def is_same(one: Any, other: Any) -> bool:
    """Say whether two samples hold the same arrays, tensors, numbers and strings."""
    pairs = zip(leaves(one), leaves(other), strict=False)
    return all(_is_same(before, after) for (_, before), (_, after) in pairs)


def _is_same(one: Any, other: Any) -> bool:
    """Say whether two leaves hold the same; those that cannot be compared here are taken so."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        try:
            return _are_same_tensors(one, other)
        except Exception:  # of a class of tensors, or of a dtype that knows no such operation
            return True
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and not one.dtype.hasobject:
        return one.tobytes() == other.tobytes()
    if type(one) in _ATOMS and type(one) is type(other):
        return one == other or (one != one and other != other)  # noqa: PLR0124 - NaN
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
