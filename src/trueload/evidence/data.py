"""What was seen of samples, beyond single batches: orders, labels, contents, what loaders share.

Numbered like all facts by their loaders; filled in by `trueload.sanitizer.samples`.
"""

from dataclasses import dataclass, field

from trueload.evidence.facts import Loader
from trueload.evidence.making import Making
from trueload.evidence.memory import Memory


@dataclass(slots=True, eq=False)
class Order:
    """The order in which an iteration over a loader read its dataset.

    Attributes:
        loader: The loader.
        epoch: The number of the iteration over this loader, from 0.
        indices: The first indices, at most 256.
    """

    loader: Loader
    epoch: int
    indices: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Labels:
    """The labels of an iteration over a loader, in the order in which they came.

    Attributes:
        loader: The loader.
        epoch: The number of the iteration over this loader, from 0.
        name: Where in the batch they are: `batch[1]`.
        counts: How many there were of each class.
        runs: How many rows of equal neighbours they form.
        batches: How many batches there were.
        pure: How many of the batches had one class only.
        last: The label that came last.
    """

    loader: Loader
    epoch: int
    name: str
    counts: dict[int, int] = field(default_factory=dict)
    runs: int = 0
    batches: int = 0
    pure: int = 0
    last: int | None = None


@dataclass(slots=True, eq=False)
class Contents:
    """How many samples of an iteration over a loader differ, by the values of their input.

    Attributes:
        loader: The loader.
        epoch: The number of the iteration over this loader, from 0.
        name: Where in the batch the input is: `batch[0]`.
        seen: How many samples were looked at.
        distinct: How many different ones were among them.
    """

    loader: Loader
    epoch: int
    name: str
    seen: int
    distinct: int


@dataclass(frozen=True, slots=True)
class Shared:
    """Samples that two loaders have both given.

    Attributes:
        one: A loader.
        other: Another loader.
        samples: How many different samples both have given.
        of_one: How many different ones the first has given.
        of_other: How many different ones the second has given.
        by_index: Whether they are the same index of the same dataset, rather than equal values.
    """

    one: Loader
    other: Loader
    samples: int
    of_one: int
    of_other: int
    by_index: bool


@dataclass(frozen=True, slots=True)
class PrivateGenerator:
    """A random generator that a dataset keeps, and that its samples are made with.

    Attributes:
        loader: The loader of the dataset.
        path: Where it is: `Photos.rng`.
        kind: The name of its class.
    """

    loader: Loader
    path: str
    kind: str


@dataclass(slots=True, eq=False)
class Data:
    """All of these.

    Attributes:
        orders: In the order in which iterations began.
        labels: Of loaders whose batches have one label a sample.
        contents: Of loaders whose batches have an input of two dimensions or more.
        shared: Of each two loaders that have given the same samples.
        generators: What datasets that are read by worker processes draw from.
        memory: What datasets, samples and batches have in common.
        making: How batches are made.
    """

    orders: list[Order] = field(default_factory=list)
    labels: list[Labels] = field(default_factory=list)
    contents: list[Contents] = field(default_factory=list)
    shared: list[Shared] = field(default_factory=list)
    generators: list[PrivateGenerator] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    making: Making = field(default_factory=Making)

    def order(self, loader: Loader, epoch: int) -> list[int]:
        """Give the first indices of an iteration; none where they were not seen."""
        same = (one for one in self.orders if one.loader is loader and one.epoch == epoch)
        return next((one.indices for one in same), [])
