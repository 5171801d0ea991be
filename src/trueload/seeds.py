"""The randomness of samples: from seed, epoch and position to what `random`, NumPy, torch draw.

Samples draw from three global generators: `random`, `numpy.random` and torch's default one. To make
what they draw independent of which worker makes them, the generators are seeded anew for each
unit, a batch or a sample, from a key. Seeding costs 6 us for all three; saving and restoring their
states would cost ten times that, so a worker process only ever seeds.

The training process itself also draws from these generators (dropout, initial weights), and
there they must be left as they were. `Borrowed` lends them to the samples and gives them back:
torch's and `random`'s states are saved, NumPy's bit generator is exchanged, 5 us a batch in all.

This module knows no dataset and no order: only keys and generators.
"""

import ctypes
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from trueload.mixing import derive

Unit = Literal["batch", "sample", "worker"]
UNITS: tuple[Unit, ...] = ("batch", "sample", "worker")

_WORDS = 624
_TORCH_HEADER = 24


def root_of(seed: int, epoch: int) -> int:
    """Give the 64-bit root of all keys of an epoch of a loader with a seed.

    Args:
        seed: The loader's seed, any integer.
        epoch: Number of the epoch, from 0.
    """
    return derive(seed, epoch)


def next_base_seed(base_seed: int) -> int:
    """Give the base seed of an epoch that follows another without a draw: 63 bits, as torch's."""
    return derive(base_seed, 1) >> 1


def next_order_seed(order_seed: int) -> int:
    """Give the seed of the order that follows another without a draw: 63 bits, as torch's."""
    return derive(order_seed, 2) >> 1


def key_of(root: int, position: int) -> int:
    """Give the 64-bit key of what starts at this position.

    Args:
        root: The root of the epoch: of a seed, or the base seed that was drawn for it.
        position: Number of the first sample in the order, over all ranks, from 0.
    """
    return derive(root, position)


def collate_key_of(root: int, position: int) -> int:
    """Give the 64-bit key that a batch is collated with whose samples each had their own."""
    return derive(root, position, 1)


def stream_key_of(root: int, lane: int) -> int:
    """Give the 64-bit key that an iterable dataset begins with, another one for each reader.

    Args:
        root: The root of the epoch.
        lane: Number of the worker that reads the stream on its own, from 0.
    """
    return derive(root, -1 - lane)


def reseed(key: int) -> None:
    """Seed the three global generators from a 64-bit key.

    NumPy's and torch's generators are the same Mersenne twister with the same 32-bit seeding, so
    each gets its own half of the key: with one seed they would draw the same stream.
    """
    random.seed(key)
    np.random.seed(key >> 32)  # noqa: NPY002 - the global generator is what samples draw from
    torch.default_generator.manual_seed(key & 0xFFFFFFFF)


class Borrowed:
    """Lends the process's global generators to samples and gives them back unchanged.

    ```
    borrowed.take()
    try:
        ...  # reseed(key), then make samples
    finally:
        borrowed.give_back()
    ```
    NumPy's legacy generator keeps a spare Gaussian outside its bit generator, which the exchange
    forgets; it is read only when the training process may have drawn one (see `_NumpyLoan`).
    """

    __slots__ = ("_numpy", "_random", "_torch")

    def __init__(self) -> None:
        self._numpy = _NumpyLoan()
        self._random: Any = None
        self._torch: Any = None

    def take(self) -> None:
        """Keep the process's states aside."""
        self._random = _state_of_random()
        self._torch = torch.default_generator.get_state()
        self._numpy.take()

    def give_back(self) -> None:
        """Put the process's states back."""
        self._numpy.give_back()
        torch.default_generator.set_state(self._torch)
        _put_back(self._random)


def _memory_of_random() -> memoryview | None:
    """Give the memory of the generator behind `random`, where it lies as in CPython.

    `random.getstate` and `setstate` make and read 625 integers, 12 us; copying them 0.5 us. What
    lies there is compared with what `getstate` gives, once.

    Source: `RandomObject` in CPython's Modules/_randommodule.c: the head of an object, the position
    within the words, and 624 words.
    """
    generator, head = random.getstate.__self__, object.__basicsize__  # pyrefly: ignore - bound
    size = head + 4 * (_WORDS + 1)
    if sys.implementation.name != "cpython" or random.Random.__basicsize__ < size:
        return None
    words = (ctypes.c_uint32 * (_WORDS + 1)).from_address(id(generator) + head)
    same = (*words[1:], words[0]) == random.getstate()[1]
    return memoryview(words).cast("B") if same else None


def _state_of_random() -> Any:
    if _MEMORY is None:
        return random.getstate()
    return bytes(_MEMORY), _GENERATOR.gauss_next


def _put_back(state: Any) -> None:
    if _MEMORY is None:
        random.setstate(state)
    else:
        _MEMORY[:], _GENERATOR.gauss_next = state


_GENERATOR: Any = random.getstate.__self__  # pyrefly: ignore - the one behind the functions
_MEMORY = _memory_of_random()


class _NumpyLoan:
    """Exchanges the bit generator under `numpy.random` for one of our own.

    Reading NumPy's state costs 33 us, the exchange 0.5 us. The state is read only if the training
    process may hold a spare Gaussian: after a draw (the generator's memory has changed since it
    was given back), or when it held one the last time.
    """

    __slots__ = ("_mark", "_mine", "_spare", "_state", "_theirs")

    def __init__(self) -> None:
        self._mine: Any = None
        self._theirs: Any = None
        self._mark: tuple[int, ...] | None = None
        self._spare = True
        self._state: Any = None

    def take(self) -> None:
        self._theirs = np.random.get_bit_generator()
        if self._spare or self._mark is None or _mark(self._theirs) != self._mark:
            self._state = np.random.get_state(legacy=False)  # noqa: NPY002 - the global one
            self._spare = bool(self._state["has_gauss"])
        self._mine = _idle.pop() if _idle else np.random.MT19937(0)
        np.random.set_bit_generator(self._mine)

    def give_back(self) -> None:
        np.random.set_bit_generator(self._theirs)
        _idle.append(self._mine)
        if self._spare:
            np.random.set_state(self._state)  # noqa: NPY002 - the global one
        self._mark = _mark(self._theirs)


_idle: list[Any] = []
"""Bit generators that nobody uses: a new one costs 200 us."""


def _mark(generator: Any) -> tuple[int, ...] | None:
    """Give what changes in a Mersenne twister with every draw, read from its memory.

    Source: the layout of `struct s_mt19937_state` in numpy/random/src/mt19937/mt19937.h: 624
    words, then the position within them.
    """
    if type(generator) is not np.random.MT19937:
        return None
    words = (ctypes.c_uint32 * (_WORDS + 1)).from_address(generator.ctypes.state_address)
    return words[0], words[1], words[_WORDS]


@dataclass(frozen=True, slots=True)
class GlobalStates:
    """The states of the three global generators, and of one more of torch's."""

    random: Any
    numpy: Any
    torch: torch.Tensor
    given: torch.Tensor | None

    @classmethod
    def now(cls, generator: torch.Generator | None = None) -> "GlobalStates":
        """Give the states as they are."""
        return cls(
            random.getstate(),
            np.random.get_state(legacy=False),  # noqa: NPY002 - the global one
            torch.default_generator.get_state(),
            None if generator is None else generator.get_state(),
        )

    def put_back(self, generator: torch.Generator | None = None) -> None:
        """Let the generators go on from here."""
        random.setstate(self.random)
        np.random.set_state(self.numpy)  # noqa: NPY002 - the global one
        torch.default_generator.set_state(self.torch)
        if generator is not None and self.given is not None:
            generator.set_state(self.given)


@contextmanager
def preserved(generator: torch.Generator | None = None) -> Iterator[None]:
    """Leave all global generators, and the one given, as they were before the block.

    It costs about 100 us, so it serves where a run resumes, not where batches are made.
    """
    before = GlobalStates.now(generator)
    try:
        yield
    finally:
        before.put_back(generator)


def pack_generator(generator: torch.Generator) -> bytes:
    """Give the state of a CPU generator as bytes: 2.5 KB instead of the 5 KB that torch gives.

    The words of the Mersenne twister are 32 bits in fields of 64, so half of each is left out.
    Source: `CPUGeneratorImplStateLegacy` in aten/src/ATen/CPUGeneratorImpl.cpp.
    """
    state = generator.get_state().numpy()
    words = state[_TORCH_HEADER : _TORCH_HEADER + 8 * _WORDS].view(np.uint64)
    if int(words.max()) >> 32:
        return state.tobytes()
    rest = np.concatenate([state[:_TORCH_HEADER], state[_TORCH_HEADER + 8 * _WORDS :]])
    return rest.tobytes() + words.astype(np.uint32).tobytes()


def unpack_generator(packed: bytes, generator: torch.Generator) -> None:
    """Put a state that `pack_generator` gave into a generator.

    Raises:
        ValueError: The bytes have another length than such a state.
    """
    full = generator.get_state().numpy().copy()
    if len(packed) != full.size:
        rest = len(packed) - 4 * _WORDS
        if rest != full.size - 8 * _WORDS:
            message = f"a generator's state has {full.size} bytes, got {len(packed)}"
            raise ValueError(message)
        head = np.frombuffer(packed, np.uint8, rest)
        words = np.frombuffer(packed[rest:], np.uint32).astype(np.uint64)
        parts = [head[:_TORCH_HEADER], words.view(np.uint8), head[_TORCH_HEADER:]]
        full = np.concatenate(parts)
    else:
        full = np.frombuffer(packed, np.uint8).copy()
    generator.set_state(torch.from_numpy(full))
