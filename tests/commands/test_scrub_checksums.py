"""What files say of themselves: their own checksums show one flipped bit, and sound files none."""

import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from trueload.commands import main
from trueload.commands.scrub import checksums, tfrecord
from trueload.commands.scrub.checksums import NotVerified, fault_of

from .test_scrub import flip


def masked(data):
    return struct.pack("<I", tfrecord.masked(tfrecord.crc32c(data)))


def records(*contents):
    parts = []
    for content in contents:
        length = struct.pack("<Q", len(content))
        parts += [length, masked(length), content, masked(content)]
    return b"".join(parts)


def zipped():
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("one", b"1" * 500)
    return memory.getvalue()


def tarred():
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:
        for name in ("one", "two"):
            info = tarfile.TarInfo(name)
            info.size = 700
            archive.addfile(info, io.BytesIO(b"1" * 700))
    return memory.getvalue()


def png():
    def chunk(kind, body):
        crc = zlib.crc32(body, zlib.crc32(kind))
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\0\7")
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


SOUND = {
    "a.zip": (zipped, 100, "bad CRC-32 of 'one' in it"),
    "a.npz": (zipped, 100, "bad CRC-32 of 'one' in it"),
    "a.gz": (lambda: gzip.compress(os.urandom(500)), 100, ""),
    "a.tar": (tarred, 1536 + 10, "bad header at byte 1536, behind 1 members"),
    "a.png": (png, 43, "bad CRC-32 of its chunk 'IDAT'"),
    "any-name": (png, 43, "bad CRC-32 of its chunk 'IDAT'"),
    "a.tfrecord": (lambda: records(b"one", b"two"), 19 + 5, "record 1: bad CRC-32C of the length"),
    "a.tfrecord-00000-of-00010": (lambda: records(b"one"), 13, "record 0: bad CRC-32C of the data"),
}


@pytest.fixture
def with_crc32c(monkeypatch):
    monkeypatch.setattr(tfrecord, "_library", lambda: tfrecord.crc32c)


@pytest.mark.usefixtures("with_crc32c")
@pytest.mark.parametrize("name", SOUND)
def test_a_sound_file_says_nothing_of_itself(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(SOUND[name][0]())
    assert not fault_of(file)


@pytest.mark.usefixtures("with_crc32c")
@pytest.mark.parametrize("name", SOUND)
def test_a_file_with_a_checksum_shows_one_flipped_bit(tmp_path, name):
    make, at, said = SOUND[name]
    file = tmp_path / name
    file.write_bytes(make())
    flip(file, at)
    assert fault_of(file)
    assert said in fault_of(file)


@pytest.mark.usefixtures("with_crc32c")
@pytest.mark.parametrize("name", SOUND)
def test_a_file_with_a_checksum_shows_that_it_was_cut(tmp_path, name):
    make, at, _ = SOUND[name]
    file = tmp_path / name
    file.write_bytes(make()[: at + 1])
    assert fault_of(file)


def test_without_a_library_only_the_lengths_of_records_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord, "_library", lambda: None)
    file = tmp_path / "a.tfrecord"
    file.write_bytes(records(b"one", b"two"))
    with pytest.raises(NotVerified, match="only lengths"):
        fault_of(file)
    file.write_bytes(records(b"one", b"two")[:-2])
    assert fault_of(file) == "record 1: it ends within the data"


def test_crc32c_is_castagnoli_s():
    assert tfrecord.crc32c(b"123456789") == 0xE3069283  # from RFC 3720


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("picture.png", b"\xff\xd8\xff\xe0 a JPEG with a wrong name"),
        ("a.zip", b"no archive at all"),
        ("a.h5", b"no HDF5"),
        ("a.tfrecord.index", b"0 17\n"),
        ("a.npy", b"\x93NUMPY"),
        ("empty.tar", b""),
        ("empty.parquet", b""),
    ],
)
def test_files_that_are_not_what_their_names_say_are_left_alone(tmp_path, name, content):
    file = tmp_path / name
    file.write_bytes(content)
    assert not fault_of(file)


def test_an_archive_with_a_password_is_left_alone(tmp_path):
    content = bytearray(zipped())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    file = tmp_path / "a.zip"
    file.write_bytes(content)
    with pytest.raises(NotVerified):
        fault_of(file)


def test_a_fault_is_found_by_the_first_run_and_stays_out_of_the_manifest(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(png())
    flip(tmp_path / "a.png", 43)
    for _ in range(2):
        assert main(["scrub", str(tmp_path)]) == 1
        out = capsys.readouterr().out
        assert out == "damaged     a.png  bad CRC-32 of its chunk 'IDAT'\n"


def test_what_was_not_looked_at_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tfrecord, "_library", lambda: None)
    (tmp_path / "a.tfrecord").write_bytes(records(b"one"))
    assert main(["scrub", str(tmp_path)]) == 0
    said = capsys.readouterr().err
    assert "trueload: of 1 file only lengths: the data of TFRecords takes the package" in said


def test_parquet_without_a_library_is_looked_at_from_both_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(checksums, "find_spec", lambda _: None)
    file = tmp_path / "a.parquet"
    file.write_bytes(b"PAR1" + b"pages" + b"footer" + struct.pack("<I", 6) + b"PAR1")
    with pytest.raises(NotVerified, match="pyarrow"):
        fault_of(file)
    os.truncate(file, 15)
    assert fault_of(file) == "it does not begin and end as a Parquet file"


def test_hdf5_without_a_library_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(checksums, "find_spec", lambda _: None)
    file = tmp_path / "a.h5"
    file.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(NotVerified, match="h5py"):
        fault_of(file)


def test_the_pages_of_parquet_are_read_with_their_checksums(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "a.parquet"
    table = arrow.table({"x": list(range(10_000))})
    parquet.write_table(
        table, file, write_page_checksum=True, compression="none", use_dictionary=False
    )
    assert not fault_of(file)
    flip(file, 10_000)
    assert fault_of(file)


def test_the_chunks_of_hdf5_are_read_with_their_checksums(tmp_path):
    h5py = pytest.importorskip("h5py")
    file = tmp_path / "a.h5"
    with h5py.File(file, "w") as opened:
        opened.create_dataset("plain", data=list(range(1000)))
        opened.create_dataset("x", data=[7] * 10_000, chunks=(1000,), fletcher32=True)
    assert not fault_of(file)
    content = file.read_bytes()
    flip(file, content.index(struct.pack("<qq", 7, 7)) + 400)
    assert fault_of(file) == "bad Fletcher-32 of a chunk of 'x'"


class DamagedDataset:
    """Stands for one of h5py, where that is not installed."""

    fletcher32 = True

    def iter_chunks(self):
        return iter([0, 1])

    def __getitem__(self, chunk):
        if chunk:
            raise OSError


class OpenFile:
    def __init__(self, path, mode):
        assert (Path(path).name, mode) == ("a.h5", "r")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def visititems(self, visit):
        held = {"group": object(), "x": DamagedDataset()}
        return next((said for one in held if (said := visit(one, held[one])) is not None), None)


def test_a_chunk_that_hdf5_refuses_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(checksums, "find_spec", lambda _: SimpleNamespace())
    stand_in = SimpleNamespace(Dataset=DamagedDataset, File=OpenFile)
    monkeypatch.setattr(checksums, "import_module", lambda _: stand_in)
    file = tmp_path / "a.h5"
    file.write_bytes(b"\x89HDF\r\n\x1a\n")
    assert fault_of(file) == "bad Fletcher-32 of a chunk of 'x'"
