"""What is tried in a copy of the process leaves nothing behind, and finds what reading changes."""

import mmap
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

from trueload.evidence import Changed, Loader, Reused, Written
from trueload.evidence.memory import Memory
from trueload.findings import Place
from trueload.sanitizer.apart import apart, written_files
from trueload.sanitizer.handed import LineTrace
from trueload.sanitizer.holdings import arrays_at, held_by
from trueload.sanitizer.hooks import instruments
from trueload.sanitizer.notes import Notes
from trueload.sanitizer.places import Places
from trueload.sanitizer.recorder import Recorder
from trueload.sanitizer.rereading import Rereading

LOADER = Loader(0, Place("train.py", 1), "Rows")


class Rows(Dataset):
    """Whose `__getitem__` is what a test says."""

    def __init__(self, read, **held):
        self.read = read
        vars(self).update(held)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self.read(self, index)


def changed_by(read, indices=(3,), **held):
    reading = Rereading(LOADER, Rows(read, **held), (), Places(), 5.0)
    return reading.look(list(indices))[1]


# In a copy.


def test_what_is_done_in_a_copy_does_not_last():
    held = {"a": 1}
    memory = mmap.mmap(-1, mmap.PAGESIZE)  # shared with every copy

    def work():
        held["a"] = memory[0] = 2
        print("nobody sees this")
        return held["a"] + memory[0]

    assert apart(work, 20) == 4
    assert held == {"a": 1}
    assert memory[0] == 0


def test_a_file_that_is_mapped_and_one_that_is_read_are_left_as_they_were(tmp_path):
    path = tmp_path / "rows.bin"
    np.arange(2048, dtype=np.float32).tofile(path)
    rows = np.memmap(path, dtype=np.float32)
    with path.open("rb", buffering=0) as file:
        file.seek(8)

        def work():
            rows[:] = 7
            file.read(100)
            return float(rows[5])

        assert apart(work, 20) == 7
        assert file.tell() == 8
    assert rows[5] == 5
    assert [one.path for one in written_files()] == [str(path)]


def children():
    """Give the child processes of this thread, ended ones that nobody has waited for too."""
    return Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()


def test_a_copy_that_raises_or_waits_for_ever_gives_nothing():
    lock, before = threading.Lock(), children()
    assert apart(lambda: 1 / 0, 20) is None
    with lock:
        begun = time.monotonic()
        assert apart(lambda: lock.acquire() and 1, 0.2) is None
        assert time.monotonic() - begun < 20
    assert children() == before


# What reading changes.


def in_place(dataset, index):
    row = dataset.rows[index]
    row *= 2
    return row


def test_an_array_that_reading_changes_is_named_with_its_line():
    found = changed_by(in_place, rows=torch.ones(8, 4))
    assert (found.what, found.kind, found.index) == ("dataset.rows", "tensor", "3")
    assert found.where == "view of `dataset.rows`, offset 50 of 128 bytes"
    assert (found.first, found.second) == ("float32 (4,), mean 2", "float32 (4,), mean 4")
    assert found.place.source.strip() == "row *= 2"
    assert not found.counts


def test_what_matters_is_told_from_what_is_changed_besides():
    def read(dataset, index):
        dataset.count += 1
        dataset.seen.append(index)
        dataset.scratch[:] = dataset.count
        dataset.boxes[index][0] *= 0.5
        return dataset.boxes[index][0]

    held = {"count": 0, "seen": [], "scratch": np.zeros(4), "boxes": [[8.0] for _ in range(8)]}
    found = changed_by(read, **held)
    assert (found.what, found.kind) == ("dataset.boxes[3]", "list")
    assert found.where == "`dataset.boxes[3][0]`, 8, now 4"


def test_a_number_on_the_dataset_is_no_data():
    def read(dataset, index):
        dataset.count += 1
        return dataset.count * index

    found = changed_by(read, count=0)
    assert (found.what, found.counts) == ("dataset.count", True)


@pytest.mark.parametrize(
    "read",
    [
        lambda dataset, index: np.clip(dataset.rows[index], 0, 1, out=dataset.rows[index]),
        lambda dataset, index: dataset.cache.setdefault(index, np.random.rand(3)),
        lambda dataset, index: np.random.shuffle(dataset.order) or dataset.order[0],
        lambda dataset, index: dataset.order.__setitem__(0, index) or time.perf_counter(),
    ],
    ids=["clipped", "cached", "shuffled", "differs by itself"],
)
def test_what_changes_nothing_that_matters_is_not_told(read):
    held = {"rows": np.ones((8, 2)) * 3, "cache": {}, "order": np.arange(8)}
    assert changed_by(read, indices=range(8), **held) is None


def test_a_simulator_that_goes_on_whatever_is_asked_for_is_no_data():
    def read(dataset, _):
        dataset.state += 1
        return dataset.state

    found = changed_by(read, indices=[3, 4], state=np.zeros(4))
    assert (found.what, found.kind, found.counts) == ("dataset.state", "stream", True)


def test_of_what_is_long_only_that_is_looked_after_that_belongs_to_the_sample():
    targets = {f"image-{number}": [{"box": np.ones(4)}] for number in range(1000)}
    names = [f"image-{number}" for number in reversed(range(1000))]
    dataset = Subset(Rows(None, names=names, targets=targets), range(500, 900))
    paths = {one.path for one in held_by(dataset, 399)}
    assert "dataset.dataset.targets['image-100'][0]['box']" in paths
    assert sum("['box']" in path for path in paths) < 8
    arrays = list(torch.ones(300, 4))
    joined = ConcatDataset([Rows(None, rows=arrays), Rows(None, rows=torch.ones(300).split(1))])
    joined.cumulative_sizes = [300, 600]
    assert "dataset.datasets[1].rows[250]" in {one.path for one in arrays_at(joined, [550])}


def test_what_was_changed_can_be_put_back():
    data = TensorDataset(torch.arange(4.0))
    data.kept, data.names, data.lost = [1, 2], {"a": 1}, 5
    held = held_by(data, 0)
    data.tensors[0][1] = 9
    data.kept[:] = [7]
    data.names.update(a=2, b=3)
    del data.lost
    data.more = 1
    assert {one.path for one in held if one.has_changed()} == {
        "dataset",
        "dataset.kept",
        "dataset.names",
        "dataset.tensors[0]",
    }
    for one in held:
        one.put_back()
    assert (data.tensors[0].tolist(), data.kept, data.names) == ([0, 1, 2, 3], [1, 2], {"a": 1})
    assert data.lost == 5
    assert not hasattr(data, "more")


# In a run.


def seen(loader, epochs=1, each=lambda batch: None):
    recorder = Recorder(Places())
    with instruments(recorder):
        for _ in range(epochs):
            for batch in loader:
                each(batch)
    assert not recorder.judge().crash
    assert not recorder.troubles
    return recorder.run.data.memory


def test_nothing_of_a_run_is_changed_by_looking():
    def read(dataset, index):
        dataset.count += 1
        dataset.rows[index] += torch.rand(4)
        return dataset.rows[index]

    def run(watched):
        torch.manual_seed(0)
        dataset = Rows(read, rows=torch.zeros(8, 4), count=0)
        loader = DataLoader(dataset, batch_size=2, shuffle=True)
        seen(loader, 2) if watched else [list(loader) for _ in range(2)]
        return dataset.rows, dataset.count, torch.rand(1)

    (rows, count, drawn), (plain, plain_count, plain_drawn) = run(True), run(False)
    assert torch.equal(rows, plain)
    assert count == plain_count == 16
    assert drawn == plain_drawn


def test_a_buffer_is_told_once_and_with_its_line():
    def read(dataset, index):
        dataset.buffer[:] = index
        return dataset.buffer

    memory = seen(DataLoader(Rows(read, buffer=np.zeros(2)), batch_size=4), epochs=3)
    (reused,) = memory.reused
    assert (reused.leaf, reused.what, reused.maker) == (
        "sample",
        "float64 (2,)",
        "Rows.__getitem__",
    )
    assert reused.samples
    assert reused.place.source.strip() == "dataset.buffer[:] = index"


def test_a_loop_that_writes_to_the_dataset_is_followed_to_its_line():
    def each(batch):
        batch += 1

    loader = DataLoader(torch.zeros(6, 2), batch_size=None)
    memory = seen(loader, epochs=2, each=each)
    (written,) = memory.written
    assert (written.owner, written.seen, written.again) == ("dataset", True, True)
    assert written.place.source.strip() == "batch += 1"
    assert not seen(loader, each=lambda batch: batch + 1).written


def test_a_line_is_not_sought_where_a_debugger_is_at_work():
    import sys  # noqa: PLC0415 - only here

    trace, earlier = LineTrace(Places()), sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        trace.begin(lambda: True)
        assert trace.end() is None
    finally:
        sys.settrace(earlier)


def test_what_a_worker_notes_comes_home_whatever_becomes_of_it():
    notes, recorder = Notes(), Recorder(Places())
    recorder.run.loaders.append(LOADER)
    fact = Reused(LOADER, None, "batch", "", samples=False, maker="")
    child = os.fork()
    if not child:
        try:
            notes.write(fact)
        finally:
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    notes.write(fact)
    assert [one.loader for one in notes.read(recorder.run)] == [LOADER] * 2
    assert not list(notes.read(recorder.run))


def test_facts_that_say_the_same_are_kept_once():
    memory = Memory()
    place = Place("train.py", 9)
    changed = Changed(LOADER, place, "1", "dataset.a", "array", "", "", "")
    for fact in (changed, changed):
        memory.add(fact)
    for where in (None, place, None):
        memory.add(Reused(LOADER, where, "sample", "", samples=True, maker=""))
    assert len(memory.changed) == 1
    assert [one.place for one in memory.reused] == [place]
    assert Written(LOADER, place, "batch", "", "", "").batches == 1
