"""The default collate: torch's batches, whose dtype and keys follow every sample."""

import collections
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate
from torch.utils.data._utils import worker as torch_worker
from torch.utils.data._utils.collate import default_collate_fn_map

from trueload.collate import LARGE_BYTES, collate, collate_rows, fresh
from trueload.errors import KeysDifferError

Point = collections.namedtuple("Point", "x y")  # noqa: PYI024 - plain ones are what collate meets


@dataclass
class Opaque:
    value: int


class Length(float):
    """A number that somebody registered."""


class Marked(torch.Tensor):
    """A subclass of a tensor."""


class Rows:
    """Counts what it gives memory for."""

    def __init__(self):
        self.given = []

    def empty(self, shape, dtype):
        self.given.append(fresh(shape, dtype))
        return self.given[-1]


@contextmanager
def inside_a_worker(monkeypatch):
    """Let torch's code believe that it runs in a worker."""
    with monkeypatch.context() as patch:
        info = torch_worker.WorkerInfo(id=0, num_workers=1, seed=0, dataset=None)
        patch.setattr(torch_worker, "_worker_info", info)
        yield


MIXTURES = {
    "int, float": ([1, 2.5], torch.float64),
    "float, int": ([2.5, 1], torch.float64),
    "bool, int": ([True, 2], torch.int64),
    "int, bool": ([2, True], torch.int64),
    "bool, float": ([True, 2.5], torch.float64),
    "NumPy float32, float": ([np.float32(1), 2.5], torch.float64),
    "float, NumPy float32": ([2.5, np.float32(1)], torch.float64),
    "NumPy int64, NumPy float32": ([np.int64(1), np.float32(2.5)], torch.float32),
    "float32, float64": ([torch.ones(2), torch.ones(2).double()], torch.float64),
    "float64, float32": ([torch.ones(2).double(), torch.ones(2)], torch.float64),
    "uint8, float32": ([torch.ones(2).byte(), torch.ones(2)], torch.float32),
    "bool, int64": ([torch.ones(2).bool(), torch.ones(2).long()], torch.int64),
    "float32, complex64": ([torch.ones(2), torch.ones(2) * 1j], torch.complex64),
    "uint8 array, float32 array": ([np.ones(2, "u1"), np.ones(2, "f4")], torch.float32),
    "int32 array, int64 array": ([np.ones(2, "i4"), np.ones(2, "i8")], torch.int64),
    "array, tensor": ([np.ones(2), torch.ones(2)], torch.float64),
    "tensor, array": ([torch.ones(2), np.ones(2)], torch.float64),
    "large float32, float64": (
        [torch.ones(LARGE_BYTES), torch.ones(LARGE_BYTES).double()],
        torch.float64,
    ),
}


@pytest.mark.parametrize(("samples", "dtype"), MIXTURES.values(), ids=MIXTURES)
def test_the_dtype_follows_all_samples(samples, dtype):
    batch = collate(samples)
    assert batch.dtype is dtype
    assert batch.tolist() == [torch.as_tensor(sample).tolist() for sample in samples]


@pytest.mark.parametrize(("samples", "dtype"), MIXTURES.values(), ids=MIXTURES)
def test_a_worker_gives_the_same_dtype(samples, dtype, monkeypatch):
    with inside_a_worker(monkeypatch):
        batch = collate(samples)
    assert batch.dtype is dtype
    assert torch.equal(batch, collate(samples))


@pytest.mark.parametrize("odd", [{"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 2}])
@pytest.mark.parametrize("kind", [dict, collections.OrderedDict, collections.UserDict])
def test_a_sample_with_other_keys_is_an_error(odd, kind):
    usual = kind(a=1, b=2)
    with pytest.raises(KeysDifferError):
        collate([usual, usual, kind(odd)])


def test_the_error_of_a_missing_key_names_it_and_the_row():
    with pytest.raises(KeysDifferError) as caught:
        collate([{"a": 1, "b": 2}, {"a": 1}])
    assert str(caught.value) == "the sample in row 1 has other keys (1 missing: ['b'])"


def test_the_error_of_an_extra_key_names_it_and_the_row():
    with pytest.raises(KeysDifferError) as caught:
        collate([{"a": 1}, {"a": 1}, {"a": 1, "b": 2}])
    assert str(caught.value) == ("the sample in row 2 has other keys (not in the others: ['b'])")


def test_the_error_of_a_changed_key_names_both():
    with pytest.raises(KeysDifferError) as caught:
        collate([{"a": 1, "b": 2}, {"a": 1, "c": 2}])
    assert str(caught.value) == (
        "the sample in row 1 has other keys (1 missing: ['b'], not in the others: ['c'])"
    )


def test_a_mapping_that_fills_in_missing_keys_is_not_filled():
    samples = [collections.defaultdict(int, a=1, b=2), collections.defaultdict(int, a=1, c=2)]
    with pytest.raises(KeysDifferError):
        collate(samples)
    assert list(samples[1]) == ["a", "c"]


def test_a_counter_among_dictionaries_is_not_filled_either():
    with pytest.raises(KeysDifferError):
        collate([{"a": 1, "b": 2}, collections.Counter(a=1, c=2)])


def test_an_error_of_a_mapping_itself_stays_its_own():
    class Broken(collections.UserDict):
        def __getitem__(self, key):
            raise KeyError(key, "the file is gone")

    with pytest.raises(KeyError, match="the file is gone"):
        collate([Broken(a=1)])


def test_keys_in_another_order_are_the_same_keys():
    batch = collate([{"a": 1, "b": 2}, {"b": 4, "a": 3}])
    assert {key: column.tolist() for key, column in batch.items()} == {"a": [1, 3], "b": [2, 4]}


LARGE = {
    "tensors": [torch.ones(LARGE_BYTES // 8), torch.zeros(LARGE_BYTES // 8)],
    "views": [torch.ones(600, 130).T, torch.zeros(600, 130).T],
    "arrays": [np.ones(LARGE_BYTES // 8, "f4"), np.zeros(LARGE_BYTES // 8, "f4")],
    "array views": [np.ones((600, 130), "f4").T, np.zeros((600, 130), "f4").T],
}


@pytest.mark.parametrize("samples", LARGE.values(), ids=LARGE)
def test_large_leaves_go_into_the_memory_given(samples):
    rows = Rows()
    batch = collate([{"image": sample} for sample in samples], rows.empty)
    assert [given.data_ptr() for given in rows.given] == [batch["image"].data_ptr()]
    assert torch.equal(batch["image"], default_collate(samples))


@pytest.mark.parametrize("make", [torch.ones, np.ones], ids=["tensors", "arrays"])
def test_small_leaves_get_memory_of_their_own(make):
    rows = Rows()
    collate([make(LARGE_BYTES // 16 - 1), make(LARGE_BYTES // 16 - 1)], rows.empty)
    assert not [given for given in rows.given if given.nbytes >= LARGE_BYTES]
    assert rows.given == []


UNUSUAL = {
    "bfloat16": [torch.ones(LARGE_BYTES).bfloat16()] * 2,
    "requires grad": [torch.ones(LARGE_BYTES, requires_grad=True)] * 2,
    "conjugate": [torch.ones(LARGE_BYTES, dtype=torch.complex64).conj()] * 2,
    "channels last": [torch.ones(1, 3, 300, 300).to(memory_format=torch.channels_last)] * 2,
    "two dtypes": [torch.ones(LARGE_BYTES), torch.ones(LARGE_BYTES).double()],
    "among subclasses": [torch.ones(LARGE_BYTES), torch.ones(LARGE_BYTES).as_subclass(Marked)],
}


@pytest.mark.parametrize("samples", UNUSUAL.values(), ids=UNUSUAL)
def test_large_leaves_that_cannot_be_copied_row_by_row_are_torchs(samples):
    rows = Rows()
    batch, torchs = collate(samples, rows.empty), default_collate(samples)
    assert rows.given == []
    assert (type(batch), batch.dtype, batch.stride()) == (
        type(torchs),
        torchs.dtype,
        torchs.stride(),
    )
    assert batch.requires_grad == torchs.requires_grad
    assert torch.equal(batch, torchs)


def test_large_samples_of_different_shapes_do_not_stack():
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        collate([torch.ones(LARGE_BYTES), torch.ones(LARGE_BYTES + 1)])


@pytest.mark.parametrize(
    "sample",
    [torch.ones(3), np.ones(3), np.ones(LARGE_BYTES), torch.ones(LARGE_BYTES)],
    ids=["tensor", "array", "large array", "large tensor"],
)
def test_a_batch_of_one_shares_no_memory_with_its_sample(sample):
    batch = collate([sample])
    batch += 1
    assert torch.as_tensor(sample).max() == 1


def test_a_registered_type_is_collated_as_its_owner_says(monkeypatch):
    def collate_opaque(samples, *, collate_fn_map=None):
        return [sample.value for sample in samples]

    monkeypatch.setitem(default_collate_fn_map, Opaque, collate_opaque)
    batch = collate([{"a": (Opaque(1), 5)}, {"a": (Opaque(2), 6)}])
    assert batch["a"][0] == [1, 2]
    assert batch["a"][1].tolist() == [5, 6]


@pytest.mark.parametrize(
    ("kind", "samples"),
    [
        (torch.Tensor, [torch.ones(2)] * 2),
        (np.ndarray, [np.ones(2)] * 2),
        (int, [1, 2]),
        (str, ["a", "b"]),
        (dict, [{"a": 1}] * 2),
        (collections.OrderedDict, [collections.OrderedDict(a=1)] * 2),
        (Length, [Length(1)] * 2),
        (list, [[1], [2]]),
    ],
)
def test_a_known_type_that_is_registered_anew_is_collated_as_its_owner_says(
    kind, samples, monkeypatch
):
    monkeypatch.setitem(default_collate_fn_map, kind, lambda batch, *, collate_fn_map: "theirs")
    assert collate(samples) == "theirs"
    assert collate([(sample,) for sample in samples]) == ["theirs"]


ALIKE = {
    "named tuple": [Point(1, "a"), Point(2, "b")],
    "tuple": [(1, 2.5), (2, 3.5)],
    "list": [[1, 2.5], [2, 3.5]],
    "tuple and list": [(1, 2), [3, 4]],
    "ordered dict": [collections.OrderedDict(b=1, a=2)] * 2,
    "user dict": [collections.UserDict(a=1)] * 2,
    "read-only mapping": [MappingProxyType({"a": 1})] * 2,
    "deque": [collections.deque([1, 2])] * 2,
    "user list": [collections.UserList([1, 2])] * 2,
    "range": [range(2), range(2, 4)],
    "strings": ["a", "b"],
    "bytes": [b"a", b"b"],
    "string and number": ["a", 1],
    "empty tuples": [(), ()],
    "empty dicts": [{}, {}],
    "no dimension": [np.array(1.5), np.array(2.5)],
    "no dimension, tensor": [torch.tensor(1), torch.tensor(2)],
    "numbers and tensors": [1.5, torch.tensor(2.5)],
    "array and list": [np.ones(2), [3.0, 4.0]],
    "zero length": [np.empty((0, 3)), np.empty((0, 3))],
}


@pytest.mark.parametrize("samples", ALIKE.values(), ids=ALIKE)
def test_a_batch_of_this_kind_is_torchs_batch(samples):
    batch, torchs = collate(samples), default_collate(samples)
    assert type(batch) is type(torchs)
    assert repr(batch) == repr(torchs)


REFUSED = {
    "nothing": [],
    "dataclass": [Opaque(1)],
    "None": [None, None],
    "None among numbers": [1, None],
    "set": [{1}],
    "string array": [np.array(["a"])],
    "object array": [np.array([None])],
    "date array": [np.array(["2026-01-01"], "M8[D]")],
    "record array": [np.zeros(2, "i4,f4")],
    "big endian": [np.ones(2, ">f4")] * 2,
    "big endian without dimension": [np.array(1, ">f4")] * 2,
    "long double": [np.ones(2, np.longdouble)] * 2,
    "too big an integer": [2**70],
    "shapes": [torch.ones(2), torch.ones(3)],
    "array shapes": [np.ones(2), np.ones(3)],
    "array dimensions": [np.ones((2, 1)), np.ones(2)],
    "lengths": [[1, 2], [3]],
    "tensor and number": [torch.tensor(1), 2.5],
    "sparse": [torch.eye(2).to_sparse()],
}


@pytest.mark.parametrize("samples", REFUSED.values(), ids=REFUSED)
def test_what_torch_refuses_is_refused_with_torchs_error(samples):
    with pytest.raises(Exception) as torchs:  # noqa: PT011 - whatever torch raises
        default_collate(samples)
    with pytest.raises(torchs.type) as caught:
        collate(samples)
    assert str(caught.value) == str(torchs.value)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_compressed_sparse_tensors_are_refused_with_torchs_error():
    with pytest.raises(RuntimeError, match="sparse tensors are not currently supported"):
        collate([torch.eye(2).to_sparse_csr()])


def test_a_number_among_mappings_is_a_type_error():
    with pytest.raises(TypeError):
        collate([{"a": 1}, 5])


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_nested_tensors_are_refused_with_torchs_error():
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    with pytest.raises(RuntimeError, match="nested tensors are not currently supported"):
        collate([nested, nested])


@pytest.mark.parametrize(
    "samples", [[(1, 2), (3,)], [Point(1, 2), (3,)], [[], [1]]], ids=["tuple", "named", "empty"]
)
def test_sequences_of_different_lengths_lose_nothing_in_silence(samples):
    with pytest.raises(RuntimeError, match="should be of equal size"):
        collate(samples)


def test_a_named_tuple_keeps_its_type():
    batch = collate([Point(1, {"a": 2}), Point(3, {"a": 4})])
    assert isinstance(batch, Point)
    assert batch.y["a"].tolist() == [2, 4]


def test_a_mapping_keeps_its_attributes_and_the_sample_its_own():
    class Tagged(dict):
        pass

    sample = Tagged(a=1)
    sample.tag = "kept"
    batch = collate([sample, Tagged(a=2)])
    assert (type(batch), batch.tag, batch["a"].tolist()) == (Tagged, "kept", [1, 2])
    assert sample == {"a": 1}


def test_a_sequence_keeps_its_type_and_the_sample_its_values():
    sample = collections.UserList([1, 2])
    batch = collate([sample, collections.UserList([3, 4])])
    assert isinstance(batch, collections.UserList)
    assert sample == [1, 2]


@pytest.mark.parametrize("length", [3, LARGE_BYTES], ids=["small", "large"])
def test_read_only_arrays_are_copied_without_a_warning(length):
    sample = np.ones(length)
    sample.flags.writeable = False
    assert collate([sample, sample]).sum() == 2 * length


def test_arrays_with_negative_strides_make_a_batch():
    assert collate([np.arange(3)[::-1], np.arange(3)]).tolist() == [[2, 1, 0], [0, 1, 2]]


@pytest.mark.parametrize(
    "sample",
    [1, 2.5, np.ones(3), np.ones(LARGE_BYTES), torch.ones(3), torch.ones(LARGE_BYTES)],
    ids=["int", "float", "array", "large array", "tensor", "large tensor"],
)
def test_a_default_device_has_the_effect_that_it_has_on_torchs_batches(sample):
    with torch.device("meta"):
        assert collate([sample, sample]).device == default_collate([sample, sample]).device


ARRAYS = {
    "rows": np.arange(12.0).reshape(4, 3),
    "numbers": np.arange(5, dtype=np.uint8),
    "images": np.ones((2, 3, 4, 4), np.float32),
    "every second": np.arange(24).reshape(6, 4)[::2, ::2],
    "bools": np.array([[True], [False]]),
    "complex": np.ones((2, 2), np.complex64),
    "large": np.ones((300, 2000)),
    "swapped": np.arange(6, dtype=">i4").reshape(2, 3),
    "dates": np.array(["2020-01-01"], "datetime64[D]"),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_the_rows_of_an_array_make_the_batch_that_torch_makes_of_them(kind):
    array = ARRAYS[kind]
    try:
        expected = torch.utils.data.default_collate(array)
    except Exception as error:
        with pytest.raises(type(error)):
            collate_rows(array)
        return
    got = collate_rows(array)
    assert got.dtype == expected.dtype
    assert torch.equal(got, expected)
    assert not np.shares_memory(got.numpy(), array)


def test_rows_of_an_array_get_the_memory_given_where_they_are_large():
    given = []
    collate_rows(
        ARRAYS["large"], lambda shape, dtype: given.append(shape) or torch.empty(shape, dtype=dtype)
    )
    collate_rows(ARRAYS["rows"], lambda *_: pytest.fail("small"))
    assert given == [(300, 2000)]
