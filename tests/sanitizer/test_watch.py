"""`trueload.watch` tells what is wrong with a loop, disturbs nothing and leaves nothing behind."""

import copy
import gc
import logging
import pickle
import subprocess
import sys
import threading
import weakref

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import trueload
from trueload.checks.baseline import write
from trueload.findings import Severity
from trueload.sanitizer.hooks import instruments
from trueload.sanitizer.places import Places
from trueload.sanitizer.recorder import Recorder

from .test_instruments import REPLACED


def rows(count=64, classes=3):
    torch.manual_seed(0)
    return TensorDataset(torch.randn(count, 8), torch.randint(0, classes, (count,)))


def parts(kind=torch.optim.SGD, *, dropout=0.0):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 3))
    return model, kind(model.parameters(), lr=0.1), DataLoader(rows(), batch_size=8, shuffle=True)


def train(model, optimizer, loader, epochs=2, clear=True):
    losses = []
    for _ in range(epochs):
        for x, y in loader:
            if clear:
                optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def codes(watched):
    return {finding.code for finding in watched.findings if finding.severity > Severity.NOTE}


# What is told.


def test_a_correct_loop_is_left_alone(caplog):
    model, optimizer, loader = parts()
    with trueload.watch(model, optimizer, loader) as watched:
        train(model, optimizer, loader)
    assert not watched.findings
    assert not watched.grave
    assert not caplog.records
    assert "trueload: nothing found\n  watched 16 steps (" in watched.report()
    assert "16 batches of 1 loader (128 samples), 4 parameters" in watched.report()


def test_what_is_found_is_logged_once_in_the_form_of_a_report(caplog):
    model, optimizer, loader = parts()
    with trueload.watch(model, optimizer) as watched:
        train(model, optimizer, loader, clear=False)
        assert codes(watched) == {"TL701"}
        assert not caplog.records
    assert watched.grave
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("trueload", logging.WARNING)
    first, place, source, *facts = record.getMessage().split("\n")
    assert first == "error[TL701]: `SGD` steps with gradients that earlier steps have already used"
    line = train.__code__.co_firstlineno + 8
    assert place.endswith(f"test_watch.py:{line} in train")
    assert source.endswith("optimizer.step()")
    assert "optimizer = met at test_watch.py:" in "\n".join(facts)
    assert record.getMessage() in watched.report()


def test_what_is_certain_is_told_while_training_goes_on(caplog):
    model, optimizer, loader = parts()
    with trueload.watch(model, optimizer):
        train(model, optimizer, loader, epochs=4, clear=False)
        assert [record.getMessage()[:13] for record in caplog.records] == ["error[TL701]:"]
        train(model, optimizer, loader, epochs=4, clear=False)
    assert len(caplog.records) == 1


def test_notes_are_found_and_not_logged_as_warnings(caplog):
    caplog.set_level(logging.INFO, "trueload")
    model, optimizer, loader = parts(torch.optim.Adam)
    with trueload.watch(model, optimizer) as watched:
        for number, (x, y) in enumerate(loader, 1):
            cross_entropy(model(x), y).backward()
            if number % 2 == 0:
                optimizer.step()
                optimizer.zero_grad()
        train(model, optimizer, loader, epochs=0)
    assert [(one.code, str(one.severity)) for one in watched.findings] == [("TL708", "note")]
    assert not watched.grave
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_a_line_and_a_project_can_say_that_they_want_none_of_it(caplog, tmp_path, monkeypatch):
    model, optimizer, loader = parts()
    with trueload.watch(model, optimizer) as watched:
        for x, y in loader:
            cross_entropy(model(x), y).backward()
            optimizer.step()  # trueload: ignore[TL701]
    assert not watched.findings
    (tmp_path / "pyproject.toml").write_text('[tool.trueload]\nignore = ["TL7"]\n')
    monkeypatch.chdir(tmp_path)
    code = compile(_OF_A_PROJECT, str(tmp_path / "train.py"), "exec")
    (tmp_path / "train.py").write_text(_OF_A_PROJECT)
    given = {"train": train, "parts": parts}
    exec(code, given)  # noqa: S102 - a file of a project
    assert not given["watched"].findings
    (tmp_path / "pyproject.toml").write_text('[tool.trueload]\nbaseline = "known.json"\n')
    (tmp_path / "known.json").write_text('{"version": 1, "findings": []}')
    exec(code, given)  # noqa: S102 - a file of a project
    (found,) = given["watched"].findings
    write([found], tmp_path / "known.json")
    caplog.clear()
    exec(code, given)  # noqa: S102 - a file of a project
    assert not given["watched"].findings
    assert not caplog.records


_OF_A_PROJECT = """
import trueload
model, optimizer, loader = parts()
with trueload.watch(model, optimizer) as watched:
    train(model, optimizer, loader, clear=False)
"""


@pytest.mark.parametrize("given", [None, "validation", "both"])
def test_loaders_that_were_not_given_are_not_followed(given):
    model, optimizer, loader = parts(dropout=0.5)
    held_out = DataLoader(rows(32), batch_size=8)
    loaders = {None: None, "validation": held_out, "both": [loader, held_out]}[given]
    with trueload.watch(model, optimizer, loaders) as watched:
        for _ in range(2):
            train(model, optimizer, loader, epochs=1)
            with torch.no_grad():
                for x, y in held_out:
                    cross_entropy(model(x), y)
    number = {None: 2, "validation": 1, "both": 2}[given]
    assert len(watched._recorder.run.loaders) == number
    assert "TL901" in codes(watched)


def test_a_crash_is_explained_and_passes_through(caplog):
    model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(rows(17), batch_size=4)
    with (
        pytest.raises(ValueError, match="more than 1 value per channel") as raised,
        trueload.watch(model, optimizer) as watched,
    ):
        train(model, optimizer, loader)
    assert raised.value.__cause__ is raised.value.__context__ is None
    assert codes(watched) == {"TL903"}
    assert len(caplog.records) == 1


# Accumulation that is declared.


def accumulated(model, optimizer, loader, *, every, clear_each=False):
    for _ in range(2):
        for number, (x, y) in enumerate(loader, 1):
            if clear_each:
                optimizer.zero_grad()
            (cross_entropy(model(x), y) / every).backward()
            if number % every == 0:
                optimizer.step()
                optimizer.zero_grad()


def test_accumulation_that_is_declared_and_lost_is_told():
    model, optimizer, loader = parts()
    with trueload.watch(model, optimizer, accumulate=4) as watched:
        accumulated(model, optimizer, loader, every=4, clear_each=True)
    assert codes(watched) == {"TL703"}
    (finding,) = watched.findings
    assert "3 of 4 backward passes" in finding.title
    with trueload.watch(model, optimizer) as watched:
        accumulated(model, optimizer, loader, every=4, clear_each=True)
    assert not codes(watched)  # where nothing is declared, it may be on purpose


@pytest.mark.parametrize("accumulate", [None, 4])
def test_accumulation_as_it_should_be_is_left_alone(accumulate):
    model, optimizer, loader = parts()
    with trueload.watch(model, optimizer, accumulate=accumulate) as watched:
        accumulated(model, optimizer, loader, every=4)
    assert not watched.findings


# Nothing is disturbed.


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_numbers_are_the_same_to_the_last_bit(kind):
    given = parts(kind, dropout=0.3)
    plain, after = train(*given), torch.rand(2)
    given = parts(kind, dropout=0.3)
    with trueload.watch(*given[:2]):
        watched = train(*given)
    assert watched == plain
    assert torch.equal(torch.rand(2), after)


def test_everything_is_undone():
    model, optimizer, loader = parts()
    before = [vars(owner)[name] for owner, name in REPLACED]
    hooks = torch.nn.modules.module._global_forward_pre_hooks
    with trueload.watch(model, optimizer):
        assert "__call__" in vars(nn.Sequential)
        assert not hooks
        train(model, optimizer, loader)
    assert [vars(owner)[name] for owner, name in REPLACED] == before
    assert "__call__" not in vars(nn.Sequential)
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_models_can_be_copied_and_saved_meanwhile():
    model, optimizer, loader = parts()
    plain = pickle.dumps(model)
    with trueload.watch(model, optimizer) as watched:
        assert pickle.dumps(model) == plain
        train(model, optimizer, loader)
        other = copy.deepcopy(model)
        other(torch.randn(2, 8))
        pickle.dumps(optimizer)
    assert {forward.module.number for forward in watched._recorder.run.forwards} == {0}
    assert len(watched._recorder.run.forwards) == 16


def test_models_are_not_kept_alive():
    model, optimizer, loader = parts()
    with trueload.watch(model, optimizer) as watched:
        train(model, optimizer, loader)
        gone = weakref.ref(model)
        del model, optimizer
        gc.collect()
        assert gone() is None
    assert not watched.findings


def test_a_failure_of_ours_is_not_the_users(monkeypatch, caplog):
    model, optimizer, loader = parts()
    watched = trueload.watch(model, optimizer)
    monkeypatch.setattr(watched._recorder, "before_backward", lambda *_: 1 / 0)
    monkeypatch.setattr(watched._recorder, "judge", lambda: 1 / 0)
    with watched:
        train(model, optimizer, loader, epochs=4)
    assert "ZeroDivisionError" in str(watched._recorder.troubles)
    assert not caplog.records


# Ways to use it.


def test_it_decorates_functions_and_generators():
    model, optimizer, loader = parts()
    watched = trueload.watch(model, optimizer)

    @watched
    def fit(*, clear):
        """Fit it."""
        return train(model, optimizer, loader, epochs=1, clear=clear)

    @watched
    def fits():
        yield len(fit(clear=False))
        yield len(fit(clear=False))

    assert (fit.__name__, fit.__doc__) == ("fit", "Fit it.")
    assert len(fit(clear=True)) == 8
    assert not watched.findings
    assert list(fits()) == [8, 8]
    assert codes(watched) == {"TL701"}
    assert "watched 24 steps" in watched.report()
    assert vars(torch.autograd)["backward"].__module__ == "torch.autograd"


def test_what_happens_between_two_blocks_is_not_taken_for_a_mistake():
    model, optimizer, loader = parts()
    watched = trueload.watch(model, optimizer)
    for _ in range(4):
        for x, y in loader:
            optimizer.zero_grad()
            with watched:
                cross_entropy(model(x), y).backward()
            optimizer.step()
    assert not watched.findings


@pytest.mark.parametrize("first", [0, 1])
def test_several_leave_in_any_order(first):
    before = [vars(owner)[name] for owner, name in REPLACED]
    given = [parts(), parts()]
    several = [trueload.watch(model, optimizer, loader) for model, optimizer, loader in given]
    for watched in several:
        watched.__enter__()
    train(*given[0], clear=False)
    several[first].__exit__(None, None, None)
    train(*given[1])
    several[1 - first].__exit__(None, None, None)
    assert [vars(owner)[name] for owner, name in REPLACED] == before
    assert [codes(watched) for watched in several] == [{"TL701"}, set()]
    runs = [watched._recorder.run for watched in several]
    steps = [(len(run.steps()), len(run.backwards), len(run.parameters)) for run in runs]
    assert steps == [(16, 16, 4), (16, 16, 4) if first == 0 else (0, 0, 4)]


def test_two_threads_train_two_models():
    given = [parts(), parts()]
    found = {}

    def work(number):
        model, optimizer, loader = given[number]
        with trueload.watch(model, optimizer) as watched:
            train(model, optimizer, loader, epochs=6, clear=bool(number))
        found[number] = watched

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [codes(found[number]) for number in range(2)] == [{"TL701"}, set()]
    assert [len(found[number]._recorder.run.steps()) for number in range(2)] == [48, 48]
    assert not any(found[number]._recorder.troubles for number in range(2))


def test_training_may_run_in_a_thread_of_its_own():
    model, optimizer, loader = parts()
    with trueload.watch(model, optimizer) as watched:
        for _ in range(2):
            thread = threading.Thread(
                target=train, args=(model, optimizer, loader), kwargs={"clear": False}
            )
            thread.start()
            thread.join()
    assert codes(watched) == {"TL701"}
    assert len(watched._recorder.run.steps()) == 32


def test_under_trueload_check_it_rests():
    model, optimizer, loader = parts()
    checking = Recorder(Places())
    with instruments(checking), trueload.watch(model, optimizer, accumulate=2) as watched:
        train(model, optimizer, loader, clear=False)
    assert not watched.findings
    assert "not watched" in watched.report()
    assert checking.run.accumulate == 2
    assert len(checking.run.steps()) == 16
    assert not watched._recorder.run.happened


def test_parameters_of_an_optimizer_that_was_not_given_are_not_missed():
    torch.manual_seed(0)
    encoder, head = nn.Linear(8, 8), nn.Linear(8, 3)
    model = nn.Sequential(encoder, nn.ReLU(), head)
    first = torch.optim.SGD(encoder.parameters(), lr=0.1)
    second = torch.optim.SGD(head.parameters(), lr=0.1)
    with trueload.watch(model, first) as watched:
        for x, y in DataLoader(rows(), batch_size=8):
            model.zero_grad()
            cross_entropy(model(x), y).backward()
            first.step()
            second.step()
    assert not watched.findings
    left_out = trueload.watch(model, first)
    del second
    gc.collect()
    with left_out:
        train(model, first, DataLoader(rows(), batch_size=8))
    assert "TL712" in {finding.code for finding in left_out.findings}


def test_optimizers_inside_of_wrappers_are_found():
    class Wrapper:
        def __init__(self, optimizer):
            self.optimizer = optimizer

    model, optimizer, loader = parts()
    with trueload.watch([model], [Wrapper(Wrapper(optimizer))]) as watched:
        train(model, optimizer, loader)
    assert len(watched._recorder.run.steps()) == 16


# What it works with.


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((None, "o"), "`watch` takes models of torch, got a NoneType for `model`"),
        (("m", None), "`watch` takes optimizers of torch, got a NoneType for `optimizer`"),
        (("m", []), "`watch` takes optimizers of torch, got nothing for `optimizer`"),
        (("m", "o", [[1]]), "`watch` takes loaders of torch, got a list for `loader`"),
        (("m", "o", None, 0), "`accumulate` is a number of backward passes of at least 1, got 0"),
    ],
)
def test_what_cannot_be_watched_is_refused(given, said):
    model, optimizer, _ = parts()
    known = {"m": model, "o": optimizer}
    given = [known.get(one, one) if isinstance(one, str) else one for one in given]
    with pytest.raises(trueload.ArgumentError) as raised:
        trueload.watch(*given)
    assert str(raised.value).startswith(said + " [TL105]\n\nhint: ")


@pytest.mark.slow
def test_importing_the_package_does_not_import_torch():
    code = (
        "import sys, trueload; trueload.watch if sys.argv[1:] else 0; print('torch' in sys.modules)"
    )
    for args, said in (([], "False"), (["1"], "True")):
        done = subprocess.run(
            [sys.executable, "-c", code, *args], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == said
