"""What a tree of processes costs: the processor time and the memory of this one and all below it.

Workers need not be children of the process that loads: they may be forked from a template, which
forks again. So the tree is read from /proc, by who is whose parent. A process that has ended counts
with whoever waited for it, as the kernel adds it up; one that nobody waited for yet is still there
to be read; and one whose parent ended first comes to this process (`adopt`), so none escapes.

Linux only. It knows nothing of loaders.
"""

import ctypes
import os
import resource
import time
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_PR_SET_CHILD_SUBREAPER = 36
_CPUCLOCK_SCHED = 2
_PARENT, _ENDED_USER, _ENDED_SYSTEM = 1, 13, 14
_QUIET_SECONDS = 0.05
_MOST_SECONDS = 2.0


class LostTimeError(Exception):
    """Processes ended and nobody waited for them, so that their processor time is unknown."""


def adopt() -> None:
    """Become the parent of every process below whose own parent ends, instead of `init`."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def cpu_seconds() -> float:
    """Give the processor time of all the tree, ended processes included."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    own = sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))
    return own + sum(_clock(pid) + ended for pid, ended in _below().items())


def check_grown(before: float, after: float) -> None:
    """Refuse a sum that has shrunk by more than what is lost in rounding to ticks.

    Raises:
        LostTimeError: It has.
    """
    if before - after > 5 / _TICKS:
        message = (
            f"{before - after:.2f} s of processor time are gone: a process ended and its parent "
            f"did not wait for it, or ignores SIGCHLD"
        )
        raise LostTimeError(message)


def settle() -> None:
    """Wait until no process of the tree has started or ended for a moment."""
    deadline = time.monotonic() + _MOST_SECONDS
    known = set(_below())
    while time.monotonic() < deadline:
        time.sleep(_QUIET_SECONDS)
        now = set(_below())
        if now == known:
            return
        known = now


def pss_bytes() -> int:
    """Give the memory of all the tree, each shared page shared out over those who share it."""
    return sum(map(_pss, (os.getpid(), *_below())))


def _below() -> dict[int, float]:
    """Give all processes below this one, with the processor time of those they waited for."""
    parents, ended = {}, {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit() and (fields := _fields(folder)):
            pid = int(folder.name)
            parents[pid] = int(fields[_PARENT])
            ended[pid] = (int(fields[_ENDED_USER]) + int(fields[_ENDED_SYSTEM])) / _TICKS
    found, level = {}, {os.getpid()}
    while level:
        level = {pid for pid, parent in parents.items() if parent in level}
        found.update((pid, ended[pid]) for pid in level)
    return found


def _fields(folder: Path) -> list[str]:
    """Give the fields of a process from its state on; nothing where it is gone.

    Source: proc_pid_stat(5); the name before them is in brackets and may hold anything.
    """
    try:
        text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def _clock(pid: int) -> float:
    """Give the processor time of a process with all its threads, in nanoseconds' steps.

    Source: `make_process_cpuclock` in the kernel's include/linux/posix-timers_types.h, as
    clock_getcpuclockid(3) computes it.
    """
    try:
        return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError:
        return 0.0


def _pss(pid: int) -> int:
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    sizes = (int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return 1024 * sum(sizes)
