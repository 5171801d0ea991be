"""The life of a worker process: take an order, make its batch in a slot, say so, again.

Orders and news are messages of fixed length in two pipes. All workers read from one, so whoever
is free takes the next order, and the kernel gives each message to one of them; all write to the
other, and no message is ever torn. A worker that dies holds no lock.
"""

import faulthandler
import os
import pickle
import random
import select
import signal
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data._utils import worker as torch_worker

from trueload.recipe import Recipe
from trueload.transport import failure
from trueload.workers.arena import Arena
from trueload.workers.base import Order
from trueload.workers.heartbeat import Heartbeats
from trueload.workers.packing import Room

ORDER = struct.Struct("<QII")
NEWS = struct.Struct("<QIIQQ")
MADE, FAILED = 0, 1
STACK_SIGNAL = signal.SIGUSR2


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
        orders: The descriptor that orders are read from.
        news: The descriptor that news are written to.
        parent_pid: The process that starts the worker, and that it ends with.
        stacks: A descriptor that its Python stack is written to when asked for.
        others: Descriptors of the starting process that a worker must not keep open.
    """

    number: int
    count: int
    recipe: Recipe
    init: Callable[[int], None] | None
    base_seed: int
    arena: Arena
    heartbeats: Heartbeats
    orders: int
    news: int
    parent_pid: int
    stacks: int
    others: tuple[int, ...]


def live(outfit: Outfit) -> None:
    """Be a worker until there are no more orders, or until nobody is left to give them."""
    for descriptor in outfit.others:
        os.close(descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.register(STACK_SIGNAL, file=outfit.stacks, all_threads=False)
    threading.Thread(target=_end_with, args=(outfit.parent_pid,), daemon=True).start()
    torch.set_num_threads(1)
    problem = _prepare(outfit)
    while message := os.read(outfit.orders, ORDER.size):
        if outfit.heartbeats.is_closing():
            return
        ticket, slot, length = ORDER.unpack(message)
        outfit.heartbeats.begin(outfit.number, ticket)
        news = _make(outfit, slot, length, problem)
        os.write(outfit.news, NEWS.pack(ticket, slot, *news))
        outfit.heartbeats.idle(outfit.number)


def _end_with(parent_pid: int) -> None:
    """End this process when its parent has ended, whatever the main thread is doing."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {STACK_SIGNAL})
    try:
        parent = os.pidfd_open(parent_pid)
    except ProcessLookupError:
        os._exit(1)
    if os.getppid() == parent_pid:
        poll = select.poll()
        poll.register(parent, select.POLLIN)
        poll.poll()
    os._exit(1)


def _prepare(outfit: Outfit) -> Exception | None:
    """Seed the generators, fill in torch's worker info and call the user's `worker_init_fn`."""
    seed = outfit.base_seed + outfit.number
    random.seed(seed)
    torch.manual_seed(seed)
    np.random.seed(torch_worker._generate_state(outfit.base_seed, outfit.number))  # noqa: NPY002, SLF001
    torch_worker._worker_info = torch_worker.WorkerInfo(  # noqa: SLF001 - where users look for it
        id=outfit.number, num_workers=outfit.count, seed=seed, dataset=outfit.recipe.dataset
    )
    try:
        if outfit.init is not None:
            outfit.init(outfit.number)
    except Exception as error:  # noqa: BLE001 - it comes home with the first order
        return error
    return None


def _make(outfit: Outfit, slot: int, length: int, problem: Exception | None) -> tuple[int, int, int]:
    """Make the batch of an order in its slot; give the outcome and where it lies."""
    room = Room(outfit.arena, slot, length)
    try:
        if problem is not None:
            raise problem
        order: Order = pickle.loads(outfit.arena.read(slot, 0, length))  # noqa: S301 - from our engine
        hand = outfit.heartbeats.hand(outfit.number)
        batch = outfit.recipe.make(order.task, order.random, room.empty, hand)
        return MADE, *room.pack(batch)
    except Exception as error:  # noqa: BLE001 - it comes home in the batch's place
        return FAILED, *_packed_failure(Room(outfit.arena, slot, length), error)


def _packed_failure(room: Room, error: Exception) -> tuple[int, int]:
    packed: Any = failure(error)
    return room.pack(packed)
