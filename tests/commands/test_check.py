"""`trueload check`: the script runs as under Python, and what is wrong is told behind it."""

import pytest

from .programs import python, told, trueload
from .test_install import OF_SCRIPTS, WHERE

BROKEN = """
import torch
torch.manual_seed(0)
weight = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(weight.parameters(), lr=1e-3)
for step in range({steps}):
    loss = weight(torch.ones(3, 2)).square().mean()
    loss.backward()
    optimizer.step()
print("saved")
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", OF_SCRIPTS)
def test_a_script_shows_and_ends_with_what_it_would_under_python(name, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(OF_SCRIPTS[name])
    ours = trueload("check", "train.py", "--epochs", "3", cwd=tmp_path, input="some text")
    theirs = python("train.py", "--epochs", "3", cwd=tmp_path, input="some text")
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    if theirs.returncode == 0 or "Traceback" in theirs.stderr:
        shown = "".join(ours.stderr.split("trueload: ")[0])
        assert shown == theirs.stderr
        assert "trueload: nothing found" in ours.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize("line", [["-m", "package.train", "-m"], ["-c", WHERE[:-37] + ")", "-x"]])
def test_modules_and_commands_get_what_they_would_under_python(line, tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "train.py").write_text(WHERE)
    ours, theirs = trueload("check", *line, cwd=tmp_path), python(*line, cwd=tmp_path)
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)


@pytest.mark.timeout(120)
def test_the_report_names_the_users_line(tmp_path):
    (tmp_path / "train.py").write_text(BROKEN.format(steps=12))
    done = trueload("check", "train.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "saved\n")
    assert "error[TL701]: " in done.stderr
    assert "  --> train.py:9\n       9 | optimizer.step()\n" in done.stderr
    assert "trueload: 1 error\n" in done.stderr
    assert "examined 12 steps, 12 backward passes (12 in detail)" in done.stderr


@pytest.mark.timeout(120)
def test_a_script_given_in_the_command_line_is_shown_too():
    done = trueload("check", "-c", BROKEN.format(steps=12))
    assert "  --> <string>:9\n       9 | optimizer.step()\n" in done.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("options", "line", "code"),
    [
        (["--exit-code"], "", 1),
        (["--exit-code", "--ignore", "TL7"], "", 0),
        (["--exit-code", "--select", "missing-step"], "", 0),
        (["--exit-code"], "  # trueload: ignore[TL701]", 0),
        ([], "", 0),
    ],
)
def test_the_exit_code_says_whether_something_was_found_if_asked(options, line, code, tmp_path):
    script = BROKEN.format(steps=12).replace("optimizer.step()", "optimizer.step()" + line)
    (tmp_path / "train.py").write_text(script)
    assert trueload("check", *options, "train.py", cwd=tmp_path).returncode == code


@pytest.mark.timeout(120)
def test_settings_are_read_and_a_slip_in_them_is_wrong_use(tmp_path):
    (tmp_path / "train.py").write_text(BROKEN.format(steps=12))
    settings = tmp_path / "pyproject.toml"
    settings.write_text('[tool.trueload]\nignore = ["missing-zero-grad"]\n')
    line = ["check", "--exit-code", tmp_path / "train.py"]
    assert trueload(*line).returncode == 0
    settings.write_text('[tool.trueload]\nignore = ["mising-zero-grad"]\n')
    done = trueload(*line)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no check is named 'mising-zero-grad' [TL105]" in done.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize("options", [["--steps", "20"], ["--time", "10"]])
def test_a_script_is_stopped_before_it_saves(options, tmp_path):
    (tmp_path / "train.py").write_text(BROKEN.format(steps="10**9"))
    done = trueload("check", *options, "train.py", cwd=tmp_path)
    assert told(done)[:2] == (0, "")
    assert "stopped after" in done.stderr
    assert "error[TL701]" in done.stderr


@pytest.mark.timeout(120)
def test_a_script_that_catches_everything_is_stopped_too(tmp_path):
    caught = BROKEN.replace("    optimizer.step()", "    try: optimizer.step()\n    except: pass")
    (tmp_path / "train.py").write_text(caught.format(steps="10**9"))
    done = trueload("check", "--steps", "20", "train.py", cwd=tmp_path)
    assert told(done)[:2] == (0, "")
    assert "error[TL701]" in done.stderr


@pytest.mark.timeout(120)
def test_a_short_script_runs_to_its_end_and_a_long_one_does_if_asked(tmp_path):
    (tmp_path / "train.py").write_text(BROKEN.format(steps=1100))
    assert trueload("check", "train.py", cwd=tmp_path).stdout == ""
    assert trueload("check", "--full", "train.py", cwd=tmp_path).stdout == "saved\n"
