"""Find in a dataset what does not survive workers: open files, connections, locks, live threads.

What is found is named by the way to it, with what becomes of it in a worker and the way out. This
module only looks: it opens, reads and changes nothing, calls no code of the user's, and imports no
library that the user has not. Whether anybody is told, and what can be cured, is for others to say.

How each kind fares in plain workers, those of torch, was measured; what stands there as harmless is
so against folklore, such as selects of SQLite or HDF5 on a local file, both opened before a fork.
"""

import fcntl
import io
import os
import random
import socket
import stat
import threading
from _socket import socket as plain_socket
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from multiprocessing.pool import Pool
from queue import Queue, SimpleQueue
from typing import Any, Literal

import numpy as np
import torch

from trueload.generators import KINDS as GENERATORS
from trueload.generators import is_common
from trueload.inside import attributes, bases_of, kept, module_of, name_of
from trueload.walk import MOST_OBJECTS, Place, Walk

Start = Literal["fork", "spawn", "threads"]
"""How workers come to be. What holds for "spawn" holds for "forkserver" too."""


class Kind(StrEnum):
    """What was found."""

    FILE = "file"
    UPDATED_FILE = "file open for reading and writing"
    WRITTEN_FILE = "file open for writing"
    PIPE = "pipe"
    SOCKET = "socket"
    DATABASE = "database connection"
    CLIENT = "database client"
    LOCAL_DATABASE = "database file"
    HDF5 = "HDF5 file"
    LOCK = "lock"
    CUDA = "CUDA tensor"
    MEMMAP = "memory map open for writing"
    GENERATOR = "random generator"
    QUEUE = "queue"
    POOL = "pool"
    THREAD = "thread"


class Harm(StrEnum):
    """How a thing fares in a worker."""

    NONE = "none"
    WRONG = "wrong"
    HANGS = "hangs"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a thing in a worker.

    Attributes:
        harm: How bad that is.
        text: What happens, as a clause.
    """

    harm: Harm
    text: str


@dataclass(frozen=True)
class Handle:
    """Something that does not survive every kind of worker.

    Attributes:
        place: Where it is.
        kind: What it is.
        detail: More of it: the name of the file, whom a socket talks to.
        names: What the code names that workers may come to.
    """

    place: Place
    kind: Kind
    detail: str
    names: frozenset[str]

    @property
    def path(self) -> str:
        """What the user would call it: `dataset.archive`, though the file lies within that."""
        return self.place.path if self.place.owner is None else self.place.owner[0]

    @property
    def type(self) -> str:
        """The type of what the user holds, with its module: `zipfile.ZipFile`."""
        kind = type(self.place.thing) if self.place.owner is None else self.place.owner[1]
        return f"{module_of(kind).lstrip('_')}.{name_of(kind)}"

    @property
    def is_used(self) -> bool:
        """Whether code that workers may come to names each attribute on the way to it."""
        return self.names.issuperset(self.place.chosen)

    def fate(self, start: Start) -> Fate:
        """Say what becomes of it in plain workers, such as torch's."""
        return _FATES[self.kind][start]

    @property
    def hint(self) -> str:
        """The way out."""
        return _HINTS[self.kind]


@dataclass(frozen=True)
class Preflight:
    """What was found from some objects on.

    Attributes:
        handles: What does not survive every kind of worker, nearest first.
        names: What the code names that workers may come to.
        reached: The identities of all that was looked at.
    """

    handles: tuple[Handle, ...]
    names: frozenset[str]
    reached: frozenset[int]

    @property
    def questions(self) -> frozenset[str]:
        """By what names that code asks in which process it is: it may well renew things then."""
        return _ASKING & self.names

    @cached_property
    def used(self) -> tuple[Handle, ...]:
        """Those that workers may come to use, as far as names tell."""
        return tuple(handle for handle in self.handles if handle.is_used)


def preflight(roots: Mapping[str, Any], most: int = MOST_OBJECTS) -> Preflight:
    """Look for what does not survive workers.

    Args:
        roots: What workers get, by name: `{"dataset": dataset, "transform": transform}`.
        most: How many objects are looked at.
    """
    walk, looks = Walk(roots, _ENDS, most), {}
    found = [(place, kind) for place in walk if (kind := _kind_at(place, looks)) is not None]
    names = frozenset(walk.names)
    handles = (Handle(place, kind, detail, names) for place, (kind, detail) in found)
    return Preflight(tuple(handles), names, frozenset(walk.seen))


_ASKING = frozenset(
    {
        *("getpid", "get_worker_info", "current_process", "parent_process", "register_at_fork"),
    }
)
"""Whoever names these wants to know in which process he is."""

_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_POOLS = (ThreadPoolExecutor, ProcessPoolExecutor, Pool)
_QUEUES = (Queue, SimpleQueue)
_ENDS = (io.FileIO, plain_socket, *_LOCKS, *_POOLS, threading.Thread, *_QUEUES, *GENERATORS)

Names = dict[str, tuple[str, ...]]
_SERVERS: Names = {
    "MySQLdb": ("Connection", "connection"),
    "asyncpg": ("Connection",),
    "cassandra": ("Cluster",),
    "cx_Oracle": ("Connection",),
    "mysql": ("CMySQLConnection", "MySQLConnection"),
    "oracledb": ("Connection",),
    "psycopg": ("AsyncConnection", "Connection"),
    "psycopg2": ("connection",),
    "pymssql": ("Connection",),
    "pyodbc": ("Connection",),
}
"""Connections whose sockets lie hidden in C code, or whose own manual forbids a fork."""

_CLIENTS: Names = {"redis": ("ConnectionPool", "Redis"), "pymongo": ("MongoClient",)}
"""Those that notice a fork and connect anew."""

_LOCAL: Names = {
    "sqlite3": ("Connection",),
    "lmdb": ("Environment", "Transaction"),
}
_HDF5: Names = {"h5py": ("File", "Group", "Dataset")}

Found = tuple[Kind, str] | None
Look = Callable[[Any], Found]


def _kind_at(place: Place, looks: dict[int, Look | None]) -> Found:
    """Say what is in a place; the locks of a library are its own affair.

    Args:
        place: The place.
        looks: Who looks at objects of a type, by its identity, as far as known.
    """
    kind = type(place.thing)
    if id(kind) not in looks:
        looks[id(kind)] = _look_for(kind)
    look = looks[id(kind)]
    found = None if look is None else look(place.thing)
    if found is None or found[0] != Kind.LOCK or place.owner is None:
        return found
    return found if module_of(place.owner[1]) == "threading" else None


def _look_for(kind: type) -> Look | None:
    """Give what looks at objects of a type, with a detail, or `None` if all survive all workers."""
    for base, look in _LOOKS:
        if issubclass(kind, base):
            return look
    if kind is torch.Tensor or kind is torch.nn.Parameter:
        return _of_tensor
    for base in bases_of(kind):
        root, name = module_of(base).partition(".")[0], name_of(base)
        for known, look in _LIBRARIES:
            if name in known.get(root, ()):
                return look
    return None


def _of_tensor(tensor: Any) -> Found:
    return (Kind.CUDA, str(tuple(tensor.shape))) if tensor.is_cuda else None


def _of_server(connection: Any) -> Found:
    return None if kept(connection, "closed") else (Kind.DATABASE, "")


def _of_file(file: Any) -> Found:
    try:
        descriptor = io.FileIO.fileno(file)
        mode = os.fstat(descriptor).st_mode
        access = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
    except (OSError, ValueError):
        return None  # closed
    if descriptor <= _LAST_STANDARD:
        return None
    name = attributes(file).get("name")
    detail = repr(name) if type(name) is str else f"descriptor {descriptor}"
    if stat.S_ISREG(mode):
        return _ACCESS.get(access, Kind.UPDATED_FILE), detail
    is_read = stat.S_ISFIFO(mode) and access != os.O_WRONLY
    return (Kind.PIPE, detail) if is_read else None


_ACCESS = {os.O_RDONLY: Kind.FILE, os.O_WRONLY: Kind.WRITTEN_FILE}
_LAST_STANDARD = 2


def _of_socket(one: Any) -> Found:
    """Look whether a socket has a stream of answers to mix up."""
    if kept(one, "type") != socket.SOCK_STREAM:
        return None
    try:
        peer = plain_socket.getpeername(one)
    except OSError:
        return None
    return (Kind.SOCKET, f"connected to {_address(peer)}") if peer else None


def _address(peer: Any) -> str:
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else repr(peer)


def _of_memmap(array: Any) -> Found:
    held = attributes(array)
    mode, name = held.get("mode"), held.get("filename")
    return (Kind.MEMMAP, repr(str(name))) if mode in ("r+", "w+") else None


def _of_generator(generator: Any) -> Found:
    apart = issubclass(type(generator), random.SystemRandom) or is_common(generator)
    return None if apart else (Kind.GENERATOR, "")


def _of_thread_pool(pool: Any) -> Found:
    """Look whether a pool has threads: it starts no others where it believes that they wait."""
    held = attributes(pool)
    threads = len(held.get("_threads") or ())
    return None if held.get("_shutdown") or not threads else (Kind.POOL, f"{threads} threads")


def _of_process_pool(pool: Any) -> Found:
    held = attributes(pool)
    runs = held.get("_executor_manager_thread") is not None or held.get("_state") == "RUN"
    return (Kind.POOL, "") if runs and not held.get("_shutdown_thread") else None


def _of_thread(thread: Any) -> Found:
    alive = any(thread is other for other in threading.enumerate())
    apart = thread is threading.main_thread() or thread is threading.current_thread()
    return (Kind.THREAD, repr(attributes(thread).get("_name"))) if alive and not apart else None


_LIBRARIES: list[tuple[Names, Look]] = [
    (_SERVERS, _of_server),
    (_CLIENTS, lambda _: (Kind.CLIENT, "")),
    (_LOCAL, lambda _: (Kind.LOCAL_DATABASE, "")),
    (_HDF5, lambda _: (Kind.HDF5, "")),
]
_LOOKS: list[tuple[type | tuple[type, ...], Look]] = [
    (io.FileIO, _of_file),
    (plain_socket, _of_socket),
    (_LOCKS, lambda _: (Kind.LOCK, "")),
    (np.memmap, _of_memmap),
    (GENERATORS, _of_generator),
    (ThreadPoolExecutor, _of_thread_pool),
    ((ProcessPoolExecutor, Pool), _of_process_pool),
    (threading.Thread, _of_thread),
    (_QUEUES, lambda _: (Kind.QUEUE, "")),
]

_UNSENT = Fate(Harm.FAILS, "it cannot be sent to a worker")
_OWN = Fate(Harm.NONE, "each worker has its own")
_ONE = Fate(Harm.NONE, "all workers use the same one")
_ANEW = Fate(Harm.NONE, "it notices the fork and connects anew")
_READ = Fate(Harm.NONE, "reading is safe; do not write")


def _fates(fork: Fate, spawn: Fate = _UNSENT, threads: Fate = _ONE) -> dict[Start, Fate]:
    return {"fork": fork, "spawn": spawn, "threads": threads}


def _wrong(text: str) -> Fate:
    return Fate(Harm.WRONG, text)


_MIXED = _wrong("all workers use the one connection, and take one another's answers")
_MOVED = _wrong("all workers share its position, and read where another one has left it")
_POSITION = _wrong("each worker moves the position that the others read from")
_TORN = _wrong("each piece of the data reaches one worker only")
_SAME = _wrong("every worker draws the same")
_RACE = _wrong("threads draw from it at the same time")
_STUCK = Fate(Harm.HANGS, "its threads are not in the worker, which waits for them for ever")
_NO_CUDA = Fate(Harm.FAILS, "CUDA cannot be used in a forked worker")
_GUARDS = Fate(Harm.NONE, "each worker has a copy, which guards nothing between processes")
_COPIES = Fate(Harm.NONE, "each worker has a copy, which nobody else fills")
_WRITES = Fate(Harm.NONE, "what a worker writes to it is written to the file")
_MIXES = Fate(Harm.NONE, "what workers write to it is mixed")

_FATES: dict[Kind, dict[Start, Fate]] = {
    Kind.FILE: _fates(_MOVED, threads=_POSITION),
    Kind.UPDATED_FILE: _fates(_MOVED, threads=_POSITION),
    Kind.WRITTEN_FILE: _fates(_MIXES),
    Kind.PIPE: _fates(_TORN, threads=_TORN),
    Kind.SOCKET: _fates(_MIXED, threads=_MIXED),
    Kind.DATABASE: _fates(_MIXED),
    Kind.CLIENT: _fates(_ANEW),
    Kind.LOCAL_DATABASE: _fates(_READ),
    Kind.HDF5: _fates(_READ),
    Kind.LOCK: _fates(_GUARDS),
    Kind.CUDA: _fates(_NO_CUDA, _ONE),
    Kind.MEMMAP: _fates(_WRITES, _OWN, _WRITES),
    Kind.GENERATOR: _fates(_SAME, _SAME, _RACE),
    Kind.QUEUE: _fates(_COPIES),
    Kind.POOL: _fates(_STUCK),
    Kind.THREAD: _fates(_STUCK),
}

_OPEN_LATE = "open it when a worker first needs it, not before"
_CONNECT_LATE = "connect when a worker first needs it, not before"
_HINTS = {
    Kind.FILE: f"{_OPEN_LATE}, or read with `os.pread`, which has no position",
    Kind.UPDATED_FILE: "open it for reading only, and when a worker first needs it",
    Kind.WRITTEN_FILE: "open one file a worker",
    Kind.PIPE: "start what writes to it in each worker",
    Kind.SOCKET: _CONNECT_LATE,
    Kind.DATABASE: _CONNECT_LATE,
    Kind.CLIENT: _CONNECT_LATE,
    Kind.LOCAL_DATABASE: _OPEN_LATE,
    Kind.HDF5: _OPEN_LATE,
    Kind.LOCK: "what workers share needs a lock of `multiprocessing`",
    Kind.CUDA: "keep the data on the CPU, and move batches to the device in the training loop",
    Kind.MEMMAP: 'open it with `mode="r"`, or `mode="c"` to write to a private copy',
    Kind.GENERATOR: "make the generator in each worker, from `torch.initial_seed()`",
    Kind.QUEUE: "fill it in the worker that reads from it",
    Kind.POOL: "make the pool when a worker first needs it, not before",
    Kind.THREAD: "start the thread when a worker first needs it, not before",
}
