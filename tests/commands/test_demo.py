"""`trueload demo`, run as a user runs it: what it shows, how it ends, and that nothing is left."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from trueload.commands.demo import pictures
from trueload.commands.demo.screen import Screen
from trueload.commands.demo.training import Epoch

from .programs import ends_soon, environment, still_running

DEMO = [sys.executable, "-m", "trueload", "demo", "--quick", "--epochs", "2"]
VARYING = (
    (r"process \d+:", "process PID:"),
    (r"\d+\.\d%", "N%"),
    (r"(?m)^( +1   )\d\.\d{3}( .*?)[━=]*[·.]*( +)[\d ]+?( +)\d+%$", r"\1N\2BAR N N%"),
    (r"(?m)^( +(?:killed|samples [ua]|resumed).*?) +[\d ]+?(  of 15|  to be .*)?$", r"\1 N\2"),
)


def shared_memory():
    """List what is there, but for the semaphores of spawned processes: the demo's are forked."""
    there = Path("/dev/shm")  # noqa: S108 - to see that it is left as it was
    return {path for path in there.glob("*") if not path.name.startswith("sem.mp-")}


class Done:
    """A demo that has been run to its end, and what there was before and after it."""

    def __init__(self, folder):
        self.env = environment(TMPDIR=str(folder), NO_COLOR="1")
        self.folder, before = folder, shared_memory()
        self.done = subprocess.run(DEMO, capture_output=True, text=True, check=False, env=self.env)
        self.new = shared_memory() - before


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return Done(tmp_path_factory.mktemp("temporary"))


def with_names(text):
    """Put names in the place of what differs from run to run."""
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text)
    return text


@pytest.mark.timeout(300)
def test_it_ends_well_and_without_a_word_among_the_errors(demo):
    assert (demo.done.returncode, demo.done.stderr) == (0, "")


@pytest.mark.timeout(300)
def test_it_proves_that_no_sample_was_repeated_or_missed(demo):
    lines = [line.strip() for line in demo.done.stdout.splitlines()]
    assert "PROVED: every sample once, every batch the same to the last bit" in lines
    assert re.search(r"samples repeated +0\n +samples missed +0\n", demo.done.stdout)


@pytest.mark.timeout(300)
def test_it_tells_its_story(demo, snapshot):
    assert with_names(demo.done.stdout) == snapshot


@pytest.mark.timeout(300)
def test_in_a_file_it_has_neither_colors_nor_spaces_at_the_ends_of_lines(demo):
    assert "\x1b" not in demo.done.stdout
    assert not re.search(r"(?m)[ \t\r]$", demo.done.stdout)
    assert max(map(len, demo.done.stdout.splitlines())) <= 80


@pytest.mark.timeout(300)
def test_it_leaves_no_file_behind(demo):
    assert list(demo.folder.iterdir()) == []


@pytest.mark.timeout(300)
def test_it_leaves_no_process_behind(demo):
    assert ends_soon(lambda: not still_running(demo.env["TRUELOAD_TEST_MARK"]))


@pytest.mark.timeout(300)
def test_it_leaves_no_shared_memory_behind(demo):
    assert ends_soon(lambda: not any(path.exists() for path in demo.new))


def plain(console):
    """Give what was written, without colors and movements."""
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", console.file.getvalue())


def test_the_bars_and_the_table_fit_into_80_columns_and_line_up():
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with Screen(console).epochs(12, 2, 5752) as table:
        table.begin(10)
        for _ in range(89):
            table.advance(64)
        table.row(10, Epoch(loss=1.5, samples_per_second=11370.4, waiting=1.0), 1.0)
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", plain(console))]
    assert max(map(len, lines)) <= 78
    (head,) = [line for line in lines if "samples/s" in line]
    (row,) = [line for line in lines if "11 370" in line]
    for title, value in [("loss", "1.500"), ("accuracy", "100.0%"), ("samples/s", "11 370")]:
        assert head.index(title) + len(title) == row.index(value) + len(value)
    assert len(head) == len(row)
    assert any("5 696 of 5 752 samples" in line for line in lines)


def until(file, text):
    """Read lines until one has this text."""
    while line := file.readline():
        if text in line:
            return
    pytest.fail(f"the demo ended before {text!r}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("moment", "number"), [("Training", signal.SIGINT), ("A crash", signal.SIGTERM)]
)
def test_it_can_be_stopped_at_any_time_and_leaves_nothing(moment, number, tmp_path):
    env = environment(TMPDIR=str(tmp_path), PYTHONUNBUFFERED="1")
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": env}
    with subprocess.Popen(DEMO, start_new_session=True, **options) as process:
        until(process.stdout, moment)
        process.send_signal(number)
        _, told = process.communicate()
    assert told == "\nstopped; all processes ended, all temporary files removed\n"
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []
    assert ends_soon(lambda: not still_running(env["TRUELOAD_TEST_MARK"]))


@pytest.mark.timeout(300)
def test_what_is_kept_can_be_looked_at(tmp_path):
    folder = tmp_path / "kept"
    done = subprocess.run(
        [*DEMO, "--workers", "0", "--keep", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(TMPDIR=str(tmp_path)),
    )
    assert done.returncode == 0
    assert done.stdout.endswith(f"   pictures and records are in\n   {folder}\n")
    assert {path.name for path in folder.iterdir()} == {
        "crash",
        "held_out",
        "training",
        "training.pt",
    }
    assert list(folder.glob("crash/**/records.jsonl"))


def on_a_terminal(env):
    """Run it on a terminal of its own, and give all that it writes there."""
    ours, its = pty.openpty()
    os.set_inheritable(its, True)
    process = subprocess.Popen(DEMO, stdin=its, stdout=its, stderr=its, env=env)
    os.close(its)
    written = []
    while True:
        try:
            written.append(os.read(ours, 1 << 16))
        except OSError:
            break
    os.close(ours)
    return process.wait(), b"".join(written).decode()


@pytest.mark.timeout(300)
def test_on_a_terminal_it_shows_pictures_and_moving_bars(tmp_path):
    env = environment(TMPDIR=str(tmp_path), TERM="xterm-256color", COLORTERM="truecolor")
    code, written = on_a_terminal({**env, "LINES": "24"})
    assert code == 0
    assert "▀" in written
    assert len(set(re.findall(r"(\d+) of 960 samples", written))) > 2
    assert {"in peace", "to be killed", "resumed"} <= set(
        re.findall(r"in peace|to be killed|resumed", written)
    )
    assert "PROVED" in written


def test_no_color_is_respected_on_a_terminal(tmp_path):
    console = Console(
        file=io.StringIO(), force_terminal=True, color_system="truecolor", no_color=True, width=80
    )
    screen = Screen(console)
    screen.pictures(pictures.write(tmp_path, seed=0, variants=1, limit=20))
    with screen.epochs(3, 2, 16) as table:
        table.begin(1)
        table.advance(16)
        table.row(1, Epoch(loss=1.5, samples_per_second=1370.4, waiting=0.06), 0.5)
    screen.closing(None)
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d)[;m]", console.file.getvalue())
    assert "▀" not in plain(console)
    assert "1   1.500      50.0%  ━━━━━━━━━━··········         1 370        6%" in plain(console)
