"""Whether our own workers can be had on a machine."""

import errno
import os
from pathlib import Path

import pytest

from trueload.workers.process import is_supported


@pytest.fixture(autouse=True)
def _forgotten():
    is_supported.cache_clear()
    yield
    is_supported.cache_clear()


def test_a_kernel_without_pidfds_is_left_to_torchs_engine(monkeypatch):
    def refuse(_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    assert not is_supported()


@pytest.mark.parametrize("name", ["memfd_create", "pidfd_open"])
def test_a_system_that_is_no_linux_is_left_to_torchs_engine(monkeypatch, name):
    monkeypatch.delattr(os, name)
    assert not is_supported()


def test_trying_leaves_no_descriptor_open():
    before = len(list(Path("/proc/self/fd").iterdir()))
    is_supported()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_too_few_descriptors_are_told_by_who_needs_them(monkeypatch):
    def refuse(_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    assert is_supported()
