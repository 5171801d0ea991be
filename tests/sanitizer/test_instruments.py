"""The instruments disturb nothing, leave nothing behind, and hold little."""

import gc
import weakref
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _BaseDataLoaderIter

from trueload.evidence import EpochEnded, Fetch, FetchAfterEnd, Forward, Rate
from trueload.sanitizer.hooks import instruments
from trueload.sanitizer.places import Places
from trueload.sanitizer.recorder import Recorder

REPLACED = [
    (torch.autograd, "backward"),
    (torch.optim.Optimizer, "__init__"),
    (torch.amp.GradScaler, "step"),
    (torch.optim.lr_scheduler.LRScheduler, "__init__"),
    (torch.nn.Module, "load_state_dict"),
    (torch.nn.utils, "clip_grad_norm_"),
    (torch.nn.utils.clip_grad, "clip_grad_value_"),
    (DataLoader, "__init__"),
    (DataLoader, "__iter__"),
    (_BaseDataLoaderIter, "__next__"),
]


@pytest.fixture
def recorder():
    return Recorder(Places())


def train(steps=3):
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    loader = DataLoader(torch.randn(steps, 2), shuffle=True)
    for batch in loader:
        optimizer.zero_grad()
        model(batch).square().mean().backward()
        optimizer.step()
    scheduler.step()
    return model


def test_everything_is_taken_out_again(recorder):
    before = [vars(owner)[name] for owner, name in REPLACED]
    with instruments(recorder):
        inside = [vars(owner)[name] for owner, name in REPLACED]
        assert not any(one is other for one, other in zip(before, inside, strict=True))
    assert [vars(owner)[name] for owner, name in REPLACED] == before
    train()
    assert not recorder.run.happened


def test_no_random_number_is_consumed(recorder):
    plain, after = train(), torch.rand(3)
    with instruments(recorder):
        watched, with_checks = train(), torch.rand(3)
    assert torch.equal(after, with_checks)
    assert torch.equal(plain.weight, watched.weight)
    assert not recorder.troubles


def test_a_failure_of_an_instrument_is_not_the_scripts(recorder, monkeypatch):
    monkeypatch.setattr(recorder, "before_backward", lambda *_: 1 / 0)
    monkeypatch.setattr(recorder.loading, "fetched", lambda *_: 1 / 0)
    with instruments(recorder):
        train()
    assert {type(trouble) for trouble in recorder.troubles} == {ZeroDivisionError}


def test_a_step_that_raised_does_not_hide_the_next_ones(recorder):
    with instruments(recorder):
        model = nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with pytest.raises(ZeroDivisionError):
            optimizer.step(lambda: 1 / 0)
        for _ in range(3):
            optimizer.step()
    assert len(recorder.run.steps()) == 3


def test_a_step_within_a_step_is_one(recorder):
    class Outer(torch.optim.SGD):
        def step(self, closure=None):
            inner.step()
            return super().step(closure)

    with instruments(recorder):
        model = nn.Linear(2, 1)
        inner = torch.optim.SGD(model.parameters(), lr=0.1)
        Outer(model.parameters(), lr=0.1).step()
    assert [step.optimizer.kind for step in recorder.run.steps()] == ["Outer"]


def test_models_and_optimizers_are_not_kept_alive(recorder):
    with instruments(recorder):
        model = train()
        gone = weakref.ref(model)
        del model
        gc.collect()
        assert gone() is None


def test_loaders_epochs_and_rates_are_put_down(recorder):
    with instruments(recorder):
        train(steps=3)
        iterator = iter(DataLoader([1, 2], batch_size=2))
        assert [len(batch) for batch in iterator] == [2]
        assert next(iterator, None) is None
    run = recorder.run
    assert [(one.length, one.epochs, one.fetched) for one in run.loaders] == [(3, 1, 3), (2, 1, 1)]
    assert [end.batches for end in run.events(EpochEnded)] == [3, 1]
    assert len(list(run.events(FetchAfterEnd))) == 1
    assert [(rate.before, rate.after) for rate in run.events(Rate)] == [(0.1, 0.05)]
    assert all(fetch.leaves for fetch in run.events(Fetch))
    assert [forward.module.kind for forward in run.events(Forward)] == ["Linear"] * 3
    assert run.forwards[0].inputs[0].digest == run.fetches[0].leaves[0].digest


def test_the_places_are_those_of_the_users_lines(recorder):
    with instruments(recorder):
        train()
    code = train.__code__
    first, run = code.co_firstlineno, recorder.run
    assert {backward.place.line - first for backward in run.backwards} == {8}
    assert [facts.place.line - first for facts in run.optimizers] == [3]
    assert [facts.place.line - first for facts in run.loaders] == [5]
    assert {facts.place.line - first for facts in run.parameters} == {2}
    assert {step.place.source.strip() for step in run.steps()} == {"optimizer.step()"}


def test_names_and_owners_of_parameters_are_known(recorder):
    with instruments(recorder):
        train()
    assert [facts.name for facts in recorder.run.parameters] == ["weight", "bias"]
    assert all(facts.fresh and facts.in_graphs == 3 for facts in recorder.run.parameters)


def test_what_somebody_has_put_over_an_instrument_stays_and_nothing_more_is_put_down(recorder):
    before = torch.autograd.backward
    try:
        with instruments(recorder):
            inner = torch.autograd.backward
            torch.autograd.backward = theirs = partial(inner)
            train()
        seen = dict(recorder.run.happened)
        assert torch.autograd.backward is theirs
        train()
        assert recorder.run.happened == seen
    finally:
        torch.autograd.backward = before


@pytest.mark.parametrize("first", [0, 1])
def test_several_leave_in_any_order(first):
    before = [vars(owner)[name] for owner, name in REPLACED]
    several = [Recorder(Places()), Recorder(Places())]
    entered = [instruments(one) for one in several]
    for one in entered:
        one.__enter__()
    train()
    entered[first].__exit__(None, None, None)
    train()
    entered[1 - first].__exit__(None, None, None)
    train()
    assert [vars(owner)[name] for owner, name in REPLACED] == before
    assert [len(one.run.steps()) for one in (several[first], several[1 - first])] == [3, 6]
    assert not any(one.troubles for one in several)
