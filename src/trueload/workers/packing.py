"""Put a batch into a slot and take it out: any structure, with its arrays in place.

The structure is pickled; a plain tensor or array within it, at any depth and inside any class, is
replaced by where its memory lies in the slot. What our collate wrote into the slot stays where it
is, everything else is copied behind it. Unpickling makes tensors over the slot, which are the
batch: nothing is copied on that side.
"""

import io
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import ref

import numpy as np
import torch
from torch import _utils

from trueload.collate import COPYABLE
from trueload.tree import ATOMS
from trueload.workers.arena import ALIGN, Arena
from trueload.workers.memory import tensor_over

_DTYPES = tuple(sorted({t for t in vars(torch).values() if isinstance(t, torch.dtype)}, key=str))
_CODES = {dtype: code for code, dtype in enumerate(_DTYPES)}


class Room:
    """The free part of one slot, in the worker that fills it.

    Args:
        arena: The memory.
        slot: Number of the slot.
        offset: Where its free part begins.
    """

    def __init__(self, arena: Arena, slot: int, offset: int) -> None:
        self._arena, self._slot = arena, slot
        self._start = arena.base_address + slot * arena.stride
        self.end = _aligned(offset)

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Give an uninitialized contiguous tensor in the slot, for the collate to fill."""
        size_bytes = dtype.itemsize
        for length in shape:
            size_bytes *= length
        if not size_bytes:
            return torch.empty(shape, dtype=dtype)
        storage = self._arena.storage(self._slot, self.place(size_bytes), size_bytes)
        return tensor_over(storage, shape, dtype)

    def place(self, size_bytes: int) -> int:
        """Give where the next bytes go.

        Raises:
            BufferError: They do not fit.
        """
        offset = self.end
        if offset + size_bytes > self._arena.stride:
            message = f"a slot holds {self._arena.stride} bytes, {offset + size_bytes} are needed"
            raise BufferError(message)
        self.end = _aligned(offset + size_bytes)
        return offset

    def offset_of(self, address: int, size_bytes: int) -> int | None:
        """Give where in the slot some memory lies, if it lies there at all."""
        offset = address - self._start
        return offset if offset >= 0 and offset + size_bytes <= self.end else None

    def pack(self, batch: Any) -> tuple[int, int]:
        """Put a batch into the slot; give where its structure lies and how long that is.

        Raises:
            Exception: Whatever cannot be pickled raises.
        """
        stream = io.BytesIO()
        _Packer(stream, self).dump(batch)
        data = stream.getvalue()
        offset = self.place(len(data))
        self._arena.write(self._slot, offset, data)
        return offset, len(data)

    def tensor_at(self, tensor: torch.Tensor) -> tuple[Any, ...]:
        """Give where a tensor lies in the slot, copied there if it must be."""
        contiguous = tensor.is_contiguous()
        if not contiguous and not _is_dense(tensor):
            tensor, contiguous = tensor.contiguous(), True
        size_bytes = tensor.numel() * tensor.element_size()
        offset = self.offset_of(tensor.data_ptr(), size_bytes) if size_bytes else 0
        if offset is None:
            offset = self.place(size_bytes)
            if contiguous and tensor.dtype in COPYABLE:
                self._arena.write(self._slot, offset, tensor.numpy().data)
            else:
                storage = self._arena.storage(self._slot, offset, size_bytes)
                copy = torch.empty(0, dtype=tensor.dtype)
                copy.set_(storage, 0, tensor.shape, tensor.stride()).copy_(tensor)
        stride = None if contiguous else tensor.stride()
        return offset, size_bytes, _CODES[tensor.dtype], tuple(tensor.shape), stride

    def array_at(self, array: np.ndarray) -> tuple[Any, ...]:
        """Give where an array lies in the slot, copied there if it must be."""
        turned = array.flags.f_contiguous and not array.flags.c_contiguous
        source = array.T if turned else array
        offset = self.place(source.nbytes) if source.nbytes else 0
        if source.nbytes:
            storage = self._arena.storage(self._slot, offset, source.nbytes)
            flat = tensor_over(storage, (source.nbytes,), torch.uint8).numpy()
            flat.view(source.dtype).reshape(source.shape)[...] = source
        return offset, source.nbytes, source.dtype, source.shape, turned


class _Packer(pickle.Pickler):
    """Pickles the structure and puts the arrays into the slot."""

    def __init__(self, stream: io.BytesIO, room: Room) -> None:
        super().__init__(stream, protocol=5)
        self._room = room

    def reducer_override(self, value: Any) -> Any:
        if type(value) is torch.Tensor and _is_plain(value):
            return _tensor_in_slot, self._room.tensor_at(value)
        if type(value) is np.ndarray and not value.dtype.hasobject:
            return _array_in_slot, self._room.array_at(value)
        return NotImplemented


class _Unpacker(pickle.Unpickler):
    """Unpickles the structure and finds the arrays in the slot."""

    def __init__(self, data: bytes, found: dict[str, Callable[..., Any]]) -> None:
        super().__init__(io.BytesIO(data))
        self._found = found

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__ and name in self._found:
            return self._found[name]
        return super().find_class(module, name)


class Unpacked(NamedTuple):
    """What was taken out of a slot.

    Attributes:
        batch: The batch.
        lease: A weak reference to what it holds as long as it uses the slot.
        error: What a class of the batch raised in the place of it, or `None`.
    """

    batch: Any
    lease: "ref[memoryview]"
    error: Exception | None = None


def unpack(arena: Arena, slot: int, offset: int, size_bytes: int, *, copied: bool) -> Unpacked:
    """Take a batch out of a slot; what that raises is given back, not raised.

    An exception holds the frames that it passed, and this one holds the slot.

    Args:
        arena: The memory.
        slot: Number of the slot.
        offset: Where the structure lies.
        size_bytes: How long it is.
        copied: Whether the arrays are copied into memory of their own.
    """
    lease = arena.lease(slot)

    def memory(offset: int, size_bytes: int) -> torch.UntypedStorage:
        if not size_bytes:
            return torch.UntypedStorage(0)
        whole = torch.frombuffer(lease, dtype=torch.uint8, count=size_bytes, offset=offset)
        storage = whole.untyped_storage()
        return storage.clone() if copied else storage

    def tensor(offset: int, size_bytes: int, code: int, shape: Any, stride: Any) -> torch.Tensor:
        if stride is None and size_bytes and not copied:
            dtype = _DTYPES[code]
            count = size_bytes // dtype.itemsize
            flat = torch.frombuffer(lease, dtype=dtype, count=count, offset=offset)
            return flat.resize_(shape)  # as long as before, so it stays where it is
        stride = stride or torch.empty(shape, device="meta").stride()
        empty = torch.empty(0, dtype=_DTYPES[code])
        return empty.set_(memory(offset, size_bytes), 0, shape, stride)

    def array(offset: int, size_bytes: int, dtype: Any, shape: Any, turned: bool) -> np.ndarray:  # noqa: FBT001
        flat = tensor_over(memory(offset, size_bytes), (size_bytes,), torch.uint8)
        found = flat.numpy().view(dtype).reshape(shape)
        return found.T if turned else found

    found = {"_tensor_in_slot": tensor, "_array_in_slot": array}
    batch, failure = None, None
    try:
        batch = _Unpacker(arena.read(slot, offset, size_bytes), found).load()
    except Exception as error:
        here = error.__traceback__
        failure = error.with_traceback(here.tb_next if here else None)
    finally:  # torch keeps every sparse tensor that was unpickled until this is called
        _utils._validate_loaded_sparse_tensors()  # noqa: SLF001 - `torch.load` calls it too
    kept = ref(lease)
    lease = memoryview(b"")  # the frames that the exception holds refer to this one
    return Unpacked(batch, kept, failure)


def is_exact(value: Any) -> bool:
    """Say whether what comes out of a slot is in every respect what was put in."""
    kind = type(value)
    if kind is torch.Tensor:
        return _is_plain(value) and not vars(value)
    if kind is np.ndarray:
        return not value.dtype.hasobject
    if kind is dict:
        return all(is_exact(key) and is_exact(item) for key, item in value.items())
    if kind is tuple or kind is list:
        return all(map(is_exact, value))
    return kind in ATOMS or issubclass(kind, np.generic)


def _tensor_in_slot(*_: Any) -> torch.Tensor:
    message = "a packed batch is read by `unpack`"
    raise TypeError(message)


def _array_in_slot(*_: Any) -> np.ndarray:
    message = "a packed batch is read by `unpack`"
    raise TypeError(message)


def _is_plain(tensor: torch.Tensor) -> bool:
    return (
        tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and not (tensor.requires_grad or tensor.is_nested or tensor.is_quantized)
        and not (tensor.is_conj() or tensor.is_neg())
        and tensor.dtype in _CODES
    )


def _is_dense(tensor: torch.Tensor) -> bool:
    """Say whether a tensor fills its stretch of memory, in whatever order of its axes."""
    expected = 1
    for stride, length in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if length != 1 and stride != expected:
            return False
        expected *= length
    return True


def _aligned(offset: int) -> int:
    return -(-offset // ALIGN) * ALIGN
