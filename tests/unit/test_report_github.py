"""Annotations of a GitHub workflow: one line each, escaped as its runner reads it."""

import re

from trueload.reports import github

from .reports import report

LINE = re.compile(r"::(?P<command>error|warning|notice) (?P<properties>[^\n]*?)::(?P<data>.*)")


def parsed(line):
    """Read a line as the runner does."""
    match = LINE.fullmatch(line)
    pairs = (pair.split("=", 1) for pair in match["properties"].split(","))
    properties = {name: unescaped(value, {":": "3A", ",": "2C"}) for name, value in pairs}
    return match["command"], properties, unescaped(match["data"], {})


def unescaped(text, more):
    for mark, code in {"\r": "0D", "\n": "0A", **more, "%": "25"}.items():
        text = text.replace(f"%{code}", mark)
    return text


def test_each_finding_is_one_line_that_reads_back():
    lines = github.render(report()).splitlines()
    read = [parsed(line) for line in lines]
    assert [command for command, _, _ in read] == ["error", "warning", "warning", "notice"]
    assert read[0][1] == {
        "file": "my src/train.py",
        "line": "14",
        "title": "TL701 missing-zero-grad",
    }
    assert read[0][2].splitlines() == [
        "`SGD` steps with <100 %> used gradients",
        "steps: 11 of 12",
        "optimizer: made at train.py:9, line: 9",
        "hint: call `optimizer.zero_grad()`",
    ]
    assert read[1][2].startswith("two lines\r\nof text")
    assert "file" not in read[2][1]


def test_the_text_itself():
    [first, *_] = github.render(report()).splitlines()
    assert first == (
        "::error file=my src/train.py,line=14,title=TL701 missing-zero-grad::"
        "`SGD` steps with <100 %25> used gradients%0Asteps: 11 of 12"
        "%0Aoptimizer: made at train.py:9, line: 9%0Ahint: call `optimizer.zero_grad()`"
    )


def test_marks_in_a_path_are_escaped_and_paths_begin_at_the_repository(monkeypatch, tmp_path):
    inside = tmp_path / "a, b: 1%"
    inside.mkdir()
    monkeypatch.chdir(inside)
    [first, *_] = github.render(report()).splitlines()
    assert "file=my src/train.py," in first
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    [first, *_] = github.render(report()).splitlines()
    assert "file=a%2C b%3A 1%25/my src/train.py,line" in first


def test_nothing_found_is_nothing():
    assert github.render(report(findings=())) == ""
