"""Which findings are wanted: on the command line, in the settings, in a line of code."""

import pytest

from trueload.checks.registry import CHECKS
from trueload.checks.selection import Selection, Settings, settings, unmarked
from trueload.errors import ArgumentError
from trueload.findings import Finding, Place, Severity


def codes(**options):
    return {check.code for check in Selection(**options).checks()}


def test_all_checks_look_if_nothing_is_said():
    assert codes() == set(CHECKS)


def test_a_code_its_beginning_and_a_name_select():
    assert codes(select=("TL701",)) == {"TL701"} == codes(select=("missing-zero-grad",))
    assert codes(select=("tl7",)) == {code for code in CHECKS if code.startswith("TL7")}


def test_what_is_ignored_does_not_look_even_if_selected():
    assert codes(ignore=("missing-zero-grad",)) == set(CHECKS) - {"TL701"}
    assert codes(select=("TL701",), ignore=("TL7",)) == set()


@pytest.mark.parametrize("name", ["TL799", "missing-zero", "X"])
def test_a_slip_is_refused(name):
    with pytest.raises(ArgumentError, match="TL105"):
        Selection(ignore=(name,))


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("optimizer.step()", True),
        ("optimizer.step()  # trueload: ignore[TL701]", False),
        ("optimizer.step()  # noqa: E501  # trueload: ignore[TL702, tl701]", False),
        ("optimizer.step()  # trueload: ignore[missing-zero-grad]", False),
        ("optimizer.step()  # trueload: ignore", False),
        ("optimizer.step()  # trueload: ignore[TL702]", True),
        ("optimizer.step()  # trueload: ignore[]", True),
    ],
)
def test_a_line_says_what_is_to_be_ignored_in_it(source, kept):
    place = Place("train.py", 1, source=source)
    finding = Finding("TL701", "missing-zero-grad", Severity.ERROR, "a title", place)
    assert bool(unmarked([finding])) is kept


def test_settings_come_from_the_nearest_pyproject(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.trueload]\nignore = ["TL7"]\n')
    inner = tmp_path / "src" / "package"
    inner.mkdir(parents=True)
    assert settings(inner) == Settings(ignore=("TL7",))
    (tmp_path / "src" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert settings(inner) == Settings()


def test_a_baseline_lies_where_the_settings_are(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.trueload]\nbaseline = "ci/known.json"\n')
    (tmp_path / "src").mkdir()
    assert settings(tmp_path / "src").baseline == tmp_path / "ci" / "known.json"


@pytest.mark.parametrize("line", ['ignore = "TL7"', "steps = 3", "select = [7]", "baseline = 3"])
def test_a_setting_that_means_nothing_is_refused(line, tmp_path):
    (tmp_path / "pyproject.toml").write_text(f"[tool.trueload]\n{line}\n")
    with pytest.raises(ArgumentError, match=r"select.*ignore"):
        settings(tmp_path)
