"""Samplers and batch samplers as people write them, beside torch's own."""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import Sampler

from .datasets import draw


class Drawing(Sampler):
    """Draws each index from a global generator when it is asked for."""

    def __init__(self, length: int, source: str) -> None:
        self.length, self.source = length, source

    def __iter__(self) -> Iterator[int]:
        if self.source == "torch":
            yield from torch.randperm(self.length).tolist()
        elif self.source == "numpy":
            yield from np.random.permutation(self.length).tolist()
        else:
            for _ in range(self.length):
                yield random.randrange(self.length)

    def __len__(self) -> int:
        return self.length


class Eager:
    """Draws its whole order as soon as `iter` is called."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __iter__(self) -> Iterator[int]:
        order = list(range(self.length))
        random.shuffle(order)
        return iter(order)

    def __len__(self) -> int:
        return self.length


class Endless(Sampler):
    """Never stops and has no length."""

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed = length, seed

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator()
        generator.manual_seed(self.seed)
        while True:
            yield from torch.randperm(self.length, generator=generator).tolist()


class Epochs(Sampler):
    """Changes its order with each epoch that it counts itself."""

    def __init__(self, length: int) -> None:
        self.length, self.epoch = length, 0

    def __iter__(self) -> Iterator[int]:
        self.epoch += 1
        return iter([(index + self.epoch) % self.length for index in range(self.length)])

    def __len__(self) -> int:
        return self.length


class Bucketed:
    """A batch sampler that cuts batches of several sizes, with or without a draw for each."""

    def __init__(self, length: int, source: str = "", form: type = list) -> None:
        self.length, self.source, self.form = length, source, form

    def __iter__(self) -> Iterator[Any]:
        start, size = 0, 1
        while start < self.length:
            draw(self.source)
            yield self.form(range(start, min(start + size, self.length)))
            start, size = start + size, size % 3 + 1

    def __len__(self) -> int:
        return sum(1 for _ in iter(Bucketed(self.length)))


class Failing(Sampler):
    """Raises in mid-epoch."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __iter__(self) -> Iterator[int]:
        yield from range(self.length)
        message = "no more indices"
        raise LookupError(message)

    def __len__(self) -> int:
        return self.length
