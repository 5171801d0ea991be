"""The state, as Lightning, Accelerate, torchtitan and torch's distributed checkpoint handle it."""

import base64
import copy
import io
import json
import pickle
from typing import Any, Protocol, runtime_checkable

import pytest
import torch
from torch.distributed import checkpoint
from torch.utils.data import WeightedRandomSampler

from trueload import DataLoader

from .parts import WORKERS, Counting, Numbers, batches, children, take

PLAIN = (int, float, str, bool, bytes, torch.Tensor, type(None))
WHOLE = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
SMALL_BYTES = 2000


def _loader(workers=0, **arguments):
    return DataLoader(Numbers(), **{"batch_size": 4, "num_workers": workers, **arguments})


def _stream(workers=0, **arguments):
    return DataLoader(Counting(), batch_size=4, num_workers=workers, **arguments)


def _stopped(loader, number):
    """Give the state after some batches of an epoch, taken inside the loop."""
    iterator = iter(loader)
    take(iterator, number)
    return loader.state_dict()


def _resumed(loader, state):
    loader.load_state_dict(state)
    return loader


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        assert all(isinstance(key, str) for key in value)
        return [leaf for one in value.values() for leaf in _leaves(one)]
    if isinstance(value, list):
        return [leaf for one in value for leaf in _leaves(one)]
    return [value]


@pytest.fixture(params=WORKERS)
def workers(request):
    return request.param


@pytest.fixture(params=[0, 1, 2, 3], ids="after {} batches".format)
def number(request):
    return request.param


def test_lightning_and_torchtitan_find_a_stateful_by_its_protocol():
    @runtime_checkable
    class Stateful(Protocol):
        def state_dict(self): ...

        def load_state_dict(self, state_dict): ...

    assert isinstance(_loader(), Stateful)
    assert isinstance(_loader(), checkpoint.stateful.Stateful)


def test_a_state_holds_plain_values_only(number, workers):
    state = _stopped(_loader(workers, shuffle=True), number)
    assert type(state) is dict
    assert all(type(leaf) in PLAIN for leaf in _leaves(state))


def test_a_state_is_small_however_long_the_dataset():
    loader = DataLoader(range(10**7), batch_size=4, shuffle=True, seed=1)
    assert len(pickle.dumps(_stopped(loader, 3))) < SMALL_BYTES


def test_accelerate_asks_for_a_state_right_after_construction(workers):
    before = children()
    state = _loader(workers).state_dict()
    assert children() == before
    assert batches(_resumed(_loader(workers), state)) == WHOLE


def test_asking_for_a_state_draws_nothing():
    loader = _loader(shuffle=True)
    before = torch.get_rng_state()
    _stopped(loader, 0)
    drawn = torch.get_rng_state()
    loader.state_dict()
    assert torch.equal(torch.get_rng_state(), drawn)
    assert not torch.equal(drawn, before)


def test_accelerates_state_of_each_batch_is_a_snapshot(workers):
    loader = _loader(workers)
    states = [loader.state_dict()]
    frozen = [copy.deepcopy(states[0])]
    for _ in loader:
        states.append(loader.state_dict())
        frozen.append(copy.deepcopy(states[-1]))
    assert states == frozen
    assert [state["_num_yielded"] for state in states] == [0, 1, 2, 3]


def test_a_run_goes_on_at_the_next_batch(workers, number):
    state = _stopped(_loader(workers), number)
    assert batches(_resumed(_loader(workers), state)) == WHOLE[number:]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_shuffled_run_goes_on_at_the_next_batch(workers, number):
    loader = _loader(workers, shuffle=True)
    iterator = iter(loader)
    take(iterator, number)
    state, rest = loader.state_dict(), batches(iterator)
    torch.manual_seed(99)
    assert batches(_resumed(_loader(workers, shuffle=True), state)) == rest


def test_a_run_goes_on_with_another_number_of_workers(workers):
    state = _stopped(_loader(2 - workers), 1)
    assert batches(_resumed(_loader(workers), state)) == WHOLE[1:]


def test_a_stream_goes_on_at_the_next_batch(workers, number):
    loader = _stream(workers)
    iterator = iter(loader)
    take(iterator, number)
    state, rest = loader.state_dict(), batches(iterator)
    assert batches(_resumed(_stream(workers), state)) == rest


def test_torchdata_after_the_last_batch_inside_the_loop_gives_no_batch(workers):
    loader = _loader(workers)
    for _ in loader:
        state = loader.state_dict()
    assert batches(_resumed(_loader(workers), state)) == []


def test_torchdata_after_the_loop_gives_a_whole_epoch(workers):
    loader = _loader(workers)
    batches(loader)
    assert batches(_resumed(_loader(workers), loader.state_dict())) == WHOLE


def test_torchdata_the_epoch_after_a_resumed_one_is_whole(workers):
    loader = _resumed(_loader(workers), _stopped(_loader(), 2))
    assert [batches(loader), batches(loader)] == [WHOLE[2:], WHOLE]


def test_torchdata_a_state_loaded_while_an_iterator_lives_waits_for_the_next(workers):
    state, loader = _stopped(_loader(), 2), _loader(workers)
    alive = iter(loader)
    take(alive, 1)
    loader.load_state_dict(state)
    assert batches(alive) == WHOLE[1:]
    assert batches(loader) == WHOLE[2:]


def test_a_state_loaded_over_persistent_workers_takes_effect():
    loader = _loader(2, persistent_workers=True)
    take(iter(loader), 1)
    loader.load_state_dict(_stopped(_loader(), 2))
    found = batches(loader), batches(loader)
    loader._iterator = None
    assert found == (WHOLE[2:], WHOLE)


def test_a_loaded_state_is_given_back_before_it_is_used(workers):
    state = _stopped(_loader(), 2)
    assert _resumed(_loader(workers), state).state_dict() == state


def test_loading_leaves_the_given_state_as_it_is(workers):
    state = _stopped(_loader(shuffle=True), 2)
    before = copy.deepcopy(state)
    batches(_resumed(_loader(workers, shuffle=True), state))
    assert state == before


def test_loading_an_empty_state_starts_afresh(workers):
    loader = _resumed(_loader(workers), _stopped(_loader(), 2))
    loader.load_state_dict({})
    assert batches(loader) == WHOLE


def test_accelerate_marks_an_epoch_as_finished_and_the_next_one_is_whole(workers):
    state = {**_stopped(_loader(), 2), "_iterator_finished": True}
    assert batches(_resumed(_loader(workers), state)) == WHOLE


def test_accelerate_lowers_the_count_by_what_it_prefetched(workers):
    state = _stopped(_loader(), 2)
    state["_num_yielded"] -= 1
    assert batches(_resumed(_loader(workers), state)) == WHOLE[1:]


def test_accelerate_finds_the_key_that_it_looks_for_finished_only_after_the_loop(workers):
    loader = _loader(workers)
    iterator = iter(loader)
    take(iterator, 3)
    before = loader.state_dict()["_iterator_finished"]
    batches(iterator)
    assert (before, loader.state_dict()["_iterator_finished"]) == (False, True)


def test_unknown_keys_are_left_aside():
    state = {**_stopped(_loader(), 2), "_sampler_iter_yielded": 7, "_index_sampler_state": {}}
    assert batches(_resumed(_loader(), state)) == WHOLE[2:]


def test_accelerate_reads_the_state_with_weights_only(number):
    file = io.BytesIO()
    torch.save(_stopped(_loader(shuffle=True, generator=torch.Generator()), number), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert len(batches(_resumed(_loader(shuffle=True), state))) == 3 - number


def test_a_state_goes_through_json(workers, number):
    def loader():
        sampler = torch.utils.data.SubsetRandomSampler(range(12))
        return DataLoader(Numbers(), batch_size=4, sampler=sampler, num_workers=workers)

    first = loader()
    iterator = iter(first)
    take(iterator, number)
    state = json.loads(json.dumps(first.state_dict()))
    assert batches(_resumed(loader(), state)) == batches(iterator)


def test_a_state_with_a_generator_as_bytes_is_still_read():
    loader = _loader(generator=torch.Generator().manual_seed(3), shuffle=True)
    iterator = iter(loader)
    take(iterator, 1)
    state = loader.state_dict()
    state["generator"] = base64.b85decode(state["generator"])
    again = _loader(generator=torch.Generator(), shuffle=True)
    assert batches(_resumed(again, state)) == batches(iterator)


def test_torchtitan_pickles_the_state_to_bytes():
    class ParallelAware(DataLoader):
        def state_dict(self):
            return {"rank_0": pickle.dumps(super().state_dict())}

        def load_state_dict(self, state_dict):
            if state_dict:
                super().load_state_dict(pickle.loads(state_dict["rank_0"]))

    state = _stopped(ParallelAware(Numbers(), 4), 1)
    assert batches(_resumed(ParallelAware(Numbers(), 4), state)) == WHOLE[1:]


class Placed(Counting):
    """An iterable dataset that knows where it is, as torchdata's protocol has it."""

    def __init__(self, length=12):
        super().__init__(length)
        self.at = 0
        self.read = []

    def __iter__(self):
        for sample in range(self.at, self.length):
            self.at = sample + 1
            self.read.append(sample)
            yield sample
        self.at = 0

    def state_dict(self):
        return {"at": self.at, "places": {"last": torch.tensor(self.at)}}

    def load_state_dict(self, state_dict):
        self.at = state_dict["at"]


class PlacedSampler:
    """A sampler that knows where it is."""

    def __init__(self):
        self.at = 0
        self.drawn = []

    def __iter__(self):
        for index in range(self.at, 12):
            self.at = index + 1
            self.drawn.append(index)
            yield index
        self.at = 0

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state_dict):
        self.at = state_dict["at"]


LOADERS = {
    "map-style": lambda: _loader(),  # noqa: PLW0108 - one form for all
    "shuffled": lambda: _loader(shuffle=True),
    "with a generator": lambda: _loader(shuffle=True, generator=torch.Generator()),
    "with a seed": lambda: _loader(shuffle=True, seed=3),
    "two workers": lambda: _loader(2),
    "iterable": lambda: _stream(),  # noqa: PLW0108 - one form for all
    "a sampler with a state": lambda: _loader(sampler=PlacedSampler()),
    "a dataset with a state": lambda: DataLoader(Placed(), batch_size=4),
}


@pytest.fixture(params=LOADERS)
def build(request):
    return LOADERS[request.param]


def _keys(state):
    """Give the keys that a distributed checkpoint has for a state."""
    flat, _ = checkpoint._nested_dict.flatten_state_dict({"loader": state})
    return sorted(flat)


def test_the_keys_of_a_checkpoint_do_not_depend_on_progress(build, number):
    assert _keys(_stopped(build(), number)) == _keys(build().state_dict())


def test_the_keys_of_a_finished_epoch_are_the_same(build):
    loader = build()
    batches(loader)
    assert _keys(loader.state_dict()) == _keys(build().state_dict())


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_a_distributed_checkpoint_saves_a_loader_and_loads_it_into_a_new_one(build, tmp_path):
    loader = build()
    iterator = iter(loader)
    take(iterator, 1)
    writer = checkpoint.FileSystemWriter(tmp_path)
    checkpoint.save({"loader": loader}, storage_writer=writer, no_dist=True)
    rest, resumed = batches(iterator), build()
    reader = checkpoint.FileSystemReader(tmp_path)
    checkpoint.load({"loader": resumed}, storage_reader=reader, no_dist=True)
    assert batches(resumed) == rest


def test_torchdata_a_samplers_own_state_is_used_instead_of_reading_over(workers):
    sampler = PlacedSampler()
    state = _stopped(_loader(sampler=PlacedSampler()), 2)
    assert batches(_resumed(_loader(workers, sampler=sampler), state)) == WHOLE[2:]
    assert sampler.drawn == WHOLE[2]


def test_torchdata_a_samplers_own_state_counts_what_was_taken_not_what_was_drawn():
    loader = _loader(2, sampler=PlacedSampler())
    state = _stopped(loader, 1)
    assert batches(_resumed(_loader(sampler=PlacedSampler()), state)) == WHOLE[1:]


def test_torchdata_a_datasets_own_state_is_used_instead_of_reading_over():
    dataset = Placed()
    state = _stopped(DataLoader(Placed(), batch_size=4), 2)
    assert batches(_resumed(DataLoader(dataset, batch_size=4), state)) == WHOLE[2:]
    assert dataset.read == WHOLE[2]


class Told(Placed):
    """Gives each sample with how many samples its worker has read."""

    def __iter__(self):
        for sample in super().__iter__():
            yield [sample, len(self.read)]


def test_torchdata_a_datasets_own_state_is_used_in_a_worker_too():
    def build():
        return DataLoader(Told(), batch_size=4, num_workers=1)

    state = _stopped(build(), 2)
    ((samples, read),) = batches(_resumed(build(), state))
    assert [samples.tolist(), read.tolist()] == [WHOLE[2], [1, 2, 3, 4]]


class Begun(Counting):
    """Writes down in shared memory how often it was begun."""

    def __init__(self):
        super().__init__()
        self.begun = torch.zeros(2, dtype=torch.int64).share_memory_()

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        self.begun[0 if info is None else info.id] += 1
        return super().__iter__()


def test_torchdata_a_resumed_stream_is_begun_once_in_each_worker(workers):
    dataset, state = Begun(), _stopped(DataLoader(Begun(), batch_size=4), 1)
    batches(_resumed(DataLoader(dataset, batch_size=4, num_workers=workers), state))
    assert dataset.begun.tolist() == ([1, 1] if workers else [1, 0])


def test_lightning_restores_the_states_of_several_loaders():
    loaders = [_loader(), _loader(2)]
    states = [_stopped(loader, 1) for loader in loaders]
    restored = [_resumed(_loader(), state) for state in states]
    assert [batches(loader) for loader in restored] == [WHOLE[1:], WHOLE[1:]]


class ItsOwnIterator(Placed):
    """An iterable dataset that is its own iterator, and begins anew when it is asked to iterate."""

    def __iter__(self):
        self.at = 0
        return self

    def __next__(self):
        if self.at == self.length:
            raise StopIteration
        self.at += 1
        return self.at - 1


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_torchdata_a_dataset_that_is_its_own_iterator_goes_on(workers):
    def build():
        return DataLoader(ItsOwnIterator(), 4, num_workers=workers, guard="off")

    loader = build()
    iterator = iter(loader)
    take(iterator, 2)
    state, rest = loader.state_dict(), batches(iterator)
    assert batches(_resumed(build(), state)) == rest


class RestoringTheGenerator(Placed):
    """An iterable dataset whose state holds that of torch's generator."""

    def __iter__(self):
        for sample in super().__iter__():
            yield sample + torch.randint(1000, ()).item()

    def state_dict(self):
        return {"at": self.at, "generator": torch.get_rng_state()}

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        torch.set_rng_state(state_dict["generator"])


def test_torchdata_a_dataset_may_bring_the_generator_back_with_it():
    loader = DataLoader(RestoringTheGenerator(), 4)
    iterator = iter(loader)
    take(iterator, 1)
    state, rest = loader.state_dict(), batches(iterator)
    torch.manual_seed(5)
    assert batches(_resumed(DataLoader(RestoringTheGenerator(), 4), state)) == rest


@pytest.mark.parametrize("context", [None, "torch's"])
def test_a_drawn_order_of_persistent_workers_goes_on_in_any_epoch(context, monkeypatch):
    """Torch draws a base seed as an iterator is made, and none as it is reset."""
    if context is not None:
        monkeypatch.setattr("trueload.loader.is_ours", lambda _: False)

    def loader(**workers):
        sampler = WeightedRandomSampler(torch.ones(20), 20, replacement=False)
        return DataLoader(torch.arange(20), batch_size=4, sampler=sampler, **workers)

    first = loader(num_workers=1, persistent_workers=True)
    for _ in range(2):
        batches = iter(first)
        taken = [next(batches).tolist() for _ in range(2)]
        state = first.state_dict()
        rest = [batch.tolist() for batch in batches]
        for workers in ({}, {"num_workers": 1}, {"num_workers": 1, "persistent_workers": True}):
            second = loader(**workers)
            second.load_state_dict(state)
            assert [batch.tolist() for batch in second] == rest
        assert sorted(index for batch in taken + rest for index in batch) == list(range(20))
