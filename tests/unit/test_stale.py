"""Functions whose file says something else by now are named, and no others."""

import importlib
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from trueload.stale import StaleFunction, stale_functions

TEXT = '''
"""A module."""

import functools
from dataclasses import dataclass

KINDS = {"a", "b", "c"}


def traced(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner


def plain(function):
    return lambda *args: function(*args)


class Rows:
    """Rows."""

    def __getitem__(self, index, factor=2, *, shift=0.0):
        """Give a row."""
        return index * factor + shift

    @property
    def size(self):
        return 10

    @staticmethod
    @traced
    def read(path):
        return [line for line in path if line not in {"x", "y", "z"}]


@plain
def hidden(x):
    return x - 1


@functools.lru_cache
def cached(x):
    return x + 1


@dataclass
class Row:
    number: int = 3


if KINDS:
    def either():
        return 1
else:
    def either():
        return 2
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of its own for each test, and what saves it anew."""
    name = f"stale_{tmp_path.name}".replace("-", "_")
    path = tmp_path / f"{name}.py"
    path.write_text(TEXT)
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = importlib.import_module(name)
    yield loaded
    del sys.modules[name]


def saved(module, *changes):
    text = TEXT
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    Path(module.__file__).write_text(text)
    return [one.name for one in stale_functions(module)]


def test_what_was_not_saved_is_not_stale(module):
    assert saved(module) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"""Rows."""', '"""Rows of numbers."""'),
        ('        """Give a row."""\n', ""),
        ('"""A module."""', "# A line.\n\n\n"),
        ("return x + 1", "return x + 1  # so"),
        ('"y", "z"}', '"z", "y"}'),
    ],
    ids=["another docstring", "no docstring", "moved", "a comment", "a set in another order"],
)
def test_what_changes_no_code_is_not_stale(module, before, after):
    assert saved(module, (before, after)) == []


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("index * factor", "index + factor", "Rows.__getitem__"),
        ("factor=2", "factor=3", "Rows.__getitem__"),
        ("shift=0.0", "shift=-0.0", "Rows.__getitem__"),
        ("return 10", "return 11", "Rows.size"),
        ('"y", "z"}', '"y", "w"}', "Rows.read"),
        ("return x - 1", "return x - 2", "hidden"),
        ("return x + 1", "return x + True", "cached"),
        ("return function(*args)\n\n    return inner", "pass\n\n    return inner", "traced"),
    ],
)
def test_what_says_something_else_is_named(module, before, after, name):
    assert name in saved(module, (before, after))


def test_a_function_that_is_gone_is_told_so(module):
    Path(module.__file__).write_text(TEXT.replace("def cached(x)", "def kept(x)"))
    line = TEXT.splitlines().index("@functools.lru_cache") + 1
    (stale,) = stale_functions(module)
    expected = StaleFunction(module.__name__, "cached", module.__file__, line, is_gone=True)
    assert stale == expected
    assert str(stale).endswith(f"py:{line} in cached is no longer in the file")


def test_nothing_is_said_of_a_file_that_is_half_saved_or_gone(module):
    Path(module.__file__).write_text("def (")
    assert stale_functions(module) == []
    Path(module.__file__).unlink()
    assert stale_functions(module) == []


def test_all_modules_that_are_not_installed_are_looked_through(module):
    saved(module, ("return 10", "return 11"))
    assert "Rows.size" in [one.name for one in stale_functions() if one.module == module.__name__]


def test_what_is_made_at_run_time_is_left_alone(module):
    module.made = eval("lambda: 1")  # noqa: S307 - as dataclasses do
    exec(compile(dedent("def given(): return 5"), module.__file__, "exec"), vars(module))  # noqa: S102
    assert [one.name for one in stale_functions(module)] == ["given"]
    exec(  # noqa: S102 - as some libraries do, under the name of a file that never had it
        compile(
            "def make():\n def inner(): return 5\n return inner\ninner = make()", "<x>", "exec"
        ),
        vars(module),
    )
    assert [one.name for one in stale_functions(module)] == ["given"]
