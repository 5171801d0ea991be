"""Workers over thousands of epochs, deaths and batches: nothing grows, nothing is lost."""

import gc
import os
import random
import resource
import signal
from pathlib import Path

import pytest
import torch

from tests.faults.parts import MAPS, expected, rest_of, slow
from tests.workers.datasets import Made, plain
from trueload import DataLoader

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("kind", MAPS.values(), ids=MAPS)
def test_a_thousand_epochs_of_three_batches_are_all_the_same(kind, persistent):
    loader = DataLoader(kind(int, 6), 2, num_workers=2, persistent_workers=persistent)
    first = rest_of(loader)
    gc.collect()
    before = _held()
    for _ in range(1000):
        assert rest_of(loader) == first
    gc.collect()
    after = _held()
    loader._iterator = None
    assert after["descriptors"] <= before["descriptors"]
    assert after["mappings"] <= before["mappings"] + 5
    assert after["megabytes"] <= before["megabytes"] + 20


def test_a_hundred_thousand_endless_batches_need_no_more_memory_than_a_thousand():
    loader = DataLoader(Made(lambda index: torch.full((1000,), index), 64), 4, num_workers=2)
    batches = loader.endless()
    held = []
    for number, batch in enumerate(batches):
        assert batch[0, 0].item() == number % 16 * 4
        if number in {1_000, 100_000}:
            held.append(_held())
        if number == 100_000:
            break
    assert held[1]["descriptors"] == held[0]["descriptors"]
    assert held[1]["megabytes"] <= held[0]["megabytes"] + 20


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", MAPS.values(), ids=MAPS)
def test_workers_that_are_killed_at_random_change_no_batch(kind, seed):
    chance = random.Random(seed)
    prefetch = chance.randint(1, 4)
    loader = DataLoader(kind(slow, 600), 2, num_workers=3, prefetch_factor=prefetch)
    batches, found, last = iter(loader), [], 0
    for batch in batches:
        found.append(plain(batch))
        # A batch that is hit twice would rightly be given up: all in flight are taken in between.
        if len(found) - last > 3 * prefetch and chance.random() < 0.5:
            last = len(found)
            for victim in chance.sample(batches._workers, chance.randint(1, 3)):
                os.kill(victim.pid, signal.SIGKILL)
    assert found == expected(kind, 3, 600)


def _held():
    """Give what this process holds."""
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - only counted
        "mappings": len(Path("/proc/self/maps").read_text().splitlines()),
        "megabytes": int(Path("/proc/self/statm").read_text().split()[1])
        * resource.getpagesize()
        // 1_000_000,
    }
