"""Findings: what makes two of them one, and how their places are shown."""

from pathlib import Path

from trueload.findings import Finding, Place, Severity, merged

LINE = Place("/home/user/train.py", 14, "fit", "    optimizer.step()")


def finding(code="TL701", place=LINE, severity=Severity.WARNING, count=1):
    return Finding(code, "a-name", severity, "a title", place, count=count)


def test_findings_at_one_line_become_one_and_are_counted():
    again = Place("/home/user/train.py", 14, "fit.again", "as it was before an edit")
    [one] = merged([finding(count=2), finding(place=again, severity=Severity.ERROR)])
    assert (one.count, one.severity, one.place.function) == (3, Severity.ERROR, "fit")


def test_other_lines_and_other_codes_stay_apart_and_the_gravest_comes_first():
    other = Place("/home/user/train.py", 15)
    three = [finding(), finding(code="TL702", severity=Severity.ERROR), finding(place=other)]
    assert merged(three) == [three[1], three[0], three[2]]


def test_a_place_is_shown_from_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert Place(str(tmp_path / "src" / "train.py"), 3, "Net.forward").shown == (
        f"{Path('src', 'train.py')}:3 in Net.forward"
    )
    assert Place("/elsewhere/train.py", 3, "<module>").shown == "/elsewhere/train.py:3"
    assert Place("<string>", 1, "<module>").shown == "<string>:1"
