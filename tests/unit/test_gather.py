"""Whole batches out of plain arrays: what `dataset[index]` and the default collate would give."""

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, Subset, TensorDataset, default_collate

from trueload.collate import LARGE_BYTES, fresh
from trueload.gather import gather_of

INDICES = np.array([3, 0, 3, 5])


def grid(*shape, dtype=torch.float32):
    return torch.arange(int(np.prod(shape))).reshape(shape).to(dtype)


def array(*shape, dtype="f4"):
    return np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)


def bits(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def read_only():
    rows = array(6, 2)
    rows.flags.writeable = False
    return rows


_TORCH = (
    "bool uint8 int8 int16 int32 int64 uint16 uint32 float16 bfloat16 float32 float64 complex64"
)
_NUMPY = "bool uint8 int8 int16 int32 int64 uint16 uint32 float16 float32 float64 complex64"
GATHERED = {
    **{f"tensor {n}": grid(6, 2, dtype=getattr(torch, n)) for n in _TORCH.split()},
    **{f"array {n}": array(6, 2, dtype=n) for n in _NUMPY.split()},
    **{f"flat array {n}": array(6, dtype=n) for n in _NUMPY.split()},
    "float8": grid(6, 2).to(torch.float8_e4m3fn),
    "array uint64": array(6, 2, dtype="u8"),
    "flat tensor": grid(6),
    "image": grid(6, 3, 4, 5),
    "rows of no length": grid(6, 0, 3),
    "array rows of no length": array(6, 0, 3),
    "transposed": grid(2, 6).T,
    "with gaps": grid(12, 6)[::2, 1:4],
    "channels last": grid(6, 3, 4, 5).to(memory_format=torch.channels_last),
    "expanded": grid(2).expand(6, 2),
    "overlapping": grid(9).as_strided((6, 3), (1, 1)),
    "fortran array": np.asfortranarray(array(6, 3)),
    "array with gaps": array(12, 6)[::2, 1:4],
    "reversed array": array(6, 3)[::-1],
    "flat reversed array": array(6)[::-1],
    "broadcast array": np.broadcast_to(array(2), (6, 2)),
    "read-only array": read_only(),
    "unaligned array": np.zeros((6,), "i1,f8")["f1"],
    "large": grid(6, LARGE_BYTES // 8),
    "large array": array(6, LARGE_BYTES // 8),
    "large with gaps": grid(12, LARGE_BYTES // 8)[::2],
    "tensors": TensorDataset(grid(6, 2), grid(6, dtype=torch.int64)),
    "subset of a tensor": Subset(grid(8, 2), [7, 5, 3, 1, 2, 0]),
    "subset of an array": Subset(array(8, 2), [7, 5, 3, 1, 2, 0]),
    "subset of tensors": Subset(TensorDataset(grid(8, 2), grid(8)), [7, 5, 3, 1, 2, 0]),
    "subset of a subset": Subset(Subset(grid(8), [7, 6, 5, 4, 3, 2, 1]), [6, 5, 4, 3, 2, 1]),
    "subset by a range": Subset(grid(8), range(1, 8)),
    "subset by an array": Subset(grid(8), np.array([7, 5, 3, 1, 2, 0])),
    "subset by a tensor": Subset(grid(8), torch.tensor([7, 5, 3, 1, 2, 0])),
}


@pytest.mark.parametrize("dataset", GATHERED.values(), ids=GATHERED)
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")  # in torch's collate
def test_a_gathered_batch_is_what_the_samples_collate_to(dataset):
    batch = gather_of(dataset)(INDICES, fresh)
    samples = default_collate([dataset[index] for index in INDICES.tolist()])
    assert type(batch) is type(samples)
    pairs = zip(batch, samples, strict=True) if type(batch) is list else [(batch, samples)]
    for ours, theirs in pairs:
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert ours.is_contiguous()
        assert torch.equal(bits(ours), bits(theirs))


class Doubled(TensorDataset):
    def __getitem__(self, index):
        return tuple(2 * tensor for tensor in super().__getitem__(index))


class Chosen(Subset):
    def __getitem__(self, index):
        return super().__getitem__(index) + 1

    def __getitems__(self, indices):
        return [self[index] for index in indices]


class Array(np.ndarray):
    pass


class Tensor(torch.Tensor):
    pass


LEFT_ALONE = {
    "list": [1, 2, 3],
    "range": range(6),
    "dict": {0: 1},
    "joined": ConcatDataset([TensorDataset(grid(6))]),
    "subclass of TensorDataset": Doubled(grid(6)),
    "subclass of Subset": Chosen(grid(6), [0, 1]),
    "subclass of an array": array(6, 2).view(Array),
    "matrix": array(6, 2).view(np.matrix),
    "masked array": np.ma.masked_array(array(6, 2)),
    "subclass of a tensor": grid(6, 2).as_subclass(Tensor),
    "parameter": torch.nn.Parameter(grid(6, 2)),
    "requires grad": grid(6, 2).requires_grad_(),
    "tensors of which one requires grad": TensorDataset(grid(6), grid(6).requires_grad_()),
    "no dimension": torch.tensor(1),
    "array without dimension": np.array(1),
    "conjugate": grid(6, 2, dtype=torch.complex64).conj(),
    "negative view": grid(6, 2, dtype=torch.complex64).conj().imag,
    "sparse": grid(6, 2).to_sparse(),
    "another device": torch.empty(6, 2, device="meta"),
    "quantized": lambda: torch.quantize_per_tensor(grid(6, 2), 0.1, 0, torch.quint8),
    "big endian": array(6, 2, dtype=">f4"),
    "long double": array(6, 2, dtype=np.longdouble),
    "flat uint64, whose scalars torch refuses": array(6, dtype="u8"),
    "texts": np.array(["a", "b"]),
    "objects": np.array([None, 1]),
    "dates": np.array(["2026-01-01"], "M8[D]"),
    "records": np.zeros(3, "i4,f4"),
    "subset of a list": Subset([1, 2, 3], [0, 1]),
    "subset of what requires grad": Subset(grid(6).requires_grad_(), [0]),
    "subset by truth values": Subset(grid(6), [True, False]),
    "subset by names": Subset(grid(6), ["a"]),
    "subset by lists": Subset(grid(6), [[0, 1], [2, 3]]),
    "subset by ragged lists": Subset(grid(6), [[0, 1], [2]]),
    "subset by fractions": Subset(grid(6), [0.5]),
    "empty subset": Subset(grid(6), []),
}


@pytest.mark.parametrize("dataset", LEFT_ALONE.values(), ids=LEFT_ALONE)
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor", "ignore:quantized")
def test_what_needs_its_own_code_is_not_gathered(dataset):
    assert gather_of(dataset() if callable(dataset) else dataset) is None


@pytest.mark.parametrize("indices", [[0, -1], [0, 6], [-7]], ids=str)
@pytest.mark.parametrize(
    "dataset",
    [grid(6, 2), array(6, 2), TensorDataset(grid(6)), Subset(grid(9), range(6))],
    ids=["tensor", "array", "tensors", "subset"],
)
def test_an_index_out_of_range_is_left_to_the_dataset(dataset, indices):
    with pytest.raises(IndexError, match=r"an index lies outside 0\.\.5"):
        gather_of(dataset)(np.array(indices), fresh)


def test_a_read_only_array_is_gathered_without_a_warning():
    assert gather_of(read_only())(INDICES, fresh)[0].tolist() == [6, 7]


def test_a_subset_that_chooses_from_the_end_is_left_to_the_dataset():
    with pytest.raises(IndexError, match=r"an index lies outside 0\.\.5"):
        gather_of(Subset(grid(6), [0, -1]))(np.array([1]), fresh)


def test_no_index_makes_a_batch_of_none():
    batch = gather_of(grid(6, 2))(np.array([], dtype=np.int64), fresh)
    assert batch.shape == (0, 2)


@pytest.mark.parametrize("dataset", [grid(6, 2), array(6, 2)], ids=["tensor", "array"])
def test_a_gathered_batch_shares_no_memory_with_the_dataset(dataset):
    batch = gather_of(dataset)(np.array([0, 1]), fresh)
    batch += 100
    assert dataset.max() == 11


def test_a_change_of_the_data_is_seen():
    data = grid(6)
    gather = gather_of(Subset(data, [5, 4]))
    data[5] = 100
    assert gather(np.array([0]), fresh).tolist() == [100]


@pytest.mark.parametrize(
    ("length", "given"), [(LARGE_BYTES // 8, 1), (LARGE_BYTES // 8 - 1, 0)], ids=["large", "small"]
)
def test_only_large_batches_go_into_the_memory_given(length, given):
    asked = []

    def empty(shape, dtype):
        asked.append(shape)
        return fresh(shape, dtype)

    gather_of(grid(6, length))(np.array([1, 2]), empty)
    assert len(asked) == given


def test_arrays_are_not_gathered_where_torch_moves_them_to_another_device():
    with torch.device("meta"):
        assert gather_of(array(6, 2)) is None


def test_tensors_stay_where_they_are_whatever_the_default_device():
    rows = grid(6, 2)
    with torch.device("meta"):
        assert gather_of(rows)(INDICES, fresh).device.type == "cpu"
