"""Labels that are none of the classes that their dataset names."""

from collections.abc import Iterator
from typing import Any, Final

import torch

from trueload.contract.departure import Departure
from trueload.contract.reading import Fact
from trueload.contract.values import tensor_of
from trueload.errors import count

_NAMES: Final = frozenset({"label", "labels", "target", "targets", "class", "classes", "y"})
_SURE: Final = 32
_SELDOM: Final = 0.25


class Labels:
    """Looks at the one leaf that can be the labels, if there is one."""

    def __init__(self) -> None:
        self._seen, self._outside, self._told = 0, 0, False
        self._first: tuple[int, int, Any] | None = None

    def look(
        self, facts: list[Fact], classes: int, where: Any, size: int | None
    ) -> Iterator[Departure]:
        """Look at the labels of a batch. Negative ones mark what is to be left out.

        Args:
            facts: The leaves of the batch.
            classes: How many classes the dataset names.
            where: What is given back with a departure.
            size: How many samples it has, or `None`.
        """
        fact = _labels(facts, size)
        if self._told or fact is None:
            return
        labels = tensor_of(fact.value)
        if labels is None:
            return
        outside = (labels >= classes).nonzero().flatten()
        self._seen += len(labels)
        self._outside += len(outside)
        if len(outside) and self._first is None:
            row = int(outside[0])
            self._first = row, int(labels[row]), where
        if self._first is None or not self._is_sure(classes):
            return
        self._told = True
        row, label, there = self._first
        title = f"`{fact.path}` has the label {label}, and the dataset has {count(classes)} classes"
        told = (
            ("allowed", f"0 to {classes - 1}"),
            ("labels", f"{count(self._outside)} of {count(self._seen)} are outside"),
        )
        yield Departure("TL425", fact.path, title, told, _HINT, there, row)

    def _is_sure(self, classes: int) -> bool:
        """Say whether these are labels: other numbers would mostly be no class at all."""
        label = self._first[1] if self._first else 0
        seldom = self._outside <= _SELDOM * self._seen
        return self._seen >= _SURE and (seldom or label == classes)


def _labels(facts: list[Fact], size: int | None) -> Fact | None:
    """Give the leaf that can only be the labels: one integer for each sample."""
    integers = [
        fact
        for fact in facts
        if isinstance(fact.value, torch.Tensor)
        and fact.shape == (size,)
        and fact.dtype in {"int64", "int32", "uint8", "int16"}
    ]
    if len(integers) == 1:
        return integers[0]
    named = [fact for fact in integers if fact.path.rstrip('"]').rpartition('"')[2] in _NAMES]
    return named[0] if len(named) == 1 else None


_HINT: Final = "number the classes from 0, and give the model as many outputs as there are"
