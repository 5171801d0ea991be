"""Machines with little room: memory, shared memory, descriptors, a read-only file system."""

import os
import subprocess
import sys

import pytest

from tests.workers.datasets import Made
from trueload import DataLoader

from .parts import ROOT, program, python_path, rest_of

HEAD = """
import os, resource, sys
import numpy as np, torch
from tests.faults.parts import MAPS, Made, Shared, expected, rest_of, slow
from tests.leftovers import nothing_left
from trueload import DataLoader
"""


def said_by(text, *, limits="", timeout_seconds=100):
    """Run a program under limits that it sets itself, and give what it says."""
    with program(HEAD + limits + text) as process:
        said, errors = process.communicate(timeout=timeout_seconds)
    assert "Traceback" not in errors, errors
    return said.split("\n")[:-1]


LOOP = """
with nothing_left():
    for kind in MAPS.values():
        for workers in (1, 4):
            found = rest_of(DataLoader(kind(slow, 32), 2, num_workers=workers))
            assert found == expected(kind, workers), found
print("same")
"""
DESCRIPTORS = """
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
"""
KEPT = """
with nothing_left():
    kept = list(DataLoader(Made(lambda index: torch.full((3000,), index), 300), 1, num_workers=2))
    assert [batch.unique().tolist() for batch in kept] == [[index] for index in range(300)]
    del kept
print("same")
"""
SPACE = """
pages = int(open("/proc/self/statm").read().split()[0])
room = pages * resource.getpagesize() + (6 << 30)
resource.setrlimit(resource.RLIMIT_AS, (room, room))
"""


@pytest.mark.parametrize("text", [LOOP, KEPT], ids=["loop", "kept"])
def test_sixty_four_descriptors_are_enough(text):
    assert said_by(text, limits=DESCRIPTORS) == ["same"]


def test_fifty_epochs_in_sixty_four_descriptors_need_no_collector_of_cycles():
    text = """
import gc
gc.disable()
loader = DataLoader(Made(int, 6), 2, num_workers=2)
assert all(rest_of(loader) == [[0, 1], [2, 3], [4, 5]] for _ in range(50))
print("same")
"""
    assert said_by(text, limits=DESCRIPTORS) == ["same"]


@pytest.mark.parametrize("spare", range(8))
def test_no_descriptors_at_all_is_an_error_that_leaves_nothing(spare):
    text = f"""
with nothing_left():
    loader = DataLoader(Made(int, 6), 2, num_workers=3)
    used = len(os.listdir("/proc/self/fd")) - 1
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + {spare}, limits[1]))
    try:
        assert rest_of(loader) == [[0, 1], [2, 3], [4, 5]]
    except OSError as error:
        assert "Too many open files" in str(error), error
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert rest_of(loader) == [[0, 1], [2, 3], [4, 5]]
    del loader
print("same")
"""
    assert said_by(text)[-1] == "same"


def test_a_limited_address_space_is_enough_for_batches_that_fit():
    assert said_by(LOOP, limits=SPACE) == ["same"]


def test_a_sample_that_finds_no_memory_is_a_memory_error():
    text = """
def make(index):
    if index == 5:
        np.ones(1 << 33, dtype=np.uint8)
    return slow(index)

batches = iter(DataLoader(Made(make, 12), 2, num_workers=2))
assert [next(batches).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
try:
    next(batches)
except MemoryError as error:
    print(error.__notes__[0].splitlines()[1].strip())
print(rest_of(batches))
"""
    assert said_by(text, limits=SPACE) == [
        "sample  index 5, position 5 of epoch 0",
        "[[6, 7], [8, 9], [10, 11]]",
    ]


def test_a_batch_beyond_a_small_slot_is_an_error_and_the_others_come():
    text = """
def make(index):
    return torch.zeros(1 << (28 if index == 1 else 10), dtype=torch.uint8)

batches, seen = iter(DataLoader(Made(make, 4), None, num_workers=2)), []
while True:
    try:
        seen.append(len(next(batches)))
    except StopIteration:
        break
    except (BufferError, MemoryError):
        seen.append("does not fit")
print(seen)
"""
    assert said_by(text, limits=SPACE) == ["[1024, 'does not fit', 1024, 1024]"]


def test_a_memory_error_of_one_sample_costs_no_other():
    def make(index):
        if index == 3:
            raise MemoryError
        return index

    batches = iter(DataLoader(Made(make, 8), 2, num_workers=2))
    assert next(batches).tolist() == [0, 1]
    with pytest.raises(MemoryError):
        next(batches)
    assert rest_of(batches) == [[4, 5], [6, 7]]


def test_temporary_files_are_not_needed():
    limits = 'os.environ["TMPDIR"] = os.environ["TMP"] = "/none"\n'
    assert said_by(LOOP, limits=limits) == ["same"]


MOUNTS = {
    "a full /dev/shm": (
        "mount -t tmpfs -o size=1m tmpfs /dev/shm && "
        "(head -c 2000000 /dev/zero > /dev/shm/full 2>/dev/null || true)"
    ),
    "a read-only /dev/shm": "mount -t tmpfs -o ro tmpfs /dev/shm",
    "a read-only /tmp": "mount -t tmpfs -o ro tmpfs /tmp",
}


@pytest.mark.parametrize("mount", MOUNTS.values(), ids=MOUNTS)
def test_workers_need_no_file_system(mount):
    if mount.endswith("/tmp") and str(ROOT).startswith("/tmp/"):  # noqa: S108 - looked at
        pytest.skip("the tests themselves lie in /tmp")
    shell = f'({mount}) || exit 77; exec "$0" -W ignore -c "$1"'
    ran = subprocess.run(
        ["/usr/bin/env", "unshare", "-m", "sh", "-c", shell, sys.executable, HEAD + LOOP],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": python_path()},
    )
    if ran.returncode in {1, 77, 127} and not ran.stdout and "Traceback" not in ran.stderr:
        pytest.skip("mounting takes rights that this process does not have")
    assert (ran.stdout, ran.stderr) == ("same\n", "")
