"""`trueload check --baseline`: on an old code base, only what is new is told."""

import pytest

from trueload.checks import baseline
from trueload.commands.reporting import Outlet
from trueload.findings import Finding, Place, Severity

from .programs import trueload
from .test_check import BROKEN

pytestmark = pytest.mark.timeout(120)


def test_a_baseline_silences_what_it_has_until_the_line_changes(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(BROKEN.format(steps=12))
    line = ["check", "--exit-code", "--write-baseline", "known.json", "train.py"]
    written = trueload(*line, cwd=tmp_path)
    assert written.returncode == 0
    assert "error[TL701]" in written.stderr
    assert f"1 finding written to {tmp_path / 'known.json'}" in written.stderr

    line = ["check", "--exit-code", "--baseline", "known.json", "train.py"]
    script.write_text("# a line above\n\n" + script.read_text())
    moved = trueload(*line, cwd=tmp_path)
    assert moved.returncode == 0
    assert "trueload: nothing new found (1 known)\n" in moved.stderr
    assert "TL701" not in moved.stderr

    script.write_text(script.read_text().replace("optimizer.step()", "optimizer.step(None)"))
    changed = trueload(*line, cwd=tmp_path)
    assert changed.returncode == 1
    assert "trueload: 1 error\n" in changed.stderr


def test_a_baseline_that_is_none_is_told_before_the_script_runs(tmp_path):
    (tmp_path / "train.py").write_text(BROKEN.format(steps=12))
    done = trueload("check", "--baseline", "known.json", "train.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "known.json is no baseline: No such file or directory [TL105]" in done.stderr


def test_a_baseline_can_be_written_anew_over_itself(tmp_path):
    (tmp_path / "train.py").write_text(BROKEN.format(steps=12))
    line = ["check", "--write-baseline", "known.json", "train.py"]
    trueload(*line, cwd=tmp_path)
    before = (tmp_path / "known.json").read_text()
    done = trueload(line[0], "--baseline", "known.json", *line[1:], cwd=tmp_path)
    assert "nothing new found (1 known)" in done.stderr
    assert (tmp_path / "known.json").read_text() == before


def test_an_error_is_told_while_the_script_goes_on_unless_it_is_known(tmp_path, capsys):
    place = Place(str(tmp_path / "train.py"), 9, source="optimizer.step()")
    finding = Finding("TL701", "missing-zero-grad", Severity.ERROR, "it steps", place, hint="clear")
    known = tmp_path / "known.json"
    baseline.write([finding], known)
    for given, told in ((None, "error[TL701]: it steps\n"), (known, "")):
        Outlet("text", None, given, None).tell(finding)
        shown = capsys.readouterr()
        assert (shown.out, shown.err.partition("\n")[0]) == ("", told.rstrip("\n"))


@pytest.mark.slow
def test_the_settings_of_a_project_may_name_it(tmp_path):
    (tmp_path / "train.py").write_text(BROKEN.format(steps=12))
    (tmp_path / "pyproject.toml").write_text('[tool.trueload]\nbaseline = "known.json"\n')
    missing = trueload("check", "train.py", cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "known.json is no baseline: No such file or directory" in missing.stderr
    trueload("check", "--write-baseline", "known.json", "train.py", cwd=tmp_path)
    known = trueload("check", "--exit-code", "train.py", cwd=tmp_path)
    assert known.returncode == 0
    assert "trueload: nothing new found (1 known)\n" in known.stderr
