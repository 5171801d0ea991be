"""A forked process gets positions of its own in the files that it reads, and nothing else."""

import fcntl
import os
import tempfile

import pytest

from trueload.workers.files import files_read, reopen


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "data"
    file.write_bytes(bytes(range(256)) * 64)
    return file


def in_a_fork(function):
    """Give what a function gives in a forked process."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.write(write, repr(function()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    assert os.waitpid(pid, 0)[1] == 0
    return said


def known(file):
    return [one for one in files_read() if one.descriptor == file.fileno()]


def test_a_fork_moves_the_position_of_its_parent(path):
    with path.open("rb", buffering=0) as file:
        in_a_fork(lambda: file.read(10))
        assert file.tell() == 10


@pytest.mark.parametrize("buffering", [0, 4096])
def test_a_file_opened_again_has_a_position_of_its_own(path, buffering):
    with path.open("rb", buffering=buffering) as file:
        file.read(7)
        before = file.raw.tell() if buffering else file.tell()
        found = known(file)

        def read():
            opened = reopen(found)
            return opened, list(file.read(3)), file.seek(300), list(file.read(2))

        assert in_a_fork(read) == "(1, [7, 8, 9], 300, [44, 45])"
        assert (file.raw.tell() if buffering else file.tell()) == before


def test_it_goes_on_where_the_file_stood_before_the_fork(path):
    with path.open("rb", buffering=0) as file:
        found = known(file)

        def read():
            file.seek(100)  # as another process would, which shares the position
            reopen(found)
            return list(file.read(2))

        assert in_a_fork(read) == "[0, 1]"


def test_a_file_without_a_name_is_opened_again(path):
    with path.open("rb") as file:
        path.unlink()
        found = known(file)
        assert in_a_fork(lambda: (reopen(found), file.read(1))) == "(1, b'\\x00')"


def test_a_file_whose_name_has_gone_to_another_is_the_same_as_before(path):
    with path.open("rb") as file:
        path.rename(path.with_suffix(".old"))
        path.write_bytes(b"another")
        found = known(file)
        assert in_a_fork(lambda: (reopen(found), file.read(1))) == "(1, b'\\x00')"


def test_what_can_be_written_to_is_left_alone(path):
    with path.open("r+b") as both, path.open("ab") as appended, tempfile.TemporaryFile() as own:
        assert [known(file) for file in (both, appended, own)] == [[], [], []]


def test_pipes_and_devices_are_left_alone():
    read, write = os.pipe()
    with os.fdopen(read, "rb") as pipe, os.fdopen(write, "wb"), open("/dev/zero", "rb") as device:  # noqa: PTH123 - a device
        assert known(pipe) == known(device) == []


def test_a_descriptor_that_stands_for_something_else_by_now_is_left_alone(path):
    other = path.with_suffix(".other")
    other.write_bytes(b"other")
    file = path.open("rb", buffering=0)
    found = known(file)
    with other.open("rb", buffering=0) as opened:
        os.dup2(opened.fileno(), file.fileno())
        assert in_a_fork(lambda: (reopen(found), file.read(5))) == "(0, b'other')"
    file.close()


@pytest.mark.parametrize("inherited", [True, False])
def test_whether_a_program_started_by_a_worker_gets_it_stays(path, inherited):
    with path.open("rb") as file:
        os.set_inheritable(file.fileno(), inherited)
        found = known(file)

        def look():
            reopen(found)
            return os.get_inheritable(file.fileno())

        assert in_a_fork(look) == str(inherited)


def test_flags_stay(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = known(file)
        before = fcntl.fcntl(descriptor, fcntl.F_GETFL)

        def look():
            reopen(found)
            return fcntl.fcntl(descriptor, fcntl.F_GETFL) - before

        assert in_a_fork(look) == "0"
