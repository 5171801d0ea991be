"""The tests of documented behavior run over torch's loader and over ours."""

import pytest

from .observe import OURS, TORCH


@pytest.fixture(params=[TORCH, OURS], ids=["torch", "ours"])
def loader_class(request):
    return request.param
