"""No fault leaves a process, a descriptor, a mapping or shared memory behind."""

import pytest
import torch

from tests.leftovers import nothing_left


@pytest.fixture(autouse=True)
def _nothing_left():
    torch.manual_seed(0)
    with nothing_left():
        yield


@pytest.fixture(autouse=True)
def _many_workers(monkeypatch):
    """Let torch not warn of more workers than this machine has cores."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(64))
