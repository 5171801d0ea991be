"""Why samples do not stack: the leaf, the odd sample, and a way out where one is known."""

import collections
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data._utils.collate import default_collate_fn_map

from trueload.explain import misfit, stranger

Point = collections.namedtuple("Point", "x y")  # noqa: PYI024 - plain ones are what collate meets
PAD = "collate_fn` that pads them"
RESIZE = "resize or crop"
MODE = "image.convert('RGB')"
NO_NONE = "`None` cannot be put into a batch"
PILLOW = "np.asarray(image)"


@dataclass
class Opaque:
    value: Any


class Shapeless:
    """What has a `shape` that is none."""

    shape = len


def zeros(*shape):
    return np.zeros(shape, np.float32)


def odd_one(usual, odd):
    """Give what is found where one sample in four is different."""
    return misfit([usual, usual, odd, usual])


@pytest.mark.parametrize(
    ("wrap", "leaf"),
    [
        (lambda x: x, "batch"),
        (lambda x: {"image": x}, 'batch["image"]'),
        (lambda x: {"image": [x, 1]}, 'batch["image"][0]'),
        (lambda x: (1, x), "batch[1]"),
        (lambda x: Point(1, {"deep": (2, x)}), 'batch.y["deep"][1]'),
        (lambda x: {7: x}, "batch[7]"),
        (lambda x: {"fine": zeros(2), "image": x}, 'batch["image"]'),
        (lambda x: collections.OrderedDict(image=x), 'batch["image"]'),
    ],
    ids=range(8),
)
def test_the_leaf_that_does_not_fit_is_named(wrap, leaf):
    assert odd_one(wrap(zeros(3)), wrap(zeros(4))).leaf == leaf


def test_the_odd_row_and_how_many_are_usual_are_told():
    found = misfit([zeros(3), zeros(3), zeros(4), zeros(3), zeros(5)])
    assert (found.row, found.usual_count, found.what) == (2, 3, "3 shapes")
    assert (found.usual, found.odd) == ("(3,) float32", "(4,) float32")


def test_the_first_sample_may_be_the_odd_one():
    assert misfit([zeros(4), zeros(3), zeros(3)]).row == 0


@pytest.mark.parametrize(
    ("usual", "odd", "what", "told"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, "2 sets of keys", ("keys 'a', 'b'", "keys 'a'")),
        ([1, 2], [1], "2 lengths", ("length 2", "length 1")),
        (zeros(2), [1], "2 types", ("(2,) float32", "list")),
        (1, "one", "2 types", ("int", "str")),
        (1, None, "2 types", ("int", "None")),
    ],
)
def test_what_differs_is_told(usual, odd, what, told):
    found = odd_one(usual, odd)
    assert (found.what, found.usual, found.odd) == (what, *told)


@pytest.mark.parametrize(
    "samples",
    [
        [1, 2.5, True, np.float32(1)],
        [zeros(2), torch.zeros(2)],
        [zeros(2), zeros(2).astype("i4")],
        [{"a": 1}, collections.OrderedDict(a=1)],
        [{"a": 1, "b": 2}, {"b": 1, "a": 2}],
        [(1, 2), [1, 2], Point(1, 2)],
        ["a", 5, {"b": 1}],
        [{}, {}],
        [Opaque(1), Opaque(2)],
        [Shapeless(), Shapeless()],
    ],
    ids=range(10),
)
def test_samples_that_go_together_have_no_misfit(samples):
    assert misfit(samples) is None


@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        (collections.OrderedDict(a=zeros(2)), {"a": zeros(3)}),
        ({"id": "a", "a": zeros(2)}, {"id": 5, "a": zeros(3)}),
        ({"b": 1, "a": zeros(2)}, {"a": zeros(3), "b": 1}),
    ],
    ids=["other mapping", "number among texts", "other order"],
)
def test_what_torch_lets_pass_is_not_blamed(usual, odd):
    assert odd_one(usual, odd).leaf == 'batch["a"]'


def test_numbers_as_keys_are_compared_by_key_not_by_place():
    found = misfit(
        [{1: zeros(2), 0: zeros(3)}, {0: zeros(3), 1: zeros(2)}, {0: zeros(4), 1: zeros(2)}]
    )
    assert (found.leaf, found.row) == ("batch[0]", 2)


HINTS = {
    "channels-last tensor": (torch.zeros(3, 8, 9), torch.zeros(8, 9, 3), "x.permute(2, 0, 1)"),
    "channels-last array": (zeros(3, 8, 9), zeros(8, 9, 3), "x.transpose(2, 0, 1)"),
    "channels-first": (zeros(8, 9, 3), zeros(3, 8, 9), "x.transpose(1, 2, 0)"),
    "one channel first": (zeros(3, 8, 9), zeros(1, 8, 9), MODE),
    "one channel last": (zeros(8, 9, 3), zeros(8, 9, 1), MODE),
    "alpha": (zeros(8, 9, 3), zeros(8, 9, 4), MODE),
    "gray without channels": (zeros(8, 9, 3), zeros(8, 9), MODE),
    "gray without channels first": (zeros(3, 8, 9), zeros(8, 9), MODE),
    "color among gray": (zeros(8, 9), zeros(8, 9, 3), MODE),
    "image of another height": (zeros(3, 8, 9), zeros(3, 7, 9), RESIZE),
    "channels-last of another height": (zeros(8, 9, 3), zeros(7, 9, 3), RESIZE),
    "matrix of another size": (zeros(8, 9), zeros(7, 8), RESIZE),
    "longer": (zeros(8), zeros(9), PAD),
    "more steps": (zeros(8, 5), zeros(9, 5), PAD),
    "longer list": ([1, 2], [1, 2, 3], PAD),
    "more boxes": ([zeros(4)], [zeros(4), zeros(4)], "keeps them in lists"),
    "missing key": ({"a": 1, "b": 2}, {"a": 1}, "a default for 'b'"),
    "other key": ({"a": 1, "b": 2}, {"a": 1, "c": 2}, "a default for 'b', 'c'"),
    "None": (zeros(3), None, NO_NONE),
    "mostly None": (None, zeros(3), NO_NONE),
    "Pillow": (zeros(3, 8, 9), Image.new("RGB", (9, 8)), PILLOW),
    "mostly Pillow": (Image.new("RGB", (9, 8)), zeros(3, 8, 9), PILLOW),
    "number behind a tensor": (torch.tensor(1.0), 2.5, "torch.as_tensor(x)"),
}


@pytest.mark.parametrize(("usual", "odd", "hint"), HINTS.values(), ids=HINTS)
def test_a_known_mistake_has_a_way_out(usual, odd, hint):
    assert hint in odd_one(usual, odd).hint


@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        (zeros(8, 5), zeros(8, 5, 1)),
        (zeros(8), zeros(8, 5)),
        (zeros(), zeros(5)),
        ({"a": 1}, "text"),
        (1, [1]),
        (1, "text"),
        (zeros(3), "text"),
        (zeros(3), Opaque(1)),
        (Opaque(1), {1}),
    ],
    ids=range(9),
)
def test_where_nothing_is_recognized_nothing_is_advised(usual, odd):
    assert odd_one(usual, odd).hint == ""


STRANGERS = {
    "object": ({"meta": Opaque(1)}, 'batch["meta"]', r"test_explain\.Opaque$", "give the loader a"),
    "set": ([1, {2}], "batch[1]", "^set$", "give the loader a"),
    "None": ({"x": 1, "mask": None}, 'batch["mask"]', "^None$", NO_NONE),
    "Pillow": ((Image.new("L", (2, 2)), 1), "batch[0]", r"^PIL\.Image\.Image$", PILLOW),
    "text array": (np.array(["a"]), "batch", r"^\(1,\) <U1$", "give the loader a"),
    "object array": (np.array([None]), "batch", r"^\(1,\) object$", "give the loader a"),
    "dates": (np.array(["2026"], "M8[D]"), "batch", r"^\(1,\) datetime64", "give the loader a"),
}


@pytest.mark.parametrize(("sample", "leaf", "kind", "hint"), STRANGERS.values(), ids=STRANGERS)
def test_a_leaf_that_no_collate_knows_is_named(sample, leaf, kind, hint):
    found = stranger([sample, sample])
    assert found.leaf == leaf
    assert re.search(kind, found.kind)
    assert hint in found.hint


@pytest.mark.parametrize(
    "sample",
    [1, 2.5, True, "a", b"a", zeros(2), torch.zeros(2), np.float32(1), range(2), {"a": [()]}],
    ids=lambda sample: type(sample).__name__,
)
def test_what_collate_knows_is_no_stranger(sample):
    assert stranger([sample]) is None


def test_a_registered_type_is_no_stranger(monkeypatch):

    monkeypatch.setitem(default_collate_fn_map, Opaque, lambda batch, **_: batch)
    assert stranger([Opaque(1)]) is None
