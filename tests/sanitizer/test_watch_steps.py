"""`trueload.watch` understands the ways in which people step."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, softplus

import trueload

from .test_watch import parts


def test_a_closure_is_called_as_often_as_without():
    def fit(model, optimizer, loader):
        calls = []
        for x, y in loader:

            def closure(x=x, y=y):
                optimizer.zero_grad()
                loss = cross_entropy(model(x), y)
                loss.backward()
                calls.append(loss.item())
                return loss

            optimizer.step(closure)
        return calls

    for kind in (torch.optim.LBFGS, torch.optim.Adam):
        plain = fit(*parts(kind))
        model, optimizer, loader = parts(kind)
        with trueload.watch(model, optimizer) as watched:
            assert fit(model, optimizer, loader) == plain
        assert not watched.findings


def test_a_scaler_that_skips_steps_is_understood():
    model, optimizer, loader = parts()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    with trueload.watch(model, optimizer) as watched:
        for _ in range(4):
            for x, y in loader:
                optimizer.zero_grad()
                scaler.scale(4 * cross_entropy(model(x), y)).backward()
                scaler.step(optimizer)
                scaler.update()
    run = watched._recorder.run
    assert 0 < len(run.steps()) < run.optimizers[0].scaled_steps == 32
    assert not watched.findings


def test_two_optimizers_that_take_turns_are_understood():
    torch.manual_seed(0)
    generator, critic = nn.Linear(4, 2), nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    for_g = torch.optim.Adam(generator.parameters())
    for_c = torch.optim.Adam(critic.parameters())
    with trueload.watch([generator, critic], [for_g, for_c]) as watched:
        for _ in range(40):
            fake = generator(torch.randn(16, 4))
            for_c.zero_grad()
            loss = (
                softplus(critic(fake.detach())).mean()
                + softplus(-critic(torch.randn(16, 2))).mean()
            )
            loss.backward()
            for_c.step()
            for_g.zero_grad()
            softplus(-critic(fake)).mean().backward()
            for_g.step()
    assert not watched.findings
    assert len(watched._recorder.run.steps()) == 80


def test_a_step_in_the_backward_pass_is_understood():
    model, _, loader = parts()
    optimizers = {p: torch.optim.SGD([p], lr=0.1) for p in model.parameters()}

    def hook(parameter):
        optimizers[parameter].step()
        optimizers[parameter].zero_grad()

    handles = [p.register_post_accumulate_grad_hook(hook) for p in optimizers]
    with trueload.watch(model, optimizers.values()) as watched:
        for _ in range(3):
            for x, y in loader:
                cross_entropy(model(x), y).backward()
    for handle in handles:
        handle.remove()
    assert not watched.findings
