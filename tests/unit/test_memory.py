"""Memory that is used again once nobody looks at it, and never before."""

import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from trueload.workers.memory import LEAST_BYTES, Pool, tensor_over

LENGTH = 300_000
assert LENGTH * 4 > LEAST_BYTES
SIZE_BYTES = LENGTH * 4


def kept_in_a_graph(batch):
    weight = torch.ones(LENGTH, requires_grad=True)
    return (weight * batch).sum().grad_fn


LOOKS = {
    "the batch": lambda batch: batch,
    "a slice": lambda batch: batch[3:5],
    "a view": lambda batch: batch.view(10, -1),
    "another dtype": lambda batch: batch.view(torch.int32),
    "a transposed view": lambda batch: batch.view(10, -1).T,
    "data": lambda batch: batch.data,
    "detached": lambda batch: batch.detach(),
    "a parameter": torch.nn.Parameter,
    "an array": lambda batch: batch.numpy(),
    "a slice of an array": lambda batch: batch.numpy()[3:5],
    "a buffer": lambda batch: memoryview(batch.numpy()),
    "a tensor of its array": lambda batch: torch.from_numpy(batch.numpy()),
    "an array through DLPack": np.from_dlpack,
    "a DLPack capsule": lambda batch: batch.__dlpack__(),
    "an autograd graph": kept_in_a_graph,
    "its storage": lambda batch: batch.untyped_storage(),
    "its typed storage": lambda batch: batch.storage(),
    "an object's attribute": lambda batch: SimpleNamespace(batch=batch),
    "an iterator": iter,
}


def batch_of(pool, value=0.0, length=LENGTH):
    return pool.empty((length,), torch.float32).fill_(value)


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_memory_is_left_alone_as_long_as_this_is_kept(look):
    pool = Pool()
    batch = batch_of(pool)
    address, kept = batch.data_ptr(), look(batch)
    del batch
    others = [batch_of(pool) for _ in range(20)]
    assert address not in [other.data_ptr() for other in others]
    del kept


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_memory_is_used_again_once_this_is_gone(look):
    pool = Pool()
    batch = batch_of(pool)
    address, kept = batch.data_ptr(), look(batch)
    del batch, kept
    assert batch_of(pool).data_ptr() == address


def test_memory_that_went_to_another_process_is_not_used_again():
    pool = Pool()
    batch = batch_of(pool, 1.0).share_memory_()
    address = batch.data_ptr()
    del batch
    following = [batch_of(pool, 2.0) for _ in range(3)]
    assert address not in [other.data_ptr() for other in following]
    assert not any(other.is_shared() for other in following)


def test_a_pickled_batch_is_a_copy():
    pool = Pool()
    data = pickle.dumps(batch_of(pool, 1.0))
    batch_of(pool, 2.0)
    assert pickle.loads(data).tolist() == [1.0] * LENGTH


def test_another_dtype_of_the_same_size_takes_the_same_memory():
    pool = Pool()
    address = batch_of(pool).data_ptr()
    shape = 2, LENGTH // 2
    other = pool.empty(shape, torch.int32)
    assert (other.data_ptr(), other.shape, other.dtype) == (address, shape, torch.int32)


def test_small_memory_is_left_to_the_c_library():
    pool = Pool()
    pool.empty((LEAST_BYTES // 4 - 1,), torch.float32)
    assert pool.bytes_held() == 0


def test_another_size_takes_other_memory():
    pool = Pool()
    address = batch_of(pool).data_ptr()
    other = batch_of(pool, length=LENGTH - 1)
    assert other.data_ptr() != address
    assert other.untyped_storage().nbytes() == SIZE_BYTES - 4


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, torch.bfloat16, torch.complex64, torch.bool, torch.float8_e4m3fn],
    ids=str,
)
def test_a_tensor_over_any_dtype_is_contiguous_and_starts_its_storage(dtype):
    shape = 3, 5, LENGTH
    batch = Pool().empty(shape, dtype)
    assert (batch.shape, batch.dtype, batch.storage_offset()) == (shape, dtype, 0)
    assert batch.is_contiguous()
    assert batch.is_leaf
    assert not batch._is_view()


def test_memory_is_aligned_as_torchs_own():
    assert Pool().empty((LENGTH,), torch.uint8).data_ptr() % 64 == 0


def test_who_keeps_everything_makes_the_pool_forget_the_oldest_slots():
    pool = Pool(slots=3)
    kept = [batch_of(pool, float(number)) for number in range(10)]
    assert pool.bytes_held() == 3 * SIZE_BYTES
    assert [batch[0].item() for batch in kept] == list(range(10))


def test_one_batch_at_a_time_needs_one_slot():
    pool = Pool()
    for _ in range(10):
        batch_of(pool)
    assert pool.bytes_held() == SIZE_BYTES


def test_a_copied_pool_has_no_memory_and_the_same_limit():
    pool = Pool(slots=2)
    batch_of(pool)
    for other in (copy.deepcopy(pool), pickle.loads(pickle.dumps(pool))):
        assert other.bytes_held() == 0
        kept = [batch_of(other) for _ in range(5)]
        assert other.bytes_held() == 2 * SIZE_BYTES
        del kept


def test_memory_is_the_processors_whatever_the_default_device():
    with torch.device("meta"):
        assert Pool().empty((LENGTH,), torch.float32).device.type == "cpu"


def test_a_tensor_over_a_storage_shows_its_bytes():
    storage = torch.arange(6, dtype=torch.int16).untyped_storage()
    assert tensor_over(storage, (2, 2), torch.int16).tolist() == [[0, 1], [2, 3]]
