"""Free the locks that a fork has copied as held by threads that it does not have.

A lock that another thread of the training process held at the moment of the fork would never be
released in the copy. Python itself takes care of its own (imports, logging, standard streams);
here it is done for those that a dataset can reach: in its attributes, in what these refer to, and
in the variables of the user's modules that its code lives in.

Locks within libraries cannot be freed. Whether one of those that every worker needs is held shows
only when it is tried, so that is done in a process that may hang: `is_sound`.
"""

import gc
import logging
import os
import random
import signal
import sys
from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch

from trueload.errors import is_installed
from trueload.waiting import is_readable

_MOST_OBJECTS = 100_000
_PROBE_SECONDS = 1.0
_ATOMS = (str, bytes, int, float, complex, type(None), np.generic, BuiltinFunctionType)


def freed_locks(roots: Iterable[Any]) -> int:
    """Free all locks found; to be called in a process that has just been forked.

    Args:
        roots: Where to begin to look.

    Returns:
        How many were held, and are free now.
    """
    freed = 0
    for lock in _locks((*roots, np.random.get_bit_generator().lock)):
        if _is_held(lock):
            lock._at_fork_reinit()  # noqa: SLF001 - what `threading` itself does after a fork
            freed += 1
    return freed


def is_sound() -> bool:
    """Say whether a fork of this process can draw, allocate and log without waiting for ever."""
    pid = os.fork()
    if not pid:
        _try_all()
    descriptor = os.pidfd_open(pid)
    ended = is_readable(descriptor, _PROBE_SECONDS)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    os.close(descriptor)
    return os.waitpid(pid, 0)[1] == 0 and ended


def _try_all() -> None:
    code = 1
    try:
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - the global one is what samples draw from
        torch.default_generator.manual_seed(0)
        torch.rand(1).numpy()
        logging.getLogger("trueload").debug("a fork can log")
        code = 0
    finally:
        os._exit(code)


def _locks(roots: Iterable[Any]) -> Iterator[Any]:
    """Walk what the roots refer to, breadth first, up to a limit."""
    seen: set[int] = set()
    line = list(roots)
    while line and len(seen) < _MOST_OBJECTS:
        following: list[Any] = []
        for thing in line:
            if id(thing) in seen or isinstance(thing, _ATOMS) or _is_of_a_library(thing):
                continue
            seen.add(id(thing))
            if type(thing).__module__ == "_thread" and hasattr(thing, "_at_fork_reinit"):
                yield thing
            following += gc.get_referents(thing)
        line = following


def _is_of_a_library(thing: Any) -> bool:
    """Say whether a thing leads out of the user's code."""
    if isinstance(thing, (type, FunctionType, MethodType)):
        module = sys.modules.get(thing.__module__ or "")
    elif isinstance(thing, ModuleType):
        module = thing
    else:
        return False
    path = getattr(module, "__file__", None)
    return module is not None and module.__name__ != "__main__" and is_installed(path or "<frozen")


def _is_held(lock: Any) -> bool:
    if hasattr(lock, "locked"):
        return lock.locked()
    return "unlocked" not in repr(lock)  # an RLock before Python 3.14
