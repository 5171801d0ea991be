"""Contracts that are declared: what they refuse, how they are written, what they convert."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from trueload import ArgumentError, BatchContract, ContractError, DataLoader, LeafContract

from .data import LENGTH, Made, photo, rows


class Pair(NamedTuple):
    image: Any
    label: Any


IMAGE = LeafContract(torch.float32, ("batch", 3, None, None), low=0, high=1, finite=True)
LABEL = LeafContract("int64", ("batch",), classes=10)
PICTURES = BatchContract({"image": IMAGE, "label": LABEL})
BOXES = BatchContract(
    [
        [LeafContract("float32", (3, None, None)), ...],
        [{"boxes": LeafContract("float32", (None, 4)), "file": LeafContract("str")}, ...],
    ]
)


def batch(**other):
    return {"image": torch.full((4, 3, 8, 9), 0.5), "label": torch.arange(4), **other}


def boxes(*counts, axis=4):
    targets = [{"boxes": torch.rand(count, axis), "file": "a.jpg"} for count in counts]
    return [torch.rand(3, 5, 6) for _ in counts], targets


REFUSED = {
    "dtype": batch(image=torch.rand(4, 3, 8, 9).double()),
    "shape": batch(image=torch.rand(4, 1, 8, 9)),
    "axes": batch(label=torch.arange(4)[:, None]),
    "layout": batch(image=torch.rand(4, 8, 9, 3)),
    "rows": batch(label=torch.arange(5)),
    "above": batch(image=torch.zeros(4, 3, 8, 9).index_fill(0, torch.tensor(2), 1.5)),
    "below": batch(image=torch.full((4, 3, 8, 9), -0.25)),
    "nan": batch(image=torch.full((4, 3, 8, 9), float("nan"))),
    "label": batch(label=torch.tensor([0, 9, 10, 3])),
    "negative label": batch(label=torch.tensor([0, -1, 1, 3])),
    "missing": {"image": torch.rand(4, 3, 8, 9)},
    "more": batch(mask=torch.rand(4)),
    "something else": batch(label=["a", "b", "c", "d"]),
    "not at all": (torch.rand(4), 1),
}


def test_a_batch_that_is_what_it_says_is_let_through():
    PICTURES.check(batch())
    PICTURES.check(batch(label=torch.tensor([0, 9, -100, 3])))
    assert PICTURES.differences(batch()) == []


@pytest.mark.parametrize("name", REFUSED)
def test_any_other_batch_is_refused(name, snapshot):
    with pytest.raises(ContractError) as caught:
        PICTURES.check(REFUSED[name])
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).splitlines() == snapshot


def test_the_row_of_a_value_is_known():
    assert [one.row for one in PICTURES.differences(REFUSED["above"])] == [2]
    assert [one.row for one in PICTURES.differences(REFUSED["label"])] == [2]


def test_lists_may_have_any_number_of_items():
    for counts in ((0, 2, 1), (1,), ()):
        BOXES.check(boxes(*counts))
    [found] = BOXES.differences(boxes(1, axis=5))
    assert str(found) == ('`batch[1][*]["boxes"]` is (1, 5), and the contract says (*, 4)')
    assert found.row == 0


def test_a_name_is_one_size_in_a_batch_and_another_in_the_next():
    text = BatchContract(
        [LeafContract("int64", ("batch", "time")), LeafContract(None, ("batch", "time"))]
    )
    for length in (3, 7):
        text.check((torch.zeros(2, length).long(), torch.zeros(2, length)))
    with pytest.raises(ContractError, match=r"`batch\[1\]` is \(2, 4\), .*with time 3"):
        text.check((torch.zeros(2, 3).long(), torch.zeros(2, 4)))


def test_what_is_optional_may_be_missing():
    contract = BatchContract({"x": LeafContract(), "mask": LeafContract("bool", optional=True)})
    contract.check({"x": 1})
    contract.check({"x": 1, "mask": torch.tensor([True])})
    with pytest.raises(ContractError, match="is float32, and the contract says bool"):
        contract.check({"x": 1, "mask": torch.rand(2)})


def test_infinity_is_refused_only_where_values_are_to_be_finite_or_bounded():
    values = torch.tensor([0.0, float("inf")])
    BatchContract(LeafContract("float32")).check(values)
    BatchContract(LeafContract("float32", low=0)).check(values)
    for leaf in (LeafContract(finite=True), LeafContract(high=1), LeafContract(low=0, high=1)):
        with pytest.raises(ContractError, match="not finite"):
            BatchContract(leaf).check(values)


def test_arrays_and_named_tuples_are_read_too():
    contract = BatchContract(Pair(LeafContract("float32", ("batch", 2)), LeafContract("int64")))
    contract.check(Pair(np.zeros((3, 2), np.float32), np.arange(3)))
    with pytest.raises(ContractError, match=r"`batch\.image` is float64"):
        contract.check(Pair(np.zeros((3, 2)), np.arange(3)))


@pytest.mark.parametrize("contract", [PICTURES, BOXES, BatchContract(LeafContract())])
def test_a_contract_comes_back_from_its_file(contract, tmp_path):
    contract.save(tmp_path / "contract.json")
    again = BatchContract.load(tmp_path / "contract.json")
    assert again == contract
    assert hash(again) == hash(contract)
    assert str(again) == str(contract)


def test_a_contract_is_shown_line_by_line(snapshot):
    assert [*str(PICTURES).splitlines(), *str(BOXES).splitlines()] == snapshot


def test_two_contracts_are_compared_in_words(snapshot):
    other = BatchContract({"image": LeafContract("float32"), "mask": LeafContract("bool")})
    assert other != PICTURES
    assert PICTURES.compare(other) == snapshot
    assert PICTURES.compare(BatchContract({"image": IMAGE, "label": LABEL})) == []


NO_CONTRACTS = {
    "a leaf that is none": lambda: BatchContract({"x": "float32"}),
    "no version": lambda: BatchContract.from_dict({"leaves": {}}),
    "an unknown name": lambda: LeafContract.from_dict({"size": 3}),
    "a shape that is none": lambda: LeafContract(shape=3),
    "a negative size": lambda: LeafContract(shape=(-1,)),
    "a number that is none": lambda: LeafContract(low="0"),
    "another word": lambda: DataLoader([1], contract="declared"),
    "a leaf alone": lambda: DataLoader([1], contract=LABEL),
}


@pytest.mark.parametrize("name", NO_CONTRACTS)
def test_what_is_no_contract_is_refused(name, snapshot):
    with pytest.raises(ArgumentError) as caught:
        NO_CONTRACTS[name]()
    assert str(caught.value) == snapshot


def test_a_file_that_is_no_contract_is_refused(tmp_path):
    (tmp_path / "other.json").write_text("{", encoding="utf-8")
    with pytest.raises(ArgumentError, match="is no contract"):
        BatchContract.load(tmp_path / "other.json")


def test_a_batch_is_converted_on_demand_and_it_is_said(caplog, snapshot):
    given = batch(image=torch.rand(4, 8, 9, 3).double())
    for _ in range(2):
        made = PICTURES.convert(given)
    assert made["image"].dtype == torch.float32
    assert torch.equal(made["image"], given["image"].permute(0, 3, 1, 2).float())
    assert made["label"] is given["label"]
    assert [record.getMessage() for record in caplog.records] == snapshot


def test_a_batch_that_needs_nothing_is_given_as_it_is(caplog):
    given = batch()
    assert PICTURES.convert(given) is given
    assert caplog.records == []


def test_arrays_in_lists_and_named_tuples_are_converted(caplog):
    contract = BatchContract(Pair([LeafContract("float32", (None,)), ...], LeafContract("int64")))
    made = contract.convert(Pair([np.ones(2), np.ones(3)], np.arange(2, dtype=np.int32)))
    assert isinstance(made, Pair)
    assert [array.dtype for array in made.image] == [np.float32] * 2
    assert made.label.dtype == np.int64
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        (LeafContract("int64"), torch.rand(3)),
        (LeafContract("uint8"), torch.tensor([1, 300])),
        (LeafContract("float16"), torch.tensor([1e6])),
        (LeafContract("float32", low=0, high=1), torch.tensor([0, 255], dtype=torch.uint8)),
        (LeafContract("str"), torch.rand(3)),
    ],
)
def test_nothing_is_cut_off_or_scaled(wanted, given):
    with pytest.raises(ContractError):
        BatchContract(wanted).convert(given)


def test_a_loader_refuses_such_a_batch_and_goes_on_with_the_next():
    dataset = Made(lambda index: {"image": photo(index) * (3 if index == 20 else 1), "label": 1})
    loader = DataLoader(dataset, 8, contract=PICTURES)
    batches, taken, refused = iter(loader), [], []
    while True:
        try:
            next(batches)
            taken.append(loader.taken.batch)
        except StopIteration:
            break
        except ContractError as error:
            refused.append(str(error))
    assert taken == [number for number in range(LENGTH // 8) if number != 2]
    [message] = refused
    assert "index 20, position 20 of epoch 0" in message
    assert loader.contract is PICTURES


def test_a_contract_is_declared_where_the_guard_is_off_too():
    dataset = Made(lambda index: {"image": photo(index), "label": index})
    with pytest.raises(ContractError):
        list(DataLoader(dataset, 8, contract=PICTURES, guard="off"))


def test_what_was_learned_can_be_declared(tmp_path):
    dataset = Made(lambda index: {"image": photo(index), "label": index % 10})
    loader = DataLoader(dataset, 8)
    assert loader.learned_contract is None
    list(loader)
    learned = loader.learned_contract
    assert str(learned).splitlines() == [
        'batch["image"]  float32 (batch, 3, 24, 24), channels first, 0 to 1, finite',
        'batch["label"]  int64 (batch,)',
    ]
    learned.save(tmp_path / "contract.json")
    declared = BatchContract.load(tmp_path / "contract.json")
    assert declared == learned
    list(DataLoader(dataset, 8, shuffle=True, contract=declared))
    other = Made(lambda index: {"image": photo(index).double(), "label": 1})
    with pytest.raises(ContractError, match="is float64, and the contract says float32"):
        list(DataLoader(other, 8, contract=declared))


def test_what_differs_from_batch_to_batch_is_free():
    def padded(samples):
        return {
            "x": torch.rand(len(samples), samples[0] % 5 + 1),
            "y": torch.rand(2, 3),
            "z": rows(1),
        }

    loader = DataLoader(range(40), 4, collate_fn=padded)
    list(loader)
    assert str(loader.learned_contract).splitlines() == [
        'batch["x"]  float32 (batch, *), finite',
        'batch["y"]  float32 (2, 3)',
        'batch["z"]  float32 (8,)',
    ]
