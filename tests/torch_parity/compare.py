"""Compare batches exactly: containers, types, dtypes, strides, values, and what surrounds them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

_TENSOR_TRAITS = ("dtype", "shape", "device", "layout", "requires_grad", "is_leaf")


def difference(left: Any, right: Any, at: str = "batch") -> str:  # noqa: PLR0911 - one a kind
    """Name the first place where two values differ, or give an empty string.

    Args:
        left: What torch's loader gave.
        right: What ours gave.
        at: Where in the batch these values are.
    """
    if type(left) is not type(right):
        return f"{at}: {_named(left)} against {_named(right)}"
    if isinstance(left, torch.Tensor):
        return _tensors(left, right, at)
    if isinstance(left, np.ndarray):
        return _arrays(left, right, at)
    if isinstance(left, Mapping):
        if list(left) != list(right):
            return f"{at}: keys {list(left)} against {list(right)}"
        return _first(difference(left[key], right[key], f"{at}[{key!r}]") for key in left)
    if isinstance(left, Sequence) and not isinstance(left, (str, bytes, range)):
        if len(left) != len(right):
            return f"{at}: length {len(left)} against {len(right)}"
        pairs = enumerate(zip(left, right, strict=True))
        return _first(difference(one, other, f"{at}[{row}]") for row, (one, other) in pairs)
    if left == right or (left != left and right != right):  # noqa: PLR0124 - NaN
        return ""
    plain = type(left).__eq__ is object.__eq__ and hasattr(left, "__dict__")
    if plain:
        return difference(vars(left), vars(right), at)
    return f"{at}: {left!r} against {right!r}"


def _steps(tensor: torch.Tensor) -> list[int]:
    """Give the strides that mean something: those of axes with more than one element."""
    pairs = zip(tensor.stride(), tensor.shape, strict=True)
    return [stride for stride, length in pairs if length > 1]


def _is_dense(tensor: torch.Tensor) -> bool:
    return tensor.layout is torch.strided and torch.empty_like(tensor).stride() == tensor.stride()


def _tensors(left: torch.Tensor, right: torch.Tensor, at: str) -> str:
    for trait in _TENSOR_TRAITS:
        one, other = getattr(left, trait), getattr(right, trait)
        if one != other:
            return f"{at}.{trait}: {one} against {other}"
    if _is_dense(left) and _steps(left) != _steps(right):  # a copy of what has gaps has none
        return f"{at}.stride(): {left.stride()} against {right.stride()}"
    if type(left.grad_fn) is not type(right.grad_fn):
        return f"{at}.grad_fn: {left.grad_fn} against {right.grad_fn}"
    return "" if torch.equal(_bits(left), _bits(right)) else f"{at}: {left} against {right}"


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """Give a tensor's bytes, so that NaNs compare equal and signed zeros do not."""
    with torch.no_grad():
        dense = tensor.to_dense() if tensor.layout is not torch.strided else tensor
        plain = dense.resolve_conj().resolve_neg().flatten()
        return plain.clone(memory_format=torch.contiguous_format).view(torch.uint8)


def _arrays(left: np.ndarray, right: np.ndarray, at: str) -> str:
    for trait in ("dtype", "shape", "strides"):
        one, other = getattr(left, trait), getattr(right, trait)
        if one != other:
            return f"{at}.{trait}: {one} against {other}"
    same = left.tobytes() == right.tobytes() if left.dtype.kind != "O" else (left == right).all()
    return "" if same else f"{at}: {left} against {right}"


def _first(found: Any) -> str:
    return next((text for text in found if text), "")


def _named(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text[:120]}"
