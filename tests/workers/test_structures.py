"""Promise 3, first half: a batch comes as it was made, whatever it is made of, and is writable."""

import collections
import decimal
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from tests.torch_parity.compare import difference
from trueload import DataLoader

from .datasets import Made


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclass(eq=False)
class Photo:
    pixels: torch.Tensor
    name: str


class Box:
    """What only its own collate function knows."""

    def __init__(self, value):
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Slotted) and self.value == other.value

    __hash__ = None


class Kind(enum.Enum):
    CAT = 1
    DOG = 2


class Marked(torch.Tensor):
    """A subclass of a tensor."""


def marked(index):
    return torch.full((3,), float(index)).as_subclass(Marked)


def sparse(index):
    return torch.sparse_coo_tensor([[0, 2]], [1.0 + index, 2.0], (4,)).coalesce()


def sparse_rows(index):
    return torch.eye(3).mul(index + 1).to_sparse_csr()


def grown(index):
    return torch.full((2, 3), float(index), requires_grad=True)


def raw(samples):
    """Collate nothing."""
    return samples


def boxed(samples):
    return Box({"stack": torch.stack([torch.full((300,), s) for s in samples]), "n": len(samples)})


def transposed(samples):
    return torch.stack([torch.arange(6.0).reshape(2, 3) + s for s in samples]).transpose(0, 2)


def expanded(samples):
    return torch.tensor(samples[0]).expand(3, 4)


def every_second(samples):
    return torch.arange(4000).reshape(40, 100)[::2, ::3] + samples[0]


def photos(samples):
    return [Photo(torch.full((2, 2), s), f"{s}.jpg") for s in samples]


def of_all_dtypes(index):
    names = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 uint16"
    return {name: torch.tensor([index, 1]).to(getattr(torch, name)) for name in names.split()}


DEFAULT: dict[str, Callable[[int], Any]] = {
    "numbers": lambda index: (index, index / 3, index % 2 == 0),
    "text": lambda index: f"sample {index} \N{SNOWMAN}",
    "bytes": lambda index: bytes([index]) * index,
    "nested": lambda index: {"a": [index, {"b": (torch.ones(2) * index, "x")}], "c": {"d": {}}},
    "named tuples": lambda index: Pair(index, Pair(torch.ones(2) * index, "x")),
    "ordered": lambda index: collections.OrderedDict(z=index, a=-index),
    "dtypes": of_all_dtypes,
    "numpy": lambda index: np.full((2, 2), index, dtype=np.int16),
    "numpy scalars": np.float32,
    "no dimensions": torch.tensor,
    "empty": lambda index: {"tensor": torch.empty(0, 3), "array": np.empty((2, 0)), "list": []},
    "not contiguous": lambda index: torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)[::2],
    "negative zero and nan": lambda index: torch.tensor([-0.0, float("nan"), float("inf")]),
}
UNCOLLATED: dict[str, Callable[[int], Any]] = {
    "ragged": lambda index: list(range(index)),
    "ragged tensors": lambda index: torch.arange(index * 100),
    "ragged arrays": lambda index: np.arange(index * 100.0 + 1),
    "nothing": lambda index: None,
    "sets": lambda index: {index, -index},
    "enumerations": lambda index: Kind(index % 2 + 1),
    "decimals": lambda index: decimal.Decimal(index) / 7,
    "big numbers": lambda index: 10**index,
    "dataclasses": lambda index: Photo(torch.full((2, 2), index), f"{index}.jpg"),
    "objects": lambda index: Box({"x": [np.arange(index + 1)]}),
    "slots": Slotted,
    "fortran order": lambda index: np.asfortranarray(np.arange(6).reshape(2, 3) + index),
    "strides": lambda index: np.arange(24).reshape(4, 6)[::2, ::-3] + index,
    "objects in arrays": lambda index: np.array([index, "x", None], dtype=object),
    "records": lambda index: np.array([(index, 0.5)], dtype=[("a", "i4"), ("b", "f8")]),
    "times": lambda index: np.array(["2020-01-01"], "datetime64[D]") + np.timedelta64(index, "D"),
    "words": lambda index: np.array(["a", "bcd"] * index + [""]),
    "scalars without dimensions": np.array,
    "tensor subclass": marked,
    "parameters": lambda index: torch.nn.Parameter(torch.full((2,), float(index))),
    "sparse": sparse,
    "sparse rows": sparse_rows,
    "gradients": grown,
    "conjugate": lambda index: torch.tensor([1 + 2j * index]).conj(),
    "negative": lambda index: torch.tensor([1 + 2j * index]).conj().imag,
    "channels last": lambda index: torch.rand(1, 3, 4, 4).to(memory_format=torch.channels_last),
}
COLLATES = {
    "an object": boxed,
    "a transposed tensor": transposed,
    "every second row": every_second,
    "a list": photos,
    "text": lambda samples: ",".join(map(str, samples)),
    "nothing": lambda samples: None,
}


def batches(make, workers, **arguments):
    torch.manual_seed(1)
    return list(DataLoader(Made(make, 10), 4, num_workers=workers, rng="batch", **arguments))


@pytest.mark.parametrize("make", DEFAULT.values(), ids=DEFAULT)
def test_a_collated_batch_comes_as_it_was_made(make):
    assert not difference(batches(make, 0), batches(make, 2))


@pytest.mark.parametrize("make", UNCOLLATED.values(), ids=UNCOLLATED)
@pytest.mark.filterwarnings("ignore:Sparse (CSR|invariant):UserWarning")
def test_samples_that_are_not_collated_come_as_they_were_made(make):
    without, found = (batches(make, workers, collate_fn=raw) for workers in (0, 2))
    if make is not UNCOLLATED["strides"]:
        assert not difference(without, found)
    assert str(without) == str(found) or "object at" in str(found)


@pytest.mark.parametrize("collate_fn", COLLATES.values(), ids=COLLATES)
def test_what_a_collate_function_makes_comes_as_it_was_made(collate_fn):
    def values(workers):
        made = batches(int, workers, collate_fn=collate_fn)
        return [one.contiguous() if isinstance(one, torch.Tensor) else one for one in made]

    assert not difference(values(0), values(2))


def test_a_tensor_without_memory_keeps_its_shape():
    found = batches(lambda _: torch.empty(3, device="meta"), 2, collate_fn=raw)
    assert [(one.device.type, one.shape) for one in found[0]] == [("meta", (3,))] * 4


@pytest.mark.filterwarnings("ignore:torch.quantize:UserWarning")
@pytest.mark.filterwarnings("ignore:TypedStorage:UserWarning")
def test_a_quantized_tensor_keeps_its_values_and_its_scale():
    def make(index):
        return torch.quantize_per_tensor(torch.ones(3) * index, 0.5, 10, torch.qint8)

    found = batches(make, 2, collate_fn=raw)[0][3]
    assert (found.dequantize().tolist(), found.q_scale(), found.q_zero_point()) == (
        [3] * 3,
        0.5,
        10,
    )


def test_an_expanded_tensor_keeps_its_values():
    found = batches(int, 2, collate_fn=expanded)
    assert [batch.tolist() for batch in found] == [[[s] * 4] * 3 for s in (0, 4, 8)]


def test_one_tensor_in_two_places_stays_one():
    def twice(samples):
        tensor = torch.tensor(samples)
        return {"a": tensor, "b": tensor}

    assert all(batch["a"] is batch["b"] for batch in batches(int, 2, collate_fn=twice))


def test_a_batch_larger_than_any_before_comes_whole():
    def make(index):
        return torch.full((1 << (20 if index < 3 else 24),), index, dtype=torch.uint8)

    found = list(DataLoader(Made(make, 5), None, num_workers=2))
    assert [(len(one), one.unique().item()) for one in found] == [
        (1 << 20, 0),
        (1 << 20, 1),
        (1 << 20, 2),
        (1 << 24, 3),
        (1 << 24, 4),
    ]


def test_a_long_structure_comes_whole():
    found = batches(lambda index: [f"{index}" * 10] * 20_000, 2, collate_fn=raw)
    assert [len(sample) for batch in found for sample in batch] == [20_000] * 10


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_are_writable(workers):
    for batch in batches(lambda index: {"t": torch.ones(2), "n": np.ones(2)}, workers):
        batch["t"] += 1
        batch["n"][:] = 3
        assert (batch["t"].unique().item(), batch["n"].unique().item()) == (2, 3)


@pytest.mark.parametrize("workers", [0, 2])
def test_arrays_that_are_not_collated_are_writable(workers):
    for batch in batches(lambda index: np.arange(5), workers, collate_fn=raw):
        batch[0][:] += 1
        assert batch[0].tolist() == [1, 2, 3, 4, 5]


def test_no_two_batches_share_memory():
    kept = batches(lambda index: torch.full((100,), index), 2)
    addresses = {batch.data_ptr() for batch in kept}
    assert len(addresses) == len(kept) == 3
