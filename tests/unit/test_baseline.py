"""The baseline: what is known is not told, and what is known survives edits around it."""

from dataclasses import replace
from pathlib import Path

import pytest

from trueload.checks.baseline import read, unknown, write
from trueload.errors import ArgumentError
from trueload.findings import Finding, Place, Severity


@pytest.fixture
def file(tmp_path):
    return tmp_path / "baseline.json"


def finding(folder, source="    optimizer.step()", line=9, code="TL701"):
    place = Place(str(folder / "src" / "train.py"), line, "fit", source)
    return Finding(code, "a-name", Severity.ERROR, "it is so", place)


def test_what_is_known_is_left_out_and_what_is_new_is_not(file, tmp_path):
    known, new = finding(tmp_path), finding(tmp_path, code="TL702")
    write([known], file)
    assert unknown([known, new], file) == [new]


def test_a_moved_or_indented_line_stays_known(file, tmp_path):
    write([finding(tmp_path)], file)
    moved = finding(tmp_path, "        optimizer.step()", 99)
    assert unknown([moved], file) == []


def test_another_text_of_the_line_or_another_file_is_new(file, tmp_path):
    write([finding(tmp_path)], file)
    changed = finding(tmp_path, "scaler.step(optimizer)")
    elsewhere = replace(changed, place=replace(finding(tmp_path).place, file="/other/train.py"))
    assert unknown([changed, elsewhere], file) == [changed, elsewhere]


def test_equal_lines_are_counted(file, tmp_path):
    one, two, three = (finding(tmp_path, line=line) for line in (9, 19, 29))
    write([one, two], file)
    assert unknown([one, two, three], file) == [three]


def test_what_has_no_place_or_no_file_can_be_known_too(file, tmp_path):
    nowhere = replace(finding(tmp_path), place=None)
    command = replace(nowhere, place=Place("<string>", 2, source="loss = f()"))
    write([nowhere, command], file)
    assert unknown([nowhere, command], file) == []
    assert read(file) == [("TL701", "", ""), ("TL701", "<string>", "loss = f()")]


def test_files_are_named_from_the_folder_of_the_baseline(file, tmp_path, monkeypatch):
    write([finding(tmp_path)], file)
    assert read(file) == [("TL701", "src/train.py", "optimizer.step()")]
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    copied = Path(moved, "baseline.json")
    copied.write_bytes(file.read_bytes())
    monkeypatch.chdir("/")
    assert unknown([finding(moved)], copied) == []


def test_the_text_of_a_baseline(file, tmp_path, snapshot):
    write([finding(tmp_path, code="TL702"), finding(tmp_path)], file)
    assert file.read_text() == snapshot


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such file or directory"),
        ("{", "it is no JSON"),
        ("[]", "it has no `version` of 1"),
        ('{"version": 2, "findings": []}', "it has no `version` of 1"),
        ('{"version": 1, "findings": [{"code": "TL701"}]}', "lack code, file, source"),
        ('{"version": 1}', "lack code, file, source"),
    ],
)
def test_what_is_no_baseline_is_refused(text, why, file):
    if text is not None:
        file.write_text(text)
    with pytest.raises(ArgumentError, match=rf"baseline\.json is no baseline: .*{why}.*TL105"):
        read(file)
