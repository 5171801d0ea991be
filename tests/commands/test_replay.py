"""`trueload replay`: a sample or a batch of a past run again, or why it cannot be."""

import io
import json
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

import trueload
from trueload import DataLoader
from trueload.commands import main, replay
from trueload.commands.replay import showing
from trueload.replay import Asked, find

from . import programs

SCRIPT = """
import random

import torch

from trueload import DataLoader


class Photos:
    def __len__(self):
        return 50

    def __getitem__(self, index):
        if index == 13:
            raise ValueError("bad image")
        shade = torch.linspace(0, 1, 8)
        image = torch.stack([shade.expand(8, 8), shade.expand(8, 8).T, torch.full((8, 8), 0.5)])
        image[0, 0, 0] = float("nan") if index == 7 else random.random()
        return {"image": image, "label": index % 3, "name": f"{index}.jpg"}


def build():
    return DataLoader(Photos(), batch_size=8, shuffle=True, seed=0)


def shared():
    return DataLoader(Photos(), batch_size=4, shuffle=True, seed=0, shard="ranks")


def broken():
    return DataLoader(Photos(), batch_size=8)[0]


def other():
    return torch.utils.data.DataLoader(range(30), batch_size=3, shuffle=True)


number = 3
"""


@pytest.fixture(autouse=True)
def _undone(monkeypatch, tmp_path):
    """Undo what running a user's script in this process leaves behind."""
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield
    trueload.uninstall()
    for name in ("train", "broken", "ended", "package_of_mine", "package_of_mine.data"):
        sys.modules.pop(name, None)


@pytest.fixture
def script(tmp_path):
    """Give what stands in the user's script, run."""
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    names = {"__name__": "train"}
    exec(compile(SCRIPT, str(path), "exec"), names)  # noqa: S102 - the user's script
    return names


def saved(loader, path="run.pt", steps=1, **more):
    batches = iter(loader)
    for _ in range(steps):
        next(batches)
    torch.save({"model": {"weight": torch.zeros(2)}, "loader": loader.state_dict(), **more}, path)
    return loader


def said(capsys, *arguments):
    """Run the command, and give its exit code, its output and its errors."""
    try:
        code = main(["replay", *arguments])
    except SystemExit as ended:
        code = ended.code
    return code, *capsys.readouterr()


def test_a_sample_is_made_and_its_leaves_are_listed(script, capsys, snapshot):
    loader = saved(script["build"]())
    told = said(capsys, "run.pt", "0:7", "--loader", "train.py:build", "--out", "it.pt")
    assert told == snapshot
    again, then = torch.load("it.pt"), loader.replay(7, 0)
    assert torch.equal(again["image"].nan_to_num(-1), then["image"].nan_to_num(-1))
    assert again["name"] == "7.jpg"


def test_a_batch_is_made_and_its_images_are_written_as_one(script, capsys, snapshot):
    saved(script["build"]())
    told = said(capsys, "run.pt", "1:2", "--batch", "--loader", "train.py:build", "--out", "it.png")
    assert told == snapshot
    data = Path("it.png").read_bytes()
    assert data[1:4] == b"PNG"
    width, height = (int.from_bytes(data[at : at + 4]) for at in (16, 20))
    assert (width, height) == (24, 24)  # 8 images of 8 pixels in rows of 3


def test_the_epoch_is_that_of_the_state_where_none_is_named(script, capsys):
    loader = script["build"]()
    loader.load_state_dict({**loader.state_dict(), "epoch": 3})
    saved(loader)
    code, out, _ = said(capsys, "run.pt", "4", "--loader", "train.py:build")
    assert (code, out.partition("\n")[0]) == (0, "sample 4 of epoch 3")


def test_a_seed_is_enough_without_a_state(script, capsys):
    code, out, _ = said(capsys, "-", "5:4", "--loader", "train.py:build")
    assert (code, out.partition("\n")[0]) == (0, "sample 4 of epoch 5")


def test_an_exception_of_the_dataset_is_shown_with_its_note(script, capsys, snapshot):
    saved(script["build"]())
    code, out, err = said(capsys, "run.pt", "0:13", "--loader", "train.py:build")
    assert (code, out) == (1, "sample 13 of epoch 0\n  position  14\n  batch     1, row 6\n")
    kept = [line for line in err.splitlines() if not line.startswith("  File")]
    assert kept == snapshot


def test_a_batch_of_any_rank_of_a_run_is_made_here(script, capsys):
    dataset, taken = script["Photos"](), {}
    for rank in range(3):
        loader = DataLoader(dataset, batch_size=4, shuffle=True, seed=0, shard=(rank, 3))
        batch = saved(loader).replay(batch=0)
        taken[rank] = batch["name"]
    for rank, names in taken.items():
        where = ("--loader", "train.py:shared", "--batch", "--rank", str(rank))
        code, out, _ = said(capsys, "run.pt", "0:0", *where, "--out", "it.pt")
        assert code == 0
        assert f"rank      {rank} of 3" in out
        assert torch.load("it.pt")["name"] == names
    code, _, err = said(capsys, "run.pt", "0:0", *where[:-1], "3")
    assert (code, err.partition("\n")[0]) == (
        2,
        "rank 3 is none of the 3 that made batch 0 [TL107]",
    )


def test_a_script_with_torchs_loader_has_ours(script, capsys):
    loader = DataLoader(range(30), batch_size=3, shuffle=True, rng="batch")
    torch.save(loader.state_dict(), "run.pt")
    code, _, err = said(capsys, "run.pt", "0:4", "--loader", "train.py:other")
    assert code == 2
    assert "the order of epoch 0 is not known any more [TL107]" in err


def test_a_loader_of_a_module_is_found_by_its_name(capsys, tmp_path):
    package = tmp_path / "package_of_mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    text = "from trueload import DataLoader\nloader = DataLoader(range(9), seed=1, batch_size=2)\n"
    (package / "data.py").write_text(text)
    for where in ("package_of_mine.data:loader", "package_of_mine.data"):
        assert said(capsys, "-", "0:8", "--loader", where)[0] == 0
    code, _, err = said(capsys, "-", "0:8", "--loader", "package_of_mine.dat:loader")
    assert (code, err.partition("\n")[0]) == (2, "there is no module 'package_of_mine.dat'")


def states_of(build):
    """Give files that hold no state, or several."""
    train, small = build(), DataLoader(range(9), seed=1)
    both = {"loaders": [train.state_dict(), small.state_dict()], "epoch": 3}
    return {
        "two": both,
        "alike": {"a": train.state_dict(), "b": build().state_dict()},
        "none": {"model": torch.zeros(2)},
    }


def test_of_several_states_the_one_that_fits_is_taken_or_one_is_named(script, capsys):
    files = states_of(script["build"])
    torch.save(files["two"], "run.pt")
    assert said(capsys, "run.pt", "0:4", "--loader", "train.py:build")[0] == 0
    assert said(capsys, "run.pt", "0:4", "--loader", "train.py:build", "--key", "loaders.0")[0] == 0
    code, _, err = said(capsys, "run.pt", "0:4", "--loader", "train.py:build", "--key", "a")
    assert (code, err) == (
        2,
        "there is no state at 'a'\n\nhint: there is one at 'loaders.0', 'loaders.1'\n",
    )
    files["alike"]["b"]["epoch"] = 7
    torch.save(files["alike"], "run.pt")
    code, _, err = said(capsys, "run.pt", "0:4", "--loader", "train.py:build")
    assert code == 2
    assert "hint: name one with `--key`: 'a', 'b'" in err


def test_a_state_may_be_json(script, capsys, tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"x": script["build"]().state_dict()}))
    assert said(capsys, "run.json", "0:4", "--loader", "train.py:build")[0] == 0


WRONG = {
    "no loader": ("run.pt", "0:7"),
    "no such file": ("none.pt", "0:7", "--loader", "train.py:build"),
    "no state": ("none_in_it.pt", "0:7", "--loader", "train.py:build"),
    "objects": ("objects.pt", "0:7", "--loader", "train.py:build"),
    "no file of torch": ("train.py", "0:7", "--loader", "train.py:build"),
    "no such script": ("run.pt", "0:7", "--loader", "other.py:build"),
    "no such name": ("run.pt", "0:7", "--loader", "train.py:make"),
    "no name": ("run.pt", "0:7", "--loader", "train.py"),
    "a number": ("run.pt", "0:7", "--loader", "train.py:number"),
    "no such sample": ("run.pt", "0:77", "--loader", "train.py:build"),
    "another dataset": ("run.pt", "0:7", "--loader", "train.py:other"),
    "a batch by a name": ("run.pt", "0:cat.jpg", "--batch", "--loader", "train.py:build"),
    "another ending": ("run.pt", "0:7", "--loader", "train.py:build", "--out", "it.jpg"),
    "the script ends": ("run.pt", "0:7", "--loader", "ended.py:build"),
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_wrong_use_is_told(arguments, script, capsys, snapshot, tmp_path):
    saved(script["build"]())
    torch.save({"model": torch.zeros(2)}, "none_in_it.pt")
    torch.save({"loader": np.random.default_rng()}, "objects.pt")
    (tmp_path / "ended.py").write_text("raise SystemExit(3)\n")
    code, out, err = said(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err == snapshot


def test_a_script_that_fails_is_shown_as_python_shows_it(script, capsys, tmp_path):
    saved(script["build"]())
    (tmp_path / "broken.py").write_text("import torch\n1 / 0\n")
    code, _, err = said(capsys, "run.pt", "0:7", "--loader", "broken.py:build")
    assert code == 3
    path = tmp_path / "broken.py"
    assert err.splitlines() == [
        "Traceback (most recent call last):",
        f'  File "{path}", line 2, in <module>',
        "    1 / 0",
        "    ~~^~~",
        "ZeroDivisionError: division by zero",
    ]
    code, _, err = said(capsys, "run.pt", "0:7", "--loader", "train.py:broken")
    assert code == 3
    assert err.splitlines()[-1] == "TypeError: 'DataLoader' object is not subscriptable"


def test_the_debugger_stops_in_the_sample_that_was_asked_for(script, tmp_path):
    saved(script["build"]())
    words = "p index\nn\np index + 1\nc\n"
    done = programs.trueload(
        *("replay", "run.pt", "0:7", "--loader", "train.py:build", "--pdb"),
        cwd=tmp_path,
        input=words,
    )
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path}/train.py(13)__getitem__()" in done.stdout
    assert "(Pdb) 7\n" in done.stdout
    assert "(Pdb) 8\n" in done.stdout
    assert "str '7.jpg'" in done.stdout


def shown(made, *, single, width=80, terminal=True):
    """Give what is shown of something on a terminal with colors."""
    stream = io.StringIO()
    color = "truecolor" if terminal else None
    console = Console(
        file=stream, force_terminal=terminal, color_system=color, width=width, highlight=False
    )
    loader = DataLoader([made] * 2, seed=0, batch_size=2)
    found = find(loader, Asked(index=0) if single else Asked(batch=0))
    showing.show(found, made, None, console)
    return stream.getvalue()


def test_an_image_is_shown_on_a_terminal_with_colors_and_nowhere_else():
    image = np.zeros((32, 64, 3), np.uint8)
    image[:, 32:] = 255
    text = shown(image, single=True)
    assert text.count("▀") == 16 * 64
    assert "38;2;255;255;255" in text
    assert "▀" not in shown(image, single=True, terminal=False)
    assert shown(image, single=True, width=32).count("▀") == 8 * 32
    assert "▀" not in shown(np.zeros(5), single=True)


@pytest.mark.parametrize(
    ("made", "shape"),
    [
        (np.zeros((16, 16)), (16, 16, 3)),
        (torch.zeros(1, 16, 8), (16, 8, 3)),
        ({"a": 3, "b": torch.zeros(3, 200, 100)}, (200, 100, 3)),
        (torch.full((3, 8, 8), float("nan")), (8, 8, 3)),
        (np.zeros((16, 16), bool), (16, 16, 3)),
        ([1, "a", None], None),
        (torch.zeros(0, 4), None),
    ],
)
def test_what_looks_like_an_image_is_taken_for_one(made, shape):
    image = showing.image_of(made, single=True)
    assert (None if image is None else image.shape) == shape


def test_a_png_holds_the_pixels_in_full(tmp_path):
    image = torch.arange(3 * 90 * 100, dtype=torch.float64).reshape(3, 90, 100) % 256 / 255
    showing._write({}, showing.image_of(image, single=True), str(tmp_path / "it.png"))
    data = (tmp_path / "it.png").read_bytes()
    length = int.from_bytes(data[33:37])
    rows = np.frombuffer(zlib.decompress(data[41 : 41 + length]), np.uint8).reshape(90, 301)
    wanted = (image.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    assert np.array_equal(rows[:, 1:].reshape(90, 100, 3), wanted)


def test_leaves_of_any_kind_are_listed(snapshot):
    made = {
        "float": torch.tensor([1.0, float("nan"), float("inf")]),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "whole": np.arange(1200),
        "flags": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
        "complex": torch.ones(2, dtype=torch.complex64),
        "nothing": None,
        "text": "x" * 100,
        "only nan": np.full(3, np.nan),
        "object": np.array([{}], dtype=object),
    }
    assert showing.table(made, "sample") == snapshot
    assert showing.table((3, "a"), "batch") == snapshot


@pytest.mark.parametrize(
    ("text", "which"),
    [("2:4711", (2, 4711)), ("7", (None, 7)), ("2:a:b", (2, "a:b")), ("a:3", (None, "a:3"))],
)
def test_an_epoch_and_an_index_are_read(text, which):
    assert replay._which(text) == which
