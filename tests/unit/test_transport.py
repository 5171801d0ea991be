"""Exceptions on their way home: the same type, arguments and attributes, or at least the text."""

import json
import pickle
import threading

import pytest

from trueload.transport import WorkerTraceback, failure


class Decoding(Exception):  # noqa: N818 - a user's name
    """Needs two arguments."""

    def __init__(self, path, line):
        super().__init__(f"{path}, line {line}")
        self.path, self.line = path, line


class Keyword(Exception):  # noqa: N818 - a user's name
    """Needs an argument by name."""

    def __init__(self, message, *, path):
        super().__init__(message)
        self.path = path


class Wording(Exception):  # noqa: N818 - a user's name
    """Words its message, which must not be worded twice."""

    def __init__(self, path):
        super().__init__(f"cannot read {path}")
        self.path = path


class MissingFile(FileNotFoundError):  # noqa: N818 - a user's name
    """An operating system's error that needs an argument by name."""

    def __init__(self, path, *, reason):
        super().__init__(2, reason, path)
        self.reason = reason


class Slotted(Exception):  # noqa: N818 - a user's name
    __slots__ = ("path",)

    def __init__(self, *, path):
        super().__init__("slotted")
        self.path = path


class Locked(Exception):  # noqa: N818 - a user's name
    """Cannot be pickled, whatever is left out."""

    def __init__(self, message):
        super().__init__(message, threading.Lock())

    def __str__(self):
        return self.args[0]


class Speechless(Exception):  # noqa: N818 - a user's name
    def __str__(self):
        raise ValueError


class Holding(Exception):  # noqa: N818 - a user's name
    """Holds something that cannot be pickled."""

    def __init__(self, message):
        super().__init__(message)
        self.lock = threading.Lock()


def raised(error, cause=None):
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def home(error):
    """Give an exception as it comes home."""
    return pickle.loads(pickle.dumps(failure(raised(error)))).error()


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no", 5),
        KeyError("label"),
        Decoding("a.jpg", 7),
        Keyword("no", path="a.jpg"),
        Wording("a.jpg"),
        FileNotFoundError(2, "No such file or directory", "a.jpg"),
        OSError(18, "Invalid cross-device link", "a", None, "b"),
        PermissionError("no"),
        MissingFile("a.jpg", reason="gone"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        ImportError("no", name="cv2", path="cv2.so"),
        StopAsyncIteration(5),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_comes_home_as_it_was(error):
    back = home(error)
    assert type(back) is type(error)
    assert back.args == error.args
    assert str(back) == str(error)
    assert vars(back) == vars(error)


@pytest.mark.parametrize("name", ["errno", "strerror", "filename", "filename2"])
@pytest.mark.parametrize(
    "error",
    [OSError(18, "cross-device", "a", None, "b"), MissingFile("a.jpg", reason="gone")],
    ids=["OSError", "subclass"],
)
def test_an_operating_systems_error_keeps_its_number_and_file(error, name):
    assert getattr(home(error), name) == getattr(error, name)


def test_an_import_error_keeps_its_module():
    back = home(ImportError("no", name="cv2", path="cv2.so"))
    assert (back.name, back.path) == ("cv2", "cv2.so")


def test_what_an_exception_keeps_in_slots_comes_home():
    assert home(Slotted(path="a.jpg")).path == "a.jpg"


def test_notes_come_home():
    error = ValueError("no")
    error.add_note("dataset[5] raised ValueError")
    assert home(error).__notes__ == ["dataset[5] raised ValueError"]


def test_the_notes_of_an_exception_that_pickles_itself_without_them_come_home():
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    caught.value.add_note("a note")
    back = failure(caught.value).error()
    assert back.__notes__ == ["a note"]
    assert (back.pos, str(back)) == (caught.value.pos, str(caught.value))


def test_the_cause_is_the_traceback_that_the_worker_would_have_printed():
    error = raised(ValueError("no"), cause=KeyError("before"))
    cause = failure(error).error().__cause__
    assert type(cause) is WorkerTraceback
    assert str(cause).startswith("\n")
    assert "KeyError: 'before'" in str(cause)
    assert "direct cause" in str(cause)
    assert "in raised" in str(cause)
    assert str(cause).rstrip().endswith("ValueError: no")


def test_a_group_comes_home_with_its_exceptions():
    back = home(ExceptionGroup("two", [ValueError("one"), ExceptionGroup("in", [KeyError("k")])]))
    assert type(back) is ExceptionGroup
    assert repr(back) == repr(
        ExceptionGroup("two", [ValueError("one"), ExceptionGroup("in", [KeyError("k")])])
    )


@pytest.mark.parametrize(
    "error",
    [Locked("it is shut"), ExceptionGroup("two", [Locked("it is shut")])],
    ids=["alone", "in a group"],
)
def test_an_exception_that_cannot_travel_comes_home_as_its_text(error):
    error.add_note("dataset[5] raised it")
    back = home(error)
    assert type(back) is RuntimeError
    assert str(back) == f"{type(error).__name__}: {error}"
    assert back.__notes__ == ["dataset[5] raised it"]
    assert "it is shut" in str(back.__cause__)


def test_a_class_that_cannot_be_found_by_its_name_comes_home_as_its_text():
    class Local(Exception):  # noqa: N818 - a user's name
        pass

    back = home(Local("no"))
    assert (type(back), str(back)) == (RuntimeError, "Local: no")


def test_an_attribute_that_cannot_be_pickled_is_left_behind():
    back = home(Holding("it is shut"))
    assert (type(back), str(back)) == (Holding, "it is shut")
    assert not hasattr(back, "lock")


def test_an_exception_without_words_comes_home():
    assert type(home(Speechless())) is Speechless


def test_a_class_that_refuses_to_be_pickled_comes_home_as_its_text():
    class Refusing(ValueError):  # noqa: N818 - a user's name
        def __reduce__(self):
            raise TypeError

    Refusing.__qualname__ = "nowhere"
    assert str(home(Refusing("no"))) == "Refusing: no"
