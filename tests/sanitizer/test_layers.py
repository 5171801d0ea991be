"""Attributes that several replace come back, whoever leaves first."""

from contextlib import ExitStack

import pytest

from trueload.sanitizer.layers import replace


class Owner:
    def shown(self):
        return "o"


class Heir(Owner):
    pass


def adding(letter):
    def make(original):
        return lambda owner: original(owner) + letter

    return make


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_layers_leave_in_any_order(order):
    before = vars(Owner)["shown"]
    stacks = [ExitStack() for _ in range(3)]
    for stack, letter in zip(stacks, "abc", strict=True):
        replace(stack, Owner, "shown", adding(letter))
    assert Owner().shown() == "oabc"
    left = "abc"
    for number in order:
        left = left.replace("abc"[number], "")
        stacks[number].close()
        assert Owner().shown() == "o" + left
    assert vars(Owner)["shown"] is before


def test_what_somebody_else_put_over_it_stays():
    before = vars(Owner)["shown"]
    try:
        with ExitStack() as stack:
            replace(stack, Owner, "shown", adding("a"))
            inner = Owner.shown
            Owner.shown = theirs = lambda owner: inner(owner) + "!"
        assert Owner.shown is theirs
        with ExitStack() as stack:
            replace(stack, Owner, "shown", adding("b"))
            assert Owner().shown() == "oa!b"
        assert Owner.shown is theirs
    finally:
        Owner.shown = before


def test_what_is_inherited_is_left_alone():
    with ExitStack() as stack:
        replace(stack, Heir, "shown", adding("a"))
        assert Heir().shown() == "o"
    assert "shown" not in vars(Heir)


def test_what_is_inherited_is_replaced_for_the_heir_alone_if_asked():
    first, second = ExitStack(), ExitStack()
    replace(first, Heir, "shown", adding("a"), inherited=True)
    replace(second, Heir, "shown", adding("b"), inherited=True)
    assert (Heir().shown(), Owner().shown()) == ("oab", "o")
    first.close()
    assert Heir().shown() == "ob"
    second.close()
    assert Heir().shown() == "o"
    assert "shown" not in vars(Heir)
