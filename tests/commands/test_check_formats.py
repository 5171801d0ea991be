"""`trueload check --format --output`: the report in another form, beside the text."""

import json
from importlib import import_module

import pytest

from trueload.reports import FORMS

from .programs import environment, trueload
from .test_check import BROKEN

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(BROKEN.format(steps=12))
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_a_module_that_renders(form):
    assert callable(import_module(f"trueload.reports.{form}").render)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "text"])
def test_a_form_is_written_to_a_file_and_the_script_keeps_its_output(form, script, tmp_path):
    done = trueload("check", "--format", form, "--output", "report", script.name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "saved\n")
    assert "error[TL701]" in done.stderr
    assert f"written to {tmp_path / 'report'}" in done.stderr
    assert "TL701" in (tmp_path / "report").read_text(encoding="utf-8")


def test_without_a_file_it_comes_behind_the_scripts_output(script, tmp_path):
    script.write_text(script.read_text() + "print('no end', end='')\n")
    done = trueload("check", "--format", "json", script.name, cwd=tmp_path)
    shown = done.stdout.removeprefix("saved\nno end\n")
    [finding] = json.loads(shown)["findings"]
    assert (finding["code"], finding["place"]["file"]) == ("TL701", "train.py")
    assert json.loads(shown)["script"] == "train.py"


def test_it_comes_to_the_first_standard_output_whatever_the_script_has_put_there(script, tmp_path):
    more = "import io, sys\nsys.stdout = io.StringIO()\n"
    script.write_text(script.read_text() + more)
    script = script.rename(tmp_path / "trän.py")
    settings = environment(PYTHONIOENCODING="ascii")
    done = trueload("check", "--format", "html", script.name, cwd=tmp_path, env=settings)
    assert done.stdout.startswith("saved\n\n<!DOCTYPE html>")
    assert "<title>trueload check trän.py</title>" in done.stdout


def test_the_text_without_color_can_go_to_a_file(script, tmp_path):
    done = trueload("check", "--output", "report", script.name, cwd=tmp_path)
    text = (tmp_path / "report").read_text(encoding="utf-8")
    assert done.stderr.startswith(text)
    assert text.startswith("error[TL701]: ")


@pytest.mark.parametrize("more", ["", "os.rmdir(os.getcwd())"])
def test_paths_are_shown_from_where_the_user_is(more, script, tmp_path):
    leaves = f"import os, tempfile\nos.chdir(tempfile.mkdtemp(dir='.'))\n{more}\n"
    script.write_text(script.read_text() + leaves)
    done = trueload("check", "--format", "github", "--output", "r", script.name, cwd=tmp_path)
    assert "  --> train.py:9" in done.stderr
    assert (tmp_path / "r").read_text().startswith("::error file=train.py,line=9,")


def test_a_file_that_cannot_be_written_is_told_before_the_script_runs(script, tmp_path):
    done = trueload("check", "--output", "no/report", script.name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "`--output` cannot be written: no/report [TL105]" in done.stderr
