"""Workers end with the process that trains, however that ends."""

import os
import signal
import time

import pytest

from tests.leftovers import comes_true, is_alive

from .parts import kill, program

PROGRAM = """
import ctypes, os, signal, sys, time
from tests.faults.parts import MAPS, slow, template_of
from trueload import DataLoader

def make(index):
    if index == 3:
        {sample}
    return slow(index)

dataset, persistent = MAPS[{kind!r}](make, 100_000), {persistent}
loader = DataLoader(dataset, 2, num_workers=2, persistent_workers=persistent)
batches = iter(loader)
next(batches)
print(template_of(batches), *(worker.pid for worker in batches._workers), flush=True)
{then}
for _ in batches:
    pass
"""

SAMPLES = {
    "short samples": "pass",
    "a sample that sleeps": "time.sleep(600)",
    "a sample that holds the interpreter": "ctypes.PyDLL(None).sleep(600)",
    "a sample that ignores signals": "signal.signal(15, signal.SIG_IGN); time.sleep(600)",
}
WAYS = {
    "SIGKILL": lambda process: process.kill(),
    "SIGTERM": lambda process: process.terminate(),
    "SIGHUP": lambda process: process.send_signal(signal.SIGHUP),
    "SIGSEGV": lambda process: process.send_signal(signal.SIGSEGV),
}
ENDS = {
    "the end of the program": "sys.exit(0)",
    "an exception": "raise ValueError",
    "os._exit": "os._exit(0)",
    "os.abort": "os.abort()",
    "exec": "os.execvp('true', ['true'])",
}


def text(kind="map-style", sample="pass", then="", persistent=False):
    return PROGRAM.format(kind=kind, sample=sample, then=then, persistent=persistent)


def started(process):
    """Give the processes that a program has started, once it has taken a batch."""
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 3
    return pids


def gone(pids):
    return not any(map(is_alive, pids))


@pytest.mark.parametrize("end", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("kind", ["map-style", "iterable"])
def test_workers_end_with_a_parent_that_is_killed(end, kind):
    with program(text(kind)) as process:
        pids = started(process)
        end(process)
        process.wait()
        assert comes_true(lambda: gone(pids))


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_workers_end_with_their_parent_whatever_they_are_doing(sample):
    with program(text(sample=sample)) as process:
        pids = started(process)
        time.sleep(0.1)
        process.kill()
        process.wait()
        assert comes_true(lambda: gone(pids))


@pytest.mark.parametrize("then", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("persistent", [False, True])
def test_workers_end_with_a_parent_that_ends_itself(then, persistent):
    with program(text(then=then, persistent=persistent)) as process:
        pids = started(process)
        process.wait()
        assert comes_true(lambda: gone(pids))


def test_a_stopped_worker_ends_with_its_parent():
    with program(text()) as process:
        pids = started(process)
        kill(*pids[1:], number=signal.SIGSTOP)
        process.kill()
        process.wait()
        assert comes_true(lambda: gone(pids))


def test_workers_whose_template_was_killed_end_with_their_parent():
    with program(text()) as process:
        pids = started(process)
        kill(pids[0])
        process.kill()
        process.wait()
        assert comes_true(lambda: gone(pids))


def test_a_program_that_ends_within_a_loop_ends_quietly():
    with program(text(then="sys.exit(0)")) as process:
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")


def test_a_loader_in_a_forked_process_leaves_the_workers_of_its_parent_alone():
    then = """
pid = os.fork()
if not pid:
    del batches, loader
    import gc
    gc.collect()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
print(sum(1 for _ in zip(range(20), batches)), flush=True)
os._exit(0)
"""
    with program(text(then=then)) as process:
        pids = started(process)
        assert process.stdout.readline() == "20\n"
        process.wait()
        assert comes_true(lambda: gone(pids))


def test_a_child_that_outlives_the_program_keeps_no_worker():
    then = "pid = os.fork()\nif not pid:\n    time.sleep(600)\nprint(pid, flush=True)\nos._exit(0)"
    with program(text(then=then)) as process:
        pids = started(process)
        child = int(process.stdout.readline())
        process.wait()
        assert comes_true(lambda: gone(pids))
        os.kill(child, signal.SIGKILL)
