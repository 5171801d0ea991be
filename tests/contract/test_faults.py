"""Each way in which torch hands on a wrong batch in silence, and a twin that is right.

Torch's loader gives the batches of all of them. Ours does too, and names the sample, the leaf and
what differs; of the twin it says nothing.
"""

import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader as TorchLoader
from torch.utils.data import default_collate

from trueload import ContractError, DataLoader, Guard

from .data import Made, noise, photo, pixels, rows, told

NAN = float("nan")
CLASSES = [f"class {number}" for number in range(10)]


def columns(samples):
    return [torch.stack(column) for column in zip(*samples, strict=True)]


def squeezed(samples):
    inputs, targets = columns(samples)
    return inputs, targets.squeeze()


def flat(samples):
    inputs, targets = columns(samples)
    return inputs, targets.squeeze(1)


def keys_of_the_first(samples):
    return {key: torch.stack([sample[key] for sample in samples]) for key in samples[0]}


def without_bad_targets(samples):
    inputs, targets = zip(*samples, strict=True)
    return torch.stack(inputs), torch.tensor([target for target in targets if target != 100])


def without_bad_samples(samples):
    return default_collate([sample for sample in samples if sample[1] != 100])


def labelled(image):
    return lambda index: (image(index), index % 10)


def odd(index, at, one, other):
    return one if index == at else other


FAULTS = {
    "nan": (
        labelled(lambda index: photo(index) * odd(index, 77, NAN, 1)),
        labelled(photo),
        {},
        "TL401",
        ["`batch[0]`", "index 77"],
    ),
    "nan in the first batch": (
        lambda index: (rows(index) * odd(index, 2, NAN, 1), index % 10),
        lambda index: (rows(index), index % 10),
        {},
        "TL401",
        ["`batch[0]`", "index 2,"],
    ),
    "infinite": (
        lambda index: (rows(index), 1 / odd(index, 90, torch.zeros(1), rows(index, 1) + 1)),
        lambda index: (rows(index), 1 / (rows(index, 1) + 1)),
        {},
        "TL401",
        ["`batch[1]`", "infinite", "index 90"],
    ),
    "bytes in float64": (
        labelled(lambda index: pixels(index).numpy() / 255),
        labelled(lambda index: (pixels(index).numpy() / 255).astype(np.float32)),
        {},
        "TL402",
        ["`batch[0]` is float64"],
    ),
    "not scaled": (
        labelled(lambda index: pixels(index).float() / odd(index, 70, 1, 255)),
        labelled(lambda index: pixels(index).float() / 255),
        {},
        "TL403",
        ["`batch[0]`", "255 times", "index 70"],
    ),
    "not scaled before it was normalized": (
        labelled(lambda index: (pixels(index).float() / odd(index, 70, 1, 255) - 0.45) / 0.225),
        labelled(lambda index: (pixels(index).float() / 255 - 0.45) / 0.225),
        {},
        "TL403",
        ["`batch[0]`", "255 times", "index 70"],
    ),
    "scaled among those that are not": (
        labelled(lambda index: pixels(index).float() / odd(index, 70, 255, 1)),
        labelled(lambda index: pixels(index).float()),
        {},
        "TL403",
        ["`batch[0]`", "1/255", "index 70"],
    ),
    "scaled twice": (
        labelled(lambda index: pixels(index) / 255 / odd(index, 70, 255, 1)),
        labelled(lambda index: pixels(index) / 255),
        {},
        "TL404",
        ["`batch[0]`", "1/255", "index 70"],
    ),
    "all scaled twice": (
        labelled(lambda index: pixels(index) / 255 / 255),
        labelled(lambda index: pixels(index) / 255),
        {},
        "TL404",
        ["`batch[0]` was divided by 255 twice"],
    ),
    "channels last": (
        labelled(lambda index: photo(index).permute(1, 2, 0) if index >= 80 else photo(index)),
        labelled(photo),
        {},
        "TL405",
        ["`batch[0]` has its channel last", "batch   10"],
    ),
    "reshaped": (
        labelled(lambda index: pixels(index).permute(1, 2, 0).reshape(3, 24, 24)),
        labelled(lambda index: pixels(index).permute(1, 2, 0).permute(2, 0, 1)),
        {},
        "TL406",
        ["`batch[0]`", "(24, 24, 3)"],
    ),
    "mixed dtypes": (
        lambda index: (rows(index).to(odd(index, 66, torch.float64, torch.float32)), index % 10),
        lambda index: (rows(index), index % 10),
        {},
        "TL420",
        ["`batch[0]`", "float64, sample 66 (row 2)"],
    ),
    "bytes among floats": (
        lambda index: {"image": pixels(index) if index == 66 else photo(index)},
        lambda index: {"image": photo(index)},
        {},
        "TL420",
        ['`batch["image"]`', "uint8, sample 66 (row 2)"],
    ),
    "a key goes missing": (
        lambda index: {"x": rows(index)} | ({} if index == 120 else {"mask": rows(index) > 1}),
        lambda index: {"x": rows(index), "mask": rows(index) > 1},
        {"collate_fn": keys_of_the_first, "batch_size": 4},
        "TL421",
        ['`batch["mask"]`', "batch  30"],
    ),
    "another dtype": (
        lambda index: (rows(index), rows(index).to(torch.float64 if index >= 88 else None)),
        lambda index: (rows(index), rows(index)),
        {},
        "TL422",
        ["`batch[1]` is float64", "batch   11"],
    ),
    "whole numbers only": (
        lambda index: (rows(index), index if 88 <= index < 96 else index / 2),
        lambda index: (rows(index), float(index)),
        {},
        "TL422",
        ["`batch[1]` is int64", "batch   11"],
    ),
    "a column beside a row": (
        lambda index: (rows(index), rows(index, 1) if index < 80 else rows(index, 1)[0]),
        lambda index: (rows(index), rows(index, 1)),
        {},
        "TL423",
        ["`batch[1]` is (8,)", "(batch, 1)"],
    ),
    "the last batch squeezed": (
        lambda index: (rows(index), rows(index, 1)),
        None,
        {"collate_fn": squeezed, "batch_size": 127},
        "TL423",
        ["`batch[1]` is ()"],
    ),
    "samples left out of one leaf": (
        lambda index: (rows(index), index),
        None,
        {"collate_fn": without_bad_targets},
        "TL423",
        ["`batch[1]` has 7 rows, and `batch[0]` has 8"],
    ),
    "constant": (
        labelled(lambda index: photo(index) * odd(index, 99, 0, 1)),
        labelled(photo),
        {},
        "TL424",
        ["`batch[0]` is 0 all over", "index 99"],
    ),
    "a label that is no class": (
        lambda index: (rows(index), index % 10 + 1),
        lambda index: (rows(index), index % 10),
        {"classes": CLASSES},
        "TL425",
        ["`batch[1]` has the label 10", "index 9,"],
    ),
    "an index that is not used": (
        labelled(lambda _: photo(0)),
        labelled(photo),
        {},
        "TL426",
        ["8 of the 8 samples", "index 9,"],
    ),
    "one sample in the place of many": (
        lambda index: (photo(index), 1) if index % 5 else (photo(0), 1),
        lambda index: (photo(index), 1),
        {},
        "TL426",
        ["2 of the 8 samples", "index"],
    ),
}
TWINS = {
    "the last batch squeezed": ({"collate_fn": flat, "batch_size": 127}),
    "samples left out of one leaf": ({"collate_fn": without_bad_samples}),
}


def _made(make, arguments):
    own = dict(arguments)
    attributes = {"classes": own.pop("classes")} if "classes" in own else {}
    return Made(make, **attributes), own


def _two_epochs(loader):
    for _ in range(2):
        list(loader)


@pytest.mark.parametrize("name", FAULTS)
def test_torch_says_nothing(name):
    make, _, arguments, _, _ = FAULTS[name]
    dataset, arguments = _made(make, arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batches = list(TorchLoader(dataset, **{"batch_size": 8, **arguments}))
    assert batches


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_told_with_the_culprit(name, caplog, snapshot):
    make, _, arguments, code, culprit = FAULTS[name]
    dataset, arguments = _made(make, arguments)
    found = told(caplog, dataset, **arguments)
    warned = [message for level, message in found if level == "WARNING"]
    assert [message for message in warned if f"[{code}]" in message] == warned != []
    assert all(words in warned[0] for words in culprit)
    assert warned[0].splitlines() == snapshot


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_told_of_its_twin(name, caplog):
    wrong, right, arguments, _, _ = FAULTS[name]
    dataset, arguments = _made(right or wrong, TWINS.get(name, arguments))
    assert told(caplog, dataset, **arguments) == []


@pytest.mark.parametrize("name", FAULTS)
def test_with_a_strict_guard_it_is_an_error(name):
    make, _, arguments, code, _ = FAULTS[name]
    dataset, arguments = _made(make, arguments)
    loader = DataLoader(dataset, **{"batch_size": 8, **arguments}, guard="strict")
    with pytest.raises(ContractError, match=code):
        _two_epochs(loader)


@pytest.mark.parametrize("off", [{"guard": "off"}, {"contract": "off"}])
def test_nobody_looks_where_that_is_asked_for(off, caplog):
    make = FAULTS["mixed dtypes"][0]
    assert told(caplog, Made(make), **off) == []


def test_it_is_told_once_in_a_process(caplog):
    make = FAULTS["nan"][0]
    assert len(told(caplog, Made(make), epochs=3)) == 1
    assert told(caplog, Made(make)) == []


def test_a_code_can_be_silenced(caplog):
    make = FAULTS["nan"][0]
    assert told(caplog, Made(make), guard=Guard(ignore=["TL401"])) == []


def test_float64_is_noted_and_no_more(caplog):
    [(level, message)] = told(caplog, Made(noise))
    assert level == "INFO"
    assert "`batch` is float64, and torch's default is float32 [TL402]" in message


def test_one_pair_is_noted_and_no_more(caplog):
    [(level, message)] = told(caplog, Made(lambda index: photo(8 if index == 9 else index)))
    assert level == "INFO"
    assert "2 of the 8 samples" in message
