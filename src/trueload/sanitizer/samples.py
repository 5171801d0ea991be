"""Which samples loaders give: their order, their labels, their contents, what two of them share.

Of the first 24 loaders, the first two iterations are looked at, and the order of the first four. A
sample is known by its index where two loaders read one dataset, and by its values where they do
not.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dis import get_instructions
from itertools import combinations
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, ref

import numpy as np
import torch
from torch.utils.data import IterableDataset, Subset

from trueload.evidence import Fetch, Loader
from trueload.evidence.data import Contents, Labels, Order, PrivateGenerator, Shared
from trueload.fingerprint import length_of
from trueload.progress import Cursor, Progress
from trueload.tasks import listed
from trueload.tree import leaves

if TYPE_CHECKING:
    from trueload.sanitizer.recorder import Recorder

_EPOCHS: Final = 2
_BATCHES: Final = 64
_ORDERS: Final = 4
_KEPT_INDICES: Final = 256
_MOST_ROWS: Final = 8192
_MOST_MARKS: Final = 1 << 24
_MOST_LOADERS: Final = 24
_HASHED: Final = 256
_MOST_CLASSES: Final = 4096
_LABELS: Final = {torch.uint8, torch.int16, torch.int32, torch.int64}
_GENERATORS: Final = (np.random.Generator, np.random.RandomState, random.Random, torch.Generator)
_MAKING: Final = ("__getitem__", "__getitems__", "__iter__", "__next__", "__call__", "forward")
_KNOWING: Final = {"get_worker_info", "seed", "manual_seed", "setstate", "set_state"}
_STORE: Final = "STORE_ATTR"
_WEIGHTS: Final = np.random.Generator(np.random.PCG64(0x7472756C)).integers(
    1, 1 << 63, _HASHED, dtype=np.uint64
) | np.uint64(1)


class _Marks:
    """Which samples of a dataset were read, where several loaders may read one dataset."""

    __slots__ = ("dataset", "read")

    def __init__(self, dataset: Any, length: int) -> None:
        self.dataset = ref(dataset)
        self.read = np.zeros(length, dtype=bool)


class Samples:
    """Follows the samples of all loaders.

    Args:
        recorder: Has the evidence.
    """

    def __init__(self, recorder: "Recorder") -> None:
        self._data = recorder.run.data
        self._recorder = recorder
        self._indices: WeakKeyDictionary[Any, list[tuple[Any, list[int]]]] = WeakKeyDictionary()
        self._labels: dict[tuple[Loader, int], Labels] = {}
        self._hashes: dict[Loader, list[np.ndarray]] = {}
        self._marks: dict[Loader, _Marks | None] = {}
        self._names: dict[Loader, str] = {}
        self._left: set[tuple[Loader, int]] = set()

    def indexed(self, iterator: Any, index: Any) -> None:
        """Put down which samples an iterator is about to fetch."""
        chosen = index if isinstance(index, list) else [index]
        if chosen and isinstance(chosen[0], (int, np.integer)):
            order = iterator._sampler_iter  # noqa: SLF001 - a new one in each epoch
            self._indices.setdefault(iterator, []).append((order, list(chosen)))

    def fetched(self, iterator: Any, loader: Any, fetch: Fetch, batch: Any) -> list[int]:
        """Put down what a batch consists of, and give its indices."""
        indices = self._indices_of(iterator)
        self._look(loader, fetch, batch, indices)
        return indices

    def _look(self, loader: Any, fetch: Fetch, batch: Any, indices: list[int]) -> None:
        if fetch.loader.number >= _MOST_LOADERS:
            return  # one made anew for each step, as for the rollouts of a policy
        if fetch.epoch < _ORDERS:
            self._ordered(fetch, indices)
        if fetch.epoch >= _EPOCHS:
            return
        if loader is not None:
            self._mark(loader.dataset, fetch.loader, indices)
            if fetch.batch == 0 and fetch.epoch == 0 and loader.num_workers:
                self._seek_generators(loader, fetch.loader)
        if not self._looks_on(fetch):
            return
        parts = [(name, part) for name, part in leaves(batch) if _is_plain(part)][:16]
        self._label(fetch, parts)
        self._hash(fetch, parts)

    def _looks_on(self, fetch: Fetch) -> bool:
        """Say whether values are looked at: those of the first batches, and on as can be afforded.

        Once an iteration has been left alone, it is for good, so that what is known of it is its
        beginning.
        """
        key = fetch.loader, fetch.epoch
        affordable = fetch.batch < _BATCHES or self._recorder.pace.is_affordable()
        if not affordable:
            self._left.add(key)
        return key not in self._left

    def _indices_of(self, iterator: Any) -> list[int]:
        """Take the indices of a batch; those of an epoch that was left early are passed over."""
        cursor = getattr(iterator, "_cursor", None)
        if isinstance(cursor, Cursor):
            return _indices_at(cursor)
        ahead = self._indices.get(iterator, [])
        while ahead:
            order, indices = ahead.pop(0)
            if order is iterator._sampler_iter:  # noqa: SLF001 - as above
                return indices
        return []

    def finish(self) -> None:
        """Sum up the contents, and compare the loaders with one another; may be repeated."""
        self._data.contents.clear()
        self._data.shared.clear()
        for loader, hashes in self._hashes.items():
            seen = np.concatenate(hashes)
            distinct = len(np.unique(seen))
            self._data.contents.append(
                Contents(loader, 0, self._names[loader], len(seen), distinct)
            )
        for one, other in combinations(self._marks, 2):
            shared = self._by_index(one, other) or self._by_content(one, other)
            if shared is not None and shared.samples:
                self._data.shared.append(shared)

    # Orders.

    def _ordered(self, fetch: Fetch, indices: list[int]) -> None:
        orders = self._data.orders
        if fetch.batch == 0:
            orders.append(Order(fetch.loader, fetch.epoch))
        for order in reversed(orders):
            if order.loader is fetch.loader and order.epoch == fetch.epoch:
                order.indices.extend(indices[: _KEPT_INDICES - len(order.indices)])
                return

    # Labels.

    def _label(self, fetch: Fetch, parts: list[tuple[str, torch.Tensor]]) -> None:
        first = self._labels.get((fetch.loader, 0))
        if first is not None:
            parts = [(name, part) for name, part in parts if name == first.name]
        named = [(name, part) for name, part in parts if _are_labels(part)]
        if not named:
            return
        # The last one, but not a number that tells each sample from all others.
        several = len(named) > 1
        known = (one for one in reversed(named) if _repeats(one[1])) if several else iter(named)
        name, tensor = next(known, named[0])
        values = tensor.detach().reshape(-1).to(torch.int64).numpy()
        labels = self._labels.get((fetch.loader, fetch.epoch))
        if labels is None:
            labels = Labels(fetch.loader, fetch.epoch, name)
            self._labels[fetch.loader, fetch.epoch] = labels
            self._data.labels.append(labels)
        if len(labels.counts) > _MOST_CLASSES:
            return
        counts = Counter(values.tolist())
        for value, count in counts.items():
            labels.counts[value] = labels.counts.get(value, 0) + count
        labels.runs += int((values[1:] != values[:-1]).sum()) + (int(values[0]) != labels.last)
        labels.last = int(values[-1])
        labels.batches += 1
        labels.pure += len(counts) == 1

    # Contents.

    def _hash(self, fetch: Fetch, parts: list[tuple[str, torch.Tensor]]) -> None:
        if fetch.epoch or fetch.batch * (fetch.loader.batch_size or 1) >= _MOST_ROWS:
            return
        inputs = next(((name, part) for name, part in parts if part.dim() > 1), None)
        if inputs is not None:
            self._names.setdefault(fetch.loader, inputs[0])
            self._hashes.setdefault(fetch.loader, []).append(_rows(inputs[1]))

    # What loaders share.

    def _mark(self, dataset: Any, loader: Loader, indices: list[int]) -> None:
        base, chosen = _resolve(dataset, indices)
        if loader not in self._marks:
            length = length_of(base)
            countable = length is not None and 0 < length <= _MOST_MARKS
            self._marks[loader] = _Marks(base, length) if countable and length else None
        marks = self._marks[loader]
        if marks is not None and chosen and marks.dataset() is base:
            marks.read[chosen] = True

    def _by_index(self, one: Loader, other: Loader) -> Shared | None:
        first, second = self._marks[one], self._marks[other]
        if first is None or second is None or first.dataset() is None:
            return None
        if first.dataset() is not second.dataset() or len(first.read) != len(second.read):
            return None
        both = int((first.read & second.read).sum())
        counts = int(first.read.sum()), int(second.read.sum())
        return Shared(one, other, both, *counts, by_index=True) if all(counts) else None

    def _by_content(self, one: Loader, other: Loader) -> Shared | None:
        if one not in self._hashes or other not in self._hashes:
            return None
        first = np.unique(np.concatenate(self._hashes[one]))
        second = np.unique(np.concatenate(self._hashes[other]))
        both = len(np.intersect1d(first, second, assume_unique=True))
        return Shared(one, other, both, len(first), len(second), by_index=False)

    # Generators of a dataset's own.

    def _seek_generators(self, loader: Any, facts: Loader) -> None:
        if loader.worker_init_fn is not None or loader.num_workers < 1 + loader.persistent_workers:
            return
        if _seeds_generators(loader):
            return
        base, _ = _resolve(loader.dataset, [])
        owners = [base, *_parts(base)]
        for owner in owners:
            names = names_used(type(owner))
            for name, value in getattr(owner, "__dict__", {}).items():
                if isinstance(value, _GENERATORS) and name in names:
                    path = f"{type(owner).__name__}.{name}"
                    kind = type(value).__name__
                    self._data.generators.append(PrivateGenerator(facts, path, kind))


def _seeds_generators(loader: Any) -> bool:
    """Say whether a loader is one of ours, and seeds the generators that its dataset owns."""
    progress = getattr(loader, "_progress", None)
    return (
        isinstance(progress, Progress)
        and loader.rng != "worker"
        and not isinstance(loader.dataset, IterableDataset)
    )


def _is_plain(value: Any) -> bool:
    return (
        isinstance(value, torch.Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and value.numel() > 0
        and value.dim() > 0
        and not (value.is_complex() or value.is_quantized or value.is_nested)
    )


def _indices_at(cursor: Cursor) -> list[int]:
    """Give the indices of the batch that an iterator of ours has given last."""
    if cursor.stream or cursor.task is None:
        return []
    indices = listed(cursor.task.indices)
    chosen = list(indices) if isinstance(indices, (list, tuple, range)) else [indices]
    return chosen if chosen and isinstance(chosen[0], (int, np.integer)) else []


def _are_labels(tensor: torch.Tensor) -> bool:
    """Say whether a tensor has one class a sample: integers, or floats that are 0 and 1 only."""
    if tensor.dim() != 1 and tuple(tensor.shape[1:]) != (1,):
        return False
    if tensor.dtype in _LABELS:
        return tensor.dim() == 1
    if not tensor.is_floating_point():
        return tensor.dtype is torch.bool
    return bool(((tensor == 0) | (tensor == 1)).all())


def _repeats(labels: torch.Tensor) -> bool:
    return len(labels.unique()) < len(labels)


def _rows(tensor: torch.Tensor) -> np.ndarray:
    """Give a number for each sample that is equal for equal values, from at most 256 of them."""
    flat = tensor.detach().reshape(tensor.shape[0], -1)
    few = flat[:, :: max(1, flat.shape[1] // _HASHED)][:, :_HASHED]
    bits = few.to(torch.float64).contiguous().numpy().view(np.uint64)
    mixed = (bits ^ (bits >> np.uint64(29))) * _WEIGHTS[: bits.shape[1]]
    return (mixed ^ (mixed >> np.uint64(32))).sum(axis=1, dtype=np.uint64)


def _resolve(dataset: Any, indices: list[int]) -> tuple[Any, list[int]]:
    """Follow subsets down to the dataset that they are parts of."""
    while type(dataset) is Subset:
        indices = [int(dataset.indices[index]) for index in indices]
        dataset = dataset.dataset
    return dataset, indices


def _parts(dataset: Any) -> Iterator[Any]:
    """Yield what a dataset keeps in attributes, and in lists of them: its transforms."""
    for value in list(getattr(dataset, "__dict__", {}).values()):
        if isinstance(value, (list, tuple)) and len(value) <= _HASHED:
            yield from value
        else:
            yield value
            inner = getattr(value, "transforms", None)
            if isinstance(inner, (list, tuple)):
                yield from inner


def names_used(kind: type) -> set[str]:
    """Give the names that a class uses to make a sample, by the code of its methods.

    A class that asks which worker it is in, or seeds or makes generators as it goes, knows what it
    does; so it uses none.
    """
    methods = {name: code for owner in reversed(kind.__mro__) for name, code in _codes(owner)}
    wanted, names = [name for name in _MAKING if name in methods], set[str]()
    while wanted:
        code = methods.pop(wanted.pop())
        names.update(code.co_names)
        names.update(f"={step.argval}" for step in get_instructions(code) if step.opname == _STORE)
        wanted = [name for name in methods if name in names]
    known = _KNOWING & names
    return set() if known else {name for name in names if f"={name}" not in names}


def _codes(owner: type) -> Iterator[tuple[str, CodeType]]:
    for name, method in vars(owner).items():
        if isinstance(method, FunctionType):
            yield name, method.__code__
