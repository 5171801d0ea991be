"""The section on names: `install` reaches the loaders that libraries build themselves."""

import importlib
import subprocess
import sys
import warnings
from types import ModuleType

import pytest
import torch
import torch.utils.data.dataloader

import trueload
from trueload import DataLoader, install, installed, uninstall

from .parts import Numbers, batches

TORCH = DataLoader.__base__


@pytest.fixture(autouse=True)
def _uninstalled():
    yield
    uninstall()


@pytest.fixture
def library(monkeypatch):
    """Give a library that imported torch's class under its own name, as Accelerate does."""
    module = ModuleType("library")
    module.DataLoader = TORCH
    module.make = lambda dataset: module.DataLoader(dataset, batch_size=2)
    monkeypatch.setitem(sys.modules, "library", module)
    return module


def test_torchs_names_are_bound_to_ours():
    install()
    assert torch.utils.data.DataLoader is DataLoader
    assert torch.utils.data.dataloader.DataLoader is DataLoader


def test_a_later_import_finds_ours():
    install()
    found = {}
    exec("from torch.utils.data import DataLoader", found)  # noqa: S102 - an import statement is the point
    assert found["DataLoader"] is DataLoader


def test_accelerates_own_name_is_bound_to_ours(library):
    install()
    loader = library.make(Numbers(3))
    assert type(loader) is DataLoader
    assert batches(loader) == [[0, 1], [2]]


def test_uninstalling_puts_everything_back(library):
    install()
    uninstall()
    assert torch.utils.data.DataLoader is TORCH
    assert torch.utils.data.dataloader.DataLoader is TORCH
    assert library.DataLoader is TORCH


def test_installing_twice_is_undone_by_uninstalling_once(library):
    install()
    install()
    uninstall()
    assert (torch.utils.data.DataLoader, library.DataLoader) == (TORCH, TORCH)


def test_installing_again_reaches_what_was_imported_since(library):
    library.DataLoader = DataLoader
    install()
    library.DataLoader = TORCH
    install()
    assert library.DataLoader is DataLoader


def test_uninstalling_what_is_not_installed_does_nothing():
    uninstall()
    assert torch.utils.data.DataLoader is TORCH


def test_a_block_installs_and_uninstalls(library):
    with installed():
        assert library.DataLoader is DataLoader
    assert (torch.utils.data.DataLoader, library.DataLoader) == (TORCH, TORCH)


def test_a_block_uninstalls_after_an_error(library):
    with pytest.raises(KeyError), installed():
        raise KeyError
    assert library.DataLoader is TORCH


def test_a_class_of_the_librarys_own_under_that_name_is_left_alone(library):
    class Own:
        pass

    library.DataLoader = Own
    install()
    assert library.DataLoader is Own


def test_subclasses_and_instances_that_exist_stay_as_they_are():
    class Subclass(TORCH):
        pass

    loader = TORCH(Numbers(2))
    install()
    assert (type(loader), Subclass.__base__) == (TORCH, TORCH)
    assert not isinstance(loader, torch.utils.data.DataLoader)


def test_a_library_that_subclasses_after_installing_derives_from_ours():
    install()

    class MultiEpochsDataLoader(torch.utils.data.DataLoader):
        pass

    assert issubclass(MultiEpochsDataLoader, DataLoader)
    assert batches(MultiEpochsDataLoader(Numbers(2))) == [[0], [1]]


def test_our_own_modules_still_know_torchs_class():
    install()
    assert DataLoader.__base__ is TORCH
    assert trueload.DataLoader is DataLoader


@pytest.fixture
def torchdata():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("torchdata.stateful_dataloader")


def test_torchdatas_loader_is_replaced_by_one_that_takes_its_argument(torchdata):
    theirs = torchdata.StatefulDataLoader
    with installed():
        loader = torchdata.StatefulDataLoader(Numbers(3), 2, snapshot_every_n_steps=5)
        assert isinstance(loader, DataLoader)
        assert batches(loader) == [[0, 1], [2]]
    assert torchdata.StatefulDataLoader is theirs


def test_torchdatas_loader_is_replaced_when_it_is_installed_again(torchdata):
    install()
    install()
    assert issubclass(torchdata.StatefulDataLoader, DataLoader)
    uninstall()
    assert not issubclass(torchdata.StatefulDataLoader, DataLoader)


SCRIPT = """
import sys
from torch.utils.data import DataLoader
loader = DataLoader([1, 2, 3], batch_size=2)
print(DataLoader.__module__, sys.argv[1:], [batch.tolist() for batch in loader])
"""


@pytest.mark.timeout(60)
def test_the_command_runs_a_script_with_ours(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "trueload", "install", str(script), "--epochs", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (
        "trueload.loader ['--epochs', '3'] [[1, 2], [3]]\n",
        "",
        0,
    )
