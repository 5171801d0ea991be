"""What identifies a dataset cheaply: enough to refuse the state of another one.

Never a `repr`, which may hold an address, and never the data themselves: the identity is taken
with each state, so it must cost next to nothing.
"""

import hashlib
import pickle
from collections.abc import Sized
from typing import Any

import numpy as np
import torch
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from trueload.tree import dtype_name


def length_of(dataset: Any) -> int | None:
    """Give the length of a dataset, or `None` where it has none."""
    if not isinstance(dataset, Sized):
        return None
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):
        return None


def identity_of(dataset: Any) -> str:
    """Name the type of a dataset, and of what it wraps, with the shapes of plain arrays.

    The module is left out: the same script run by name and imported calls its own differently.
    """
    name = type(dataset).__qualname__
    if type(dataset) is Subset:
        return f"{name}({identity_of(dataset.dataset)})"
    if type(dataset) is ConcatDataset:
        return f"{name}({', '.join(identity_of(part) for part in dataset.datasets[:8])})"
    if type(dataset) is TensorDataset:
        return f"{name}({', '.join(_shape(tensor) for tensor in dataset.tensors)})"
    if isinstance(dataset, (torch.Tensor, np.ndarray)):
        return f"{name}({_shape(dataset)})"
    return name


def digest_of(value: Any) -> bytes | None:
    """Give a digest that is equal for equal batches, or `None` where they cannot be pickled."""
    try:
        return hashlib.blake2b(pickle.dumps(value), digest_size=16).digest()
    except Exception:
        return None


def _shape(array: Any) -> str:
    return f"{dtype_name(array.dtype)}{list(array.shape[1:])}"
