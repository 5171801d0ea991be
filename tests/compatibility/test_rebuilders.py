"""Clauses 3 to 6, 8 and 17: libraries that make another loader of a loader."""

import copy
import functools
import inspect
import pickle

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
)

from trueload import DataLoader

from .parts import WORKERS, Counting, Numbers, batches, samples, take

TORCH = torch.utils.data.DataLoader


def _plus_100(sample):
    return sample + 100


def _public(loader):
    return {name: value for name, value in vars(loader).items() if not name.startswith("_")}


def _rebuilt_by_lightning(loader, sampler):
    """Rebuild as Lightning does: what differs from the signature's defaults, and a sampler."""
    parameters = inspect.signature(loader.__init__).parameters
    given = {
        name: value
        for name, value in _public(loader).items()
        if name in parameters and value is not parameters[name].default
    }
    given["dataset"] = loader.dataset
    given["multiprocessing_context"] = loader.multiprocessing_context
    if isinstance(loader.dataset, IterableDataset):
        given.update(batch_sampler=None, sampler=None)
    elif loader.batch_sampler is not None:
        cut = BatchSampler(sampler, loader.batch_size, loader.drop_last)
        given.update(sampler=None, shuffle=False, batch_sampler=cut, batch_size=1, drop_last=False)
    else:
        given.update(sampler=sampler, shuffle=False, batch_sampler=None)
    return type(loader)(**given)


def _rebuilt_by_accelerate(loader, **changed):
    """Rebuild as Accelerate does: each argument's name is looked up, whatever it is."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(TORCH.__init__).parameters.items()
        if name not in {"self", "dataset"}
    }
    given = {name: getattr(loader, name, default) for name, default in defaults.items()}
    return DataLoader(loader.dataset, **{**given, **changed})


def _rebuilt_by_ignite(loader):
    """Rebuild as Ignite's deterministic engine does: all public attributes, one batch sampler."""
    given = _public(loader)
    for name in ("batch_size", "sampler", "drop_last"):
        given.pop(name)
    return type(loader)(**given)


@pytest.mark.parametrize("workers", WORKERS)
def test_lightning_gives_each_rank_its_share(workers):
    loader = DataLoader(Numbers(), batch_size=2, num_workers=workers, collate_fn=list)
    sampler = DistributedSampler(loader.dataset, num_replicas=2, rank=1, shuffle=False)
    rebuilt = _rebuilt_by_lightning(loader, sampler)
    assert batches(rebuilt) == [[1, 3], [5, 7], [9, 11]]


def test_lightning_rebuilds_a_loader_without_batching():
    rebuilt = _rebuilt_by_lightning(DataLoader(Numbers(4), batch_size=None), [2, 3])
    assert batches(rebuilt) == [2, 3]


def test_lightning_rebuilds_a_loader_over_an_iterable_dataset():
    rebuilt = _rebuilt_by_lightning(DataLoader(Counting(5), batch_size=2), None)
    assert batches(rebuilt) == [[0, 1], [2, 3], [4]]


def test_lightning_keeps_own_options():
    loader = DataLoader(Numbers(), transform=_plus_100, seed=7, rng="sample")
    rebuilt = _rebuilt_by_lightning(loader, SequentialSampler(loader.dataset))
    assert (rebuilt.transform, rebuilt.seed, rebuilt.rng) == (_plus_100, 7, "sample")
    assert samples(rebuilt)[:2] == [100, 101]


def test_lightning_rebuilds_a_subclass_with_an_argument_of_its_own():
    class Named(DataLoader):
        def __init__(self, name, *, dataset, collate_fn=None):
            self.name = name
            super().__init__(dataset, batch_size=3, collate_fn=collate_fn)

    loader = Named("train", dataset=Numbers(3), collate_fn=list)
    parameters = inspect.signature(loader.__init__).parameters
    given = {name: value for name, value in _public(loader).items() if name in parameters}
    assert batches(Named(**given)) == [[0, 1, 2]]


@pytest.fixture
def saved_arguments(monkeypatch):
    """Wrap every `__init__` that a loader class has in its own body, as Lightning does."""
    saved = []

    def wrapped(init):
        @functools.wraps(init)
        def wrapper(loader, *args, **kwargs):
            names = [name for name in inspect.signature(init).parameters if name != "self"]
            saved.append({**dict(zip(names, args, strict=False)), **kwargs})
            init(loader, *args, **kwargs)

        return wrapper

    classes = [DataLoader, *DataLoader.__subclasses__()]
    for loader_class in classes:
        if "__init__" in vars(loader_class):
            monkeypatch.setattr(loader_class, "__init__", wrapped(loader_class.__init__))
    return saved


def test_lightnings_wrapper_sees_the_dataset_by_name(saved_arguments):
    dataset = Numbers()
    DataLoader(dataset, 4, seed=3)
    assert saved_arguments == [{"dataset": dataset, "batch_size": 4, "seed": 3}]


def test_lightning_makes_the_loader_again_from_saved_arguments(saved_arguments):
    loader = DataLoader(Numbers(5), 2, False, num_workers=0, collate_fn=list)
    again = type(loader)(**{**saved_arguments[0], "batch_size": 3})
    assert batches(again) == [[0, 1, 2], [3, 4]]


def test_lightnings_pickled_loader_of_ddp_spawn_goes_on_where_it_is():
    loader = DataLoader(Numbers(), batch_size=4, transform=_plus_100)
    sent = pickle.loads(pickle.dumps(loader))
    assert samples(sent) == samples(loader)


def test_ignite_passes_all_public_attributes_to_the_type():
    loader = DataLoader(Numbers(5), batch_size=2, collate_fn=list, seed=5)
    rebuilt = _rebuilt_by_ignite(loader)
    assert (type(rebuilt), rebuilt.seed) == (DataLoader, 5)
    assert batches(rebuilt) == [[0, 1], [2, 3], [4]]


def test_ignite_rebuilds_a_loader_with_workers():
    loader = DataLoader(Numbers(5), batch_size=2, num_workers=2, persistent_workers=True)
    rebuilt = _rebuilt_by_ignite(loader)
    assert batches(rebuilt) == [[0, 1], [2, 3], [4]]


def test_torchs_class_takes_all_public_attributes():
    given = _public(DataLoader(Numbers(5), batch_size=None))
    assert batches(TORCH(**given)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("option", [{"transform": abs}, {"seed": 0}, {"rng": "batch"}])
def test_torchs_class_refuses_an_own_option_instead_of_losing_it(option):
    given = _public(DataLoader(Numbers(5), batch_size=None, **option))
    with pytest.raises(TypeError, match=next(iter(option))):
        TORCH(**given)


@pytest.mark.parametrize("workers", WORKERS)
def test_accelerate_asks_for_each_argument_by_name(workers):
    loader = DataLoader(Numbers(), batch_size=4, num_workers=workers, shuffle=True)
    loader.sampler.data_source = Numbers(6)
    rebuilt = _rebuilt_by_accelerate(
        loader,
        batch_size=1,
        sampler=None,
        drop_last=False,
        batch_sampler=loader.batch_sampler,
    )
    assert sorted(samples(rebuilt)) == [0, 1, 2, 3, 4, 5]


def test_accelerate_sets_a_sampler_after_construction():
    loader = DataLoader(Numbers(5), batch_size=2)
    loader.batch_sampler.sampler = [4, 3, 2]
    assert batches(loader) == [[4, 3], [2]]


def test_fastnlp_and_jittor_look_up_arguments_with_their_defaults():
    loader = DataLoader(Numbers(4), shuffle=True, batch_size=None, collate_fn=_plus_100)
    parameters = inspect.signature(type(loader)).parameters
    given = {name: getattr(loader, name, p.default) for name, p in parameters.items()}
    rebuilt = type(loader)(**given)
    assert isinstance(rebuilt.sampler, RandomSampler)
    assert sorted(batches(rebuilt)) == [100, 101, 102, 103]


def _filtered_by_class(settings):
    return {k: v for k, v in settings.items() if k in inspect.signature(DataLoader).parameters}


def _filtered_by_init(settings):
    names = inspect.signature(DataLoader.__init__).parameters
    return {k: v for k, v in settings.items() if k in names}


def _filtered_by_code(settings):
    names = DataLoader.__init__.__code__.co_varnames[2:]
    return {k: v for k, v in settings.items() if k in names}


@pytest.mark.parametrize("kept", [_filtered_by_class, _filtered_by_init, _filtered_by_code])
def test_public_scripts_filter_their_settings_by_the_signature(kept):
    settings = {"batch_size": 2, "num_workers": 0, "learning_rate": 0.1, "drop_last": True}
    assert kept(settings) == {"batch_size": 2, "num_workers": 0, "drop_last": True}
    assert batches(DataLoader(Numbers(5), **kept(settings))) == [[0, 1], [2, 3]]


def test_the_code_object_names_torchs_arguments_in_torchs_order():
    theirs = TORCH.__init__.__code__
    names = theirs.co_varnames[: theirs.co_argcount]
    code = DataLoader.__init__.__code__
    assert code.co_varnames[: code.co_argcount] == names


def test_everything_is_looked_up_when_an_iteration_begins():
    loader = DataLoader(Numbers(4), batch_size=2)
    loader.collate_fn = sum
    loader.batch_sampler.batch_size = 4
    object.__setattr__(loader, "dataset", [10, 20, 30, 40])
    assert batches(loader) == [100]


def test_timm_and_yolo_swap_the_batch_sampler():
    loader = DataLoader(Numbers(4), batch_size=2)
    object.__setattr__(loader, "batch_sampler", [[3], [2, 1]])
    assert batches(loader) == [[3], [2, 1]]


def test_workers_may_be_added_later():
    loader = DataLoader(Numbers(4), batch_size=2)
    loader.num_workers, loader.prefetch_factor = 2, 2
    assert batches(loader) == [[0, 1], [2, 3]]


def _copied(loader):
    return copy.copy(loader)


def _deeply_copied(loader):
    return copy.deepcopy(loader)


def _pickled(loader):
    return pickle.loads(pickle.dumps(loader))


@pytest.fixture(params=[_copied, _deeply_copied, _pickled])
def copied(request):
    return request.param


@pytest.mark.parametrize("workers", WORKERS)
def test_a_copy_gives_the_same_batches(copied, workers):
    loader = DataLoader(Numbers(), batch_size=5, num_workers=workers)
    samples(loader)
    assert batches(copied(loader)) == batches(loader)


def test_a_copy_is_locked_like_the_loader(copied):
    with pytest.raises(ValueError, match="batch_size attribute"):
        copied(DataLoader(Numbers())).batch_size = 3


def test_a_copy_keeps_own_options(copied):
    loader = DataLoader(Numbers(), batch_size=5, shuffle=True, seed=4, transform=_plus_100)
    assert batches(copied(loader)) == batches(
        DataLoader(Numbers(), batch_size=5, shuffle=True, seed=4, transform=_plus_100)
    )


def test_a_copy_goes_its_own_way(copied):
    loader = DataLoader(Numbers(), batch_size=4)
    alive = iter(loader)
    take(alive, 1)
    before = loader.state_dict()
    samples(copied(loader))
    assert loader.state_dict() == before


def test_a_loaded_state_goes_along_into_a_copy(copied):
    loader = DataLoader(Numbers(), batch_size=4)
    alive = iter(loader)
    take(alive, 1)
    resumed = DataLoader(Numbers(), batch_size=4)
    resumed.load_state_dict(loader.state_dict())
    assert batches(copied(resumed)) == [[4, 5, 6, 7], [8, 9, 10, 11]]
