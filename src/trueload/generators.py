"""Random generators that a dataset owns: found, seeded anew for each batch, and given back.

`self.rng = numpy.random.default_rng(0)` is what NumPy recommends. In torch's workers each has the
same copy of it, so they all draw the same, and the same again in the next epoch. Where what samples
draw is keyed, these generators are keyed with it, each by its place in the order they are found.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from trueload.mixing import derive
from trueload.reach import reachable

KINDS = (random.Random, np.random.Generator, np.random.RandomState, torch.Generator)
_SEED_BITS = (1 << 63) - 1
_PCG = ("PCG64", "PCG64DXSM")


def generators_of(*roots: Any) -> list[Any]:
    """Find the generators that can be reached, leaving out the global ones."""
    found = (one for one in reachable(roots, KINDS) if not is_common(one))
    return [one for one in found if not isinstance(one, random.SystemRandom) and _is_local(one)]


def is_common(generator: Any) -> bool:
    """Say whether a generator is one of the global ones."""
    common = torch.default_generator, np.random.mtrand._rand, random._inst  # noqa: SLF001  # pyrefly: ignore
    return any(generator is one for one in common)


def reseed_all(generators: Sequence[Any], key: int) -> None:
    """Seed generators from a 64-bit key, each differently."""
    for place, generator in enumerate(generators, 1):
        _reseed(generator, derive(key, -place))


@contextmanager
def kept(generators: Sequence[Any]) -> Iterator[None]:
    """Leave generators as they were before the block."""
    put_back = states_of(generators)
    try:
        yield
    finally:
        put_back()


def states_of(generators: Sequence[Any]) -> Callable[[], None]:
    """Give what puts generators back to their states of now."""
    states = [_state(generator) for generator in generators]

    def put_back() -> None:
        for generator, state in zip(generators, states, strict=True):
            _restore(generator, state)

    return put_back


def next_draws(generators: Sequence[Any]) -> list[float]:
    """Draw once from the global generators and from these: their state shows in it, 15 us."""
    common = random.random(), np.random.random_sample()  # noqa: NPY002 - the global one
    return [*common, _torch_draw(None), *map(_draw, generators)]


def _draw(generator: Any) -> float:
    if isinstance(generator, torch.Generator):
        return _torch_draw(generator)
    return generator.random()


def _torch_draw(generator: torch.Generator | None) -> float:
    return torch.empty((), dtype=torch.float64, device="cpu").uniform_(generator=generator).item()


def _reseed(generator: Any, key: int) -> None:
    if isinstance(generator, random.Random):
        generator.seed(key)
    elif isinstance(generator, torch.Generator):
        generator.manual_seed(key & _SEED_BITS)
    elif isinstance(generator, np.random.RandomState):
        generator.seed([key & 0xFFFFFFFF, key >> 32])
    else:
        bits = generator.bit_generator
        name = type(bits).__name__
        bits.state = _pcg_state(name, key) if name in _PCG else type(bits)(key).state


def _pcg_state(name: str, key: int) -> dict[str, Any]:
    """Give a state by hand: a tenth of what NumPy's own seeding costs."""
    state = derive(key, 1) << 64 | derive(key, 2)
    increment = (derive(key, 3) << 64 | derive(key, 4)) | 1
    inner = {"state": state, "inc": increment}
    return {"bit_generator": name, "state": inner, "has_uint32": 0, "uinteger": 0}


def _restore(generator: Any, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)


def _state(generator: Any) -> Any:
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state()


def _is_local(generator: Any) -> bool:
    return not isinstance(generator, torch.Generator) or generator.device.type == "cpu"
