"""`trueload.watch` looks on at models that are compiled or distributed, and disturbs neither."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

import trueload


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x):
        return self.last(self.first(x).relu())


def train(model, optimizer, steps=12):
    torch.manual_seed(1)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = cross_entropy(model(torch.randn(4, 8)), torch.randint(0, 3, (4,)))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def parts():
    torch.manual_seed(0)
    model = Net()
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("given", ["model", "compiled"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_nothing_is_compiled_anew(given, when):
    from torch._dynamo.utils import counters  # noqa: PLC0415 - it takes seconds

    plain = train(*parts())
    torch._dynamo.reset()
    counters.clear()
    model, optimizer = parts()
    compiled = torch.compile(model, backend="eager")
    if when == "before":
        start = copy.deepcopy(model.state_dict())
        train(compiled, optimizer)
        model.load_state_dict(start)
    with trueload.watch(model if given == "model" else compiled, optimizer) as watched:
        if given == "model" and when == "meanwhile":
            compiled = torch.compile(model, backend="eager")
        assert train(compiled, optimizer) == plain
    train(compiled, optimizer)
    assert counters["stats"]["unique_graphs"] == 1
    assert not watched.findings
    assert len(watched._recorder.run.steps()) == 12


@pytest.mark.slow
@pytest.mark.parametrize("given", ["inner", "outer"])
def test_a_distributed_model_is_one_call(given, tmp_path):
    plain = train(*parts())
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1
    )
    try:
        model, optimizer = parts()
        outer = DistributedDataParallel(model)
        with trueload.watch(outer if given == "outer" else model, optimizer) as watched:
            assert train(outer, optimizer) == plain
    finally:
        torch.distributed.destroy_process_group()
    run = watched._recorder.run
    assert (len(run.forwards), len(run.modules), len(run.parameters)) == (12, 1, 4)
    assert not watched.findings
