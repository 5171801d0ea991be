"""Batches in slots: every structure comes out as it went in, and arrays stay where they are."""

import collections
import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from trueload.workers.arena import ALIGN, Arena
from trueload.workers.packing import Room, unpack

Point = collections.namedtuple("Point", "x y")  # noqa: PYI024 - plain ones are what collate meets


@dataclass
class Batch:
    images: Any
    names: Any


class Refuses:
    def __reduce__(self):
        message = "not me"
        raise TypeError(message)


@pytest.fixture
def arena():
    return Arena(2)


def travelled(arena, batch, *, copied=False):
    """Give a batch as it comes out of a slot."""
    return unpack(arena, 0, *Room(arena, 0, 0).pack(batch), copied=copied)[0]


def grid(*shape, dtype=torch.float32):
    return torch.arange(int(np.prod(shape))).reshape(shape).to(dtype)


def address_of(arena, slot, offset):
    return arena.base_address + slot * arena.stride + offset


TENSORS = {
    **{
        str(dtype): grid(2, 3, dtype=dtype)
        for dtype in (torch.bool, torch.uint8, torch.int64, torch.bfloat16, torch.complex64)
    },
    "uint16": grid(2, 3).to(torch.uint16),
    "no dimension": torch.tensor(5),
    "no samples": torch.empty(0, 3),
    "transposed": grid(2, 3).T,
    "channels last": grid(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "with gaps": grid(6, 4)[::2, 1:3],
    "expanded": torch.tensor([1.0]).expand(3, 4),
    "overlapping": grid(5).as_strided((3, 3), (1, 1)),
    "conjugate": torch.tensor([1 + 2j]).conj(),
    "negative view": torch.tensor([1 + 2j]).conj().imag,
    "one long": grid(3, 4)[:1, :],
}
ARRAYS = {
    "float32": np.ones((2, 3), np.float32),
    "no dimension": np.array(5),
    "no samples": np.empty((0, 3)),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "with gaps": np.arange(24).reshape(6, 4)[::2, 1:3],
    "reversed": np.arange(5)[::-1],
    "text": np.array(["a", "longer"]),
    "bytes": np.array([b"a", b"longer"]),
    "dates": np.array(["2026-01-01"], "M8[D]"),
    "records": np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
    "big endian": np.arange(3, dtype=">f4"),
    "long double": np.ones(3, np.longdouble),
}


@pytest.mark.parametrize("tensor", TENSORS.values(), ids=TENSORS)
def test_a_tensor_of_this_kind_keeps_values_dtype_and_shape(arena, tensor):
    back = travelled(arena, tensor)
    assert (back.dtype, back.shape) == (tensor.dtype, tensor.shape)
    assert torch.equal(back, tensor)


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_an_array_of_this_kind_keeps_values_dtype_and_shape(arena, array):
    back = travelled(arena, array)
    assert type(back) is np.ndarray
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert np.array_equal(back, array)


@pytest.mark.parametrize("kind", ["transposed", "channels last"])
def test_a_dense_tensor_keeps_its_strides(arena, kind):
    assert travelled(arena, TENSORS[kind]).stride() == TENSORS[kind].stride()


def test_an_array_keeps_its_order(arena):
    assert travelled(arena, ARRAYS["fortran"]).flags.f_contiguous


def test_arrays_and_tensors_can_be_written_to(arena):
    back = travelled(arena, [np.ones(2), torch.ones(2)])
    back[0] += 1
    back[1] += 1
    assert back[0].tolist() == back[1].tolist() == [2, 2]


@pytest.mark.parametrize(
    "batch",
    [
        {"a": [1, (2.5, "text")], "b": {"c": b"bytes", "d": None}},
        collections.OrderedDict(b=1, a=2),
        Point(1, [2]),
        ["names", "of", "files"],
        dt.date(2026, 1, 1),
        np.array([None, 1], dtype=object),
        (),
    ],
    ids=lambda batch: type(batch).__name__,
)
def test_any_structure_comes_out_as_it_went_in(arena, batch):
    back = travelled(arena, batch)
    assert type(back) is type(batch)
    assert np.array_equal(back, batch) if isinstance(batch, np.ndarray) else back == batch


def test_a_tensor_deep_within_a_class_lies_in_the_slot(arena):
    back = travelled(arena, Batch(images={"left": [torch.ones(3)]}, names=("a",)))
    assert isinstance(back, Batch)
    address = back.images["left"][0].data_ptr()
    assert 0 <= address - arena.base_address < arena.stride


def test_a_tensor_that_is_there_twice_is_one_tensor(arena):
    tensor = torch.ones(3)
    back = travelled(arena, [tensor, tensor])
    assert back[0] is back[1]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(2, requires_grad=True),
        torch.nn.Parameter(torch.ones(2)),
        torch.eye(2).to_sparse(),
    ],
    ids=["requires grad", "parameter", "sparse"],
)
def test_a_tensor_that_is_more_than_memory_travels_too(arena, tensor):
    back = travelled(arena, tensor)
    assert (type(back), back.requires_grad) == (type(tensor), tensor.requires_grad)
    assert back.layout is tensor.layout
    assert torch.equal(back.to_dense(), tensor.to_dense())


def test_what_was_made_in_the_slot_is_not_copied(arena):
    room = Room(arena, 1, 0)
    batch = room.empty((3, 5), torch.float32)
    batch[:] = 7
    place = unpack(arena, 1, *room.pack([batch]), copied=False)[0][0]
    assert place.data_ptr() == batch.data_ptr() == address_of(arena, 1, 0)
    assert torch.equal(place, batch)


def test_a_view_of_what_was_made_in_the_slot_is_not_copied_either(arena):
    room = Room(arena, 1, 0)
    batch = room.empty((4, 5), torch.float32).fill_(7)
    place = unpack(arena, 1, *room.pack(batch[2:]), copied=False)[0]
    assert place.data_ptr() == batch[2:].data_ptr()


def test_a_tensor_of_another_slot_is_copied(arena):
    other = Room(arena, 1, 0).empty((3,), torch.float32).fill_(7)
    back = travelled(arena, other)
    other.fill_(8)
    assert back.tolist() == [7, 7, 7]


def test_the_free_part_begins_behind_what_is_there(arena):
    arena.write(0, 0, b"an order")
    Room(arena, 0, 8).empty((100,), torch.uint8).fill_(255)
    assert arena.read(0, 0, 8) == b"an order"


def test_everything_is_aligned(arena):
    room = Room(arena, 0, 3)
    addresses = [room.empty((length,), torch.uint8).data_ptr() for length in (1, 65, 7)]
    assert [address % ALIGN for address in addresses] == [0, 0, 0]
    assert addresses == sorted(set(addresses))


def test_an_empty_tensor_takes_no_room(arena):
    room = Room(arena, 0, 0)
    assert room.empty((0, 3), torch.float32).shape == (0, 3)
    assert room.end == 0


def test_what_does_not_fit_into_a_slot_is_refused(arena):
    room = Room(arena, 0, 0)
    with pytest.raises(BufferError, match=f"a slot holds {arena.stride} bytes"):
        room.empty((arena.stride + 1,), torch.uint8)


def test_what_cannot_be_pickled_raises_its_own_error(arena):
    with pytest.raises(TypeError, match="not me"):
        Room(arena, 0, 0).pack([Refuses()])


@pytest.mark.parametrize("batch", [torch.ones(3), np.ones(3)], ids=["tensor", "array"])
def test_a_copied_batch_does_not_use_the_slot(arena, batch):
    place = Room(arena, 0, 0).pack(batch)
    back, lease, _ = unpack(arena, 0, *place, copied=True)
    arena.write(0, 0, bytes(1000))
    assert back.tolist() == [1, 1, 1]
    assert lease() is None


@pytest.mark.parametrize(
    "look",
    [
        lambda batch: batch["image"],
        lambda batch: batch["image"][1:],
        lambda batch: batch["image"].untyped_storage(),
        lambda batch: batch["image"].numpy(),
        lambda batch: batch["mask"][0],
        lambda batch: memoryview(batch["mask"]),
    ],
    ids=["tensor", "slice", "storage", "array", "element", "buffer"],
)
def test_the_lease_lives_as_long_as_this_is_kept(arena, look):
    place = Room(arena, 0, 0).pack({"image": torch.ones(3), "mask": np.ones((2, 3))})
    batch, lease, _ = unpack(arena, 0, *place, copied=False)
    kept = look(batch)
    del batch
    assert lease() is not None
    del kept
    assert lease() is None


def test_a_batch_without_arrays_holds_no_lease(arena):
    place = Room(arena, 0, 0).pack(["a", 1])
    batch, lease, _ = unpack(arena, 0, *place, copied=False)
    assert batch == ["a", 1]
    assert lease() is None
