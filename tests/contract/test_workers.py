"""Contracts where worker processes make the batches."""

import copy
import multiprocessing

import pytest
import torch

from trueload import BatchContract, ContractError, DataLoader, LeafContract

from .data import LENGTH, Made, Streamed, photo, rows, told

PAIRS = BatchContract(
    [LeafContract("float32", ("batch", 8), high=1), LeafContract("int64", ("batch",))]
)


def mixed(index):
    return rows(index).to(torch.float64 if index == 66 else torch.float32), index % 10


def with_nan(index):
    return photo(index) * (float("nan") if index == 77 else 1), index % 10


def clean(index):
    return photo(index), index % 10


def too_high(index):
    return rows(index) + (index == 20), index % 10


class Threads(multiprocessing.context.ForkContext):
    """A context that is not known to start processes: torch's workers serve."""


def kinds():
    return {
        "two": {"num_workers": 2},
        "torch's": {"num_workers": 1, "multiprocessing_context": Threads()},
        "persistent": {"num_workers": 1, "persistent_workers": True},
        "rows": {"num_workers": 2, "seed": 1, "rng": "sample"},
    }


@pytest.mark.parametrize("kind", kinds())
def test_mixed_samples_are_told_from_workers(kind, caplog):
    [(level, message)] = told(caplog, Made(mixed), epochs=1, **kinds()[kind])
    assert level == "WARNING"
    assert "float64, sample 66 (row 2)" in message
    assert "batch    8 of epoch 0, worker" in message
    assert "[TL420]" in message


def test_values_are_told_in_the_training_process(caplog):
    [(_, message)] = told(caplog, Made(with_nan), num_workers=2)
    assert "index 77, position 77 of epoch 0" in message


def test_nothing_is_told_of_what_is_right(caplog):
    assert told(caplog, Made(clean), num_workers=2) == []


@pytest.mark.parametrize("workers", [0, 1])
def test_mixed_samples_of_a_stream_are_told(workers, caplog):
    [(_, message)] = told(caplog, Streamed(mixed), epochs=1, num_workers=workers)
    assert "(8,) float64, (row 2)" in message


@pytest.mark.parametrize("kind", ["two", "torch's"])
def test_a_declared_contract_is_held_in_the_training_process(kind):
    batches, taken, refused = (
        iter(DataLoader(Made(too_high), 8, contract=PAIRS, **kinds()[kind])),
        0,
        [],
    )
    for _ in range(LENGTH // 8):
        try:
            next(batches)
            taken += 1
        except ContractError as error:
            refused.append(str(error))
    assert taken == LENGTH // 8 - 1
    assert "index 20, position 20 of epoch 0" in refused[0]


def test_a_strict_guard_refuses_mixed_samples_of_workers():
    loader = DataLoader(Made(mixed), 8, num_workers=1, guard="strict")
    with pytest.raises(ContractError, match="TL420"):
        list(loader)


def test_what_is_learned_outlives_epochs_and_is_not_copied():
    loader = DataLoader(Made(clean, 16), 8, num_workers=1)
    list(loader)
    assert not loader.learned_contract.leaves["batch[0]"].finite
    list(loader)
    assert loader.learned_contract.leaves["batch[0]"].finite
    assert copy.copy(loader).learned_contract is None


def test_workers_that_are_started_again_have_no_time_to_begin_with():
    loader = DataLoader(Made(clean, 16), 8, num_workers=1)
    list(loader)
    assert not loader._allowance.allows(0.0, share=0.001)
    assert DataLoader(Made(clean, 16), 8)._allowance.allows(0.0, share=0.001)
