"""Whether the next epoch of persistent workers can be begun before it is asked for.

It can where all that decides it is known: a loader with a seed, whose order needs no draw, over a
dataset whose changes are noticed. What the order was read from is kept, and compared when the epoch
is asked for; if anything is different, what was made early is thrown away. A loader without a seed
is torch's in all, so its samples are made when torch would make them.
"""

import ctypes
import mmap
from multiprocessing.shared_memory import SharedMemory
from multiprocessing.sharedctypes import SynchronizedBase
from typing import Any

import torch
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

from trueload.reach import reachable

_KNOWN = (SequentialSampler, RandomSampler)
_SIMPLE = ctypes.c_int.__base__  # what values of `multiprocessing.Value` without a lock derive from
_SHARED = (SynchronizedBase, SharedMemory, ctypes.Array, ctypes.Structure, _SIMPLE, mmap.mmap)


def shares(root: Any) -> bool:
    """Say whether something can reach memory that another process may change unnoticed."""
    found = reachable([root], (*_SHARED, torch.Tensor))
    return any(not isinstance(thing, torch.Tensor) or thing.is_shared() for thing in found)


def plan_key(loader: Any) -> tuple[Any, ...] | None:
    """Give what decides the order of a loader's next epoch, or `None` where that is not known.

    Args:
        loader: The loader; `None` for one that is gone.
    """
    if loader is None or loader.seed is None or not loader.in_order:
        return None
    outer = loader._index_sampler  # noqa: SLF001 - torch's name for the sampler in use
    cuts = type(outer) is BatchSampler
    sampler: Any = outer.sampler if cuts else outer
    if type(sampler) not in _KNOWN or cuts != loader._auto_collation:  # noqa: SLF001 - torch's name
        return None
    draws = type(sampler) is RandomSampler
    own = (sampler.replacement, sampler.num_samples, id(sampler.generator)) if draws else ()
    cut = (outer.batch_size, outer.drop_last) if cuts else ()
    source = sampler.data_source
    parts = (id(outer), id(sampler), id(source), len(source))
    return (*parts, *own, *cut, loader.seed, loader.rng)
