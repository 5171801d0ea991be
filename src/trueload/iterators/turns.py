"""Whose turn it is: several workers read an iterable dataset, each on its own, one after another.

Batch `b` is made by worker `b % readers`, as with torch, so their order is the same every time. A
worker whose stream is over is passed over from then on.
"""

import io
from base64 import b85decode, b85encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from trueload.changes import Changes
from trueload.iterators.epoch import say_skipped
from trueload.progress import Cursor
from trueload.recipe import Randomness
from trueload.state import LoaderState, state_of
from trueload.stream import StreamBatch, StreamState
from trueload.tasks import Task
from trueload.workers.base import Order


class Turns:
    """The orders of an epoch of an iterable dataset.

    Args:
        tasks: The tasks, without an end.
        random: How the samples draw, or `None`.
        readers: How many workers read.
        together: Whether they share one stream, which then ends for all of them.
        begins: Where the streams of some workers stand, in their datasets' own words.
        changes: What has changed in the dataset since the workers were started.
    """

    def __init__(  # noqa: PLR0913 - each is one fact of the epoch
        self,
        tasks: Iterator[Task],
        random: Randomness | None,
        readers: int,
        *,
        together: bool = False,
        begins: Mapping[int, StreamState] | None = None,
        changes: Changes | None = None,
    ) -> None:
        self._tasks, self._random, self._readers = tasks, random, readers
        self._together, self._changes = together, changes
        self._begins = dict(begins or {})
        self._ended: set[int] = set()
        self._passed: dict[int, list[Task]] = {}

    def __iter__(self) -> Iterator[Order]:
        """Yield the orders, until every stream is known to be over."""
        passed: list[Task] = []
        for task in self._tasks:
            if len(self._ended) == self._readers:
                return
            worker = self.reader(task)
            if worker in self._ended:
                passed.append(task)
                continue
            if passed:
                self._passed[task.batch], passed = passed, []
            begin = self._begins.pop(worker, None)
            yield Order(task, self._random, worker, begin, self._changes)

    def reader(self, task: Task) -> int:
        """Give the worker whose turn a task is."""
        return task.batch % self._readers

    def end(self, task: Task) -> None:
        """Note that there was no batch for a task: its stream is over."""
        self._ended |= set(range(self._readers)) if self._together else {self.reader(task)}

    def passed(self, task: Task) -> list[Task]:
        """Give, once, the tasks before this one whose turns were passed over."""
        return self._passed.pop(task.batch, [])


class StreamStates:
    """Where the streams of an epoch stand, in their datasets' own words, as batches are taken.

    A stream that one worker reads is the one that would be read without workers, so its state has
    the same place in the loader's.

    Args:
        cursor: What is told.
        start: The state that the epoch begins with.
        loader: The loader.

    Attributes:
        begins: Where each worker's stream is to begin.
    """

    def __init__(self, cursor: Cursor, start: LoaderState, loader: Any) -> None:
        self._cursor, self._several, dataset = cursor, bool(start.readers), loader.dataset
        if self._several:
            self.begins = unpack_states(start.reader_states)
            cursor.sources = {"reader_states": lambda: pack_states(self._states)}
        else:
            at = start.batches if loader.shard is None else start.position
            self.begins = _begin_of_one(start, at, loader.num_workers)
            known = start.dataset_state
            cursor.note(None, "dataset_state", state_of(dataset) if known is None else known)
            cursor.note(None, "iterator_state", start.iterator_state)
        self._states = dict(self.begins)
        if start.batches and not self.begins:
            say_skipped(type(dataset).__qualname__, start.batches)

    def opened(self, made: StreamBatch, order: Order) -> tuple[Order, Any]:
        """Give the batch and what it is of, once it is noted where its stream stands after it."""
        state = made.state
        if state is not None and order.worker is not None:
            self._states[order.worker] = state
            if not self._several:
                self._cursor.note(order.task.batch, "dataset_state", state.dataset)
                self._cursor.note(order.task.batch, "iterator_state", state.iterator)
        if made.counts is not None:
            size, real = made.counts
            order = replace(order, task=order.task._replace(size=size, real=real))
        return order, made.batch


def _begin_of_one(start: LoaderState, at: int, workers: int) -> dict[int, StreamState]:
    if start.dataset_state is None and start.iterator_state is None:
        return {}
    state = StreamState(at, start.dataset_state, start.iterator_state)
    return dict.fromkeys(range(workers), state)


def pack_states(states: Mapping[int, StreamState]) -> str | None:
    """Pack where streams stand as `torch.load` reads it with `weights_only=True`.

    Text has no keys that could change with progress, as `torch.distributed.checkpoint` requires.
    """
    if not states:
        return None
    stream = io.BytesIO()
    torch.save({number: (s.next, s.dataset, s.iterator) for number, s in states.items()}, stream)
    return b85encode(stream.getvalue()).decode()


def unpack_states(packed: str | None) -> dict[int, StreamState]:
    """Read what `pack_states` gave."""
    if packed is None:
        return {}
    found: dict[int, Any] = torch.load(io.BytesIO(b85decode(packed)), weights_only=True)
    return {number: StreamState(*state) for number, state in found.items()}
