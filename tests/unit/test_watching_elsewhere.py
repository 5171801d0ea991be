"""Where the kernel does not tell of writes, or workers are torch's, they are found otherwise."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from trueload import DataLoader
from trueload.errors import DatasetChangedError
from trueload.iterators import starting
from trueload.iterators.telling import _told
from trueload.recipe import Recipe
from trueload.tasks import Task
from trueload.watching import pages as pages_module
from trueload.watching.pages import Digests, pages_of
from trueload.watching.writes import Watch

LENGTH, WIDTH = 64, 1024


@pytest.fixture(autouse=True)
def _untold():
    _told.clear()


@pytest.fixture
def without(monkeypatch):
    """Let mechanisms be refused, as by an old kernel, a sandbox or another system."""

    def refuse(*_):
        raise OSError

    def forbid(*names):
        for name in names:
            monkeypatch.setattr(pages_module, name, refuse)

    return forbid


class Rows(Dataset):
    def __init__(self, bad=(37,)):
        self.rows = np.ones((LENGTH, WIDTH), np.float32)
        self.bad = bad

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        row = self.rows[index]
        if index in self.bad:
            row *= 2
        return row.copy()


class Elsewhere(Rows):
    """Writes to a row that is not its own, and reads it."""

    def __getitem__(self, index):
        if index in self.bad:
            self.rows[index - 30] += 1
        return self.rows[index - 30 if index in self.bad else index].copy()


class Cached(Rows):
    def __getitem__(self, index):
        if self.rows[index, 0] == 1:
            self.rows[index] = 5
        return self.rows[index] * 0


def told(caplog):
    return [record.message for record in caplog.records if "[TL301]" in record.message]


def test_without_help_of_the_kernel_the_rows_of_the_samples_are_compared(without, caplog):
    without("Protected", "Exclusive")
    list(DataLoader(Rows(), 8))
    (message,) = told(caplog)
    assert f"array   dataset.rows, float32 ({LENGTH}, {WIDTH})\n  row     37\n" in message
    assert "line    row *= 2\n" in message


def test_writes_to_other_rows_are_found_as_the_epoch_ends(without, caplog):
    without("Protected", "Exclusive")
    list(DataLoader(Elsewhere(), 8))
    (message,) = told(caplog)
    assert message.startswith("dataset[37] changes the dataset in place")
    assert "  row     7\n" in message


def test_a_cache_is_left_alone_there_too(without, caplog):
    without("Protected", "Exclusive")
    loader = DataLoader(Cached(), 8, shuffle=True)
    for _ in range(3):
        list(loader)
    assert not told(caplog)


@pytest.mark.slow
@pytest.mark.parametrize("refused", [("Protected",), ("Protected", "Exclusive")], ids=str)
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_find_them_too(refused, context, without, caplog):
    without(*refused)
    list(DataLoader(Rows(), 8, num_workers=2, multiprocessing_context=context))
    (message,) = told(caplog)
    assert "  row     37\n" in message


def test_the_best_way_there_is_is_taken(without):
    spans = [array.pages for array in Watch(Recipe(Rows(), None, list, True), forked=False).arrays]
    assert pages_of([*spans], forked=False, digests=True).name in {"userfaultfd", "digests"}
    without("Protected")
    assert pages_of([*spans], forked=True).name == "pagemap"
    assert pages_of([*spans], forked=False) is None
    assert pages_of([*spans], forked=False, digests=True).name == "digests"


def test_digests_tell_chunks_once():
    array = np.zeros(100_000)
    start = -(-array.__array_interface__["data"][0] // 4096) * 4096
    pages = Digests([(start, start + 150 * 4096)])
    assert pages.written() == []
    array[50_000:50_010] = 1
    (span,) = pages.written()
    assert span[1] - span[0] <= 1 << 16
    assert pages.written() == []
    pages.close()


def test_of_a_lot_of_memory_some_is_digested(monkeypatch):
    monkeypatch.setattr(pages_module, "_MOST_CHUNKS", 10)
    assert len(Digests([(0, 0)])._chunks) == 0
    array = np.zeros(1 << 20)
    start = -(-array.__array_interface__["data"][0] // 4096) * 4096
    assert len(Digests([(start, start + (7 << 20))])._chunks) <= 10


def test_a_mapped_file_is_not_read_through(tmp_path, caplog, without):
    mapped = np.memmap(tmp_path / "rows", np.float32, "w+", shape=(LENGTH, WIDTH))
    mapped[:] = 1
    dataset = Rows()
    dataset.rows = mapped
    watch = Watch(Recipe(dataset, None, list, batched=True), forked=False)
    assert watch.mechanism == ""
    list(DataLoader(dataset, 8))
    (message,) = told(caplog)
    assert "array   dataset.rows, float32" in message
    assert "  row     37\n" in message


def test_a_watch_without_anything_to_watch_finds_nothing():
    watch = Watch(Recipe([1, 2], None, list, batched=True), forked=False)
    assert watch.look(Task(0, 0, 0, [0], 1)) is None
    assert watch.end() is None
    assert watch.memory() == []


@pytest.mark.slow
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_the_workers_of_torch_find_them_too(context, monkeypatch, caplog):
    monkeypatch.setattr(starting, "is_supported", lambda: False)
    list(DataLoader(Rows(), 8, num_workers=2, multiprocessing_context=context))
    (message,) = told(caplog)
    assert "  row     37\n" in message
    with pytest.raises(DatasetChangedError):
        list(DataLoader(Rows(), 8, num_workers=2, guard="strict"))


@pytest.mark.slow
def test_the_workers_of_torch_undo_writes_too(monkeypatch):
    monkeypatch.setattr(starting, "is_supported", lambda: False)
    loader = DataLoader(
        *(Rows(bad=range(LENGTH)), 8), num_workers=1, copy="rollback", persistent_workers=True
    )
    epochs = [torch.cat(list(loader)) for _ in range(3)]
    loader._iterator = None
    assert all((epoch == 2).all() for epoch in epochs)


class Photos(Dataset):
    """246 MB, of which one sample in 4,000 changes its row."""

    def __init__(self, bad):
        self.photos, self.bad = np.ones((4000, 3, 72, 72), np.float32), bad

    def __len__(self):
        return len(self.photos)

    def __getitem__(self, index):
        photo = self.photos[index]
        if index == self.bad:
            photo -= 0.5
        return float(photo[0, 0, 0]) + float(photo[2, -1].mean())


@pytest.mark.slow
@pytest.mark.parametrize("bad", [0, 1234, 2777, 3999])
@pytest.mark.parametrize("refused", [(), ("Protected",)], ids=str)
def test_one_sample_in_4000_is_named_in_the_first_epoch(bad, refused, without, caplog):
    without(*refused)
    loader = DataLoader(
        *(Photos(bad), 16), shuffle=True, num_workers=2, persistent_workers=True, seed=bad
    )
    for _ in range(3):
        list(loader)
    loader._iterator = None
    (message,) = told(caplog)
    assert message.startswith(f"dataset[{bad}] changes the dataset in place")
    assert "of epoch 0\n" in message
    assert "line    photo -= 0.5\n" in message


SANDBOXED = """
import ctypes, os, struct, sys
from tests.unit.test_watching_elsewhere import Rows
from trueload import DataLoader


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def refuse(call):
    error, allow = 0x00050001, 0x7FFF0000
    steps = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, error), (0x06, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0, os.strerror(ctypes.get_errno())


if __name__ == "__main__":
    refuse(323)
    for workers in (0, 2):
        loader = DataLoader(Rows(), 8, num_workers=workers)
        list(loader)
        (watching,) = loader.statistics().watching
        print(watching.mechanism, watching.found)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the number of the call is another")
def test_in_a_sandbox_that_refuses_userfaultfd_the_next_best_way_is_taken(tmp_path):
    script = tmp_path / "sandboxed.py"
    script.write_text(SANDBOXED, encoding="utf-8")
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    (inline, found), (workers, found_too) = map(str.split, done.stdout.splitlines())
    assert (inline, workers) == ("digests", "pagemap")
    assert int(found) >= 1
    assert int(found_too) >= 1
    assert done.stderr.count("dataset[37] changes the dataset in place [TL301]") == 1
