"""Generated loaders: strategies for hypothesis that draw a dataset, a sampling and a collation.

A strategy gives a `Setup`, which builds an equal but separate loader for each class.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from . import samplers
from .datasets import STREAMS, Fetching, Mapped, NotFetching, draw
from .observe import STEPS, Setup, Step
from .samples import KINDS
from .test_collation import STRICT

SOURCES = ("", "", "python", "numpy", "gauss", "torch", "all")
SMALL = [kind for kind in STRICT if not kind.startswith("large")]
_TENSOR_DTYPES = (
    torch.float32,
    torch.int64,
    torch.uint8,
    torch.bool,
    torch.bfloat16,
    torch.complex64,
)
_ARRAY_DTYPES = ("f4", "f8", "i8", "i4", "u1", "u2", "?", "c8", "f2", ">f4")
_SHAPES = ((), (3,), (2, 3), (0,), (3, 2, 4))
_LAYOUTS = (
    "plain",
    "transposed",
    "sliced",
    "reversed",
    "channels last",
    "requires grad",
    "conjugate",
)

Dataset = Callable[[], Any]


def tensor(length: int, dtype: torch.dtype, shape: tuple[int, ...], layout: str) -> torch.Tensor:
    """Make a tensor of rows that lie in memory as the layout says."""
    numbers = torch.arange(length * max(1, int(np.prod(shape)))) % 251
    rows = numbers[: length * int(np.prod(shape))].reshape(length, *shape).to(dtype)
    if layout == "transposed" and rows.dim() > 1:
        return rows.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "sliced":
        return rows.repeat_interleave(2, 0)[::2]
    if layout == "channels last" and rows.dim() == 4:
        return rows.contiguous(memory_format=torch.channels_last)
    if layout == "requires grad" and dtype is torch.float32:
        return rows.requires_grad_()
    if layout == "conjugate" and dtype is torch.complex64:
        return rows.conj()
    return rows


def array(length: int, dtype: str, shape: tuple[int, ...], layout: str) -> np.ndarray:
    """Make an array of rows that lie in memory as the layout says."""
    rows = (np.arange(length * int(np.prod(shape))) % 251).reshape(length, *shape).astype(dtype)
    if layout == "transposed":
        return np.asfortranarray(rows)
    if layout == "sliced":
        return np.repeat(rows, 2, axis=0)[::2]
    return rows[::-1] if layout == "reversed" else rows


@st.composite
def plain_datasets(draw: Any, length: int) -> Dataset:
    """Draw a dataset whose batches may be gathered in one call."""
    shape, layout = draw(st.sampled_from(_SHAPES)), draw(st.sampled_from(_LAYOUTS))
    what = draw(st.sampled_from(["tensor", "array", "tensors", "range"]))
    if what == "array":
        dtype = draw(st.sampled_from(_ARRAY_DTYPES))
        return lambda: array(length, dtype, shape, layout)
    dtypes = draw(st.lists(st.sampled_from(_TENSOR_DTYPES), min_size=1, max_size=3))
    if what == "tensor":
        return lambda: tensor(length, dtypes[0], shape, layout)
    if what == "tensors":
        return lambda: TensorDataset(*(tensor(length, dtype, shape, layout) for dtype in dtypes))
    return lambda: range(length)


@st.composite
def coded_datasets(draw: Any, length: int) -> Dataset:
    """Draw a dataset with a `__getitem__` of its own, or a list."""
    kind = draw(st.sampled_from(SMALL))
    source = draw(st.sampled_from(SOURCES))
    failing = draw(st.sampled_from([(), (), (1,), (0, 3)]))
    what = draw(st.sampled_from([Mapped, Mapped, Fetching, NotFetching, list]))
    if what is list:
        return lambda: [KINDS[kind](index) for index in range(length)]
    return lambda: what(length, kind, source, failing)


@st.composite
def datasets(draw: Any, length: int) -> Dataset:
    """Draw a dataset, or one that is made of others."""
    inner = st.one_of(plain_datasets(length), coded_datasets(length))
    one = draw(inner)
    what = draw(st.sampled_from(["itself", "itself", "subset", "concatenated", "stacked"]))
    if what == "itself":
        return one
    if what == "subset":
        places = draw(st.permutations(range(length)))
        form = draw(st.sampled_from([list, tuple, np.array, torch.tensor]))
        return lambda: Subset(one(), form(places))
    if what == "stacked":
        return lambda: StackDataset(a=one(), b=range(length))
    return lambda: ConcatDataset([one(), range(2)]) if length else one()


SAMPLINGS: dict[str, Callable[[int, Any], dict[str, Any]]] = {
    "sequential": lambda n, g: {},
    "shuffle": lambda n, g: {"shuffle": True},
    "no shuffle": lambda n, g: {"shuffle": False},
    "SequentialSampler": lambda n, g: {"sampler": SequentialSampler(range(n))},
    "of fewer": lambda n, g: {"sampler": SequentialSampler(range(n // 2))},
    "random": lambda n, g: {"sampler": RandomSampler(range(n))},
    "random, generator": lambda n, g: {"sampler": RandomSampler(range(n), generator=g)},
    "random, all, by number": lambda n, g: {"sampler": RandomSampler(range(n), num_samples=n)},
    "random, fewer": lambda n, g: {"sampler": RandomSampler(range(n), num_samples=3)},
    "random, more": lambda n, g: {"sampler": RandomSampler(range(n), num_samples=2 * n + 1)},
    "replacement": lambda n, g: {"sampler": RandomSampler(range(n), replacement=True)},
    "much replacement": lambda n, g: {
        "sampler": RandomSampler(range(n), replacement=True, num_samples=70, generator=g)
    },
    "subset": lambda n, g: {"sampler": SubsetRandomSampler(range(0, n, 2))},
    "subset, generator": lambda n, g: {"sampler": SubsetRandomSampler(list(range(n)), generator=g)},
    "weighted": lambda n, g: {"sampler": WeightedRandomSampler([1.0 + i for i in range(n)], 7)},
    "weighted, generator": lambda n, g: {
        "sampler": WeightedRandomSampler([1.0] * n, n, replacement=False, generator=g)
    },
    "distributed": lambda n, g: {"sampler": DistributedSampler(range(n), 2, 1)},
    "list": lambda n, g: {"sampler": list(range(n))[::-1]},
    "tuple": lambda n, g: {"sampler": tuple(range(n))},
    "range": lambda n, g: {"sampler": range(0, n, 2)},
    "tensor": lambda n, g: {"sampler": torch.arange(n).flip(0)},
    "array": lambda n, g: {"sampler": np.arange(n)},
    "from the end": lambda n, g: {"sampler": [-1, 0, -2]},
    "outside": lambda n, g: {"sampler": [0, n, -n - 1, 1]},
    "drawing from torch": lambda n, g: {"sampler": samplers.Drawing(n, "torch")},
    "drawing from numpy": lambda n, g: {"sampler": samplers.Drawing(n, "numpy")},
    "drawing from random": lambda n, g: {"sampler": samplers.Drawing(n, "python")},
    "eager": lambda n, g: {"sampler": samplers.Eager(n)},
    "endless": lambda n, g: {"sampler": samplers.Endless(n or 1, 3)},
    "epochs": lambda n, g: {"sampler": samplers.Epochs(n)},
    "failing": lambda n, g: {"sampler": samplers.Failing(n)},
}

BATCHINGS: dict[str, Callable[[int, Any], dict[str, Any]]] = {
    "BatchSampler": lambda n, g: {"batch_sampler": BatchSampler(RandomSampler(range(n)), 3, False)},
    "BatchSampler, drop last": lambda n, g: {
        "batch_sampler": BatchSampler(SequentialSampler(range(n)), 3, True)
    },
    "BatchSampler of a generator": lambda n, g: {
        "batch_sampler": BatchSampler(RandomSampler(range(n), generator=g), 2, False)
    },
    "BatchSampler, endless": lambda n, g: {
        "batch_sampler": BatchSampler(samplers.Endless(n or 1, 5), 2, False)
    },
    "lists": lambda n, g: {"batch_sampler": [list(range(n))[i : i + 2] for i in range(0, n, 2)]},
    "one empty": lambda n, g: {"batch_sampler": [[0], [], list(range(n))]},
    "tuples": lambda n, g: {"batch_sampler": samplers.Bucketed(n, form=tuple)},
    "buckets": lambda n, g: {"batch_sampler": samplers.Bucketed(n)},
    "drawing buckets": lambda n, g: {"batch_sampler": samplers.Bucketed(n, "all")},
    "arrays": lambda n, g: {"batch_sampler": samplers.Bucketed(n, form=np.array)},
    "tensors": lambda n, g: {"batch_sampler": samplers.Bucketed(n, form=torch.tensor)},
    "outside": lambda n, g: {"batch_sampler": [[0, -1], [n, 0], [0]]},
    "lists as indices": lambda n, g: {
        "sampler": BatchSampler(SequentialSampler(range(n)), 2, False),
        "batch_size": None,
    },
}


def _pairs(samples: Any) -> Any:
    return len(samples), samples


def _drawing(samples: Any) -> Any:
    return draw("all"), [str(type(sample)) for sample in samples]


def _refusing(samples: Any) -> Any:
    if len(samples) == 1:
        message = "one sample is no batch"
        raise ArithmeticError(message)
    return len(samples)


COLLATIONS: tuple[Any, ...] = (None, None, None, list, _pairs, _drawing, _refusing)


@st.composite
def map_style(draw: Any) -> Setup:
    """Draw a loader over a map-style dataset."""
    length = draw(st.integers(0, 11))
    dataset = draw(datasets(length))
    arguments: dict[str, Any] = {"collate_fn": draw(st.sampled_from(COLLATIONS))}
    if draw(st.booleans()) or draw(st.booleans()):
        name = draw(st.sampled_from(list(SAMPLINGS)))
        sampling = SAMPLINGS[name]
        arguments["batch_size"] = draw(st.sampled_from([None, 1, 2, 3, 5, 20]))
        arguments["drop_last"] = arguments["batch_size"] is not None and draw(st.booleans())
    else:
        name = draw(st.sampled_from(list(BATCHINGS)))
        sampling = BATCHINGS[name]
    return _setup(draw, dataset, arguments, name, lambda g: sampling(length, g))


@st.composite
def streams(draw: Any) -> Setup:
    """Draw a loader over an iterable dataset."""
    length = draw(st.integers(0, 11))
    made = draw(st.sampled_from(STREAMS))
    kind, source = draw(st.sampled_from(SMALL)), draw(st.sampled_from(SOURCES))
    told = draw(st.sampled_from([None, length, 2]))
    failing = draw(st.sampled_from([-1, -1, 0, 3]))
    arguments: dict[str, Any] = {"collate_fn": draw(st.sampled_from(COLLATIONS))}
    arguments["batch_size"] = draw(st.sampled_from([None, 1, 2, 3, 5, 20]))
    arguments["drop_last"] = arguments["batch_size"] is not None and draw(st.booleans())
    name = f"{made.__name__} {kind} {source}"
    return _setup(
        draw, lambda: made(length, kind, source, told, failing), arguments, name, lambda _: {}
    )


def _setup(draw: Any, dataset: Dataset, arguments: dict[str, Any], name: str, more: Any) -> Setup:
    given, own = draw(st.booleans()), draw(st.booleans())

    def build(loader_class: Any) -> tuple[Any, Any, torch.Generator | None]:
        generator = torch.Generator().manual_seed(7) if given or own else None
        made = dataset()
        drawn = {**arguments, **more(generator), "generator": generator if given else None}
        return loader_class(made, **drawn), made, generator

    told = f"{name}, {arguments}, generator={given} own={own}"
    return Setup(build, told, seed=draw(st.integers(0, 3)))


def scripts() -> st.SearchStrategy[list[Step]]:
    """Draw what is done with a loader."""
    step = st.tuples(st.sampled_from(STEPS), st.integers(1, 3))
    return st.lists(step, min_size=1, max_size=5)
