"""Every test here leaves the random generators and the processes as it found them."""

import gc
import random
import warnings

import numpy as np
import pytest
import torch

from .parts import children, ends_soon


@pytest.fixture(autouse=True)
def _as_before():
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    processes = set(children())
    torch.manual_seed(0)
    yield
    random.setstate(before[0])
    np.random.set_state(before[1])
    torch.set_rng_state(before[2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    assert ends_soon(lambda: set(children()) <= processes), "a test left processes behind"
