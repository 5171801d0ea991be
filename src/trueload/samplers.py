"""Read torch's samplers: which of them are orders that can be entered at any position.

A loader is free to be given any sampler, or to have one swapped in later, so this is read anew for
each epoch. torch's own samplers of exactly these types become orders; all others are followed,
one index after another, which always works.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from torch.utils.data.distributed import DistributedSampler

from trueload.mixing import derive
from trueload.order import (
    Chosen,
    Order,
    Permutation,
    Repeated,
    Replacement,
    Sequential,
    Stored,
    Weighted,
)

_COUNTED = (
    *(SequentialSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler),
    *(DistributedSampler, list, tuple, range, np.ndarray, torch.Tensor),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the tasks of an epoch come about.

    Attributes:
        name: What makes the order, for the state.
        batched: Whether tasks hold lists of indices.
        batch_size: Samples a batch where batches are cut here, else `None`.
        drop_last: Whether a last batch that is not full is left out.
        order_of: Gives the order from the seed that torch's generator gave for it (`None` where
            it needs none), or is `None` where the sampler must be followed.
        draws: Whether the order needs such a seed.
        generator: The generator that a followed sampler may draw from.
    """

    name: str
    batched: bool
    batch_size: int | None
    drop_last: bool
    order_of: Callable[[int | None], Order] | None
    draws: bool
    generator: torch.Generator


def is_stream(loader: Any) -> bool:
    """Say whether a loader goes over an iterable dataset."""
    return loader._dataset_kind == 1  # noqa: SLF001 - torch's _DatasetKind.Iterable


def plan_of(loader: Any, epoch: int) -> Plan | None:
    """Give how the tasks of an epoch of a loader of ours come about; `None` for a stream."""
    return None if is_stream(loader) else read(loader, loader.seed, epoch)


def read(loader: Any, seed: int | None, epoch: int) -> Plan:
    """Read how a map-style loader draws its indices.

    Args:
        loader: Any torch DataLoader.
        seed: Its seed: orders are then keyed by it and the epoch.
        epoch: Number of the epoch.
    """
    outer = loader._index_sampler  # noqa: SLF001 - torch's name for the sampler in use
    batched = loader._auto_collation  # noqa: SLF001 - torch's name for "there are batches"
    cuts = batched and type(outer) is BatchSampler
    sampler = outer.sampler if cuts else outer
    order_of, draws = None, False
    if cuts or not batched:
        key = None if seed is None else derive(seed, epoch)
        order_of, draws = _order_of(sampler, key, loader.generator)
    return Plan(
        name=_name(sampler, keyed=order_of is not None and seed is not None),
        batched=batched,
        batch_size=outer.batch_size if cuts else None,
        drop_last=outer.drop_last if cuts else False,
        order_of=order_of,
        draws=draws,
        generator=generator_of(outer),
    )


def number_of(sampler: Any) -> int | None:
    """Say how many indices one of torch's own samplers, or a list, gives in an epoch.

    Others are not asked: counting may draw a whole epoch, and from a random generator.
    """
    if type(sampler) is BatchSampler:
        sampler = sampler.sampler
    return len(sampler) if isinstance(sampler, _COUNTED) else None


def _name(sampler: Any, *, keyed: bool) -> str:
    name = type(sampler).__qualname__
    if keyed and type(sampler) is not SequentialSampler:
        return f"{name} keyed by the seed"
    inner = getattr(sampler, "sampler", None)
    return name if inner is None else f"{name} of {type(inner).__qualname__}"


def generator_of(sampler: Any) -> torch.Generator:
    """Give the generator that a sampler, or what it cuts batches of, may draw from."""
    both = (sampler, getattr(sampler, "sampler", None))
    for holder in both[::-1] if type(sampler) is BatchSampler else both:
        generator = getattr(holder, "generator", None)
        if isinstance(generator, torch.Generator):
            return generator
    return torch.default_generator


def _order_of(
    sampler: Any, key: int | None, given: torch.Generator | None
) -> tuple[Callable[[int | None], Order] | None, bool]:
    """Give what makes the order of a sampler, and whether it needs a drawn seed."""
    if type(sampler) is SequentialSampler:
        return (lambda _: Sequential(len(sampler.data_source))), False
    own = getattr(sampler, "generator", None)
    if key is not None and (own is None or own is given):
        order = _keyed(sampler, key)
        return (None if order is None else lambda _: order), False
    if type(sampler) is RandomSampler and own is None and not sampler.replacement:
        length = len(sampler.data_source)
        if sampler.num_samples == length:
            return (lambda drawn: shuffled(length, drawn)), True
    return None, False


def _keyed(sampler: Any, key: int) -> Order | None:
    kind = type(sampler)
    if kind is RandomSampler:
        length, count = len(sampler.data_source), sampler.num_samples
        if sampler.replacement:
            return Replacement(length, count, key)
        return Permutation(length, key) if count == length else Repeated(length, count, key)
    if kind is SubsetRandomSampler:
        chosen = np.asarray(sampler.indices)
        if chosen.ndim == 1 and chosen.dtype.kind in "iu":
            return Chosen(chosen.astype(np.int64), Permutation(len(chosen), key))
    if kind is WeightedRandomSampler:
        weights = sampler.weights.numpy()
        return Weighted(weights, sampler.num_samples, sampler.replacement, key)
    return None


def shuffled(length: int, seed: int | None) -> Stored:
    """Give torch's own shuffled order for a seed.

    Source: `RandomSampler.__iter__` in torch/utils/data/sampler.py.
    """
    generator = torch.Generator()
    generator.manual_seed(draw_seed() if seed is None else seed)
    return Stored(torch.randperm(length, generator=generator).numpy())


def draw_seed() -> int:
    """Draw a seed from torch's default generator, as its samplers do."""
    return int(torch.empty((), dtype=torch.int64).random_().item())
