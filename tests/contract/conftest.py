"""Each test begins as if nothing had been told yet."""

import pytest

from trueload.contract import converting
from trueload.iterators import telling


@pytest.fixture(autouse=True)
def _nothing_is_told(monkeypatch):
    monkeypatch.setattr(telling, "_told", set())
    monkeypatch.setattr(converting, "_said", set())
