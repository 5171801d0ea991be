"""Slots in one process: memory for batches, used again once nobody looks at it any more.

A fresh batch of 38 MB costs 9,400 page faults, several times the copy itself. A slot is memory that
the pool keeps. A batch is a tensor over a view of it, the lease, which only the batch's storage
holds: every view, slice, NumPy array, DLPack capsule or autograd graph made from the batch keeps
that storage, and with it the lease. A weak reference says when the last of them is gone. Until then
the slot is left alone.

A caller who keeps batches simply keeps their leases: the pool then makes new slots and forgets the
oldest, so it neither overwrites nor stalls nor grows.
"""

from collections import deque
from typing import Any
from weakref import ref

import numpy as np
import torch

SLOTS = 16
LEAST_BYTES = 1 << 20
"""The C library keeps smaller memory itself, and gives it again without page faults."""


class Pool:
    """Gives memory for large tensors, reused when free.

    Safe to use from several threads: a slot under inspection is out of the deque.

    Args:
        slots: How many slots are kept at most.
    """

    def __init__(self, slots: int = SLOTS) -> None:
        self._slots: deque[tuple[np.ndarray, ref[np.ndarray]]] = deque(maxlen=slots)

    def __getstate__(self) -> int | None:
        """Take no memory along into a copy or a pickle."""
        return self._slots.maxlen

    def __setstate__(self, slots: int | None) -> None:
        self._slots = deque(maxlen=slots)

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Give an uninitialized contiguous CPU tensor; a large one in a free slot of just its size.

        Args:
            shape: Shape of the tensor.
            dtype: Its dtype.
        """
        size_bytes = dtype.itemsize
        for length in shape:
            size_bytes *= length
        if size_bytes < LEAST_BYTES:
            return torch.empty(shape, dtype=dtype, device="cpu")
        memory = self._free(size_bytes)
        if memory is None:
            memory = torch.empty(size_bytes, dtype=torch.uint8, device="cpu").numpy()
        lease = memory.view()
        self._slots.append((memory, ref(lease)))
        return tensor_over(torch.from_numpy(lease).untyped_storage(), shape, dtype)

    def bytes_held(self) -> int:
        """Say how many bytes the slots hold, free and leased."""
        return sum(memory.nbytes for memory, _ in list(self._slots))

    def _free(self, size_bytes: int) -> np.ndarray | None:
        """Take a free slot of this size out of the deque, the one used last first."""
        for _ in range(len(self._slots)):
            try:
                memory, lease = self._slots.pop()
            except IndexError:
                return None
            if memory.nbytes == size_bytes and lease() is None:
                return memory
            self._slots.appendleft((memory, lease))
        return None


def tensor_over(storage: Any, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Give the contiguous tensor at the start of an untyped CPU storage."""
    empty = torch.empty(0, dtype=dtype, device="cpu")
    return empty.set_(storage, 0, shape)  # pyrefly: ignore - strides may miss
