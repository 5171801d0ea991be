"""What processes that are started anew get, packed and unpacked in one process."""

import io
import os
import pickle
import threading
from multiprocessing import context

import numpy as np
import pytest
import torch

from trueload.workers.crate import Crate, Packer
from trueload.workers.words import Words

LARGE = 100_000


class Descriptor:
    """A descriptor on its way to another process."""

    def __init__(self, number):
        self.number = number

    def detach(self):
        return self.number


class Starting:
    """Stands for the process that is being started: it gets copies of descriptors."""

    DupFd = Descriptor
    duplicate_for_child = staticmethod(os.dup)


@pytest.fixture(autouse=True)
def _starting():
    context.set_spawning_popen(Starting)
    yield
    context.set_spawning_popen(None)


def sent(contents, times=1):
    """Give what so many processes get."""
    crate = Crate(contents)
    found = []
    for _ in range(times):
        found.append(pickle.loads(pickle.dumps(crate)))
        crate.sent()
    crate.close()
    return found if times > 1 else found[0]


@pytest.mark.parametrize("length", [0, 1, 100, LARGE])
def test_arrays_and_tensors_arrive_as_they_were(length):
    array, tensor = np.arange(length, dtype=np.int16), torch.arange(float(length))
    got = sent({"array": array, "tensor": [tensor]})
    assert got["array"].dtype == np.int16
    assert (got["array"] == array).all()
    assert torch.equal(got["tensor"][0], tensor)


def test_a_tensor_of_the_user_is_not_moved_to_shared_memory():
    tensor = torch.arange(float(LARGE))
    address = tensor.data_ptr()
    sent([tensor, torch.nn.Parameter(torch.rand(LARGE))])
    assert not tensor.is_shared()
    assert tensor.data_ptr() == address


def test_a_tensor_that_the_user_has_shared_goes_torchs_way_and_stays_shared():
    packer = Packer(io.BytesIO())
    own, shared = (torch.zeros(9).untyped_storage() for _ in range(2))
    shared.share_memory_()
    assert packer.reducer_override(shared) is NotImplemented
    assert packer.reducer_override(own) is not NotImplemented


def test_what_is_written_to_a_copy_stays_there():
    array = np.zeros(LARGE)
    one, other = sent(array, 2)
    one[:] = 1
    assert other.sum() == array.sum() == 0


def test_all_get_the_same_memory_and_it_is_written_once():
    array = np.ones(LARGE)
    crate = Crate([array])
    for _ in range(3):
        pickle.loads(pickle.dumps(crate))
        crate.sent()
    assert crate._end < array.nbytes + 100
    crate.close()


def test_an_array_that_is_made_anew_each_time_is_not_taken_for_the_one_before():
    class Source:
        count = 0

        def __reduce__(self):
            Source.count += 1
            return np.asarray, (np.full(LARGE, Source.count),)

    one, other = sent(Source(), 2)
    assert (one[0], other[0]) == (1, 2)


def test_views_of_one_storage_still_share_it():
    whole = torch.zeros(LARGE)
    got = sent([whole, whole[5:9]])
    got[0][6] = 3
    assert got[1].tolist() == [0, 3, 0, 0]


def test_an_array_that_is_read_only_stays_so():
    array = np.zeros(LARGE)
    array.flags.writeable = False
    assert not sent(array).flags.writeable


def test_a_class_of_tensors_keeps_its_class_and_what_it_holds():
    parameter = torch.nn.Parameter(torch.rand(LARGE))
    got = sent(parameter)
    assert type(got) is torch.nn.Parameter
    assert torch.equal(got, parameter)


def test_what_cannot_be_pickled_raises():
    with pytest.raises(TypeError, match="lock"):
        sent([threading.Lock()])


def test_no_descriptor_stays_open():
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - the names alone
    sent([np.zeros(LARGE), torch.zeros(LARGE)], 2)
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208 - the names alone


def test_words_are_the_same_words_on_the_other_side():
    words = Words(4)
    other = pickle.loads(pickle.dumps(words))
    other.view[2] = -7
    assert words.view[2] == -7
    words.close()
    other.close()
