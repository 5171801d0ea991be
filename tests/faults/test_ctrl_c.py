"""Ctrl-C, which reaches the whole process group, in each phase of a loop."""

import os
import signal
import time

import pytest

from tests.leftovers import comes_true

from .parts import program

PROGRAM = """
import gc, os, sys, time
from tests.faults.parts import MAPS, rest_of, slow
from tests.leftovers import nothing_left
from trueload import DataLoader
from trueload.workers.template import Template

def say(phase):
    print(phase, flush=True)

def wait():
    say("now")
    time.sleep(60)

def loop(loader):
    batches = iter(loader)
    next(batches)
    say("now")
    for _ in batches:
        pass

def starting(loader):
    fork = Template._fork
    def forked(*arguments, **options):
        fork(*arguments, **options)
        say("now")
        time.sleep(0.2)
    Template._fork = forked
    for _ in loader:
        pass

def ending(loader):
    batches = iter(loader)
    next(batches)
    say("now")
    del batches
    time.sleep(60)

def body(loader):
    for _ in loader:
        wait()

phase, slowly = {phase}, lambda index: time.sleep({seconds}) or index
try:
    with nothing_left():
        try:
            dataset, persistent = MAPS[{kind!r}](slowly, 1000), {persistent}
            loader = DataLoader(dataset, 2, num_workers=2, persistent_workers=persistent)
            phase(loader)
        except KeyboardInterrupt:
            say("interrupted")
        loader = None
    say("clean")
except AssertionError as error:
    say(error)
"""


def ended_by_ctrl_c(phase, kind, seconds=0.002, *, persistent=False):
    """Press Ctrl-C in a phase; give what the program says from then on."""
    text = PROGRAM.format(phase=phase, kind=kind, seconds=seconds, persistent=persistent)
    with program(text) as process:
        assert process.stdout.readline() == "now\n"
        time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        said, errors = process.communicate(timeout=60)
        return said.split("\n")[:-1], errors


@pytest.mark.parametrize("kind", ["map-style", "iterable"])
@pytest.mark.parametrize("phase", ["loop", "starting", "body", "ending"])
def test_ctrl_c_ends_a_loop_and_leaves_nothing(phase, kind):
    assert ended_by_ctrl_c(phase, kind) == (["interrupted", "clean"], "")


def test_ctrl_c_ends_a_wait_for_slow_samples():
    assert ended_by_ctrl_c("loop", "map-style", 0.5) == (["interrupted", "clean"], "")


def test_ctrl_c_leaves_nothing_of_persistent_workers():
    assert ended_by_ctrl_c("body", "map-style", persistent=True) == (["interrupted", "clean"], "")


def test_workers_ignore_ctrl_c_while_the_program_goes_on():
    text = """
import signal, time
from tests.faults.parts import Made, rest_of, slow
from trueload import DataLoader
signal.signal(signal.SIGINT, lambda *_: None)
batches = iter(DataLoader(Made(slow, 400), 2, num_workers=2))
next(batches)
print("now", flush=True)
print(len(rest_of(batches)), flush=True)
"""
    with program(text) as process:
        assert process.stdout.readline() == "now\n"
        for _ in range(3):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.02)
        assert process.communicate(timeout=60) == ("199\n", "")


def test_ctrl_c_again_and_again_at_any_moment_leaves_nothing():
    text = """
import random, signal
from tests.faults.parts import Made, rest_of
from tests.leftovers import nothing_left
from trueload import DataLoader

rest_of(DataLoader(Made(int, 40), 2, num_workers=2))
signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
random.seed(1)
with nothing_left():
    loader = DataLoader(Made(int, 40), 2, num_workers=2)
    for _ in range(40):
        try:
            signal.setitimer(signal.ITIMER_REAL, random.random() * 0.06 + 1e-4)
            assert len(rest_of(loader)) == 20
        except KeyboardInterrupt:
            pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    del loader
print("clean")
"""
    with program(text) as process:
        said, _ = process.communicate(timeout=100)  # Python tells of a Ctrl-C within a `__del__`
        assert said == "clean\n"


def test_a_group_of_processes_that_is_terminated_is_gone():
    text = """
from tests.faults.parts import Made, slow
from trueload import DataLoader
batches = iter(DataLoader(Made(slow, 10_000), 2, num_workers=2))
next(batches)
print("now", flush=True)
for _ in batches:
    pass
"""
    with program(text) as process:
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        assert comes_true(lambda: not _group_lives(process.pid))


def _group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
