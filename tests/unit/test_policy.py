"""What a policy may say, and what it then allows."""

import pickle

import pytest

from trueload import ArgumentError, DataLoader, ErrorPolicy
from trueload.policy import is_transient, policy_of

REFUSED = [
    {"action": "ignore"},
    {"action": None},
    {"action": "skip", "budget_count": -1},
    {"action": "skip", "budget_count": 1.5},
    {"action": "skip", "budget_share": 1.5},
    {"action": "skip", "budget_share": "much"},
    {"action": "skip", "consecutive": 0},
    {"action": "skip", "consecutive": True},
    {"action": "skip", "retry": None},
    {"action": "skip", "retry": -1},
    {"action": "skip", "quarantine": 3},
    {"action": "skip", "exceptions": "OSError"},
    {"action": "skip", "exceptions": (OSError, KeyboardInterrupt)},
    {"action": "skip", "exceptions": AttributeError},
    {"action": "skip", "exceptions": (OSError, ModuleNotFoundError)},
]


@pytest.mark.parametrize("given", REFUSED, ids=str)
def test_what_means_nothing_is_refused(given):
    with pytest.raises(ArgumentError, match="ErrorPolicy"):
        ErrorPolicy(**given)


@pytest.mark.parametrize("on_error", ["wait", "ignore", None, 3, ["skip"]])
def test_a_loader_refuses_what_is_no_policy(on_error):
    with pytest.raises(ArgumentError, match="on_error"):
        DataLoader(range(3), on_error=on_error)


def test_a_loader_refuses_a_quarantine_in_no_folder(tmp_path):
    policy = ErrorPolicy("skip", quarantine=tmp_path / "nowhere" / "bad.jsonl")
    with pytest.raises(ArgumentError, match="does not exist"):
        DataLoader(range(3), on_error=policy)


def test_a_word_stands_for_a_policy():
    assert policy_of("raise") is None
    assert policy_of("skip") == ErrorPolicy("skip")
    assert policy_of(ErrorPolicy("raise", retry=1)) == ErrorPolicy("raise", retry=1)


@pytest.mark.parametrize(
    ("given", "samples", "allowed"),
    [
        ({}, 1_000_000, 1000),
        ({}, 20_000, 20),
        ({}, 1000, 10),
        ({}, 20, 10),
        ({}, 19, 9),
        ({}, 3, 1),
        ({}, 1, 0),
        ({"budget_count": 3}, 1_000_000, 3),
        ({"budget_share": 0.01}, 1000, 10),
        ({"budget_share": 0.01}, 50, 0),
        ({"budget_share": 0.5, "budget_count": 7}, 10, 5),
        ({"budget_share": 0.5, "budget_count": 7}, 100, 7),
        ({"budget_count": 0}, 100, 0),
    ],
)
def test_how_many_bad_samples_an_epoch_may_have(given, samples, allowed):
    assert ErrorPolicy("skip", **given).allowed(samples, 0) == allowed


@pytest.mark.parametrize(("so_far", "allowed"), [(1, 10), (10_000, 10), (50_000, 50)])
def test_of_a_stream_those_that_came_count(so_far, allowed):
    assert ErrorPolicy("skip").allowed(None, so_far) == allowed


def test_a_policy_travels():
    policy = ErrorPolicy("skip", exceptions=(OSError, ValueError), quarantine="bad.jsonl")
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert pickle.loads(pickle.dumps(policy.tolerance)) == policy.tolerance


class UnidentifiedImageError(OSError):
    """As Pillow's."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(5, "Input/output error"), True),
        (OSError("truncated"), True),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (FileNotFoundError(), False),
        (PermissionError(), False),
        (UnidentifiedImageError(), False),
        (ValueError(), False),
    ],
    ids=repr,
)
def test_what_may_be_over_in_a_moment(error, expected):
    assert is_transient(error) is expected
