"""Lists, dictionaries, objects and small arrays that samples change are named; caches are not."""

import random
from collections import Counter, OrderedDict
from functools import lru_cache

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, Subset

from trueload import DataLoader, Guard
from trueload.iterators.telling import _told
from trueload.recipe import Recipe
from trueload.tasks import Task
from trueload.watching.budget import Experience
from trueload.watching.contents import Contents
from trueload.watching.plain import PlainWatch

LENGTH = 100


@pytest.fixture(autouse=True)
def _untold():
    _told.clear()


class Shape:
    size = 1.0


class Detection(Dataset):
    """Samples with targets, in the shapes that such datasets have."""

    def __init__(self):
        self.targets = [{"boxes": [index + 1.0, 2.0], "tags": {"new"}} for index in range(LENGTH)]
        self.points = [np.full(3, index + 1.0) for index in range(LENGTH)]
        self.tensors = tuple(torch.full((2,), index + 1.0) for index in range(LENGTH))
        self.names = [f"image {index}" for index in range(LENGTH)]
        self.by_name = {name: {"area": [float(len(name)), 1.0]} for name in self.names}
        self.shapes = [Shape() for _ in range(LENGTH)]
        for shape in self.shapes:
            shape.size = 1.0
        self.mean = np.array([1.0, 2.0, 3.0])
        self.half = torch.ones(3, dtype=torch.bfloat16)

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return index


class Scaled(Detection):
    path, kind = "dataset.targets[{}]['boxes']", "object"

    def __getitem__(self, index):
        target = self.targets[index]
        target["boxes"][0] *= 0.5
        return target["boxes"]


class Rebound(Detection):
    path, kind = "dataset.targets[{}]", "object"

    def __getitem__(self, index):
        target = self.targets[index]
        target["boxes"] = [box / 2 for box in target["boxes"]]
        return target["boxes"]


class Growing(Detection):
    path, kind = "dataset.targets[{}]['boxes']", "object"

    def __getitem__(self, index):
        boxes = self.targets[index]["boxes"]
        boxes.append(0.0)
        return {"boxes": boxes}


class OfArrays(Detection):
    path, kind = "dataset.points[{}]", "array"

    def __getitem__(self, index):
        points = self.points[index]
        points -= 1
        return points


class OfTensors(Detection):
    path, kind = "dataset.tensors[{}]", "array"

    def __getitem__(self, index):
        return self.tensors[index].mul_(2)


class ByName(Detection):
    path, kind = "dataset.by_name['image {}']['area']", "object"

    def __getitem__(self, index):
        area = self.by_name[self.names[index]]["area"]
        area[1] += 1
        return area


class OfObjects(Detection):
    path, kind = "dataset.shapes[{}]", "object"

    def __getitem__(self, index):
        shape = self.shapes[index]
        shape.size *= 2
        return shape.size


class OfMean(Detection):
    path, kind = "dataset.mean", "array"

    def __getitem__(self, index):
        mean = self.mean
        mean /= 255
        return index - mean


class OfHalf(Detection):
    path, kind = "dataset.half", "array"

    def __getitem__(self, index):
        self.half *= 2
        return self.half.float()


class FromMemo(Detection):
    path, kind = "dataset.memo[{}]", "array"

    def __init__(self):
        super().__init__()
        self.memo = {}

    def __getitem__(self, index):
        image = self.memo.setdefault(index, np.ones(4))
        image += 1
        return image


BUGS = [
    Scaled,
    Rebound,
    Growing,
    OfArrays,
    OfTensors,
    ByName,
    OfObjects,
    OfMean,
    OfHalf,
    FromMemo,
]


def told(caplog):
    return [record.message for record in caplog.records if "[TL3" in record.message]


def as_it_is(samples):
    return samples


def run(dataset, epochs=2, **options):
    loader = DataLoader(dataset, 8, collate_fn=as_it_is, **options)
    for _ in range(epochs):
        list(loader)


@pytest.mark.parametrize("kind", BUGS)
def test_what_a_sample_changes_is_named_with_its_path_and_line(kind, caplog):
    run(kind())
    (message,) = told(caplog)
    index = 0
    assert message.startswith(f"dataset[{index}] changes the dataset in place [TL301]")
    assert f"  {kind.kind:<6}  {kind.path.format(index)}, " in message
    assert f"in {kind.__name__}.__getitem__" in message


def test_the_message_says_what_was_and_what_is(caplog):
    run(Scaled())
    (message,) = told(caplog)
    assert "  object  dataset.targets[0]['boxes'], list\n" in message
    assert "  was     [0.5, 2.0]\n  is      [0.25, 2.0]\n" in message
    assert '  line    target["boxes"][0] *= 0.5\n' in message


@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda dataset: Subset(dataset, range(50, 60)), "dataset.dataset.targets[50]['boxes']"),
        (
            lambda dataset: ConcatDataset([Detection(), dataset]),
            "dataset.datasets[1].targets[0]['boxes']",
        ),
    ],
)
def test_a_dataset_within_a_dataset_is_looked_into(wrap, path, caplog):
    run(wrap(Scaled()), epochs=1)
    (message,) = told(caplog)
    assert f"object  {path}, list" in message


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in BUGS if kind is not FromMemo])
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_it_is_named_in_workers_too(kind, context, caplog):
    run(kind(), epochs=1, num_workers=2, multiprocessing_context=context)
    (message,) = told(caplog)
    assert f"in {kind.__name__}.__getitem__" in message


def test_looking_leaves_everything_as_it_would_be():
    quiet, watched = Scaled(), Scaled()
    run(quiet, guard="off")
    run(watched)
    assert quiet.targets == watched.targets


class Memo(Detection):
    def __init__(self):
        super().__init__()
        self.memo = {}

    def __getitem__(self, index):
        if index not in self.memo:
            self.memo[index] = np.sqrt(self.points[index])
        return self.memo[index]


class InTarget(Detection):
    """Keeps what it has computed in the target itself."""

    def __getitem__(self, index):
        target = self.targets[index]
        if "area" not in target:
            target["area"] = sum(target["boxes"])
        return target["area"]


class Recent(Detection):
    def __init__(self):
        super().__init__()
        self.recent = OrderedDict()

    def __getitem__(self, index):
        if index in self.recent:
            self.recent.move_to_end(index)
        self.recent[index] = self.points[index]
        if len(self.recent) > 5:
            self.recent.popitem(last=False)
        return self.points[index]


class Counting(Detection):
    def __init__(self):
        super().__init__()
        self.visits, self.seen, self.order = 0, Counter(), []
        self.hits = [0] * LENGTH

    def __getitem__(self, index):
        self.visits += 1
        self.seen[index] += 1
        self.hits[index] += 1
        self.order.append(index)
        self.targets[index]["visits"] = self.visits
        return self.points[index]


class Statistics(Detection):
    def __init__(self):
        super().__init__()
        self.total = np.zeros(3)

    def __getitem__(self, index):
        self.total += self.points[index]
        return self.points[index]


class Scratch(Detection):
    scratch = np.zeros(3)

    def __init__(self):
        super().__init__()
        self.scratch = np.zeros(3)

    def __getitem__(self, index):
        np.multiply(self.points[index], 2, out=self.scratch)
        return self.scratch


class Sorted(Detection):
    """Puts right what it may put right again and again."""

    def __getitem__(self, index):
        self.targets[index]["boxes"].sort()
        np.clip(self.points[index], 0, 50, out=self.points[index])
        return self.targets[index]["boxes"]


class OnCopies(Detection):
    def __getitem__(self, index):
        target = {name: list(value) for name, value in self.targets[index].items()}
        target["boxes"].append(0.0)
        points = self.points[index].copy()
        points *= random.random()
        return target["boxes"], points


class OwnState(Detection):
    """Draws from a generator of its own making: a number that is multiplied each time."""

    def __init__(self):
        super().__init__()
        self.state, self.words = 1, np.array([3, 5], np.uint64)

    def __getitem__(self, index):
        self.state = self.state * 48271 % 2147483647
        self.words ^= self.words << np.uint64(7)
        return self.points[index] * self.state + self.words[0]


class Curriculum(Detection):
    """Gets harder with each sample, as is meant."""

    def __init__(self):
        super().__init__()
        self.step, self.level = 0, torch.zeros(1)

    def __getitem__(self, index):
        self.step += 1
        self.level += 0.01
        return self.points[index] * self.step * self.level.item()


class Lazy(Detection):
    def __init__(self):
        super().__init__()
        self.handle = None

    def __getitem__(self, index):
        if self.handle is None:
            self.handle = {"lines": list(range(LENGTH))}
        return self.handle["lines"][index]


class Memoized(Detection):
    def __init__(self):
        super().__init__()
        self.load = lru_cache(8)(self.load)

    def load(self, index):
        return np.sqrt(self.points[index])

    def __getitem__(self, index):
        return self.load(index)


CLEAN = [
    Detection,
    Memo,
    InTarget,
    Recent,
    Counting,
    Statistics,
    Scratch,
    Sorted,
    OnCopies,
    OwnState,
    Curriculum,
    Lazy,
    Memoized,
]


@pytest.mark.parametrize("kind", CLEAN)
@pytest.mark.parametrize("guard", ["on", "strict", Guard(budget_share=1)], ids=str)
def test_who_writes_to_objects_and_gives_the_same_is_left_alone(kind, guard, caplog):
    run(kind(), epochs=3, shuffle=True, guard=guard)
    assert not told(caplog)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLEAN)
@pytest.mark.parametrize("keyed", [{}, {"seed": 1}, {"rng": "worker"}], ids=str)
def test_they_are_left_alone_in_workers_too(kind, keyed, caplog):
    loader = DataLoader(
        kind(),
        8,
        collate_fn=as_it_is,
        num_workers=2,
        persistent_workers=True,
        guard="strict",
        **keyed,
    )
    for _ in range(3):
        list(loader)
    loader._iterator = None
    assert not told(caplog)


def test_what_is_named_may_be_left_alone(caplog):
    run(Scaled(), guard=Guard(ignore=["dataset.targets"]))
    assert not told(caplog)


def test_what_is_kept_can_be_put_back_whatever_was_done_to_it():
    dataset = Detection()
    dataset.bytes, dataset.ragged = bytearray(b"abc"), np.array([[1], [2, 3]], dtype=object)
    dataset.big = np.arange(LENGTH * 1000.0).reshape(LENGTH, 1000)
    dataset.long, dataset.gaps = list(range(5000)), np.arange(12.0).reshape(3, 4).T
    dataset.frozen = np.arange(3.0)
    dataset.frozen.flags.writeable = False
    before = repr(vars(dataset)), dataset.targets[3].copy()
    contents = Contents(dataset, [3, 40], Guard())
    assert contents.changed() == []
    dataset.targets[3].pop("boxes")
    dataset.targets[40]["tags"].add("old")
    dataset.points[3][1] = 7
    dataset.bytes[0] = 0
    dataset.ragged[1].append(4)
    dataset.big[40] = 0
    dataset.long[3] = None
    dataset.gaps[1, 1] = np.nan
    dataset.half += 1
    dataset.new, dataset.names = 1, None
    paths = {piece.path for piece in contents.changed()}
    assert paths == {
        "dataset",
        "dataset.targets[3]",
        "dataset.targets[40]['tags']",
        "dataset.points[3]",
        "dataset.bytes",
        "dataset.ragged[1]",
        "dataset.big",
        "dataset.long",
        "dataset.gaps",
        "dataset.half",
    }
    contents.put_back()
    assert contents.changed() == []
    assert (repr(vars(dataset)), dataset.targets[3]) == before


def test_rows_of_a_large_array_are_named():
    dataset = Detection()
    dataset.big = np.zeros((LENGTH, 1000))
    contents = Contents(dataset, [3, 40], Guard())
    dataset.big[40, 2] = 1
    (piece,) = contents.changed()
    assert piece.changed_rows() == [40]


def test_a_dataset_without_an_end_is_looked_at_in_part():
    class Endless:
        def __init__(self):
            self.next = [self] * 50
            self.many = {number: [number] for number in range(100_000)}

    assert len(Contents(Endless(), range(1000), Guard()).pieces) < 200


def test_a_sample_that_cannot_be_made_again_is_no_fault_of_the_guards(caplog):
    class Once(Scaled):
        def __getitem__(self, index):
            if self.targets[index]["boxes"][0] < index + 1:
                raise LookupError
            return super().__getitem__(index)

    run(Once(), epochs=1)
    assert not told(caplog)


def test_looking_is_bound_by_the_budget():
    dataset = Detection()
    recipe = Recipe(dataset, None, as_it_is, batched=True)
    experience = Experience()
    watch = PlainWatch(recipe, Guard(), experience)
    watch.begin(Task(0, 0, 0, [1, 2], 2), set())
    assert watch._before is not None
    experience.use_up()
    watch.budget.spend(1.0)
    watch.begin(Task(0, 0, 0, [1, 2], 2), set())
    assert watch._before is None


def test_what_is_known_of_a_dataset_is_known_in_the_next_epoch():
    dataset = Statistics()
    dataset.total = np.zeros(2048)
    dataset.points = [np.ones(2048)] * LENGTH
    loader = DataLoader(dataset, 8, collate_fn=as_it_is)
    list(loader)
    assert loader._experience.doubts == {"dataset.total": 3}
    looks = loader.statistics().watching[0].spent_seconds
    list(loader)
    assert loader._experience.doubts == {"dataset.total": 3}
    assert loader.statistics().watching[0].spent_seconds >= looks
