"""The benchmarks run as programs, and their runner puts a table where the README asks for one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = [
    "accounting",
    *(
        "contract",
        "endless",
        "inline",
        "peers",
        "preflight",
        "randomness",
        "memory",
        "sampling",
        "sharing",
        "state",
        "turnover",
        "watch",
    ),
    "workers",
]
PARTS = ["common", "processes", "run", "works"]
README = "# Title\n\n<!-- benchmarks -->\nold figures\n<!-- /benchmarks -->\n\nthe end\n"


def run(script, *arguments):
    command = [sys.executable, str(FOLDER / f"{script}.py"), *map(str, arguments)]
    quiet = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=quiet, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_prints_its_figures_as_one_line_of_json(name):
    done = run(name, "--quick", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert found["benchmark"] == name
    rows = [row for row in found["rows"] if row["quantity"] != "growth"]
    assert rows
    assert all(row["ours"] > 0 and row["low"] <= row["high"] for row in rows)


@pytest.mark.slow
def test_a_benchmark_prints_a_table_with_the_spread_and_the_number_of_repeats():
    done = run("state", "--quick", "--repeats", 2)
    assert (done.returncode, done.stderr) == (0, "")
    title, _, head, *rows = done.stdout.splitlines()
    assert title.startswith("state: ")
    assert head.split() == [
        *["case", "quantity", "against", "theirs", "trueload", "ratio", "spread", "n", "bar"]
    ]
    assert all(".." in row and row.split()[-1] == "2" for row in rows)


@pytest.mark.slow
def test_the_runner_replaces_what_lies_between_the_marks_and_nothing_else(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(README)
    done = run("run", "state", "--quick", "--write-readme", readme)
    assert (done.returncode, done.stderr) == (0, "")
    before, between, after = (
        readme.read_text().replace("<!-- /", "<!-- ").split("<!-- benchmarks -->")
    )
    assert (before, after) == ("# Title\n\n", "\n\nthe end\n")
    assert "old figures" not in between
    assert "| state: resume half way" in between
    assert "`python benchmarks/run.py state --quick`" in between


@pytest.mark.slow
def test_the_runner_writes_its_table_again_over_the_one_it_wrote(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(README)
    for _ in range(2):
        assert run("run", "state", "--quick", "--write-readme", readme).returncode == 0
    assert readme.read_text().count("| state: resume half way") == 1


def test_the_runner_knows_every_benchmark():
    listed = run("run", "--help").stdout.rpartition("NAME")[2]
    assert all(name in listed for name in NAMES)
    scripts = {path.stem for path in FOLDER.glob("*.py")}
    assert scripts == {*NAMES, *PARTS}


def test_a_missing_readme_is_said_before_anything_runs(tmp_path):
    done = run("run", "--write-readme", tmp_path / "README.md")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "the table was not written: there is no file README.md\n"


@pytest.mark.parametrize(
    "text",
    [
        "no marks",
        "<!-- benchmarks -->",
        "<!-- /benchmarks --> <!-- benchmarks -->",
        README + README,
    ],
)
def test_a_readme_without_a_place_for_the_table_is_left_alone(tmp_path, text):
    readme = tmp_path / "README.md"
    readme.write_text(text)
    done = run("run", "--write-readme", readme)
    assert (done.returncode, done.stdout) == (2, "")
    assert "README.md has no place for the table" in done.stderr
    assert readme.read_text() == text


def test_a_name_that_is_no_benchmark_is_refused():
    done = run("run", "speed")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'speed' is none of inline, sampling" in done.stderr
