"""What holds for all tests: no test fails because the machine is slow."""

import gc

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def pytest_collection_finish() -> None:
    """Leave what is there before the first test to no collector: torch, and all the tests.

    Tests that prove that nothing is left run the collector several times each, and most of what it
    would look at is not theirs.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test begin as if nothing had been told yet, in this process."""
    monkeypatch.setattr("trueload.iterators.telling._told", set())
