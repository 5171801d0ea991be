"""What a process that is started anew gets: pickled, with its arrays in memory that all share.

`multiprocessing` pickles what it hands to a new process, once for each, through a pipe. Torch adds
that a tensor is moved to shared memory first, where it then stays: the user's own dataset is no
longer what it was. Here large arrays and tensors are copied into one file without a name, once for
all workers, and each worker maps it privately: pages are shared until it writes to them.
"""

import io
import mmap
import os
import pickle
from multiprocessing.reduction import DupFd, ForkingPickler
from typing import Any

import torch

from trueload.workers.arena import ALIGN
from trueload.workers.memory import tensor_over

_LEAST_BYTES = 1 << 14
_CHUNK_BYTES = 1 << 30


class Crate:
    """Objects on their way to processes that are started anew.

    Args:
        contents: What they get.
    """

    def __init__(self, contents: Any) -> None:
        self._contents = contents
        self._file = _new_file()
        self._end = 0
        self._places: dict[tuple[int, int], tuple[int, pickle.PickleBuffer]] = {}
        self._sent: list[int] = []

    def __reduce__(self) -> tuple[Any, ...]:
        """Pack the contents; only while a process is being started.

        Raises:
            Exception: Whatever cannot be pickled raises.
        """
        places: list[tuple[int, int]] = []

        def is_kept_in_stream(buffer: pickle.PickleBuffer) -> bool:
            if buffer.raw().nbytes < _LEAST_BYTES:
                return True
            places.append(self._placed(buffer))
            return False

        stream = io.BytesIO()
        Packer(stream, 5, True, is_kept_in_stream).dump(self._contents)  # noqa: FBT003 - by place only
        file = _new_file()
        self._sent.append(file)
        _write(file, stream.getbuffer(), 0)
        return _opened, (DupFd(file), stream.tell(), DupFd(self._file), self._end, places)

    def sent(self) -> None:
        """Give up what served for the start of one process."""
        while self._sent:
            os.close(self._sent.pop())

    def close(self) -> None:
        """Give up the descriptors."""
        self.sent()
        os.close(self._file)
        self._places.clear()

    def _placed(self, buffer: pickle.PickleBuffer) -> tuple[int, int]:
        """Give where the bytes of a buffer lie in the file, copied there the first time."""
        raw = buffer.raw()
        array = torch.frombuffer(raw, dtype=torch.uint8) if not raw.readonly else None
        address = array.data_ptr() if array is not None else id(raw.obj)
        known = self._places.get((address, raw.nbytes))
        if known is not None:
            return known[0], raw.nbytes
        start = self._end
        _write(self._file, raw, start)
        self._end = -(-(start + raw.nbytes) // ALIGN) * ALIGN
        self._places[address, raw.nbytes] = start, buffer  # kept, so that the address stays its own
        return start, raw.nbytes


class Packer(ForkingPickler):
    """Pickles as `multiprocessing` does, but moves no storage of a tensor."""

    def reducer_override(self, value: Any) -> Any:
        """Give the bytes of a storage, which `buffer_callback` may take out of the stream."""
        if type(value) is torch.UntypedStorage and value.device.type == "cpu":
            if value.is_shared():
                return NotImplemented
            flat = tensor_over(value, (value.nbytes(),), torch.uint8)
            return _storage, (pickle.PickleBuffer(flat.numpy().data),)
        return NotImplemented


def _storage(buffer: Any) -> torch.UntypedStorage:
    view = memoryview(buffer)
    if not view.nbytes:
        return torch.UntypedStorage(0)
    return torch.frombuffer(view, dtype=torch.uint8).untyped_storage()


def _opened(
    stream: Any, size_bytes: int, buffers: Any, end: int, places: list[tuple[int, int]]
) -> Any:
    """Unpack the contents, in the new process."""
    data = _mapped(stream.detach(), size_bytes)
    memory = memoryview(_mapped(buffers.detach(), end))
    return pickle.loads(data, buffers=[memory[start : start + size] for start, size in places])  # noqa: S301 - our own parent's


def _mapped(descriptor: int, size_bytes: int) -> Any:
    """Map a file so that what is written to the mapping stays in this process."""
    try:
        if not size_bytes:
            return b""
        return mmap.mmap(descriptor, size_bytes, mmap.MAP_PRIVATE)
    finally:
        os.close(descriptor)


def _new_file() -> int:
    return os.memfd_create("trueload-crate", os.MFD_CLOEXEC)


def _write(file: int, data: memoryview, at: int) -> None:
    done = 0
    while done < data.nbytes:
        done += os.pwrite(file, data[done : done + _CHUNK_BYTES], at + done)
