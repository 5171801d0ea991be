"""Gradients are cleared in many ways, and each of them is seen; so is what was not cleared."""

import pytest
import torch
from torch import nn

from trueload.evidence import Gradient
from trueload.sanitizer.hooks import instruments
from trueload.sanitizer.places import Places
from trueload.sanitizer.recorder import Recorder


def zero_data(model):
    for parameter in model.parameters():
        parameter.grad.data.zero_()


def zero_in_place(model):
    for parameter in model.parameters():
        parameter.grad.zero_()


def set_to_none(model):
    for parameter in model.parameters():
        parameter.grad = None


def multiply_by_zero(model):
    for parameter in model.parameters():
        parameter.grad *= 0


def replace_by_zeros(model):
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)


CLEAR = {
    "zero_grad": nn.Module.zero_grad,
    "zero_grad to zeros": lambda model: model.zero_grad(set_to_none=False),
    "data.zero_": zero_data,
    "zero_": zero_in_place,
    "None": set_to_none,
    "times zero": multiply_by_zero,
    "new zeros": replace_by_zeros,
}
LONG = 72
"""Steps until gradients are looked at less closely, and some more."""


def steps_of(loop, steps=6):
    """Give what was put down of the steps of a loop over `steps`."""
    recorder = Recorder(Places())
    with instruments(recorder):
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        loop(model, torch.optim.SGD(model.parameters(), lr=0.1), steps)
    assert not recorder.troubles
    return recorder.run.steps()


def loss_of(model):
    return model(torch.ones(2, 3)).square().sum()


@pytest.mark.parametrize("steps", [6, LONG])
@pytest.mark.parametrize("clear", CLEAR.values(), ids=CLEAR)
def test_every_way_of_clearing_is_seen(clear, steps):
    def loop(model, optimizer, steps):
        for _ in range(steps):
            loss_of(model).backward()
            optimizer.step()
            clear(model)

    seen = steps_of(loop, steps)
    assert len(seen) == steps
    assert not any(step.carried or step.lost for step in seen)
    assert all(len(step.backwards) == 1 for step in seen)


@pytest.mark.parametrize("steps", [6, LONG])
def test_what_is_not_cleared_is_carried(steps):
    def loop(model, optimizer, steps):
        for _ in range(steps):
            loss_of(model).backward()
            optimizer.step()

    assert [step.carried for step in steps_of(loop, steps)] == [False] + [True] * (steps - 1)


@pytest.mark.parametrize("clear", CLEAR.values(), ids=CLEAR)
def test_what_is_cleared_before_a_step_is_lost(clear):
    def loop(model, optimizer, steps):
        for _ in range(steps):
            loss_of(model).backward()
            clear(model)
            optimizer.step()

    seen = steps_of(loop)
    assert all(step.gradient is not Gradient.SOME for step in seen)
    assert all(len(step.lost) == 1 and not step.backwards for step in seen)


@pytest.mark.parametrize("limit", [None, 1.0])
def test_a_loss_without_slope_is_no_cleared_gradient(limit):
    def loop(model, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            (loss_of(model) * 0).backward()
            if limit is not None:
                nn.utils.clip_grad_norm_(model.parameters(), limit)
            optimizer.step()

    seen = steps_of(loop, LONG)
    assert {step.gradient for step in seen} <= {Gradient.ZERO, Gradient.SOME}
    assert not any(step.carried or step.lost for step in seen)


def test_accumulated_passes_are_counted_and_not_carried():
    def loop(model, optimizer, steps):
        for step in range(steps):
            loss_of(model).backward()
            if step % 3 == 2:
                optimizer.step()
                optimizer.zero_grad()

    seen = steps_of(loop, steps=9)
    assert [len(step.backwards) for step in seen] == [3, 3, 3]
    assert not any(step.carried for step in seen)


def test_gradients_written_by_hand_are_neither_carried_nor_lost():
    def loop(model, optimizer, steps):
        for _ in range(steps):
            loss_of(model).backward()
            for parameter in model.parameters():
                parameter.grad = parameter.grad / 2
            optimizer.step()
            optimizer.zero_grad()

    seen = steps_of(loop)
    assert all(step.changed and len(step.backwards) == 1 for step in seen)
    assert not any(step.carried or step.lost for step in seen)


@pytest.mark.parametrize("by_hand", [False, True])
def test_clipping_is_no_change_by_hand_but_scaling_before_it_is(by_hand):
    def loop(model, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            loss_of(model).backward()
            if by_hand:
                for parameter in model.parameters():
                    parameter.grad.div_(2)
            nn.utils.clip_grad_norm_(parameters=model.parameters(), max_norm=0.1)
            optimizer.step()

    seen = steps_of(loop)
    assert {step.changed for step in seen} == {by_hand}
    assert {step.gradient for step in seen} == {Gradient.SOME}


def test_only_the_optimizers_concerned_get_a_backward_pass():
    recorder = Recorder(Places())
    with instruments(recorder):
        one, other = nn.Linear(2, 2), nn.Linear(2, 2)
        optimizers = [torch.optim.SGD(model.parameters(), lr=0.1) for model in (one, other)]
        one(torch.ones(1, 2)).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
    [backward] = recorder.run.backwards
    assert [facts.number for facts in backward.into] == [0]
    assert [step.gradient for step in recorder.run.steps()] == [Gradient.SOME, Gradient.NONE]


def test_a_step_inside_the_backward_pass_uses_that_pass():
    def loop(model, optimizer, steps):
        def step(_):
            optimizer.step()
            model.zero_grad()

        next(model.parameters()).register_post_accumulate_grad_hook(step)
        for _ in range(steps):
            loss_of(model).backward()

    seen = steps_of(loop)
    assert [len(step.backwards) for step in seen] == [1] * 6
    assert not any(step.carried or step.lost for step in seen)


def test_a_closure_is_looked_at_after_its_first_call():
    recorder = Recorder(Places())
    with instruments(recorder):
        model = nn.Linear(3, 1)
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)

        def closure():
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            return loss

        assert isinstance(optimizer.step(closure), torch.Tensor)
    [step] = recorder.run.steps()
    assert step.closure_calls > 1
    assert step.gradient is Gradient.SOME
    assert all(backward.inside_step for backward in recorder.run.backwards)
