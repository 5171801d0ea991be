"""Clauses 1 to 7 and 19: the class as libraries look at it before they iterate."""

import inspect
from abc import ABC, abstractmethod
from types import FunctionType
from typing import Protocol, runtime_checkable

import pytest
import torch
from torch.utils.data import BatchSampler, SequentialSampler, default_collate, default_convert

from trueload import DataLoader

from .parts import Counting, Numbers, samples

TORCH = torch.utils.data.DataLoader
PUBLIC = {
    "dataset",
    "batch_size",
    "num_workers",
    "pin_memory",
    "pin_memory_device",
    "prefetch_factor",
    "timeout",
    "worker_init_fn",
    "in_order",
    "drop_last",
    "sampler",
    "batch_sampler",
    "generator",
    "collate_fn",
    "persistent_workers",
}
OWN = {
    "transform": str,
    "seed": 3,
    "rng": "sample",
    "copy": "always",
    "guard": "strict",
    "dataset_in_worker": str,
    "contract": "off",
    "on_error": "skip",
}
LOCKED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
KINDS = {
    "batches": (Numbers, {"batch_size": 4}),
    "shuffled": (Numbers, {"batch_size": 4, "shuffle": True}),
    "no batching": (Numbers, {"batch_size": None}),
    "batch sampler": (Numbers, {"batch_sampler": BatchSampler(range(12), 5, drop_last=False)}),
    "iterable": (Counting, {"batch_size": 4}),
    "workers": (Numbers, {"num_workers": 2, "persistent_workers": True}),
}


def _public(loader):
    return {name: value for name, value in vars(loader).items() if not name.startswith("_")}


def _of_kind(kind, loader_class=DataLoader, **more):
    dataset, arguments = KINDS[kind]
    return loader_class(dataset(), **arguments, **more)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_it_is_a_torch_loader_as_lightning_fabric_and_accelerate_ask():
    assert isinstance(DataLoader(Numbers()), TORCH)


def test_its_metaclass_is_type_so_that_torchtitan_can_mix_in_its_own():
    assert type(DataLoader) is type


def test_it_mixes_with_an_abstract_class_and_a_protocol_as_in_torchtitan():
    @runtime_checkable
    class Stateful(Protocol):
        def state_dict(self): ...

        def load_state_dict(self, state_dict): ...

    class Base(Stateful, ABC):
        @abstractmethod
        def __iter__(self): ...

    class ParallelAware(DataLoader, Base):
        def __init__(self, dataset, batch_size):
            self.batch_size = batch_size
            super().__init__(dataset, batch_size)

    assert samples(ParallelAware(Numbers(), 4)) == list(range(12))


def test_it_has_torchs_name_which_lightnings_warnings_show():
    assert (DataLoader.__name__, DataLoader.__qualname__) == ("DataLoader", "DataLoader")


def test_it_is_subscriptable_as_accelerates_annotations_need():
    assert DataLoader[int].__origin__ is DataLoader


def test_the_initialized_flag_has_torchs_mangled_name():
    assert vars(DataLoader(Numbers()))["_DataLoader__initialized"] is True


def test_init_is_a_plain_function_of_its_own_body_for_lightning_to_wrap():
    assert type(vars(DataLoader)["__init__"]) is FunctionType
    assert not hasattr(DataLoader.__init__, "__wrapped__")


def test_it_has_no_new_of_its_own():
    assert DataLoader.__new__ is object.__new__


def test_torchs_arguments_come_first_with_torchs_kinds_and_defaults():
    theirs = list(inspect.signature(TORCH.__init__).parameters.values())
    ours = list(inspect.signature(DataLoader.__init__).parameters.values())[: len(theirs)]
    assert [(p.name, p.kind, p.default) for p in ours] == [
        (p.name, p.kind, p.default) for p in theirs
    ]


def test_own_arguments_are_keyword_only_and_have_defaults():
    theirs = inspect.signature(TORCH.__init__).parameters
    ours = inspect.signature(DataLoader.__init__).parameters
    own = [parameter for name, parameter in ours.items() if name not in theirs]
    assert {parameter.name for parameter in own} == {*OWN, "shard", "even", "manifest"}
    assert all(p.kind is p.KEYWORD_ONLY for p in own)
    assert [p.default for p in own] == [getattr(DataLoader, p.name) for p in own]


def test_the_class_and_its_init_have_the_same_signature():
    of_init = list(inspect.signature(DataLoader.__init__).parameters)
    assert list(inspect.signature(DataLoader).parameters) == of_init[1:]


def test_public_attributes_are_exactly_torchs(kind):
    assert set(_public(_of_kind(kind))) == PUBLIC


def test_public_attributes_have_torchs_values(kind):
    ours, theirs = _public(_of_kind(kind)), _public(_of_kind(kind, TORCH))
    made_anew = {"dataset", "sampler", "batch_sampler"}
    assert {name: ours[name] for name in PUBLIC - made_anew} == {
        name: theirs[name] for name in PUBLIC - made_anew
    }
    assert all(type(ours[name]) is type(theirs[name]) for name in made_anew)


def test_given_objects_are_kept_as_they_are():
    given = {
        "sampler": SequentialSampler(Numbers()),
        "collate_fn": list,
        "worker_init_fn": print,
        "generator": torch.Generator(),
    }
    kept = _public(DataLoader(Numbers(), **given))
    assert all(kept[name] is value for name, value in given.items())


def test_a_given_batch_sampler_is_kept_as_it_is():
    lists = [[0, 1], [2]]
    assert DataLoader(Numbers(), batch_sampler=lists).batch_sampler is lists


def test_the_default_collate_functions_are_torchs():
    assert DataLoader(Numbers()).collate_fn is default_collate
    assert DataLoader(Numbers(), batch_size=None).collate_fn is default_convert


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_no_property_or_slot_stands_behind_a_public_attribute(name):
    assert not hasattr(DataLoader, name)


@pytest.mark.parametrize("name", OWN)
def test_the_default_of_an_own_option_is_a_class_attribute(name):
    default = vars(DataLoader)[name]
    loader = DataLoader(Numbers(), **{name: default})
    assert name not in vars(loader)
    assert getattr(loader, name) == default


@pytest.mark.parametrize("name", OWN)
def test_an_own_option_that_is_given_enters_the_instance(name):
    loader = DataLoader(Numbers(), **{name: OWN[name]})
    assert set(_public(loader)) == {*PUBLIC, name}
    assert vars(loader)[name] == OWN[name]


def test_there_is_no_shuffle_attribute_for_accelerate_to_pass_beside_a_sampler():
    assert not hasattr(DataLoader(Numbers(), shuffle=True), "shuffle")


@pytest.mark.parametrize("name", LOCKED)
def test_a_locked_attribute_refuses_a_new_value_in_torchs_words(name):
    loader = DataLoader(Numbers())
    words = f"^{name} attribute should not be set after DataLoader is initialized$"
    with pytest.raises(ValueError, match=words):
        setattr(loader, name, None)


@pytest.mark.parametrize("name", LOCKED)
def test_timms_unlocking_lets_an_attribute_be_set(name):
    loader = DataLoader(Numbers())
    loader._DataLoader__initialized = False
    setattr(loader, name, "new")
    loader._DataLoader__initialized = True
    assert getattr(loader, name) == "new"


@pytest.mark.parametrize("name", LOCKED)
def test_ultralytics_passes_the_lock_with_object_setattr(name):
    loader = DataLoader(Numbers())
    object.__setattr__(loader, name, "new")
    assert getattr(loader, name) == "new"


@pytest.mark.parametrize("name", sorted(PUBLIC - set(LOCKED)))
def test_other_attributes_may_be_set(name):
    loader = DataLoader(Numbers())
    setattr(loader, name, "new")
    assert getattr(loader, name) == "new"


def test_open_clip_may_set_attributes_of_its_own():
    loader = DataLoader(Numbers())
    loader.num_samples = loader.num_batches = 7
    assert vars(loader)["num_samples"] == 7


def test_a_subclass_may_set_attributes_before_it_initializes():
    class Early(DataLoader):
        def __init__(self, *args, **kwargs):
            self.dataset = self.extra = "early"
            super().__init__(*args, **kwargs)

    assert samples(Early(Numbers(3), batch_size=2)) == [0, 1, 2]


def test_the_context_is_a_property_that_makes_a_context_of_a_name():
    loader = DataLoader(Numbers(), num_workers=1, multiprocessing_context="spawn")
    assert isinstance(DataLoader.multiprocessing_context, property)
    assert loader.multiprocessing_context.get_start_method() == "spawn"


@pytest.mark.parametrize(
    ("workers", "context", "error"),
    [(1, "unknown", ValueError), (1, 3, TypeError), (0, "fork", ValueError)],
)
def test_the_context_is_checked_as_torch_checks_it(workers, context, error):
    words = []
    for loader_class in (TORCH, DataLoader):
        with pytest.raises(error) as caught:
            loader_class(Numbers(), num_workers=workers, multiprocessing_context=context)
        words.append(str(caught.value))
    assert words[0] == words[1]


def test_the_context_may_be_set_later():
    loader = DataLoader(Numbers(), num_workers=1)
    loader.multiprocessing_context = "forkserver"
    assert loader.multiprocessing_context.get_start_method() == "forkserver"


def test_ignite_and_lightning_find_torchs_private_names(kind):
    ours, theirs = _of_kind(kind), _of_kind(kind, TORCH)
    for name in ("_dataset_kind", "_auto_collation", "_IterableDataset_len_called", "_iterator"):
        assert getattr(ours, name) == getattr(theirs, name)


def test_the_index_sampler_is_the_batch_sampler_or_the_sampler():
    batched, single = DataLoader(Numbers()), DataLoader(Numbers(), batch_size=None)
    assert batched._index_sampler is batched.batch_sampler
    assert single._index_sampler is single.sampler


def test_too_many_workers_are_warned_of_in_torchs_words():
    with pytest.warns(UserWarning, match="This DataLoader will create 999 worker processes"):
        DataLoader(Numbers(), num_workers=999)


def test_the_length_of_an_iterable_dataset_that_was_told_is_remembered():
    class Sized(Counting):
        def __len__(self):
            return self.length

    loader = DataLoader(Sized(), batch_size=5)
    assert len(loader) == 3
    assert loader._IterableDataset_len_called == 12
