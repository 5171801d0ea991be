"""What is copied because others see its memory, and what is left alone because nobody does."""

import copy
from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import torch

from trueload.ownership import owned

TENSOR = torch.arange(24.0).reshape(6, 4)
ARRAY = np.arange(24.0).reshape(6, 4)
BYTES = bytes(range(24))
KEPT = {"boxes": TENSOR[:2], "names": ["a", "b"], "target": [ARRAY[1], 3]}


class Pair(NamedTuple):
    left: object
    right: object


@cache
def cached(index):
    return torch.full((3,), float(index))


@dataclass
class Record:
    image: torch.Tensor
    label: int


class Plain:
    def __init__(self, image):
        self.image = image


class Slotted:
    __slots__ = ("image",)

    def __init__(self, image):
        self.image = image


ALONE = {
    "a tensor": lambda: torch.rand(3, 4),
    "a view of a tensor that is gone": lambda: torch.rand(3, 4)[1:],
    "a transposed tensor": lambda: torch.rand(3, 4).T,
    "a chain of views": lambda: torch.rand(2, 3, 4).permute(2, 0, 1)[1:].flatten(1),
    "a sum": lambda: TENSOR[1] + 0,
    "a tensor of nothing": lambda: torch.empty(0),
    "an array": lambda: np.zeros((3, 4)),
    "a view of an array that is gone": lambda: np.zeros((3, 4))[1:].T,
    "a sum of arrays": lambda: ARRAY[2] + 0,
    "numbers and words": lambda: (1, 2.0, "a", b"b", None, True),
    "a tuple": lambda: (torch.rand(2), np.zeros(2), 3),
    "a dictionary": lambda: {"x": torch.rand(2), "y": [np.zeros(2), {"z": torch.rand(1)}]},
    "a named tuple": lambda: Pair(torch.rand(2), np.zeros(2)),
    "a data class": lambda: Record(torch.rand(2), 1),
    "an object": lambda: Plain(torch.rand(2)),
    "a computed tensor": lambda: torch.rand(2, requires_grad=True) * 2,
    "a parameter": lambda: torch.nn.Parameter(torch.rand(2)),
    "a sparse tensor": lambda: torch.eye(3).to_sparse(),
    "an empty list": list,
}

SEEN = {
    "a tensor that is kept": lambda: TENSOR,
    "a row": lambda: TENSOR[1],
    "a detached tensor": TENSOR.detach,
    "a flat view": lambda: TENSOR.view(-1),
    "what a cache gives": lambda: cached(1),
    "a view of what a cache gives": lambda: cached(2)[1:],
    "a tensor over an array": lambda: torch.from_numpy(ARRAY),
    "a tensor over a row": lambda: torch.as_tensor(ARRAY[1]),
    "a shallow copy": lambda: copy.copy(TENSOR),
    "an expanded tensor": lambda: torch.zeros(1).expand(3),
    "an array that is kept": lambda: ARRAY,
    "a row of an array": lambda: ARRAY[1],
    "an array over a tensor": TENSOR.numpy,
    "an array over bytes": lambda: np.frombuffer(BYTES, np.uint8),
    "a broadcast array": lambda: np.broadcast_to(np.zeros(1), 4),
    "a tuple with a row": lambda: (TENSOR[1], 3),
    "a dictionary that is kept": lambda: KEPT,
    "a target that is kept": lambda: {"target": KEPT["target"]},
    "a named tuple with a row": lambda: Pair(TENSOR[0], 1),
    "a data class with a row": lambda: Record(TENSOR[0], 1),
    "an object with a row": lambda: Plain(TENSOR[0]),
    "an ordered dictionary": lambda: OrderedDict(x=TENSOR[0]),
    "a parameter over a tensor that is kept": lambda: [PARAMETER],
}
PARAMETER = torch.nn.Parameter(torch.rand(3))


def leaves_of(value):
    if isinstance(value, torch.Tensor | np.ndarray):
        return [value]
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves_of(item)]
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in leaves_of(item)]
    return leaves_of(list(vars(value).values())) if hasattr(value, "__dict__") else []


def memory_of(leaf):
    return leaf.detach().numpy() if isinstance(leaf, torch.Tensor) else leaf


@pytest.mark.parametrize("kind", ALONE)
def test_what_nobody_else_sees_is_left_alone(kind):
    box = [ALONE[kind]()]
    name = id(box[0])
    leaves = [id(leaf) for leaf in leaves_of(box[0])]
    got = owned(box)
    assert id(got) == name
    assert [id(leaf) for leaf in leaves_of(got)] == leaves


@pytest.mark.parametrize("kind", SEEN)
def test_what_others_see_is_copied_with_its_values(kind):
    made = SEEN[kind]()
    got = owned([SEEN[kind]()])
    assert type(got) is type(made)
    assert leaves_of(got)
    for before, after in zip(leaves_of(made), leaves_of(got), strict=True):
        assert type(after) is type(before)
        assert after.dtype == before.dtype
        assert np.array_equal(memory_of(before), memory_of(after))
        assert not np.shares_memory(memory_of(before), memory_of(after))
        memory_of(after)[...] = 7  # it can be written to


def test_a_container_that_is_kept_is_not_the_callers():
    got = owned([KEPT])
    got["names"].append("c")
    got["target"].clear()
    assert KEPT["names"] == ["a", "b"]
    assert len(KEPT["target"]) == 2


def test_only_the_leaves_that_others_see_are_copied():
    box = [{"mine": torch.rand(3), "theirs": TENSOR[0]}]
    mine = id(box[0]["mine"])
    assert id(owned(box)["mine"]) == mine


def test_a_leaf_that_comes_twice_stays_one():
    both = cached(5)
    got = owned([{"input": both, "label": both}])
    assert got["input"] is got["label"] is not both


@pytest.mark.parametrize("kind", ALONE)
def test_everything_can_be_copied(kind):
    box = [ALONE[kind]()]
    leaves = {id(leaf) for leaf in leaves_of(box[0]) if getattr(leaf, "grad_fn", None) is None}
    assert not leaves & {id(leaf) for leaf in leaves_of(owned([box[0]], "always"))}


@pytest.mark.parametrize("kind", SEEN)
def test_nothing_need_be_copied(kind):
    box = [SEEN[kind]()]
    name = id(box[0])
    assert id(owned(box, "never")) == name


def test_a_mapping_keeps_its_kind_and_what_it_holds_besides():
    odd = defaultdict(list, x=TENSOR[0])
    assert owned([odd]).default_factory is list
    assert owned([Counter("aab")]) == Counter("aab")


def test_an_object_that_says_itself_how_it_is_copied_is_left_alone():
    slotted = Slotted(TENSOR[0])
    assert owned([slotted]) is slotted


def test_a_tensor_that_refuses_to_be_copied_is_given_as_it_is():
    class Stubborn(torch.Tensor):
        def clone(self, *args, **kwargs):
            raise RuntimeError

    stubborn = torch.rand(2).as_subclass(Stubborn)
    assert owned([stubborn]) is stubborn


def test_what_contains_itself_comes_out():
    ring = [TENSOR[0]]
    ring.append(ring)
    assert torch.equal(owned([ring])[0], TENSOR[0])


def test_a_memory_map_becomes_an_array(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(bytes(16))
    mapped = np.memmap(path, np.uint8, "r+")
    got = owned([mapped[:4]])
    got[:] = 9
    assert type(got) is np.ndarray
    assert not mapped.any()
