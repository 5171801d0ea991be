"""The life of a worker process: take an order, make its batch in a slot, say so, again."""

import faulthandler
import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.reduction import DupFd
from typing import Any

import numpy as np
import torch
from torch.utils.data._utils import worker as torch_worker

from trueload.guard import Guard
from trueload.recipe import Recipe
from trueload.renewal import Renew, renew_in
from trueload.stream import StreamRecipe
from trueload.waiting import is_readable
from trueload.watching.budget import Experience
from trueload.watching.sentry import Sentry
from trueload.workers.arena import Arena
from trueload.workers.bench import Bench
from trueload.workers.board import Board
from trueload.workers.crew import STACK_SIGNAL
from trueload.workers.heartbeat import Heartbeats
from trueload.workers.lines import LineEnd
from trueload.workers.tallies import Tallies


@dataclass
class Outfit:
    """What a worker works with, beside the recipe.

    Attributes:
        number: Its number, from 0.
        count: How many workers there are.
        base_seed: Torch's base seed: the worker's own is this plus its number.
        arena: The slots.
        heartbeats: Where it notes what it has in hand.
        board: Where it tells who makes parts of the same batches how far it is.
        line: The pipes that orders come from and news go to.
        stacks: A descriptor that its Python stack is written to when asked for.
        tallies: Where it counts how it looks after the dataset.
        guard: How the dataset's memory is looked after.
        experience: What is known of it from earlier epochs.
        forked: Whether it was forked from the process that made the dataset.
    """

    number: int
    count: int
    base_seed: int
    arena: Arena
    heartbeats: Heartbeats
    board: Board
    line: LineEnd
    stacks: int
    tallies: Tallies
    guard: Guard
    experience: Experience | None
    forked: bool

    def __getstate__(self) -> dict[str, Any]:
        """Take the descriptor along to the process that is being started."""
        return {**vars(self), "stacks": DupFd(self.stacks)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.stacks = state["stacks"].detach()


Maker = Recipe | StreamRecipe


@dataclass(frozen=True)
class Hooks:
    """What of the user's runs as a worker begins.

    Attributes:
        init: The `worker_init_fn`, or `None`.
        renew: The `dataset_in_worker`, or `None`.
    """

    init: Callable[[int], None] | None
    renew: Renew | None


def start(outfit: Outfit, contents: tuple[Maker, Hooks]) -> None:
    """Be a worker, in a process that has been started anew."""
    parent: Any = multiprocessing.parent_process()
    live(outfit, *contents, parent.sentinel)


def live(outfit: Outfit, recipe: Maker, hooks: Hooks, parent: int) -> None:
    """Be a worker until there are no more orders, or until nobody is left to give them.

    Args:
        outfit: What it works with.
        recipe: What makes batches.
        hooks: What of the user's runs first.
        parent: A descriptor that can be read once the process has ended that it ends with.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.register(STACK_SIGNAL, file=outfit.stacks, all_threads=False)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)
    problem = _prepare(outfit, recipe, hooks)
    line, heartbeats, number = outfit.line, outfit.heartbeats, outfit.number
    heartbeats.live(number, lives=True)
    tally = outfit.tallies.of(number)
    sentry = Sentry(
        recipe,
        guard=outfit.guard,
        forked=outfit.forked,
        experience=outfit.experience,
        tally=tally,
    )
    bench = Bench(recipe, outfit.arena, outfit.board, heartbeats.hand(number), sentry)
    while (call := line.receive()) is not None:
        if call.ticket == 0 or heartbeats.is_closing():
            return
        heartbeats.begin(number, call.ticket)
        line.tell(bench.make(call) if problem is None else bench.failed(call, problem))
        heartbeats.idle(number)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended, whatever the main thread is doing."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {STACK_SIGNAL})
    is_readable(parent, None)
    os._exit(1)


class _Info(torch_worker.WorkerInfo):
    """Torch's worker info, which remembers whether somebody asked which worker this is."""

    def __getattribute__(self, name: str) -> Any:
        if name in {"id", "num_workers"}:
            object.__setattr__(self, "asked", True)
        return super().__getattribute__(name)


def _info(outfit: Outfit, recipe: Maker, seed: int) -> torch_worker.WorkerInfo:
    """Say which worker this is. Workers that share a stream each believe to be the only one."""
    if isinstance(recipe, StreamRecipe) and recipe.share is None:
        info = _Info(outfit.number, outfit.count, seed, recipe.dataset)
        object.__setattr__(info, "asked", False)
        return info
    alone = isinstance(recipe, StreamRecipe)
    number, count = (0, 1) if alone else (outfit.number, outfit.count)
    return torch_worker.WorkerInfo(number, count, seed, recipe.dataset)


def _prepare(outfit: Outfit, recipe: Maker, hooks: Hooks) -> Exception | None:
    """Seed the generators, fill in torch's worker info and call the user's functions."""
    seed = outfit.base_seed + outfit.number
    random.seed(seed)
    torch.default_generator.manual_seed(seed)  # `torch.manual_seed` also walks device back ends
    np.random.seed(torch_worker._generate_state(outfit.base_seed, outfit.number))  # noqa: NPY002, SLF001
    info = torch_worker._worker_info = _info(outfit, recipe, seed)  # noqa: SLF001 - where users look for it
    if isinstance(recipe, StreamRecipe):
        recipe.work_for(outfit.number, outfit.count, lambda: getattr(info, "asked", True))
    try:
        renew_in(recipe, hooks.renew)
        object.__setattr__(info, "dataset", recipe.dataset)
        if hooks.init is not None:
            hooks.init(outfit.number)
    except Exception as error:
        return error
    return None
