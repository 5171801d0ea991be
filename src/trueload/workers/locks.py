"""Free the locks that a fork has copied as held by threads that it does not have.

A lock that another thread of the training process held at the moment of the fork would never be
released in the copy. Python itself takes care of its own (imports, logging, standard streams);
here it is done for those that a dataset can reach.

Locks within libraries cannot be freed. Whether one of those that every worker needs is held shows
only when it is tried, so that is done in a process that may hang: `is_sound`.
"""

import logging
import os
import random
import signal
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trueload.reach import reachable
from trueload.waiting import is_readable

_KINDS = (type(threading.Lock()), type(threading.RLock()))
_LOOK_SECONDS = 0.05
_MOST_QUIET_LOOKS = 10


def freed_locks(roots: Iterable[Any]) -> int:
    """Free all locks that can be reached; for a process that has just been forked.

    Args:
        roots: Where to begin to look.

    Returns:
        How many were held, and are free now.
    """
    freed = 0
    for lock in reachable((*roots, np.random.get_bit_generator().lock), _KINDS):
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
    ended = _ends(pid, descriptor)
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


def _ends(pid: int, descriptor: int) -> bool:
    """Wait for a process to end, however slow the machine; not for one that sleeps and sleeps."""
    before, quiet = "", 0
    while not is_readable(descriptor, _LOOK_SECONDS):
        now = _activity(pid)
        quiet = quiet + 1 if now == before and now.startswith("S") else 0
        if quiet == _MOST_QUIET_LOOKS:
            return False
        before = now
    return True


def _activity(pid: int) -> str:
    """Give a process's state and the processor time that it has used.

    Source: proc_pid_stat(5): the state is the first field behind the name, user and system time
    are the 12th and 13th.
    """
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return " ".join((fields[0], *fields[11:13]))


def _is_held(lock: Any) -> bool:
    if hasattr(lock, "locked"):
        return lock.locked()
    return "unlocked" not in repr(lock)  # an RLock before Python 3.14
