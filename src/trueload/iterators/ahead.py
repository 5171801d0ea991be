"""Whether the next epoch of persistent workers can be begun before it is asked for.

It can where all that decides it is known: an order that needs no draw, over a dataset whose changes
are noticed. What it was read from is kept, and compared when the epoch is asked for; if anything
is different, what was made early is thrown away.
"""

from typing import Any

from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

_KNOWN = (SequentialSampler, RandomSampler)


def plan_key(loader: Any) -> tuple[Any, ...] | None:
    """Give what decides the order of a loader's next epoch, or `None` where that is not known.

    Args:
        loader: The loader; `None` for one that is gone.
    """
    if loader is None or not loader.in_order:
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
