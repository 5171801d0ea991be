"""The form of a message, and whose line raised."""

import json
import os
import subprocess
import sys
import traceback

import pytest

from trueload import DataLoader, errors
from trueload.errors import (
    ArgumentError,
    EmptyError,
    KeysDifferError,
    NoneSampleError,
    ReplayError,
    StateError,
    StopIterationError,
    TrueloadError,
    WorkerLostError,
    count,
    place_of,
    render,
    tidied,
)

PACKAGE = os.path.dirname(errors.__file__)  # noqa: PTH120 - as in a frame


def calling(path, body, name="run"):
    """Give a function whose code seems to lie in a file."""
    names = {}
    exec(compile(f"def {name}(then=None):\n    {body}\n", path, "exec"), names)  # noqa: S102
    return names[name]


def raised_by(function, *args):
    try:
        function(*args)
    except Exception as error:
        return error
    raise AssertionError(function)


def files_of(error):
    return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]


user = calling("train.py", "raise ValueError('no')")
ours = calling(f"{PACKAGE}/recipe.py", "then()")
torchs = calling(os.path.join("site", "torch", "utils", "data", "dataset.py"), "then()")  # noqa: PTH118


def test_a_message_is_a_clause_with_its_code():
    assert render("it failed", "TL999") == "it failed [TL999]"


def test_facts_are_aligned_and_a_hint_stands_apart():
    assert render("it failed", "TL999", [("a", "1"), ("longer", "2")], "do it") == (
        "it failed [TL999]\n  a       1\n  longer  2\n\nhint: do it"
    )


def test_a_fact_without_a_text_is_left_out():
    assert render("it failed", "TL999", [("a", "1"), ("longer", "")]) == "it failed [TL999]\n  a  1"


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1000, "1 000"), (75408123, "75 408 123")]
)
def test_long_numbers_are_grouped(number, text):
    assert count(number) == text


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ArgumentError, ValueError),
        (StateError, ValueError),
        (ReplayError, LookupError),
        (EmptyError, RuntimeError),
        (NoneSampleError, TypeError),
        (KeysDifferError, KeyError),
        (WorkerLostError, RuntimeError),
        (StopIterationError, RuntimeError),
    ],
)
def test_each_error_is_also_a_built_in_one(error, builtin):
    assert issubclass(error, TrueloadError)
    assert issubclass(error, builtin)


def test_the_tree_in_the_docstring_names_every_error():
    known = {
        name
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, TrueloadError)
    }
    assert {name for name in known if name in errors.__doc__} == known


def test_a_key_error_of_ours_shows_its_lines_as_lines():
    assert str(KeysDifferError("one\ntwo")) == "one\ntwo"


def test_the_place_is_the_users_deepest_line():
    assert place_of(raised_by(user)) == "train.py:2 in run"


def test_the_place_of_an_error_in_a_library_is_the_users_call():
    caller = calling("data/train.py", "import json; json.loads('{')", "load")
    assert place_of(raised_by(caller)) == "train.py:2 in load"


def test_a_place_in_a_notebook_keeps_its_form():
    assert place_of(raised_by(calling("<ipython-input-1>", "1 / 0"))).startswith(
        "<ipython-input-1>"
    )


def test_where_the_user_has_no_line_the_library_is_named():
    error = raised_by(json.loads, "{")
    error.__traceback__ = error.__traceback__.tb_next
    assert place_of(error).startswith("decoder.py:")


def test_an_error_without_frames_has_no_place():
    assert place_of(ValueError()) == ""


def test_frames_of_the_package_and_of_torchs_loader_are_left_out():
    error = tidied(raised_by(ours, lambda: torchs(user)))
    assert files_of(error) == [__file__, __file__, "train.py"]


def test_what_caused_an_error_is_tidied_too():
    inner = raised_by(ours, user)
    outer = RuntimeError()
    outer.__cause__ = inner
    tidied(outer)
    assert files_of(inner) == [__file__, "train.py"]


def test_errors_that_cause_each_other_are_tidied_once():
    one, other = raised_by(ours, user), ValueError()
    one.__context__, other.__context__ = other, one
    assert tidied(one) is one


def test_all_frames_stay_when_asked(monkeypatch):
    monkeypatch.setenv("TRUELOAD_FULL_TRACEBACK", "1")
    error = raised_by(ours, user)
    assert files_of(tidied(error)) == [__file__, f"{PACKAGE}/recipe.py", "train.py"]


def test_an_error_of_our_own_fault_keeps_its_frames():
    error = raised_by(ours)
    error.__traceback__ = error.__traceback__.tb_next
    assert files_of(tidied(error)) == [f"{PACKAGE}/recipe.py"]


def test_the_module_needs_neither_torch_nor_numpy():
    script = "import sys, trueload.errors; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_the_function_that_makes_a_loader_is_named():
    build = calling("/home/me/train.py", "return then()", "build")
    assert build(errors.made_in) == "train.py:build"
    assert build(lambda: DataLoader([1]).state_dict()["made_in"]).startswith("test_errors.py:")
    names = {"DataLoader": DataLoader}
    exec(compile("state = DataLoader([1]).state_dict()", "/train.py", "exec"), names)  # noqa: S102
    assert names["state"]["made_in"] == "train.py:<module>"
