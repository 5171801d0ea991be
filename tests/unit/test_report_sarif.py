"""The report as SARIF: what the standard demands, and what keeps a finding the same finding."""

import json
from dataclasses import replace

import pytest

from trueload.findings import Place
from trueload.reports import sarif

from .reports import PAGE, report
from .sarif_rules import problems


def log(made):
    return json.loads(sarif.render(made))


def results(made):
    return log(made)["runs"][0]["results"]


@pytest.mark.parametrize("changed", [{}, {"findings": ()}, {"rules": (), "troubles": ()}])
def test_the_log_is_what_the_standard_demands(changed):
    assert list(problems(log(report(**changed)))) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda run: run.pop("tool"), "lacks tool"),
        (lambda run: run["results"][0].update(level="grave"), "none of"),
        (lambda run: run["results"][0].update(severity=1), "must not have severity"),
        (lambda run: run["results"][0].pop("message"), "lacks message"),
        (lambda run: run["results"][0].update(ruleIndex="1"), "no int"),
        (lambda run: artifact(run["results"][0]).update(uri="my src/a.py"), "no URI"),
    ],
)
def test_the_rules_of_these_tests_see_what_is_wrong(change, problem):
    broken = log(report())
    change(broken["runs"][0])
    assert problem in " ".join(problems(broken))


def artifact(result):
    return result["locations"][0]["physicalLocation"]["artifactLocation"]


def test_each_result_names_its_rule_and_the_rule_has_the_page():
    run = log(report())["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        result["ruleId"] for result in run["results"]
    ]
    assert rules[0]["help"]["text"] == PAGE
    assert rules[0]["name"] == "MissingZeroGrad"
    assert [result["level"] for result in run["results"]] == ["error", "warning", "warning", "note"]


def test_files_are_named_from_the_working_folder_and_others_in_full():
    first, second, third, fourth = results(report())
    assert artifact(first) == {"uri": "my%20src/train.py", "uriBaseId": "%SRCROOT%"}
    assert artifact(second) == {"uri": "file:///elsewhere/train.py"}
    assert "locations" not in third
    assert "locations" not in fourth


def test_what_has_no_line_is_put_at_the_script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").touch()
    last = results(report(script="train.py"))[-1]
    assert artifact(last) == {"uri": "train.py", "uriBaseId": "%SRCROOT%"}


def test_a_fingerprint_survives_moved_lines_and_tells_equal_lines_apart():
    one = report().findings[0]
    moved = replace(one, place=replace(one.place, line=99))
    other = replace(one, place=replace(one.place, source="scaler.step(optimizer)"))
    first, again, second = results(report(findings=(one, moved, other)))
    [alone] = results(report(findings=(moved,)))
    assert alone["partialFingerprints"] == first["partialFingerprints"]
    prints = [result["partialFingerprints"]["trueload/v1"] for result in (first, again, second)]
    assert len(set(prints)) == 3


def test_a_line_of_zero_is_not_written():
    placed = replace(report().findings[0], place=Place("a.py", 0))
    [one] = results(report(findings=(placed,)))
    assert one["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
