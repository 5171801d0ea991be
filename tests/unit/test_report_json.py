"""The report for programs: its names are a public interface."""

import json

from trueload.reports import json as form

from .reports import report


def shown(made):
    return json.loads(form.render(made))


def test_the_whole_of_it(snapshot, monkeypatch):
    monkeypatch.setattr(form, "tool_version", lambda: "1.2.3")
    assert form.render(report()) == snapshot


def test_nothing_found_has_the_same_names():
    full, empty = shown(report()), shown(report(findings=(), rules=(), troubles=()))
    assert full.keys() == empty.keys()
    assert empty["findings"] == []
    assert empty["summary"] == {"error": 0, "warning": 0, "note": 0}


def test_every_field_of_what_was_examined_is_there():
    assert shown(report())["examined"] == {
        "steps": 12,
        "backwards": 12,
        "graphs": 12,
        "batches": 24,
        "samples": 384,
        "parameters": 4,
        "loaders": 2,
        "seconds": 1.5,
        "reread": 0,
    }
