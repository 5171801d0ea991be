"""The life of a worker process: take an order, make its batch in a slot, say so, again."""

import faulthandler
import os
import random
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data._utils import worker as torch_worker

from trueload.blame import Blame
from trueload.recipe import Recipe
from trueload.stream import StreamBatch, StreamRecipe
from trueload.tasks import Task
from trueload.transport import failure
from trueload.waiting import is_readable
from trueload.workers.arena import Arena
from trueload.workers.base import Order
from trueload.workers.crew import STACK_SIGNAL
from trueload.workers.heartbeat import Heartbeats
from trueload.workers.lines import ENDED, FAILED, MADE, Call, Lines, News
from trueload.workers.packing import Room


@dataclass
class Outfit:
    """What a worker starts with.

    Attributes:
        number: Its number, from 0.
        count: How many workers there are.
        recipe: What makes batches.
        init: The user's `worker_init_fn`, or `None`.
        base_seed: Torch's base seed: the worker's own is this plus its number.
        arena: The slots.
        heartbeats: Where it notes what it has in hand.
        lines: The pipes that orders come from and news go to.
        parent: A descriptor that can be read once the process has ended that it ends with.
        stacks: A descriptor that its Python stack is written to when asked for.
    """

    number: int
    count: int
    recipe: Recipe | StreamRecipe
    init: Callable[[int], None] | None
    base_seed: int
    arena: Arena
    heartbeats: Heartbeats
    lines: Lines
    parent: int
    stacks: int


def live(outfit: Outfit) -> None:
    """Be a worker until there are no more orders, or until nobody is left to give them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.register(STACK_SIGNAL, file=outfit.stacks, all_threads=False)
    threading.Thread(target=_end_with, args=(outfit.parent,), daemon=True).start()
    torch.set_num_threads(1)
    problem = _prepare(outfit)
    bench = Bench(outfit)
    lines, heartbeats, number = outfit.lines, outfit.heartbeats, outfit.number
    while (call := lines.receive(number)) is not None:
        if call.ticket == 0 or heartbeats.is_closing():
            return
        heartbeats.begin(number, call.ticket)
        lines.tell(bench.make(call) if problem is None else bench.failed(call, problem))
        heartbeats.idle(number)


class Bench:
    """Where a worker makes its batches.

    Args:
        outfit: What it starts with.
    """

    def __init__(self, outfit: Outfit) -> None:
        self._arena = outfit.arena
        self._hand = outfit.heartbeats.hand(outfit.number)
        self._changed = 0
        self._pid = os.getpid()
        self._recipe = outfit.recipe
        if isinstance(self._recipe, StreamRecipe):
            info = torch_worker._worker_info  # noqa: SLF001 - set by `_prepare`
            self._recipe.work_for(outfit.number, outfit.count, lambda: getattr(info, "asked", True))

    def make(self, call: Call) -> News:
        """Make the batch of an order in its slot; tell the outcome and where it lies."""
        try:
            order = Order.unpacked(self._arena.read(call.slot, 0, call.size_bytes))
            self._set_up(order)
            room = Room(self._arena, call.slot, call.size_bytes)
            batch = self._recipe.make(order.task, order.random, room.empty, self._hand)
            if self._is_child():
                os._exit(1)
            return News(call.ticket, call.slot, MADE, *_packed(room, batch, order.task))
        except StopIteration:
            if self._is_child():
                os._exit(1)
            return News(call.ticket, call.slot, ENDED, 0, 0)
        except Exception as error:
            if self._is_child():
                raise
            return self.failed(call, error)

    def _is_child(self) -> bool:
        """Say whether this is a copy of the worker, forked by the user's code and come back."""
        return os.getpid() != self._pid

    def failed(self, call: Call, error: Exception) -> News:
        """Tell what was raised in the place of a batch."""
        room = Room(self._arena, call.slot, call.size_bytes)
        return News(call.ticket, call.slot, FAILED, *room.pack(failure(error)))

    def _set_up(self, order: Order) -> None:
        """Make this worker's copy of the dataset what the order is meant for."""
        changes, recipe = order.changes, self._recipe
        if changes is not None and changes.number > self._changed:
            changes.apply(recipe)
            self._changed = changes.number
            if isinstance(recipe, Recipe):
                recipe.refresh()
        if order.begin is not None and isinstance(recipe, StreamRecipe):
            recipe.begin(order.begin)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended, whatever the main thread is doing."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {STACK_SIGNAL})
    is_readable(parent, None)
    os._exit(1)


def _packed(room: Room, batch: Any, task: Task) -> tuple[int, int]:
    try:
        return room.pack(batch)
    except Exception as error:
        inner = batch.batch if isinstance(batch, StreamBatch) else batch
        Blame(task, "send").tell_unsent(error, inner)


class _Info(torch_worker.WorkerInfo):
    """Torch's worker info, which remembers whether somebody asked which worker this is."""

    def __getattribute__(self, name: str) -> Any:
        if name in {"id", "num_workers"}:
            object.__setattr__(self, "asked", True)
        return super().__getattribute__(name)


def _info(outfit: Outfit, seed: int) -> torch_worker.WorkerInfo:
    """Say which worker this is. Workers that share a stream each believe to be the only one."""
    recipe = outfit.recipe
    if isinstance(recipe, StreamRecipe) and not recipe.split:
        info = _Info(outfit.number, outfit.count, seed, recipe.dataset)
        object.__setattr__(info, "asked", False)
        return info
    alone = isinstance(recipe, StreamRecipe)
    number, count = (0, 1) if alone else (outfit.number, outfit.count)
    return torch_worker.WorkerInfo(number, count, seed, recipe.dataset)


def _prepare(outfit: Outfit) -> Exception | None:
    """Seed the generators, fill in torch's worker info and call the user's `worker_init_fn`."""
    seed = outfit.base_seed + outfit.number
    random.seed(seed)
    torch.default_generator.manual_seed(seed)  # `torch.manual_seed` also walks device back ends
    np.random.seed(torch_worker._generate_state(outfit.base_seed, outfit.number))  # noqa: NPY002, SLF001
    torch_worker._worker_info = _info(outfit, seed)  # noqa: SLF001 - where users look for it
    try:
        if outfit.init is not None:
            outfit.init(outfit.number)
    except Exception as error:
        return error
    return None
