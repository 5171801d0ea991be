"""The ranks of a run: which one this is, of how many, and what they tell one another.

They are those of torch's default process group. Before there is one, the variables count that
`torchrun` sets; without these, the process is alone. Nothing is said between ranks where all of
them know the order by themselves: a loader with a seed and an order of torch's.
"""

import os
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
import torch.distributed

from trueload.errors import ArgumentError, RanksDifferError, render
from trueload.shares import Share


def share_of(loader: Any) -> Share | None:
    """Give the part of a loader that this process reads, or `None` where it reads everything.

    Raises:
        ArgumentError: The environment names a rank that cannot be.
    """
    shard = loader.shard
    if shard is None or (shard == "workers" and not loader.num_workers):
        return None
    if shard == "workers":
        return Share()
    rank, world_size = rank_and_world_size() if shard == "ranks" else shard
    return Share(rank, world_size, loader.even)


def has_group() -> bool:
    """Say whether there is a process group to speak over."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def rank_and_world_size() -> tuple[int, int]:
    """Read which rank this process is, and how many there are.

    Raises:
        ArgumentError: The environment names a rank that cannot be.
    """
    if has_group():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    rank, world_size = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
    if rank is None and world_size is None:
        return 0, 1
    try:
        found = int(rank or ""), int(world_size or "")
    except ValueError:
        found = 0, 0
    if not 0 <= found[0] < found[1]:
        facts = [("RANK", rank or "not set"), ("WORLD_SIZE", world_size or "not set")]
        hint = "start the script by `torchrun`, call `init_process_group` first, or unset both"
        title = "the environment does not say which rank this process is"
        raise ArgumentError(render(title, "TL110", facts, hint))
    return found


def refuse_second_split(loader: Any) -> None:
    """Refuse a sampler or a dataset that is split over the ranks already.

    Raises:
        ArgumentError: It is.
    """
    if loader.shard is None or loader.shard == "workers":
        return
    outer = loader._index_sampler  # noqa: SLF001 - torch's name for the sampler in use
    for name, thing in (
        ("batch_sampler", outer),
        ("sampler", getattr(outer, "sampler", None)),
        ("sampler", getattr(outer, "batch_sampler", None)),
        ("dataset", loader.dataset),
        ("dataset", getattr(loader.dataset, "_distributed", None)),
    ):
        parts = _parts_of(thing)
        if parts > 1:
            kind = type(loader.dataset if name == "dataset" else thing).__qualname__
            facts = [(name, f"{kind}, which gives one part of {parts}")]
            title = 'what `shard="ranks"` would split is split over the ranks already'
            raise ArgumentError(render(title, "TL108", facts, _SECOND_HINT))


def _parts_of(thing: Any) -> int:
    """Give how many ranks something splits its indices over, as those that do so name it."""
    names = (("num_replicas", "rank"), ("num_processes", "process_index"), ("world_size", "rank"))
    for many, own in names:
        parts = getattr(thing, many, None)
        if isinstance(parts, int) and hasattr(thing, own):
            return parts
    return 1


def gathered(value: Any) -> list[Any]:
    """Give what each rank passed, in the order of the ranks: all of them must call this."""
    values: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(values, value)
    return values


def refuse_without_group(sampler: str, share: Share) -> None:
    """Refuse to draw an order that the other ranks cannot hear of.

    Raises:
        ArgumentError: Always.
    """
    facts = [("sampler", sampler), ("rank", f"{share.rank} of {share.world_size}")]
    title = "each rank would draw an order of its own: there is neither a seed nor a process group"
    raise ArgumentError(render(title, "TL109", facts, _GROUP_HINT))


def check_alike(terms: list[dict[str, Any]]) -> None:
    """Compare what decides the order over the ranks.

    Args:
        terms: What each rank goes by, by name.

    Raises:
        RanksDifferError: They differ.
    """
    for rank, own in enumerate(terms):
        for name, value in own.items():
            if value != terms[0][name]:
                facts = [("rank 0", f"{terms[0][name]}"), (f"rank {rank}", f"{value}")]
                title = f"the ranks do not read the same order: the {name} differs"
                hint = _PLACE_HINT if name in {"epoch", "position"} else _ALIKE_HINT
                raise RanksDifferError(render(title, "TL511", facts, hint))


def check_drawn(sampler: str, drawn: list[Any]) -> None:
    """Compare over the ranks what a sampler gave first.

    Raises:
        RanksDifferError: It gave each rank something else.
    """
    found = gathered((_digest(drawn), _short(drawn)))
    for rank, (digest, short) in enumerate(found):
        if digest is not None and found[0][0] is not None and digest != found[0][0]:
            facts = [("rank 0", found[0][1]), (f"rank {rank}", short)]
            title = f"{sampler} gives each rank another order, so samples are repeated and missed"
            raise RanksDifferError(render(title, "TL510", facts, _DRAWN_HINT))


def _digest(drawn: list[Any]) -> bytes | None:
    """Give a digest of indices, or `None` where they are no plain values."""
    plain = _plain(drawn)
    return None if plain is None else blake2b(repr(plain).encode(), digest_size=16).digest()


def _plain(thing: Any) -> Any:
    """Give indices as Python's own values, so that equal ones have equal digests."""
    if isinstance(thing, (torch.Tensor, np.ndarray, np.generic)):
        thing = thing.tolist()
    if isinstance(thing, (list, tuple)):
        parts = [_plain(part) for part in thing]
        return None if any(part is None for part in parts) else parts
    return thing if isinstance(thing, (int, float, str, bytes)) else None


def _short(drawn: list[Any], most: int = 6) -> str:
    begins = ", ".join(repr(_plain(part)) for part in drawn[:most])
    return f"begins with {begins}" if drawn else "gives nothing"


_SECOND_HINT = (
    "leave out `shard`, or pass a sampler of the whole order; Lightning is told "
    "`use_distributed_sampler=False`"
)
_GROUP_HINT = "pass `seed=`, or call `torch.distributed.init_process_group` before you iterate"
_ALIKE_HINT = "build the loader alike on every rank; what samples draw differs by position anyway"
_PLACE_HINT = (
    "load the same state on every rank, and iterate over the loader on all ranks or on none"
)
_DRAWN_HINT = (
    "seed it alike on all ranks, or let it draw from torch's default generator as its iteration "
    "begins"
)
