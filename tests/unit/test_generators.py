"""Generators that a dataset owns: found wherever its code reaches, keyed, and given back."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, Subset

from trueload import DataLoader
from trueload.generators import generators_of, kept, next_draws, reseed_all
from trueload.seeds import preserved, reseed

KINDS = {
    "random.Random": lambda: random.Random(0),
    "numpy.random.Generator": lambda: np.random.default_rng(0),
    "a Philox generator": lambda: np.random.Generator(np.random.Philox(0)),
    "numpy.random.RandomState": lambda: np.random.RandomState(0),
    "torch.Generator": lambda: torch.Generator().manual_seed(0),
}
IN_A_MODULE = np.random.default_rng(0)


def draw(generator):
    if isinstance(generator, random.Random):
        return generator.random()
    if isinstance(generator, torch.Generator):
        return torch.rand(1, generator=generator).item()
    return generator.random() if isinstance(generator, np.random.Generator) else generator.rand()


class Drawing(Dataset):
    def __init__(self, generator):
        self.generator = generator

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return draw(self.generator)


class DrawingFromItsModule(Drawing):
    def __getitem__(self, index):
        return IN_A_MODULE.random()


@pytest.fixture(params=KINDS)
def generator(request):
    return KINDS[request.param]()


def drawn(loader):
    return [value for batch in loader for value in batch.tolist()]


def test_a_generator_is_found_in_an_attribute(generator):
    assert generators_of(Drawing(generator)) == [generator]


def test_a_generator_is_found_in_what_torch_wraps(generator):
    assert generators_of(Subset(Drawing(generator), [0])) == [generator]


def test_a_generator_is_found_in_a_list_a_closure_and_a_partial_transform(generator):
    def transform(sample):
        return sample + draw(generator)

    assert generators_of([1, {"two": (transform,)}]) == [generator]


def test_a_generator_is_found_in_the_module_of_the_dataset():
    assert generators_of(DrawingFromItsModule(None)) == [IN_A_MODULE]


def test_the_global_generators_are_left_out():
    held = [torch.default_generator, np.random.mtrand._rand, random._inst, random.SystemRandom()]
    assert generators_of(held) == []


def test_a_key_gives_the_same_draws_and_another_key_others(generator):
    found = []
    for key in (1, 1, 2):
        reseed_all([generator], key)
        found.append([draw(generator) for _ in range(4)])
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("kind", KINDS)
def test_two_generators_of_one_kind_draw_differently(kind):
    one, other = KINDS[kind](), KINDS[kind]()
    reseed_all([one, other], 5)
    assert draw(one) != draw(other)


def test_generators_are_given_back_as_they_were(generator):
    with kept([generator]):
        expected = [draw(generator) for _ in range(3)]
    with kept([generator]):
        reseed_all([generator], 3)
    assert [draw(generator) for _ in range(3)] == expected


def test_what_is_drawn_next_shows_whether_something_was_drawn(generator):
    expected = [next_draws([generator]) for _ in range(2) if not reseed_all([generator], 7)]
    reseed_all([generator], 7)
    draw(generator)
    assert expected[0][3:] == expected[1][3:] != next_draws([generator])[3:]


@pytest.mark.parametrize("draw", [random.random, np.random.rand, lambda: torch.rand(1)])
def test_what_is_drawn_next_shows_a_draw_from_a_global_generator(draw):
    with preserved():
        found = []
        for before in (list, list, draw):
            reseed(7)
            before()
            found.append(next_draws([]))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("rng", ["batch", "sample"])
def test_samples_of_a_keyed_loader_draw_the_same_with_and_without_workers(generator, rng):
    found = [
        drawn(DataLoader(Drawing(generator), batch_size=4, num_workers=workers, seed=1, rng=rng))
        for workers in (0, 2)
    ]
    assert found[0] == found[1]
    assert len(set(found[0])) == 12


def test_samples_draw_differently_in_each_epoch(generator):
    loader = DataLoader(Drawing(generator), batch_size=4, num_workers=2)
    assert not set(drawn(loader)) & set(drawn(loader))


def test_a_keyed_loader_leaves_the_datasets_generator_as_it_was(generator):
    with kept([generator]):
        expected = draw(generator)
    drawn(DataLoader(Drawing(generator), batch_size=4, seed=1))
    assert draw(generator) == expected


def test_a_sample_with_a_generator_of_its_own_can_be_replayed(generator):
    loader = DataLoader(Drawing(generator), batch_size=4, seed=1)
    assert loader.replay(7, 0) == pytest.approx(drawn(loader)[7])


def test_without_a_key_the_datasets_generator_is_left_alone_as_in_torch(generator):
    with kept([generator]):
        theirs = drawn(torch.utils.data.DataLoader(Drawing(generator), batch_size=4))
    assert drawn(DataLoader(Drawing(generator), batch_size=4)) == theirs


class Proxy:
    """Pretends to be something else, and does not bear to be asked what."""

    @property
    def __class__(self):
        message = "not now"
        raise RuntimeError(message)


def test_a_proxy_on_the_way_is_not_asked_what_it_is(generator):
    assert generators_of([Proxy(), generator]) == [generator]


def test_a_class_that_answers_no_questions_is_walked_over():
    class Silent(type):
        def __getattribute__(cls, name):
            raise AssertionError(name)

    class Touchy(metaclass=Silent):
        pass

    class Holder:
        kind = Touchy

        def __init__(self):
            self.random = random.Random(0)

    holder = Holder()
    assert generators_of(holder) == [holder.random]
