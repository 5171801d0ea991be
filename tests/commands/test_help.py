"""What the command line says of itself, at once, and with which exit codes it ends."""

import json

import pytest

import trueload
from trueload import commands
from trueload.commands import demo, main
from trueload.commands.codes import Exit

from . import programs

HELP = """\
usage: trueload [-h] [--version] command ...

Batches that are correct, fast and endless.

options:
  -h, --help  show this help message and exit
  --version   show the version and exit

commands:
  check      Run a training script, unmodified, and say what silently goes wrong in it
  scrub      Check data files against a manifest of what they were, and write one the first time
  explain    Show the page of a check or of an error: what it means, why it matters, the way out
  replay     Make a sample or a batch of a past run again, alone, and show it
  demo       Show all of it on real data in a minute
  install    Run a script with trueload's DataLoader in the place of torch's
"""
LOADED = """
import json, sys
from trueload.commands import main
try:
    code = main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
print(json.dumps([code, sorted({"torch", "numpy", "rich"} & sys.modules.keys())]))
"""
LIGHT = (
    ["--help"],
    ["--version"],
    ["demo", "--help"],
    ["install", "--help"],
    ["check", "--help"],
    ["explain", "--help"],
    ["scrub", "--help"],
    ["replay", "--help"],
    ["unknown"],
    [],
)


def test_help_lists_the_commands():
    assert programs.told(programs.trueload("--help")) == (0, HELP, "")


def test_the_version_is_the_packages_own():
    told = programs.told(programs.trueload("--version"))
    assert told == (0, f"trueload {trueload.__version__}\n", "")


def test_without_a_command_help_goes_to_the_errors():
    assert programs.told(programs.trueload()) == (2, "", HELP)


def test_the_command_is_installed_under_its_own_name():
    name = "from importlib.metadata import entry_points as all; print(all(name='trueload'))"
    assert "value='trueload.commands:main'" in programs.python("-c", name).stdout


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_what_only_shows_text_loads_neither_torch_nor_numpy(arguments):
    done = programs.python("-c", LOADED, *arguments)
    _, loaded = json.loads(done.stdout.splitlines()[-1])
    assert loaded == []


@pytest.mark.parametrize("command", commands.COMMANDS, ids=lambda command: command.__name__)
def test_every_command_has_help_that_begins_with_its_docstring(command, capsys):
    name = command.__name__.rpartition(".")[2]
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == Exit.CLEAN
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: trueload {name} ")
    assert command.__doc__.strip() in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["unknown"], "argument command: invalid choice: 'unknown'"),
        (["--unknown"], "unrecognized arguments: --unknown"),
        (["demo", "--unknown"], "unrecognized arguments: --unknown"),
        (["demo", "--qui"], "unrecognized arguments: --qui"),
        (["demo", "--epochs", "1"], "argument --epochs: '1' is no whole number from 2 to 100"),
        (["demo", "--workers", "-1"], "argument --workers: '-1' is no whole number from 0 to 64"),
        (["demo", "--workers", "two"], "argument --workers: 'two' is no whole number from 0 to 64"),
        (["demo", "--keep", "/"], "argument --keep: '/' exists and is no empty folder"),
        (["install"], "a script or a module to run is missing"),
        (["install", "-m"], "a script or a module to run is missing"),
    ],
)
def test_wrong_use_is_said_in_one_line_and_ends_with_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == Exit.WRONG_USE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err.splitlines()[-1]


def test_a_command_that_fails_shows_why_and_ends_with_3(monkeypatch, capsys):
    def fail(args):
        message = "the program itself failed"
        raise ValueError(message)

    monkeypatch.setattr(demo, "run", fail)
    assert main(["demo"]) == Exit.FAILED
    assert capsys.readouterr().err.endswith("ValueError: the program itself failed\n")


def test_what_the_demo_lacks_is_named_with_the_way_to_get_it(monkeypatch, capsys):
    there = demo.find_spec
    monkeypatch.setattr(demo, "find_spec", lambda name: there(name) if name == "PIL" else None)
    assert main(["demo"]) == Exit.WRONG_USE
    assert capsys.readouterr().err == (
        "trueload demo needs what is not installed: scikit-image, scikit-learn\n"
        '\nhint: pip install "trueload[demo]"\n'
    )
