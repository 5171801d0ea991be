"""What does not survive workers: found by name, and told apart from what does."""

import io
import os
import socket
import sqlite3
import sys
import tarfile
import tempfile
import threading
import types
import zipfile
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

import numpy as np
import pytest
import torch

from trueload.preflight import Harm, Kind, preflight


class Holder:
    """Holds what it is given, and uses some of it."""

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def __getitem__(self, index):
        return self.used, index


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "data.txt"
    file.write_text("a\nb\n")
    return file


def found(**attributes):
    """Give kind and path of what is found in an object."""
    handles = preflight({"dataset": Holder(**attributes)}).handles
    return [(handle.kind, handle.path) for handle in handles]


def only(**attributes):
    (handle,) = preflight({"dataset": Holder(**attributes)}).handles
    return handle


@pytest.mark.parametrize("mode", ["r", "rb"])
def test_a_file_open_for_reading(path, mode):
    with path.open(mode) as file:
        handle = only(used=file)
    assert (handle.kind, handle.path) == (Kind.FILE, "dataset.used")
    assert handle.detail == repr(str(path))
    assert handle.type == ("io.TextIOWrapper" if mode == "r" else "io.BufferedReader")
    assert handle.fate("fork").harm == handle.fate("threads").harm == Harm.WRONG
    assert handle.fate("spawn").harm == Harm.FAILS


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("r+b", Kind.UPDATED_FILE), ("wb", Kind.WRITTEN_FILE), ("a", Kind.WRITTEN_FILE)],
)
def test_a_file_open_for_writing(path, mode, kind):
    with path.open(mode) as file:
        handle = only(used=file)
    assert handle.kind == kind
    harmless = kind == Kind.WRITTEN_FILE
    assert (handle.fate("fork").harm == Harm.NONE) == harmless


def test_a_temporary_file_is_open_for_both():
    with tempfile.TemporaryFile() as file:
        assert found(used=file) == [(Kind.UPDATED_FILE, "dataset.used")]


def test_what_lies_in_memory_is_no_file():
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("a", "b")
        assert found(used=archive, memory=memory) == []


def test_a_file_that_is_closed_is_none(path):
    with path.open() as file:
        pass
    assert found(used=file) == []


def test_standard_streams_are_left_alone(capsys):
    with capsys.disabled():
        assert found(used=sys.stdin, other=sys.stdout, third=sys.__stderr__) == []


def test_archives_are_named_not_the_files_within(tmp_path):
    name = tmp_path / "archive"
    with zipfile.ZipFile(name, "w") as archive:
        archive.writestr("a", "b")
    with zipfile.ZipFile(name) as archive:
        handle = only(used=archive)
        assert (handle.kind, handle.path, handle.type) == (
            Kind.FILE,
            "dataset.used",
            "zipfile.ZipFile",
        )
    with tarfile.open(name, "w") as archive:
        archive.add(__file__)
    with tarfile.open(name) as archive:
        assert found(used=[archive]) == [(Kind.FILE, "dataset.used[0]")]


def test_a_pipe():
    read, write = os.pipe()
    with os.fdopen(read, "rb") as reader, os.fdopen(write, "wb") as writer:
        assert found(used=reader, other=writer) == [(Kind.PIPE, "dataset.used")]


def test_a_socket_with_somebody_at_the_other_end():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            handle = only(used=client, server=server)
            assert handle.kind == Kind.SOCKET
            assert handle.detail == f"connected to 127.0.0.1:{server.getsockname()[1]}"
        assert found(used=client) == []


def test_sockets_without_a_stream_of_answers_are_no_matter():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.connect(("127.0.0.1", 9))
        one, other = socket.socketpair()
        with one, other:
            assert found(used=datagrams, one=one) == []


def test_a_database_file_may_be_read():
    connection = sqlite3.connect(":memory:")
    handle = only(used=connection)
    connection.close()
    assert handle.kind == Kind.LOCAL_DATABASE
    assert handle.fate("fork").harm == Harm.NONE
    assert handle.fate("spawn").harm == Harm.FAILS


@pytest.mark.parametrize(
    ("module", "name", "kind"),
    [
        ("psycopg2.extensions", "connection", Kind.DATABASE),
        ("psycopg", "Connection", Kind.DATABASE),
        ("pymongo.synchronous.mongo_client", "MongoClient", Kind.CLIENT),
        ("h5py._hl.files", "File", Kind.HDF5),
        ("lmdb.cpython", "Environment", Kind.LOCAL_DATABASE),
    ],
)
def test_connections_are_known_by_name(module, name, kind):
    stand_in = type(name, (), {"__module__": module})
    derived = type("Mine", (stand_in,), {})
    assert found(used=stand_in()) == found(used=derived()) == [(kind, "dataset.used")]


def test_locks(path):
    assert found(used=threading.Lock(), other=threading.RLock()) == [
        (Kind.LOCK, "dataset.used"),
        (Kind.LOCK, "dataset.other"),
    ]
    assert found(used=threading.Condition())[0] == (Kind.LOCK, "dataset.used")


def test_memory_maps_that_write_to_their_file(path):
    arrays = {mode: np.memmap(path, np.uint8, mode) for mode in ("r", "c", "r+")}
    handle = only(used=arrays)
    assert (handle.kind, handle.path) == (Kind.MEMMAP, "dataset.used['r+']")
    assert handle.fate("fork").harm == Harm.NONE


def test_generators_but_not_the_global_ones():
    owned = [np.random.default_rng(), torch.Generator()]
    common = [np.random.mtrand._rand, torch.default_generator]
    assert found(used=owned, other=common) == [
        (Kind.GENERATOR, "dataset.used[0]"),
        (Kind.GENERATOR, "dataset.used[1]"),
    ]


def test_pools_once_they_have_threads():
    with ThreadPoolExecutor(1) as pool:
        assert found(used=pool) == []
        pool.submit(int).result()
        assert found(used=pool) == [(Kind.POOL, "dataset.used")]
    assert found(used=pool) == []


def test_threads_while_they_live():
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    assert found(used=thread) == []
    thread.start()
    try:
        assert found(used=thread) == [(Kind.THREAD, "dataset.used")]
    finally:
        done.set()
        thread.join()
    assert found(used=thread, main=threading.main_thread()) == []


def test_queues():
    assert found(used=Queue()) == [(Kind.QUEUE, "dataset.used")]


def test_numbers_strings_and_arrays_are_nothing():
    assert found(used=np.zeros(3), tensor=torch.zeros(3), name="a", many=[1, 2.0, None]) == []


def test_objects_that_tell_things_are_not_looked_into(path):
    import logging  # noqa: PLC0415 - only here

    logger = logging.getLogger("test_preflight")
    handler = logging.FileHandler(path)
    logger.addHandler(handler)
    try:
        assert found(used=logger) == []
    finally:
        logger.removeHandler(handler)
        handler.close()


def test_what_code_uses_is_told_from_what_it_does_not(path):
    with path.open() as one, path.open() as other:
        looked = preflight({"dataset": Holder(used=one, unused=other)})
    assert [handle.path for handle in looked.used] == ["dataset.used"]
    wrong = [one for one in looked.handles if one.fate("fork").harm is not Harm.NONE]
    assert [handle.path for handle in wrong] == [
        "dataset.used",
        "dataset.unused",
    ]


def test_code_that_asks_for_its_process_is_noticed(path):
    class Careful(Holder):
        def __getitem__(self, index):
            if self.pid != os.getpid():
                self.pid, self.used = os.getpid(), path.open()
            return self.used

    with path.open() as file:
        assert preflight({"dataset": Careful(used=file, pid=os.getpid())}).questions == {"getpid"}
        assert not preflight({"dataset": Holder(used=file)}).questions


def test_every_kind_has_a_fate_everywhere_and_a_hint():
    place = types.SimpleNamespace(path="", thing=None, owner=None, chosen=())
    from trueload.preflight import Handle  # noqa: PLC0415 - only here

    for kind in Kind:
        handle = Handle(place, kind, "", frozenset())
        assert handle.hint
        assert all(handle.fate(start).text for start in ("fork", "spawn", "threads"))
