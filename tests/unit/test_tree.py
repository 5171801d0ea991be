"""Walking nested batches and naming their leaves."""

from collections import OrderedDict, namedtuple
from types import MappingProxyType

import numpy as np
import pytest
import torch

from trueload.tree import children, describe, is_leaf, leaves

Point = namedtuple("Point", "x y")  # noqa: PYI024 - plain ones are what collate meets


def test_leaves_come_depth_first_with_their_names():
    batch = {"image": [1, (2, 3)], "box": Point(4, {"deep": 5})}
    assert list(leaves(batch)) == [
        ('batch["image"][0]', 1),
        ('batch["image"][1][0]', 2),
        ('batch["image"][1][1]', 3),
        ('batch["box"].x', 4),
        ('batch["box"].y["deep"]', 5),
    ]


def test_a_leaf_alone_has_the_name_of_the_whole():
    assert list(leaves(7)) == [("batch", 7)]
    assert list(leaves(7, "sample")) == [("sample", 7)]


def test_a_key_that_is_no_string_keeps_its_form():
    assert [name for name, _ in leaves({3: 0, (1, 2): 0, None: 0})] == [
        "batch[3]",
        "batch[(1, 2)]",
        "batch[None]",
    ]


@pytest.mark.parametrize("empty", [{}, [], (), {"image": []}, [[], ()]])
def test_empty_containers_have_no_leaves(empty):
    assert list(leaves(empty)) == []


@pytest.mark.parametrize(
    "mapping",
    [{"a": 1}, OrderedDict(a=1), MappingProxyType({"a": 1})],
    ids=lambda m: type(m).__name__,
)
def test_any_mapping_is_walked(mapping):
    assert list(leaves(mapping)) == [('batch["a"]', 1)]


def test_a_mapping_is_walked_in_its_own_order():
    assert [value for _, value in leaves({"b": 1, "a": 2})] == [1, 2]


@pytest.mark.parametrize("leaf", ["text", b"bytes", None, 1.5, {1}, torch.ones(2), np.ones(2)])
def test_everything_else_is_a_leaf_without_children(leaf):
    assert is_leaf(leaf)
    assert list(children(leaf)) == []


@pytest.mark.parametrize("container", [{}, [], (), Point(1, 2)])
def test_containers_are_no_leaves(container):
    assert not is_leaf(container)


def test_children_are_direct_ones_only():
    assert list(children([[1], {"a": 2}])) == [("[0]", [1]), ("[1]", {"a": 2})]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.zeros(3, 224, 224), "(3, 224, 224) float32"),
        (torch.tensor(1), "() int64"),
        (np.zeros((2, 1), dtype=np.uint8), "(2, 1) uint8"),
        (np.float32(1), "() float32"),
        ("text", "str"),
        (None, "None"),
        (1, "int"),
    ],
)
def test_a_leaf_is_described_in_a_few_words(value, text):
    assert describe(value) == text
