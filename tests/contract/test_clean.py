"""Batches of which nothing may be told: correct programs of all kinds, odd as they look."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate, one_hot
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    ConcatDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
)

from trueload import DataLoader

from .data import LENGTH, Made, Streamed, photo, pixels, rows, told

NAN, INFINITY = float("nan"), float("inf")
CLASSES = [f"class {number}" for number in range(100)]


def pictures(index):
    return photo(index), index % 10


def faked(index):
    random = torch.Generator().manual_seed(index)
    return torch.randn(3, 24, 24, generator=random), index % 10


def detected(index):
    count = index % 4
    boxes = torch.rand(count, 4) if count else torch.tensor([])
    labels = torch.ones(count, dtype=torch.long) if count else torch.tensor([])
    target = {"boxes": boxes, "labels": labels, "file": f"{index}.jpg", "area": float(count)}
    return photo(index, side=16 + index % 5), target


def written(index):
    return torch.arange(1, 3 + index * 7 % 30), index % 2


def apart(samples):
    return tuple(zip(*samples, strict=True))


def same(samples):
    return samples


def padded(samples):
    texts = pad_sequence([text for text, _ in samples], batch_first=True)
    return {"text": texts, "mask": texts > 0, "label": torch.tensor([two for _, two in samples])}


def of_a_task(samples):
    first, size = samples[0] // 8, len(samples)
    batch = {"task": "ab"[first % 2], "x": torch.rand(size, 8)}
    target = {"score": torch.rand(size)} if first % 2 else {"class": torch.arange(size)}
    return {**batch, **target}


def with_options(samples):
    first, size = samples[0] // 8, len(samples)
    more = {"caption": ["text"] * size} if first % 5 == 4 else {}
    return {"x": torch.rand(size, 8), "mask": None if first % 3 else torch.rand(size), **more}


def of_a_graph(samples):
    nodes = torch.cat([node for node, _ in samples])
    number = torch.cat([torch.full((len(one),), row) for row, (one, _) in enumerate(samples)])
    return {"nodes": nodes, "graph": number, "label": torch.tensor([two for _, two in samples])}


def without_some(samples):
    return default_collate([sample for sample in samples if sample[1] % 7])


def several_crops(samples):
    return [
        torch.stack([interpolate(x[None], size=s)[0] for x, _ in samples]) for s in (24, 12, 12)
    ]


def mask_of(index, empty, high=1.0):
    return (photo(index, channels=1) > 0.8).float() * high * (index % 40 != empty)


def attention(index):
    hidden = 3 if index % 50 == 49 else 0
    return torch.zeros(8).masked_fill(torch.arange(8) >= 8 - hidden, -INFINITY)


def marked(index):
    known = torch.arange(8) != (index % 8 if index % 100 == 99 else 8)
    return {"x": torch.where(known, rows(index), NAN), "known": known}


def scaled(image, by):
    return lambda index: (image(index) * by(index), index % 10)


CLEAN = {
    "pictures": (Made(pictures, classes=CLASSES[:10]), {"shuffle": True}),
    "made up pictures": (Made(faked, classes=CLASSES[:10]), {"shuffle": True}),
    "normalized pictures": (Made(scaled(lambda i: (photo(i) - 0.45) / 0.225, lambda _: 1)), {}),
    "bytes": (Made(scaled(pixels, lambda _: 1)), {"shuffle": True}),
    "bytes, channel last": (Made(lambda i: (pixels(i).permute(1, 2, 0), i % 10)), {}),
    "floats from 0 to 255": (Made(lambda i: (pixels(i).float(), i % 10)), {}),
    "half precision": (Made(lambda i: (photo(i).half(), photo(i).bfloat16())), {}),
    "dark frames": (Made(scaled(photo, lambda i: i % 8 != 7)), {}),
    "nothing but zeros": (Made(lambda _: (torch.zeros(3, 24, 24), 0)), {}),
    "nothing but ones": (Made(lambda _: (torch.ones(3, 24, 24), 0)), {}),
    "pictures of any brightness": (Made(scaled(photo, lambda i: 10 ** (i % 5 - 2))), {}),
    "distances": (Made(lambda i: (photo(i), photo(i, channels=1) * 10 * (1 + i % 9))), {}),
    "tomography": (Made(lambda i: (photo(i, channels=1) * 4000 - 1000, i % 10)), {}),
    "decibels": (Made(lambda i: (photo(i, channels=1) * 80 - 80, i % 10)), {}),
    "films": (Made(lambda i: (torch.stack([photo(i), photo(i + 1)]), 1), 32), {}),
    "planes of a board": (Made(lambda i: ((photo(i, 8) > 0.9).float(), rows(i, 1))), {}),
    "masks of classes": (Made(lambda i: (photo(i), mask_of(i, 39)[0].long())), {"shuffle": True}),
    "masks as floats": (Made(lambda i: (photo(i), mask_of(i, 39))), {"shuffle": True}),
    "masks with what is ignored": (Made(lambda i: (photo(i), mask_of(i, 39, 255).long())), {}),
    "heat maps": (Made(lambda i: (photo(i), photo(i, channels=1) * (i % 16 != 15))), {}),
    "crops of several sizes": (Made(pictures), {"collate_fn": several_crops, "batch_size": 3}),
    "boxes": (Made(detected), {"collate_fn": apart, "shuffle": True}),
    "boxes, two a batch": (Made(detected, 41), {"collate_fn": apart, "batch_size": 2}),
    "boxes, one a batch": (Made(detected, 41), {"collate_fn": apart, "batch_size": 1}),
    "lists of samples": (Made(detected, 41), {"collate_fn": same, "batch_size": 4}),
    "lists of two samples": (Made(detected, 41), {"collate_fn": same, "batch_size": 2}),
    "padded text": (Made(written), {"collate_fn": padded, "shuffle": True}),
    "padded text, three a batch": (Made(written), {"collate_fn": padded, "batch_size": 3}),
    "a column alone": (TensorDataset(torch.rand(40, 3)), {"batch_size": 1}),
    "three columns, and as many rows": (
        Made(lambda i: (photo(i), photo(i), rows(i)), 40),
        {"batch_size": 3},
    ),
    "a short last batch": (Made(lambda i: (photo(i), rows(i, 1)), 121), {}),
    "graphs": (Made(lambda i: (torch.rand(3 + i % 5, 4), i % 2)), {"collate_fn": of_a_graph}),
    "tasks in turn": (Made(lambda i: i), {"collate_fn": of_a_task}),
    "what may be missing": (Made(lambda i: i), {"collate_fn": with_options}),
    "samples left out": (Made(lambda i: (rows(i), i)), {"collate_fn": without_some}),
    "classes as vectors": (Made(lambda i: (rows(i), one_hot(torch.tensor(i % 10)).sum(0))), {}),
    "a rare class": (Made(lambda i: (rows(i), 99 if i == 100 else i % 3)), {}),
    "a rare class of many": (
        Made(lambda i: (rows(i), 99 if i == 100 else i % 3), classes=CLASSES),
        {},
    ),
    "labels to be ignored": (Made(lambda i: (rows(i), -100 if i > 90 else 1), classes=CLASSES), {}),
    "numbers that are no labels": (Made(lambda i: (rows(i), i * 1000), classes=CLASSES), {}),
    "regression": (Made(lambda i: (rows(i), float(i) ** 3)), {}),
    "heavy tails": (Made(lambda i: (rows(i), (1 / (rows(i, 1) - 0.5)) ** 3)), {}),
    "whole numbers and fractions": (Made(lambda i: (rows(i), i if i % 2 else i / 2)), {}),
    "embeddings, some of them nothing": (Made(lambda i: (rows(i, 300) * (i % 11 != 10), i)), {}),
    "targets that are missing": (
        Made(lambda i: (rows(i), torch.where(rows(i, 2) < 0.2, NAN, rows(i, 2)))),
        {"shuffle": True},
    ),
    "values marked as missing": (Made(marked, 300), {}),
    "masks of attention": (Made(lambda i: (rows(i), attention(i))), {}),
    "drawn with replacement": (
        Made(pictures),
        {"sampler": WeightedRandomSampler([1.0] * 8 + [0.01] * (LENGTH - 8), 200)},
    ),
    "one sample on purpose": (Subset(Made(pictures), [3] * 100), {}),
    "a dataset several times": (ConcatDataset([Made(pictures, 20)] * 6), {"shuffle": True}),
    "an object several times": ([pictures(1)] * 64, {}),
    "captions of the same picture": (Made(lambda i: (photo(i // 5), f"caption {i}")), {}),
    "fields on one grid": (Made(lambda i: {"field": rows(i, 64), "grid": photo(0)}), {}),
    "a stream": (Streamed(pictures, 123), {}),
    "no batches": (Made(pictures), {"batch_size": None}),
    "a stream of no batches": (Streamed(lambda i: torch.rand(4 + i % 5, 3)), {"batch_size": None}),
    "numbers": (range(100), {}),
    "words": ([f"word {number}" for number in range(100)], {}),
    "complex numbers": (Made(lambda i: torch.complex(rows(i), rows(i))), {}),
    "truth values": (Made(lambda i: (rows(i) > 0.5, i % 2 == 0)), {}),
    "numbers of NumPy": (Made(lambda i: (np.float32(i), np.int64(i))), {}),
    "sparse matrices": (Made(lambda i: i), {"collate_fn": lambda _: torch.eye(3).to_sparse()}),
}


@pytest.mark.parametrize("name", CLEAN)
def test_nothing_is_told(name, caplog):
    dataset, arguments = CLEAN[name]
    torch.manual_seed(0)
    assert told(caplog, dataset, **arguments) == []


def test_samples_that_are_listed_twice_are_noted_at_most(caplog):
    found = told(caplog, Made(lambda index: (photo(index % 23), index % 23)), shuffle=True)
    assert {level for level, _ in found} <= {"INFO"}


def test_ranges_may_widen_as_an_epoch_goes_on(caplog):
    dataset = Made(lambda index: (photo(index) * 1.03**index, index % 10), 400)
    assert told(caplog, dataset) == []


def test_pictures_may_grow_from_epoch_to_epoch(caplog):
    dataset = Made(lambda index: (photo(index, dataset.side), index % 10), 64)
    dataset.side = 16
    loader = DataLoader(dataset, 8)
    for side in (16, 24, 32):
        dataset.side = side
        list(loader)
    assert caplog.records == []


def test_float64_is_meant_where_it_is_the_default(caplog):
    torch.set_default_dtype(torch.float64)
    try:
        assert told(caplog, Made(lambda index: (np.sin(np.arange(8) + index), index % 10))) == []
    finally:
        torch.set_default_dtype(torch.float32)
