"""Slots in one process: memory for batches, used again once nobody looks at it any more.

A fresh batch of 38 MB costs 9,400 page faults, several times the copy itself. A slot is a torch
storage that the pool keeps. The batch is a tensor over it, and every view, slice, NumPy array or
autograd graph made from that tensor holds the same storage, so torch's own reference count says
when the last of them is gone. Until then the slot is leased and left alone.

A caller who keeps batches simply keeps their storages: the pool then makes new ones and forgets
the oldest, so it neither overwrites nor stalls nor grows.
"""

from collections import deque

import torch

SLOTS = 16
_ONLY_THE_POOL = 1


class Pool:
    """Gives memory for large tensors, reused when free.

    Safe to use from several threads: a slot under inspection is out of the deque.

    Args:
        slots: How many storages are kept at most.
    """

    def __init__(self, slots: int = SLOTS) -> None:
        self._slots: deque[torch.UntypedStorage] = deque(maxlen=slots)

    def __getstate__(self) -> int | None:
        """Take no memory along into a copy or a pickle."""
        return self._slots.maxlen

    def __setstate__(self, slots: int | None) -> None:
        self._slots = deque(maxlen=slots)

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Give an uninitialized contiguous CPU tensor, in a free slot of just its size if any.

        Args:
            shape: Shape of the tensor.
            dtype: Its dtype.
        """
        size_bytes = dtype.itemsize
        for length in shape:
            size_bytes *= length
        storage = self._free(size_bytes)
        if storage is None:
            batch = torch.empty(shape, dtype=dtype)
            self._slots.append(batch.untyped_storage())
            return batch
        batch = tensor_over(storage, shape, dtype)
        self._slots.append(storage)
        return batch

    def bytes_held(self) -> int:
        """Say how many bytes the slots hold, free and leased."""
        return sum(storage.nbytes() for storage in list(self._slots))

    def _free(self, size_bytes: int) -> torch.UntypedStorage | None:
        """Take a free slot of this size out of the deque, the one used last first."""
        for _ in range(len(self._slots)):
            try:
                storage = self._slots.pop()
            except IndexError:
                return None
            if storage.nbytes() == size_bytes and leases(storage) == 0:
                return storage
            self._slots.appendleft(storage)
        return None


def leases(storage: torch.UntypedStorage) -> int:
    """Count who else holds a storage besides the pool."""
    return torch._C._storage_Use_Count(storage._cdata) - _ONLY_THE_POOL  # noqa: SLF001 - no public count


def tensor_over(
    storage: torch.UntypedStorage, shape: tuple[int, ...], dtype: torch.dtype
) -> torch.Tensor:
    """Give the contiguous tensor at the start of a storage."""
    return torch.empty(0, dtype=dtype).set_(storage, 0, shape)  # pyrefly: ignore - strides may miss
