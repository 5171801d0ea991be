"""The default collate: every kind of sample makes the batch, or the error, that torch's makes."""

import pytest

from .compare import difference
from .observe import OURS, TORCH, Setup, assert_same
from .samples import KINDS

REFUSED_BY_TORCH = ("negative strides", "tensors among arrays")
STRICT = [kind for kind in KINDS if kind not in REFUSED_BY_TORCH]


def _setup(kind: str, batch_size: int | None) -> Setup:
    def build(loader_class):
        dataset = [KINDS[kind](index) for index in range(5)]
        own = {"copy": "never"} if batch_size is None and loader_class is OURS else {}
        return loader_class(dataset, batch_size=batch_size, **own), dataset, None

    return Setup(build, f"{kind}, batch_size={batch_size}")


@pytest.mark.parametrize("kind", STRICT)
def test_a_batch_of_this_kind_is_torchs_batch(kind):
    assert_same(_setup(kind, 3), [("epoch", 0)])


@pytest.mark.parametrize("kind", STRICT)
def test_a_batch_of_one_sample_of_this_kind_is_torchs_batch(kind):
    assert_same(_setup(kind, 1), [("partial", 2)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_of_this_kind_without_batching_and_copying_is_torchs(kind):
    assert_same(_setup(kind, None), [("partial", 2)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_of_this_kind_without_batching_is_a_copy_of_torchs(kind):
    dataset = [KINDS[kind](index) for index in range(3)]
    try:
        expected = list(TORCH(dataset, batch_size=None))
    except (TypeError, ValueError):
        pytest.skip("torch refuses it")
    assert not difference(expected, list(OURS(dataset, batch_size=None)))


@pytest.mark.parametrize("kind", REFUSED_BY_TORCH)
def test_what_torch_refuses_for_its_memory_or_its_order_makes_a_batch_here(kind):
    dataset = [KINDS[kind](index) for index in range(4)]
    with pytest.raises((TypeError, ValueError)):
        list(TORCH(dataset, batch_size=4))
    (batch,) = OURS(dataset, batch_size=4)
    assert [row.tolist() for row in batch] == [sample.tolist() for sample in dataset]
