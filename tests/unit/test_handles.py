"""What is told before workers start, and the correct programs of which nothing is told."""

import fcntl
import logging
import os
import socket
import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from types import SimpleNamespace

import numpy as np
import pytest
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from trueload import Guard
from trueload.errors import HandleError
from trueload.iterators import telling
from trueload.iterators.handles import tell_handles

pytestmark = pytest.mark.usefixtures("nothing_told")


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "data"
    file.write_bytes(b"0123456789")
    return file


@pytest.fixture
def client():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        yield client


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as pool:
        pool.submit(int).result()
        yield pool


class Photos(Dataset):
    """Uses what it holds as `source`."""

    def __init__(self, source=None):
        self.source = source

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.source, index


class Lines(Photos):
    """Reads from what it holds."""

    def __getitem__(self, index):
        return self.source.readline()


class Stream(IterableDataset):
    def __init__(self, source=None):
        self.source = source

    def __iter__(self):
        yield self.source


@pytest.fixture
def told(caplog):
    """Give what is told of a dataset, as a warning unless asked for more."""

    def messages(dataset, start="fork", level=logging.WARNING, **arguments):
        loader = SimpleNamespace(
            dataset=dataset,
            transform=None,
            collate_fn=None,
            worker_init_fn=None,
            dataset_in_worker=None,
            num_workers=2,
            rng=None,
            guard="on",
            _looked=False,
            _dataset_kind=int(isinstance(dataset, IterableDataset)),
        )
        vars(loader).update(arguments)
        caplog.clear()
        with caplog.at_level(level, "trueload"):
            tell_handles(loader, start)
        return [record.getMessage() for record in caplog.records]

    return messages


def test_a_file_open_for_both_is_told_once(told, path):
    with path.open("r+b") as file:
        message = (
            "`dataset.source` does not work in workers: all workers share its position, and read "
            "where another one has left it [TL601]\n"
            f"  is       a file open for reading and writing, {str(path)!r}\n"
            "  type     io.BufferedRandom\n"
            "  workers  2 workers, forked from this process\n"
            "\n"
            "hint: open it for reading only, and when a worker first needs it; "
            "`dataset_in_worker=` is a place for it"
        )
        assert told(Lines(file)) == [message]
        assert told(Lines(file)) == []


def test_files_open_for_reading_are_said_to_be_opened_by_each_worker(told, path):
    with path.open("rb") as one, path.open() as other:
        files = [one, other]
        assert told(Photos(files)) == []
        (message,) = told(Photos(files), level=logging.INFO)
        assert message == (
            "each worker reads `dataset.source[0]` at a position of its own [TL605]\n"
            f"  file  {str(path)!r}\n"
            "  also  `dataset.source[1]`"
        )
        assert told(Photos(files), level=logging.INFO) == []


def test_a_file_that_a_worker_may_not_open_again_is_told(told, path, monkeypatch):
    monkeypatch.setattr("trueload.iterators.handles.can_be_reopened", lambda _: False)
    with path.open("rb") as file:
        (message,) = told(Lines(file))
    assert "[TL601]" in message


def test_a_connection_is_told(told, client):
    (message,) = told(Photos({"api": client}))
    assert message.startswith(
        "`dataset.source['api']` does not work in workers: all workers use the one connection, and "
        "take one another's answers [TL602]\n"
        "  is       a socket, connected to 127.0.0.1:"
    )


def test_a_pool_whose_threads_stay_behind_is_told(told, pool):
    for workers in (1, 2):
        telling._told.clear()
        (message,) = told(Photos(pool), num_workers=workers)
        assert "which waits for them for ever [TL604]" in message


def test_a_thread_that_fills_a_queue_is_told(told):
    class Ahead(Photos):
        def __init__(self):
            self.queue, self.over = Queue(), threading.Event()
            self.thread = threading.Thread(target=self.over.wait)
            self.thread.start()

        def __getitem__(self, index):
            return self.queue.get()

    dataset = Ahead()
    try:
        (message,) = told(dataset)
    finally:
        dataset.over.set()
        dataset.thread.join()
    assert message.startswith("`dataset.thread` does not work in workers: its threads are not in")


def test_a_generator_is_told_where_torch_s_scheme_is_asked_for(told):
    dataset = Photos(np.random.default_rng(0))
    assert told(dataset) == told(dataset, rng="sample") == []
    assert told(dataset, rng="worker", num_workers=1) == []
    for start in ("fork", "spawn"):
        telling._told.clear()
        (message,) = told(dataset, start, rng="worker")
        assert "every worker draws the same [TL603]" in message


def test_strict_makes_it_an_error_each_time(told, client):
    for _ in range(2):
        with pytest.raises(HandleError, match=r"TL602"):
            told(Photos(client), guard="strict")


def test_off_does_not_look(told, client):
    assert told(Photos(client), guard="off", dataset_in_worker=7) == []


def test_what_the_guard_ignores_is_not_told(told, client):
    for ignored in ("TL602", "dataset.source"):
        assert told(Photos([client]), guard=Guard(ignore=[ignored])) == []
    assert len(told(Photos([client]), guard=Guard(ignore=["TL601", "dataset.other"]))) == 1


def test_what_is_found_later_is_told_too(told, client):
    dataset = Photos()
    assert told(dataset) == []
    dataset.source = client
    assert len(told(dataset, _looked=True)) == 1


class Opening(Photos):
    """Opens when first asked, under a lock, as is widely advised."""

    def __init__(self, path):
        self.path, self.lock, self.file = path, threading.Lock(), None

    def __getitem__(self, index):
        with self.lock:
            if self.file is None:
                self.file = open(self.path, "r+b")  # noqa: PTH123, SIM115 - as people do
        self.file.seek(index)
        return self.file


def test_opening_late_under_a_lock_is_well(told, path):
    assert told(Opening(path)) == []


def test_what_was_opened_late_in_this_process_is_told(told, path):
    dataset = Opening(path)
    with dataset[0]:
        assert "`dataset.file`" in told(dataset)[0]


def test_a_closed_file_is_well(told, path):
    with path.open("r+b") as file:
        pass
    assert told(Lines(file)) == []


def test_a_temporary_file_that_is_opened_by_its_name_is_well(told):
    class Mapped(Photos):
        def __getitem__(self, index):
            with open(self.source.name, "rb") as file:  # noqa: PTH123 - as people do
                return file.read(index)

    with tempfile.NamedTemporaryFile() as file:
        assert told(Mapped(file)) == []
        assert len(told(Lines(file))) == 1


def test_a_file_that_is_locked_and_not_read_is_well(told, path):
    class Locking(Photos):
        def __getitem__(self, index):
            fcntl.flock(self.source, fcntl.LOCK_EX)
            return index

    with path.open("a+") as file:
        assert told(Locking(file)) == []


def test_a_log_that_is_written_to_is_well(told, path):
    with path.open("a") as file:
        assert told(Photos(file)) == []


def test_reading_a_database_file_is_well(told, path):
    connection = sqlite3.connect(path.with_suffix(".db"))
    assert told(Photos(connection)) == []
    connection.close()


def test_what_code_of_workers_does_not_use_is_well(told, client):
    class Told(Photos):
        def __init__(self):
            self.metrics = client

        def report(self):
            self.metrics.send(b"x")

    assert told(Told()) == []


def test_code_that_asks_for_its_process_is_trusted(told, client):
    class ByProcess(Photos):
        def __getitem__(self, index):
            if os.getpid() not in self.source:
                self.source[os.getpid()] = "another one"
            return self.source[os.getpid()]

    class ByWorker(Photos):
        def __getitem__(self, index):
            return self.source[get_worker_info()]

    assert told(ByProcess({os.getpid(): client})) == told(ByWorker({None: client})) == []


def test_a_stream_that_asks_for_its_part_is_looked_into(told, client):
    class Split(Stream):
        def __iter__(self):
            info = get_worker_info()
            yield info.id, self.source

    assert len(told(Split(client))) == 1


def test_a_worker_init_fn_that_renews_it_is_trusted(told, client):
    dataset = Photos(client)

    def through_the_info(worker):
        get_worker_info().dataset.source = worker

    def through_a_variable(worker):
        dataset.renew(worker)

    for init in (through_the_info, through_a_variable):
        assert told(dataset, worker_init_fn=init) == []


def test_a_worker_init_fn_that_only_seeds_is_not(told, client):
    def seed(worker):
        np.random.seed(get_worker_info().seed % 2**32 + worker)

    assert len(told(Photos(client), worker_init_fn=seed)) == 1


def test_where_the_user_has_said_what_to_do_in_workers_nothing_is_told(told, client, path):
    assert told(Photos(client), dataset_in_worker=lambda dataset: None) == []


def test_one_worker_has_nobody_to_share_with(told, client, path):
    with path.open("r+b") as file:
        assert told(Lines([client, file]), num_workers=1) == []


def test_workers_started_anew_share_nothing(told, client, pool):
    assert told(Photos([client, pool]), "spawn") == []


def test_streams_are_looked_into_too(told, client):
    assert len(told(Stream(client))) == 1


def test_a_transform_is_looked_into_too(told, client):
    def transform(sample):
        return client.recv(sample)

    (message,) = told(Photos(), transform=transform)
    assert "test_a_transform_is_looked_into_too.<locals>.client`" in message


class Strange:
    def __getattribute__(self, name):
        raise AssertionError


def test_strange_objects_are_no_matter(told):
    assert told(Photos(Strange()), level=logging.DEBUG) == []
