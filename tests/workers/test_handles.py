"""Open files, connections and pools in datasets: torch gives wrong samples, ours do not."""

import gzip
import io
import os
import socket
import tarfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset, get_worker_info

from trueload import DataLoader
from trueload.errors import HandleError

from .datasets import plain_batches

pytestmark = pytest.mark.usefixtures("nothing_told")

LENGTH, ROW = 60, 512


@pytest.fixture
def path(tmp_path):
    """Give a file in which each row holds its own number, again and again."""
    file = tmp_path / "rows"
    file.write_bytes(b"".join(index.to_bytes(2) * (ROW // 2) for index in range(LENGTH)))
    return file


class Rows:
    """Reads rows of a file that was opened beforehand, slowly enough for others to get between."""

    def __init__(self, file):
        self.file = file

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        self.file.seek(index * ROW)
        time.sleep(0.001)
        return int.from_bytes(self.file.read(ROW)[:2])


class Described(Rows):
    """Reads through a bare descriptor, which is a number like any other."""

    def __getitem__(self, index):
        os.lseek(self.file, index * ROW, os.SEEK_SET)
        time.sleep(0.001)
        return int.from_bytes(os.read(self.file, ROW)[:2])


def wrong(loader):
    """Give how many samples are not what they should be."""
    return sum(index != sample for index, sample in enumerate(torch.cat(list(loader)).tolist()))


def test_with_torch_workers_read_where_another_one_has_left_the_file(path):
    with path.open("rb", buffering=0) as file:
        loader = torch.utils.data.DataLoader(Rows(file), 3, num_workers=2)
        assert any(wrong(loader) for _ in range(3))


@pytest.mark.parametrize("buffering", [0, 1 << 16])
def test_each_worker_reads_a_file_at_a_position_of_its_own(path, buffering):
    with path.open("rb", buffering=buffering) as file:
        file.read(7)
        assert not wrong(DataLoader(Rows(file), 3, num_workers=2))
        assert file.tell() == 7


def test_that_holds_for_bare_descriptors(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert not wrong(DataLoader(Described(descriptor), 3, num_workers=2))
    finally:
        os.close(descriptor)


def test_that_holds_for_files_that_are_gone_or_others_by_name(path):
    with path.open("rb", buffering=0) as file:
        path.rename(path.with_suffix(".old"))
        path.write_bytes(b"another")
        assert not wrong(DataLoader(Rows(file), 3, num_workers=2))


def test_that_holds_for_a_worker_in_the_place_of_another(path):
    class Killing(Rows):
        def __getitem__(self, index):
            if index == 7 and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), 9)
            return super().__getitem__(index)

    mark = path.with_suffix(".killed")
    with path.open("rb", buffering=0) as file:
        assert not wrong(DataLoader(Killing(file), 3, num_workers=2))


class RowsInTurn(IterableDataset):
    """Each worker reads its part of the rows."""

    def __init__(self, file):
        self.rows = Rows(file)

    def __iter__(self):
        info = get_worker_info()
        return iter([self.rows[index] for index in range(info.id, LENGTH, info.num_workers)])


@pytest.mark.parametrize("kind", [Rows, RowsInTurn])
def test_that_holds_where_torch_s_workers_serve(path, kind, monkeypatch):
    monkeypatch.setattr("trueload.loader.is_ours", lambda _: False)
    with path.open("rb", buffering=0) as file:
        loader = DataLoader(kind(file), 3, num_workers=2)
        assert sorted(torch.cat(list(loader)).tolist()) == list(range(LENGTH))


class Parts:
    """Reads the parts of an archive."""

    def __init__(self, archive, read):
        self.archive, self.read = archive, read

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        with self.read(self.archive, str(index)) as part:
            first = part.read(ROW)
            time.sleep(0.001)
            return int.from_bytes((first + part.read())[-2:])


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(LENGTH):
            archive.writestr(str(index), index.to_bytes(2) * 4 * ROW)
    return zipfile.ZipFile(path), zipfile.ZipFile.open


def tarred(path):
    with tarfile.open(path, "w") as archive:
        for index in range(LENGTH):
            info = tarfile.TarInfo(str(index))
            info.size = 8 * ROW
            archive.addfile(info, io.BytesIO(index.to_bytes(2) * 4 * ROW))
    return tarfile.open(path), tarfile.TarFile.extractfile


@pytest.mark.parametrize("make", [zipped, tarred])
def test_each_worker_reads_an_archive_as_if_it_were_alone(tmp_path, make):
    archive, read = make(tmp_path / "archive")
    with archive:
        dataset = Parts(archive, read)
        assert not wrong(DataLoader(dataset, 3, num_workers=2))


def test_each_worker_reads_a_compressed_file_from_its_beginning(tmp_path):
    class Lines(IterableDataset):
        def __init__(self, file):
            self.file = file

        def __iter__(self):
            return (int(line) for line in self.file)

    with gzip.open(tmp_path / "lines", "wt") as file:
        file.writelines(f"{index}\n" for index in range(20_000))
    with gzip.open(tmp_path / "lines", "rt") as file:
        loader = DataLoader(Lines(file), 1000, num_workers=1)
        assert torch.equal(torch.cat(list(loader)), torch.arange(20_000))


@pytest.fixture
def server():
    """Answer each row of a number with the number, later."""

    def answer(connection):
        with connection:
            while asked := connection.recv(2):
                time.sleep(0.001)
                connection.sendall(asked)

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


class Asking:
    """Asks a server for its samples."""

    def __init__(self, address):
        self.address = address
        self.client = socket.create_connection(address)

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        self.client.sendall(index.to_bytes(2))
        time.sleep(0.002)
        return int.from_bytes(self.client.recv(2))


def connect(dataset):
    dataset.client = socket.create_connection(dataset.address)


def test_with_torch_workers_take_one_another_s_answers(server):
    dataset = Asking(server)
    with dataset.client:
        assert any(wrong(torch.utils.data.DataLoader(dataset, 3, num_workers=2)) for _ in range(3))


def test_a_connection_is_told_before_workers_use_it(server):
    dataset = Asking(server)
    with dataset.client, pytest.raises(HandleError, match=r"`dataset\.client` .* \[TL602\]"):
        iter(DataLoader(dataset, 3, num_workers=2, guard="strict"))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_connection_made_in_each_worker_is_right(server, workers):
    dataset = Asking(server)
    with dataset.client:
        loader = DataLoader(
            dataset, 3, num_workers=workers, guard="strict", dataset_in_worker=connect
        )
        assert not wrong(loader)
    with dataset.client:
        pass


class Squares:
    """Computes its samples in a pool of threads."""

    def __init__(self):
        self.pool = ThreadPoolExecutor(1)
        self.pool.submit(int).result()

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.pool.submit(pow, index, 2).result(timeout=1)


def new_pool(dataset):
    dataset.pool = ThreadPoolExecutor(1)


def test_a_pool_whose_threads_stay_behind_hangs_and_is_told(caplog):
    dataset = Squares()
    with dataset.pool, pytest.raises(TimeoutError):
        list(DataLoader(dataset, num_workers=1))
    assert "`dataset.pool` does not work in workers" in caplog.text
    assert "[TL604]" in caplog.text


def test_a_pool_made_in_each_worker_works():
    dataset = Squares()
    with dataset.pool:
        loader = DataLoader(dataset, num_workers=1, dataset_in_worker=new_pool, guard="strict")
        assert plain_batches(loader) == [[0], [1], [4], [9]]


class Noisy:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self.rng.random()


def test_torch_s_scheme_repeats_what_an_own_generator_draws_and_that_is_told(caplog):
    torchs = torch.utils.data.DataLoader(Noisy(), 4, num_workers=2)
    loader = DataLoader(Noisy(), 4, num_workers=2, rng="worker")
    for one in (torchs, loader):
        first, second = one
        assert torch.equal(first, second)
    assert "every worker draws the same [TL603]" in caplog.text


def double(dataset):
    dataset.factor *= 2


def another(dataset):
    return Times(dataset.factor * 3)


class Times:
    def __init__(self, factor):
        self.factor = factor

    def __len__(self):
        return 4

    def __getitem__(self, index):
        info = get_worker_info()
        assert info is None or info.dataset is self
        return index * self.factor


class StreamOfTimes(Times, IterableDataset):
    def __iter__(self):
        return iter([self[index] for index in range(4)])


def another_stream(dataset):
    return StreamOfTimes(dataset.factor * 3)


WAYS = [
    {},
    {"num_workers": 2},
    {"num_workers": 2, "persistent_workers": True},
    pytest.param({"num_workers": 2, "multiprocessing_context": "spawn"}, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("renew", "factor"), [(double, 2), (another, 3)])
def test_the_dataset_is_renewed_once_in_each_process(way, renew, factor):
    loader = DataLoader(Times(1), 2, dataset_in_worker=renew, **way)
    for _ in range(2):
        assert plain_batches(loader) == [[0, factor], [2 * factor, 3 * factor]]
    loader._iterator = None


@pytest.mark.parametrize(("workers", "ours"), [(0, True), (1, True), (1, False)])
def test_a_stream_is_renewed_too(workers, ours, monkeypatch):
    monkeypatch.setattr("trueload.loader.is_ours", lambda _: ours)
    loader = DataLoader(StreamOfTimes(1), 2, num_workers=workers, dataset_in_worker=another_stream)
    assert plain_batches(loader) == [[0, 3], [6, 9]]


def test_torch_s_workers_renew_the_dataset_too(monkeypatch):
    monkeypatch.setattr("trueload.loader.is_ours", lambda _: False)
    loader = DataLoader(Times(1), 2, dataset_in_worker=another, num_workers=1)
    assert plain_batches(loader) == [[0, 3], [6, 9]]


def test_a_sample_is_replayed_from_the_renewed_dataset():
    loader = DataLoader(Times(1), 2, seed=0, dataset_in_worker=another)
    list(loader)
    assert loader.replay(2) == 6


@pytest.mark.parametrize("workers", [0, 2])
def test_what_renewing_raises_says_so(workers):
    def refuse(_):
        message = "no"
        raise ConnectionError(message)

    with pytest.raises(ConnectionError, match="no") as caught:
        list(DataLoader(Times(1), num_workers=workers, dataset_in_worker=refuse))
    (note,) = caught.value.__notes__
    assert note.splitlines()[0] == "`dataset_in_worker` raised ConnectionError [TL607]"
    assert "in refuse" in note or "refuse" in note


class Hashed:
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return hash("label"), list({"a", "b", "c", "d", "e"})


@pytest.mark.slow
def test_workers_started_anew_agree_on_hashes(monkeypatch):
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    loader = DataLoader(
        Hashed(), None, num_workers=2, rng="worker", multiprocessing_context="spawn"
    )
    assert len({repr(sample) for _ in range(2) for sample in loader}) == 1
    assert "PYTHONHASHSEED" not in os.environ
