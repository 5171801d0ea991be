"""Clause 18: the draws from torch's generators, which Ignite, MONAI and transformers rely on."""

import pytest
import torch
from torch.utils.data import BatchSampler, RandomSampler, WeightedRandomSampler

from trueload import DataLoader

from .parts import WORKERS, Counting, Numbers, batches, take

TORCH = torch.utils.data.DataLoader
ARGUMENTS = {
    "in sequence": dict,
    "shuffled": lambda: {"shuffle": True},
    "shuffled by a generator": lambda: {"shuffle": True, "generator": _seeded(3)},
    "drawn with replacement": lambda: {"sampler": RandomSampler(Numbers(), replacement=True)},
    "weighted": lambda: {"sampler": WeightedRandomSampler([1.0, 2.0, 3.0] * 4, 12)},
    "batches of a sampler": lambda: {"batch_sampler": _in_batches()},
    "no batching": lambda: {"batch_size": None, "shuffle": True},
}


def _seeded(seed):
    return torch.Generator().manual_seed(seed)


def _in_batches():
    return BatchSampler(RandomSampler(Numbers(), generator=_seeded(5)), 4, drop_last=True)


@pytest.fixture(params=ARGUMENTS)
def arguments(request):
    return ARGUMENTS[request.param]


@pytest.fixture(params=WORKERS)
def workers(request):
    return request.param


def _both(use):
    """Use torch's class and ours under the same seed; give both results and the next draw."""
    results = []
    for loader_class in (TORCH, DataLoader):
        torch.manual_seed(11)
        results.append((use(loader_class), torch.rand(3).tolist()))
    return results


def test_epochs_and_the_generator_afterwards_are_torchs(arguments, workers):
    def use(loader_class):
        loader = loader_class(Numbers(), num_workers=workers, **arguments())
        return batches(loader), batches(loader)

    theirs, ours = _both(use)
    assert ours == theirs


def test_an_epoch_left_in_the_middle_draws_what_torchs_draws(arguments, workers):
    def use(loader_class):
        iterator = iter(loader_class(Numbers(), num_workers=workers, **arguments()))
        return take(iterator, 1)

    theirs, ours = _both(use)
    assert ours == theirs


def test_persistent_epochs_are_torchs(arguments):
    def use(loader_class):
        loader = loader_class(Numbers(), num_workers=2, persistent_workers=True, **arguments())
        found = batches(loader), batches(loader), batches(loader)
        loader._iterator = None
        return found

    theirs, ours = _both(use)
    assert ours == theirs


def test_an_iterable_dataset_costs_one_draw_an_epoch(workers):
    def use(loader_class):
        return batches(loader_class(Counting(), batch_size=4, num_workers=workers))

    theirs, ours = _both(use)
    assert ours == theirs


def test_building_a_loader_draws_nothing(arguments):
    before = torch.get_rng_state()
    DataLoader(Numbers(), **{**arguments(), "generator": None})
    assert torch.equal(torch.get_rng_state(), before)


def test_an_iterator_draws_one_base_seed_from_the_default_generator(workers):
    expected = torch.empty((), dtype=torch.int64).random_(generator=_seeded(4)).item()
    torch.manual_seed(4)
    assert iter(DataLoader(Numbers(), num_workers=workers))._base_seed == expected


def test_an_iterator_draws_one_base_seed_from_the_generator_that_was_given(workers):
    expected, generator = _seeded(4), _seeded(4)
    base_seed = torch.empty((), dtype=torch.int64).random_(generator=expected).item()
    before = torch.get_rng_state()
    iterator = iter(DataLoader(Numbers(), num_workers=workers, generator=generator))
    assert iterator._base_seed == base_seed
    assert torch.equal(generator.get_state(), expected.get_state())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("seed", [None, 3])
def test_a_loader_with_a_seed_draws_as_much_as_one_without(workers, seed):
    torch.manual_seed(4)
    batches(DataLoader(Numbers(), num_workers=workers, seed=seed))
    drawn = torch.get_rng_state()
    torch.manual_seed(4)
    batches(TORCH(Numbers(), num_workers=workers))
    assert torch.equal(drawn, torch.get_rng_state())


def test_ignites_engine_reseeds_and_gets_the_same_epoch(workers):
    loader = DataLoader(Numbers(), batch_size=4, shuffle=True, num_workers=workers)
    epochs = []
    for _ in range(2):
        torch.manual_seed(21)
        epochs.append(batches(loader))
    assert epochs[0] == epochs[1]


def test_transformers_skips_batches_under_the_generator_of_the_epoch(workers):
    loader = DataLoader(
        Numbers(), batch_size=4, shuffle=True, generator=_seeded(9), num_workers=workers
    )
    whole = batches(loader)
    loader.generator.manual_seed(9)
    iterator = iter(loader)
    take(iterator, 2)
    assert take(iterator, 1) == whole[2:]


class Drawing(Numbers):
    """A dataset whose samples draw from torch's generator."""

    def __getitem__(self, index):
        return index, torch.rand(()).item()


def _drawing(workers):
    return DataLoader(Drawing(), batch_size=None, shuffle=True, num_workers=workers)


def test_monais_set_determinism_gives_the_same_draws_in_samples(workers):
    epochs = []
    for _ in range(2):
        torch.manual_seed(33)
        epochs.append(list(_drawing(workers)))
    assert epochs[0] == epochs[1]
    assert len({drawn for _, drawn in epochs[0]}) > 1


def test_ignite_seeds_an_epoch_and_a_resumed_run_draws_the_same_in_it(workers):
    run, resumed_run = _drawing(workers), _drawing(workers)
    for epoch in range(3):
        torch.manual_seed(50 + epoch)
        found = list(run)
    torch.manual_seed(52)
    assert list(resumed_run) == found


def test_the_workers_scheme_of_torch_gives_torchs_draws():
    def use(loader_class, **own):
        loader = loader_class(Drawing(), batch_size=None, num_workers=1, **own)
        return list(loader)

    torch.manual_seed(2)
    theirs = use(TORCH)
    torch.manual_seed(2)
    assert use(DataLoader, rng="worker") == theirs
