"""Shared slots: what is written can be read, and what is leased is not lent."""

import mmap
from weakref import ref

import numpy as np
import pytest
import torch

from trueload.workers.arena import Arena, Slots


@pytest.fixture
def arena():
    return Arena(3)


def slots_of(arena, *, reserve=0, budget_bytes=1 << 40):
    return Slots(arena, 3, reserve=reserve, budget_bytes=budget_bytes)


def handed_out(arena, slots, used_bytes=100):
    """Lend a slot and lease it to an array, as for a batch that somebody takes."""
    slot = slots.lend()
    lease = arena.lease(slot)
    array = torch.frombuffer(lease, dtype=torch.uint8, count=used_bytes).numpy()
    slots.lease(slot, ref(lease), used_bytes)
    return slot, array


def test_bytes_come_back_as_they_were_written(arena):
    arena.write(1, 64, b"batch")
    assert arena.read(1, 64, 5) == b"batch"


def test_slots_do_not_overlap(arena):
    for slot in range(3):
        arena.write(slot, arena.stride - 1, b"%d" % slot)
        arena.write(slot, 0, b"%d" % slot)
    assert [arena.read(slot, 0, 1) for slot in range(3)] == [b"0", b"1", b"2"]
    assert [arena.read(slot, arena.stride - 1, 1) for slot in range(3)] == [b"0", b"1", b"2"]


def test_bytes_that_do_not_fit_are_refused(arena):
    with pytest.raises(BufferError, match=f"a slot holds {arena.stride} bytes"):
        arena.write(0, arena.stride - 2, b"abc")


def test_a_storage_shows_the_slot_itself(arena):
    storage = arena.storage(2, 128, 4)
    arena.write(2, 128, b"\x01\x02\x03\x04")
    assert list(storage) == [1, 2, 3, 4]
    assert storage.data_ptr() == arena.base_address + 2 * arena.stride + 128


def test_a_lease_shows_the_slot_itself(arena):
    arena.write(1, 0, b"batch")
    assert bytes(arena.lease(1)[:5]) == b"batch"
    assert len(arena.lease(1)) == arena.stride


def test_each_lease_is_another_one(arena):
    assert arena.lease(1) is not arena.lease(1)


def test_memory_that_is_forgotten_reads_as_zeros(arena):
    arena.write(0, 0, b"x" * 5000)
    arena.write(1, 0, b"kept")
    arena.forget(0, 5000)
    assert arena.read(0, 0, 5000) == bytes(5000)
    assert arena.read(1, 0, 4) == b"kept"


def none_is_left(slots):
    with pytest.raises(RuntimeError, match="all slots are in use"):
        slots.lend()


def test_there_is_room_for_as_many_batches_in_the_making_as_are_reserved(arena):
    slots = slots_of(arena, reserve=2)
    slots.lend()
    assert slots.room() == 1


def test_every_slot_is_lent_once(arena):
    slots = slots_of(arena)
    assert sorted(slots.lend() for _ in range(3)) == [0, 1, 2]
    none_is_left(slots)


def test_a_slot_that_was_given_back_is_lent_first(arena):
    slots = slots_of(arena)
    lent = [slots.lend(), slots.lend()]
    slots.release(lent[0])
    assert slots.lend() == lent[0]


def test_a_leased_slot_is_not_lent(arena):
    slots = slots_of(arena)
    leased, array = handed_out(arena, slots)
    assert leased not in [slots.lend(), slots.lend()]
    none_is_left(slots)
    del array


def test_a_slot_is_lent_again_once_its_lease_has_ended(arena):
    slots = slots_of(arena)
    leased, array = handed_out(arena, slots)
    slots.lend(), slots.lend()
    del array
    assert slots.lend() == leased


def test_a_slot_that_a_batch_does_not_use_is_free_at_once(arena):
    slots = slots_of(arena)
    slot = slots.lend()
    slots.lease(slot, ref(arena.lease(slot)), 100)
    assert slots.lend() == slot


def test_slots_are_scarce_when_no_more_are_free_than_batches_in_the_making_need(arena):
    slots = slots_of(arena, reserve=1)
    kept = [handed_out(arena, slots)]
    assert not slots.is_scarce()
    kept.append(handed_out(arena, slots))
    assert slots.is_scarce()
    kept.clear()
    assert not slots.is_scarce()


def test_slots_are_scarce_when_too_many_bytes_are_leased(arena):
    slots = slots_of(arena, budget_bytes=150)
    kept = [handed_out(arena, slots, used_bytes=100)]
    assert not slots.is_scarce()
    kept.append(handed_out(arena, slots, used_bytes=100))
    assert slots.is_scarce()


def test_closing_gives_back_the_memory_of_free_slots_only(arena):
    slots = slots_of(arena)
    leased, array = handed_out(arena, slots)
    array[:] = 7
    other, gone = handed_out(arena, slots)
    gone[:] = 7
    del gone
    slots.close()
    assert arena.read(other, 0, 100) == bytes(100)
    assert arena.read(leased, 0, 100) == b"\x07" * 100
    none_is_left(slots)


def test_an_array_outlives_the_arena():
    arena = Arena(1)
    arena.write(0, 0, b"\x05" * 8)
    array = torch.frombuffer(arena.lease(0), dtype=torch.uint8, count=8).numpy()
    del arena
    assert np.array_equal(array, np.full(8, 5))


def test_slots_are_smaller_where_the_system_gives_less_room(monkeypatch):
    granted = mmap.mmap

    def limited(descriptor, length):
        if length > 3 << 26:
            raise OSError(12, "Cannot allocate memory")
        return granted(descriptor, length)

    monkeypatch.setattr(mmap, "mmap", limited)
    arena = Arena(3)
    assert arena.stride == 1 << 26
    arena.write(2, 0, b"batch")
    assert arena.read(2, 0, 5) == b"batch"


def test_where_the_system_gives_no_room_the_error_says_for_how_many_slots(monkeypatch):
    def refused(descriptor, length):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(mmap, "mmap", refused)
    with pytest.raises(OSError, match=r"cannot map shared memory for 3 slots: .*allocate memory"):
        Arena(3)
