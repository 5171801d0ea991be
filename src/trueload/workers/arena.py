"""Slots that several processes share: anonymous memory, mapped once, used again and again.

One memory file without a name holds all slots. It is sparse: a slot may be 4 GiB long and costs
only the pages that were ever written, so a batch of any size fits and nothing has to be agreed on.
Every worker inherits the one mapping, so no descriptor travels and no page is mapped per batch.

The process that takes a batch makes torch storages over a view of the slot, the lease. Only they
hold it, so as long as anything made from them lives, a weak reference to it says so; see
`workers.memory`.
"""

import mmap
import os
from multiprocessing.reduction import DupFd
from typing import Any
from weakref import ref

import torch

_STRIDES = tuple(1 << bits for bits in (32, 30, 28, 26, 24, 22))
ALIGN = 64
_PAGE = mmap.PAGESIZE


class Arena:
    """Shared memory for a number of slots.

    Args:
        slots: How many slots there are at most.
        travels: Whether processes that are started anew get it; it keeps a descriptor then.

    Raises:
        OSError: Not even small slots can be mapped.
    """

    def __init__(self, slots: int, *, travels: bool = False) -> None:
        self._file = -1
        descriptor = os.memfd_create("trueload", os.MFD_CLOEXEC)
        try:
            self.mapping, self.stride = _mapped(descriptor, slots)
            if travels:
                self._file = os.dup(descriptor)
        finally:
            os.close(descriptor)
        self._look()

    def _look(self) -> None:
        self._view = memoryview(self.mapping)
        self.base_address = torch.frombuffer(self.mapping, dtype=torch.uint8, count=1).data_ptr()

    def __getstate__(self) -> tuple[int, int, Any]:
        """Take the descriptor along to the process that is being started."""
        return len(self.mapping), self.stride, DupFd(self._file)

    def __setstate__(self, state: tuple[int, int, Any]) -> None:
        size_bytes, self.stride, descriptor = state
        self._file = descriptor.detach()
        self.mapping = mmap.mmap(self._file, size_bytes)
        self._look()

    def __del__(self) -> None:
        """Give the descriptor back; the memory stays as long as somebody looks at it."""
        if self._file >= 0:
            os.close(self._file)

    def storage(self, slot: int, offset: int, size_bytes: int) -> torch.UntypedStorage:
        """Give a storage over a part of a slot."""
        at = slot * self.stride + offset
        whole = torch.frombuffer(self.mapping, dtype=torch.uint8, count=size_bytes, offset=at)
        return whole.untyped_storage()

    def lease(self, slot: int) -> memoryview:
        """Give a view of a slot that nobody else holds: as long as it lives, the slot is in use."""
        return self._view[slot * self.stride : (slot + 1) * self.stride]

    def write(self, slot: int, offset: int, data: bytes | memoryview) -> None:
        """Write bytes, or a contiguous buffer, into a slot.

        Raises:
            BufferError: They do not fit.
        """
        size_bytes = data.nbytes if isinstance(data, memoryview) else len(data)
        if offset + size_bytes > self.stride:
            message = f"a slot holds {self.stride} bytes, {offset + size_bytes} are needed"
            raise BufferError(message)
        at = slot * self.stride + offset
        self.mapping[at : at + size_bytes] = data

    def read(self, slot: int, offset: int, size_bytes: int) -> bytes:
        """Read bytes out of a slot."""
        at = slot * self.stride + offset
        return self.mapping[at : at + size_bytes]

    def forget(self, slot: int, used_bytes: int) -> None:
        """Give the pages of a slot back to the system; its contents are lost."""
        if used_bytes:
            length = -(-used_bytes // _PAGE) * _PAGE
            self.mapping.madvise(mmap.MADV_REMOVE, slot * self.stride, min(length, self.stride))


def _mapped(descriptor: int, slots: int) -> tuple[mmap.mmap, int]:
    """Map slots as long as the system allows; address space may be limited."""
    problem: Exception | None = None
    for stride in _STRIDES:
        try:
            os.ftruncate(descriptor, stride * slots)
            return mmap.mmap(descriptor, stride * slots), stride
        except (OSError, ValueError, OverflowError) as error:
            problem = error
    message = f"cannot map shared memory for {slots} slots: {problem}"
    raise OSError(message)


class Slots:
    """Which slots are free, lent to a worker, or leased to whoever took a batch.

    Args:
        arena: The memory.
        count: How many slots there are.
        reserve: How many slots must stay for batches in the making.
        budget_bytes: From this many leased bytes on, batches are copied out of their slots.
    """

    def __init__(self, arena: Arena, count: int, *, reserve: int, budget_bytes: int) -> None:
        self.arena = arena
        self._free = list(range(count - 1, -1, -1))
        self._lent: set[int] = set()
        self._leased: dict[int, ref[memoryview]] = {}
        self._used = [0] * count
        self._reserve, self._budget_bytes = reserve, budget_bytes

    def lend(self) -> int:
        """Give a free slot, the one used last first.

        Raises:
            RuntimeError: All are in use.
        """
        self._collect()
        if not self._free:
            message = "all slots are in use"
            raise RuntimeError(message)
        slot = self._free.pop()
        self._lent.add(slot)
        return slot

    def room(self) -> int:
        """Say how many more slots may be lent for batches in the making."""
        return self._reserve - len(self._lent)

    def count(self) -> int:
        """Say how many slots there are."""
        return len(self._used)

    def release(self, slot: int) -> None:
        """Take a slot back that nobody looks at."""
        self._lent.discard(slot)
        self._free.append(slot)

    def lease(self, slot: int, lease: ref[memoryview], used_bytes: int) -> None:
        """Note that a batch was handed out which may hold this lease."""
        self._lent.discard(slot)
        self._used[slot] = max(self._used[slot], used_bytes)
        if lease() is not None:
            self._leased[slot] = lease
        else:
            self._free.append(slot)

    def is_scarce(self) -> bool:
        """Say whether batches must be copied out: few slots are left, or too many bytes leased."""
        if len(self._free) > self._reserve and self._held() <= self._budget_bytes:
            return False
        self._collect()
        return len(self._free) <= self._reserve or self._held() > self._budget_bytes

    def held_bytes(self) -> int:
        """Say how many bytes the slots that were ever taken hold."""
        return sum(self._used)

    def _held(self) -> int:
        return sum(self._used[slot] for slot in self._leased)

    def reclaim(self, most_bytes: int) -> None:
        """Take all slots back that were lent, once their workers have ended.

        Args:
            most_bytes: How much memory may stay in free slots; the rest is given to the system.
        """
        self._free += self._lent
        self._lent.clear()
        self._collect()
        kept_bytes = 0
        for slot in reversed(self._free):
            kept_bytes += self._used[slot]
            if kept_bytes > most_bytes:
                self.arena.forget(slot, self._used[slot])
                self._used[slot] = 0

    def close(self) -> None:
        """Give back the memory of all slots that nobody looks at, whatever was written to them."""
        self._free += self._lent
        self._lent.clear()
        self._collect()
        for slot in self._free:
            self.arena.forget(slot, self.arena.stride)
        self._free.clear()

    def _collect(self) -> None:
        for slot, lease in list(self._leased.items()):
            if lease() is None:
                del self._leased[slot]
                self._free.append(slot)
