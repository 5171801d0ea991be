"""The callbacks look on while a trainer trains, over stand-ins that call what the libraries call.

Neither Lightning nor transformers is installed where the tests run. The stand-ins have their
order of calls: `trainer/call.py` and `loops/optimization/automatic.py` of Lightning 2, and
`CallbackHandler.call_event` of transformers, with an optimizer as Accelerate wraps it.
"""

import copy
import gc
import importlib
import pickle
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset


def batches():
    torch.manual_seed(0)
    return DataLoader(TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,))), batch_size=8)


def is_undone():
    return torch.autograd.backward.__module__ == "torch.autograd" and not any(
        "__call__" in vars(kind) for kind in (Net, Head)
    )


class Head(nn.Linear):
    pass


class Net(nn.Module):
    """A `LightningModule`: what is called is the module, or a part of it."""

    automatic_optimization = True

    def __init__(self, *, by_parts=False, clears=True, breaks=False):
        super().__init__()
        torch.manual_seed(0)
        self.head, self.by_parts, self.clears, self.breaks = Head(8, 3), by_parts, clears, breaks

    def forward(self, x):
        return self.head(x)

    def training_step(self, batch):
        x, y = batch
        if self.breaks:
            raise ZeroDivisionError
        return cross_entropy(self.head(x) if self.by_parts else self(x), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class LightningTrainer:
    """A stand-in for `lightning.Trainer`."""

    def __init__(self, callbacks, accumulate_grad_batches=1):
        self.callbacks, self.accumulate_grad_batches = callbacks, accumulate_grad_batches
        self.optimizers = []

    def call(self, hook, *args, **options):
        for callback in self.callbacks:
            getattr(callback, hook)(self, self.module, *args, **options)

    def fit(self, module, loader, epochs=2):
        self.module = module
        try:
            self.call("setup", stage="fit")
            self.optimizers = [module.configure_optimizers()]
            self.call("on_fit_start")
            self.call("on_train_start")
            for _ in range(epochs):
                for number, batch in enumerate(loader):
                    self.run(number, batch, len(loader))
            self.call("on_train_end")
            self.call("teardown", stage="fit")
        except BaseException as error:
            self.call("on_exception", error)
            raise

    def run(self, number, batch, length):
        (optimizer,), every = self.optimizers, self.accumulate_grad_batches

        def closure():
            loss = self.module.training_step(batch) / every
            if number % every == 0 and self.module.clears:
                optimizer.zero_grad()
            loss.backward()
            return loss

        if (number + 1) % every and number + 1 < length:
            closure()
        else:
            optimizer.step(closure)


class AcceleratedOptimizer:
    def __init__(self, optimizer):
        self.optimizer = optimizer


class HuggingFaceTrainer:
    """A stand-in for `transformers.Trainer`."""

    def __init__(self, model, callbacks, accumulation=1, *, clears=True, breaks=False):
        self.model, self.callbacks = model, callbacks
        self.clears, self.breaks = clears, breaks
        self.args = SimpleNamespace(gradient_accumulation_steps=accumulation)

    def call_event(self, event):
        for callback in self.callbacks:
            getattr(callback, event)(
                self.args,
                SimpleNamespace(),
                SimpleNamespace(),
                model=self.model,
                optimizer=self.optimizer,
                train_dataloader=self.loader,
            )

    def train(self, epochs=2):
        self.loader = batches()
        self.optimizer = AcceleratedOptimizer(torch.optim.AdamW(self.model.parameters()))
        every = self.args.gradient_accumulation_steps
        self.call_event("on_train_begin")
        for _ in range(epochs):
            for number, (x, y) in enumerate(self.loader, 1):
                if self.breaks:
                    raise ZeroDivisionError
                (cross_entropy(self.model(x=x), y) / every).backward()
                if number % every == 0:
                    self.optimizer.optimizer.step()
                    if self.clears:
                        self.model.zero_grad()
        self.call_event("on_train_end")


class Callback:
    """A stand-in for the base class of callbacks, of either library."""

    def setup(self, trainer, pl_module, stage):
        pass

    def on_fit_start(self, trainer, pl_module):
        pass


@pytest.fixture(params=["lightning.pytorch", "pytorch_lightning"])
def lightning(request, monkeypatch):
    """Give our callback, with Lightning under one of its names."""
    for name in {request.param, request.param.partition(".")[0]}:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules[request.param].Callback = Callback
    yield importlib.import_module("trueload.integrations.lightning").Watch
    del sys.modules["trueload.integrations.lightning"]


@pytest.fixture
def transformers(monkeypatch):
    """Give our callback, with transformers there."""
    monkeypatch.setitem(sys.modules, "transformers", ModuleType("transformers"))
    sys.modules["transformers"].TrainerCallback = Callback
    yield importlib.import_module("trueload.integrations.transformers").Watch
    del sys.modules["trueload.integrations.transformers"]


@pytest.mark.parametrize("by_parts", [False, True])
@pytest.mark.parametrize("every", [1, 3])
def test_lightning_is_looked_at(by_parts, every, lightning):
    watch = lightning()
    assert isinstance(watch, Callback)
    assert watch.report() == ""
    LightningTrainer([watch], every).fit(Net(by_parts=by_parts), batches())
    assert not watch.findings
    assert is_undone()
    run = watch._watch._recorder.run
    assert (len(run.steps()), len(run.backwards), len(run.forwards)) == (-(-8 // every) * 2, 16, 16)
    assert run.accumulate == (None if every == 1 else every)
    assert {forward.module.kind for forward in run.forwards} == {"Head" if by_parts else "Net"}


def test_what_is_wrong_in_lightning_is_told(lightning, caplog):
    watch = lightning()
    LightningTrainer([watch]).fit(Net(clears=False), batches())
    assert [finding.code for finding in watch.findings] == ["TL701"]
    assert watch.grave
    assert len(caplog.records) == 1


def test_lightning_may_be_broken_off_and_begun_again(lightning):
    watch = lightning()
    with pytest.raises(ZeroDivisionError):
        LightningTrainer([watch]).fit(Net(breaks=True), batches())
    assert is_undone()
    LightningTrainer([watch]).fit(Net(), batches())
    assert "watched 16 steps" in watch.report()
    assert is_undone()


def test_a_callback_can_be_copied_and_pickled(lightning, monkeypatch):
    watch = lightning()
    LightningTrainer([watch]).fit(Net(clears=False), batches())
    for copied in (copy.deepcopy(watch), pickle.loads(pickle.dumps(watch))):
        assert not copied.findings
    assert watch.findings


@pytest.mark.parametrize("every", [1, 4])
def test_the_hugging_face_trainer_is_looked_at(every, transformers):
    watch = transformers()
    HuggingFaceTrainer(Net(), [watch], every).train()
    assert not watch.findings
    assert is_undone()
    run = watch._watch._recorder.run
    assert (len(run.steps()), len(run.backwards), len(run.forwards)) == (16 // every, 16, 16)
    assert run.accumulate == (None if every == 1 else every)


def test_what_is_wrong_in_the_hugging_face_trainer_is_told(transformers, caplog):
    watch = transformers()
    HuggingFaceTrainer(Net(), [watch], clears=False).train()
    assert [finding.code for finding in watch.findings] == ["TL701"]
    assert len(caplog.records) == 1


def test_the_hugging_face_trainer_may_be_broken_off(transformers):
    watch = transformers()
    with pytest.raises(ZeroDivisionError):
        HuggingFaceTrainer(Net(), [watch], breaks=True).train()
    HuggingFaceTrainer(Net(), [watch]).train()
    assert "watched 16 steps" in watch.report()
    assert is_undone()
    with pytest.raises(ZeroDivisionError):
        HuggingFaceTrainer(Net(), [watch], breaks=True).train()
    assert not is_undone()
    del watch
    gc.collect()
    assert is_undone()
