"""`trueload scrub`: damaged files are named, whatever damaged them, and sound ones are not."""

import json
import os
import signal
import sys
import time

import pytest

from trueload.commands import main
from trueload.commands.scrub import files, work
from trueload.manifest import NAME

from .programs import python

FILES = {"a/0.bin": b"0" * 3000, "a/1.bin": b"1" * 2_500_000, "b.txt": b"text", "empty": b""}


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    for name, content in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


@pytest.fixture
def scrubbed(capsys):
    """Run the command, and give its exit code, its lines and what it says."""

    def run(*arguments):
        capsys.readouterr()
        code = main(["scrub", *map(str, arguments)])
        shown = capsys.readouterr()
        return code, shown.out.splitlines(), shown.err

    return run


def flip(file, at, bit=1):
    """Flip one bit of a file, as a disk does: the file keeps its size and its time."""
    status = file.stat()
    content = bytearray(file.read_bytes())
    content[at] ^= bit
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def later(file):
    """Let a file have been written to a second later."""
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))


def test_the_first_run_writes_a_manifest_and_the_next_finds_all_well(data, scrubbed):
    code, lines, said = scrubbed(data)
    assert (code, lines) == (0, [])
    assert said.startswith("trueload: 4 files, 2 503 004 bytes, ")
    assert said.endswith(f"wrote {str(data / NAME)!r}: all is well\n")
    head, *entries = map(json.loads, (data / NAME).read_text().splitlines())
    assert head["trueload_manifest"] == 1
    assert [entry["path"] for entry in entries] == sorted(FILES)
    assert [entry["size"] for entry in entries] == [len(FILES[name]) for name in sorted(FILES)]
    code, lines, said = scrubbed(data)
    assert (code, lines) == (0, [])
    assert "checked with" in said
    assert sorted(path.name for path in data.iterdir()) == sorted([NAME, "a", "b.txt", "empty"])


@pytest.mark.parametrize("algorithm", ["crc32", "xxh3_64"])
@pytest.mark.parametrize("at", [0, 1_234_567, 2_499_999])
def test_one_flipped_bit_is_noticed(data, scrubbed, at, algorithm, monkeypatch):
    if algorithm == "xxh3_64":
        pytest.importorskip("xxhash")
    monkeypatch.setattr(work, "best_algorithm", lambda: algorithm)
    scrubbed(data)
    flip(data / "a/1.bin", at)
    assert scrubbed(data)[:2] == (
        1,
        ["damaged     a/1.bin  other content, though size and time are as before"],
    )


def test_each_way_to_differ_has_a_name_and_the_worst_comes_first(data, scrubbed):
    scrubbed(data)
    flip(data / "a/1.bin", 5)
    os.truncate(data / "a/0.bin", 1000)
    (data / "b.txt").write_bytes(b"TEXT")
    later(data / "b.txt")
    (data / "empty").unlink()
    (data / "new").write_bytes(b"x")
    (data / "dangling").symlink_to("nowhere")
    code, lines, said = scrubbed(data)
    assert code == 1
    assert lines == [
        "damaged     a/1.bin   other content, though size and time are as before",
        "truncated   a/0.bin   1 000 of 3 000 bytes are left",
        "unreadable  dangling  No such file or directory",
        "missing     empty     had 0 bytes",
        "changed     b.txt     other content, written to since, 4 bytes as before",
        "new         new       1 byte",
    ]
    assert "1 damaged, 1 truncated, 1 unreadable, 1 missing, 1 changed, 1 new" in said


def test_new_files_alone_are_no_fault(data, scrubbed):
    scrubbed(data)
    (data / "new").write_bytes(b"x")
    assert scrubbed(data)[:2] == (0, ["new         new  1 byte"])


def test_a_file_that_was_only_touched_is_what_it_was(data, scrubbed):
    scrubbed(data)
    later(data / "b.txt")
    assert scrubbed(data)[:2] == (0, [])


def test_json_is_one_object_a_line(data, scrubbed):
    scrubbed(data)
    os.truncate(data / "a/0.bin", 1)
    _, lines, _ = scrubbed(data, "--format", "json")
    assert list(map(json.loads, lines)) == [
        {"verdict": "truncated", "path": "a/0.bin", "detail": "1 of 3 000 bytes are left"}
    ]


def test_update_makes_what_is_there_the_manifest(data, scrubbed):
    scrubbed(data)
    (data / "b.txt").write_bytes(b"other text")
    assert scrubbed(data, "--update")[0] == 1
    assert scrubbed(data)[:2] == (0, [])


def test_a_manifest_may_lie_elsewhere_and_moves_with_the_data(data, scrubbed, tmp_path):
    file = tmp_path / "lists" / "data.jsonl"
    file.parent.mkdir()
    assert scrubbed(data, "--manifest", file)[0] == 0
    assert not (data / NAME).exists()
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in (data, file.parent):
        path.rename(moved / path.name)
    data, file = moved / data.name, moved / "lists" / file.name
    flip(data / "b.txt", 0)
    assert scrubbed(data, "--manifest", file)[0] == 1


def test_one_file_has_a_manifest_too(data, scrubbed):
    assert scrubbed(data / "b.txt")[0] == 0
    flip(data / "b.txt", 0)
    code, lines, _ = scrubbed(data / "b.txt")
    assert (code, lines[0].split()[:2]) == (1, ["damaged", "b.txt"])
    assert [line.split()[1] for line in scrubbed(data)[1]] == []  # no manifest is data


def test_links_are_followed_but_not_in_circles(data, scrubbed, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "c").write_bytes(b"c")
    (data / "linked").symlink_to(elsewhere)
    (data / "back").symlink_to(data)
    scrubbed(data)
    flip(elsewhere / "c", 0)
    assert scrubbed(data)[1] == [
        "damaged     linked/c  other content, though size and time are as before"
    ]


def _stop_after(monkeypatch, files):
    """Let Ctrl-C come once so many files have been read."""
    done = []

    def count(progress):
        done.append(progress)
        if len(done) == files:
            raise KeyboardInterrupt

    monkeypatch.setattr("trueload.commands.scrub.progress.Progress.done", count)


@pytest.mark.parametrize("before", [False, True])
def test_a_run_that_is_stopped_goes_on_where_it_was(data, scrubbed, monkeypatch, before):
    if before:
        scrubbed(data)
        flip(data / "a/0.bin", 0)
    read = []
    make = files.digest_of
    monkeypatch.setattr(
        files, "digest_of", lambda path, *more: (read.append(path.name), make(path, *more))[1]
    )
    with monkeypatch.context() as patch:
        _stop_after(patch, 3)
        code, lines, said = scrubbed(data, "--threads", 1)
    assert (code, lines) == (130, [])
    assert said == "trueload: stopped; the same command goes on where it was\n"
    assert (data / NAME).exists() == before
    read.clear()
    code, lines, _ = scrubbed(data, "--threads", 1)
    assert (code, len(lines)) == (int(before), int(before))
    assert len(read) == len(FILES) - 2
    assert not (data / f"{NAME}.partial").exists()


def test_what_was_written_to_since_a_stop_is_read_again(data, scrubbed, monkeypatch):
    with monkeypatch.context() as patch:
        _stop_after(patch, 4)
        scrubbed(data, "--threads", 1)
    (data / "a/0.bin").write_bytes(b"x" * 3000)
    later(data / "a/0.bin")
    scrubbed(data)
    assert scrubbed(data)[0] == 0


def test_a_line_that_was_not_written_to_its_end_is_no_matter(data, scrubbed, monkeypatch):
    with monkeypatch.context() as patch:
        _stop_after(patch, 4)
        scrubbed(data, "--threads", 1)
    partial = data / f"{NAME}.partial"
    partial.write_bytes(partial.read_bytes()[:-5])
    assert scrubbed(data)[0] == 0


@pytest.mark.slow
def test_ctrl_c_stops_a_run_soon(tmp_path):
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(1 << 34)
    code = "import sys; from trueload.commands import main; sys.exit(main(sys.argv[1:]))"
    import subprocess  # noqa: PLC0415 - only here

    process = subprocess.Popen([sys.executable, "-c", code, "scrub", str(tmp_path)])
    deadline = time.monotonic() + 30
    while not (tmp_path / f"{NAME}.partial").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    assert process.wait(timeout=30) == 130
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no 'nowhere'"),
        ([".", "--threads", "0"], "`--threads` must be at least 1, got 0"),
        ([".", "--manifest", __file__], "is not a manifest of `trueload scrub`"),
    ],
)
def test_what_cannot_be_done_is_refused(data, scrubbed, arguments, said, monkeypatch):
    monkeypatch.chdir(data)
    code, _, error = scrubbed(*arguments)
    assert code == 2
    assert said in error
    assert "[TL608]" in error


def test_a_manifest_of_other_data_is_refused(data, scrubbed, tmp_path):
    scrubbed(data)
    other = tmp_path / "other"
    other.mkdir()
    code, _, error = scrubbed(other, "--manifest", data / NAME)
    assert code == 2
    assert f"is about {str(data)!r}" in error


def test_digests_that_cannot_be_made_here_are_refused(data, scrubbed, monkeypatch):
    scrubbed(data)
    text = (data / NAME).read_text()
    (data / NAME).write_text(text.replace('"crc32"', '"xxh3_64"'))
    monkeypatch.setattr(work, "is_known", lambda name: name == "crc32")
    code, _, error = scrubbed(data)
    assert code == 2
    assert "takes the package xxhash" in error


def test_help_needs_no_torch():
    done = python("-c", "import sys, trueload.commands.scrub; sys.exit('torch' in sys.modules)")
    assert done.returncode == 0
