"""The walk over what workers get: what it comes to, how it calls it, and that no user code runs."""

import functools
import threading
import types
from collections import OrderedDict, deque

import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, Subset

from trueload.walk import MOST_OBJECTS, Walk


class Mark:
    """What is looked for."""


class Holder:
    def __init__(self, **attributes):
        vars(self).update(attributes)


class Slots:
    __slots__ = ("empty", "mark")

    def __init__(self, mark):
        self.mark = mark


class Module(torch.nn.Module):
    def __init__(self, mark):
        super().__init__()
        self.mark = mark


IN_A_GLOBAL, IN_NO_CODE = Mark(), Mark()


def marks(root):
    """Give the places of the marks that the walk comes to, and what the code on the way names."""
    walk = Walk({"dataset": root})
    return [place for place in walk if type(place.thing) is Mark], walk.names


def paths(root):
    return [place.path.replace(f"{__name__}.", "") for place in marks(root)[0]]


def make_reader(mark, kind):
    def closing(index):
        return mark, index

    def default(index, where=mark):
        return where, index

    def keyword(index, *, where=mark):
        return where, index

    return {"closing": closing, "default": default, "keyword": keyword}[kind]


def lines(mark):
    yield mark
    yield mark


def begun(mark):
    generator = lines(mark)
    next(generator)
    return generator


def in_a_thread_local(mark):
    local = threading.local()
    local.mark = mark
    return local


CASES = {
    "an attribute": (lambda mark: Holder(mark=mark), "dataset.mark"),
    "of an object": (lambda mark: Holder(source=Holder(mark=mark)), "dataset.source.mark"),
    "in a list": (lambda mark: Holder(items=[0, mark]), "dataset.items[1]"),
    "in a tuple": (lambda mark: Holder(items=(0, {"a": mark})), "dataset.items[1]['a']"),
    "derived": (lambda mark: Holder(items=OrderedDict(a=deque([mark]))), "dataset.items['a'][0]"),
    "in a set": (lambda mark: Holder(items={mark}), "dataset.items[...]"),
    "by an object": (lambda mark: Holder(items={Holder(): mark}), "dataset.items[...]"),
    "in a slot": (Slots, "dataset.mark"),
    "in a subset": (lambda mark: Subset(Holder(mark=mark), [0]), "dataset.dataset.mark"),
    "joined": (
        lambda mark: ConcatDataset([[0], Subset(Holder(mark=mark), [0])]),
        "dataset.datasets[1].dataset.mark",
    ),
    "partial": (lambda mark: functools.partial(print, 1, mark), "dataset.args[1]"),
    "by name": (lambda mark: functools.partial(print, end=mark), "dataset.keywords['end']"),
    "of a method": (lambda mark: Holder(mark=mark).__init__, "dataset.__self__.mark"),
    "closure": (lambda mark: make_reader(mark, "closing"), "make_reader.<locals>.mark"),
    "default": (
        lambda mark: make_reader(mark, "default"),
        "make_reader.<locals>.default(where=)",
    ),
    "keyword": (
        lambda mark: make_reader(mark, "keyword"),
        "make_reader.<locals>.keyword(where=)",
    ),
    "in a generator": (begun, "lines.<locals>.mark"),
    "in an iterator": (lambda mark: Holder(lines=enumerate([mark])), "dataset.lines[0]"),
    "a namespace": (lambda mark: types.SimpleNamespace(mark=mark), "dataset.mark"),
    "a module": (
        lambda mark: torch.nn.Sequential(Module(mark)),
        "dataset._modules['0'].mark",
    ),
    "of the thread": (in_a_thread_local, "dataset[...]['mark']"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_calls_things_what_their_user_would(case):
    make, path = CASES[case]
    assert paths(make(Mark())) == [path]


def test_what_a_cached_function_has_given_is_reached():
    @functools.cache
    def handle(path):
        return Mark(), path

    handle("a")

    class Photos:
        def __getitem__(self, index):
            return handle("a")

    assert len(paths(Photos())) == 1


def test_globals_are_reached_where_code_that_makes_samples_names_them():
    class Photos:
        def __getitem__(self, index):
            return self.read(index)

        def read(self, index):
            return helper(index)

        def prepare(self):
            return IN_NO_CODE

    def helper(index):
        return IN_A_GLOBAL, index

    assert paths(Photos()) == ["IN_A_GLOBAL"]


def test_an_attribute_counts_as_chosen_where_only_the_user_s_code_uses_it():
    class Photos(Dataset):
        def __init__(self):
            self.used, self.unused, self.asked = Mark(), Mark(), Mark()

        def __getitem__(self, index):
            return self.used, getattr(self, "asked")  # noqa: B009 - as people do for a choice

        def close(self):
            return self.unused

    places, names = marks(Photos())
    assert {place.chosen[0]: names.issuperset(place.chosen) for place in places} == {
        "used": True,
        "unused": False,
        "asked": True,
    }


def test_attributes_that_code_of_a_library_may_use_are_not_judged_by_names():
    class Bucket(threading.Event):
        def __init__(self):
            super().__init__()
            self.mark = Mark()

    (place,), _ = marks(Bucket())
    assert place.chosen == ()


def test_what_belongs_to_an_object_of_a_library_names_that():
    (place,), _ = marks(Holder(event=Bag(Mark())))
    assert place.owner == ("dataset.event", types.SimpleNamespace)


def Bag(mark):  # noqa: N802 - stands for a type of a library
    return types.SimpleNamespace(inner=types.SimpleNamespace(mark=mark))


def test_a_thing_is_met_once():
    mark = Mark()
    assert paths(Holder(one=mark, other=[mark, mark])) == ["dataset.one"]


def test_a_ring_of_objects_has_an_end():
    ring = Holder()
    ring.next = Holder(next=ring, mark=Mark())
    assert paths(ring) == ["dataset.next.mark"]


class Refusing(type):
    """A class that cannot be hashed, compared or asked."""

    def __eq__(cls, other):
        raise AssertionError

    def __hash__(cls):
        raise AssertionError

    def __getattribute__(cls, name):
        raise AssertionError(name)


def _refuse(*_):
    raise AssertionError


class Touchy:
    """Raises whatever is done to it but to look where Python keeps its attributes."""

    __slots__ = ("__dict__",)
    __getattr__ = __getattribute__ = __eq__ = __hash__ = __repr__ = __str__ = _refuse
    __iter__ = __len__ = __getitem__ = __bool__ = __contains__ = __setattr__ = _refuse
    mark = property(_refuse)
    __class__ = property(_refuse)


class TouchyList(list):
    __iter__ = __len__ = __getitem__ = __bool__ = __contains__ = __eq__ = __hash__ = _refuse


class TouchyDict(dict):
    __iter__ = __len__ = __getitem__ = __bool__ = items = keys = values = __eq__ = _refuse


class TouchyProxy(Touchy, metaclass=Refusing):
    pass


def test_no_code_of_the_user_s_runs():
    touchy, proxy = Touchy(), type.__call__(TouchyProxy)
    for thing in (touchy, proxy):
        object.__getattribute__(thing, "__dict__")["kept"] = Mark()
    held = [touchy, proxy, TouchyList([Mark()]), TouchyDict(a=Mark())]
    found = [place.path for place in Walk({"dataset": held}) if type(place.thing) is Mark]
    assert sorted(found) == [
        "dataset[0].kept",
        "dataset[1].kept",
        "dataset[2][0]",
        "dataset[3]['a']",
    ]


def test_data_is_not_walked_over_to_its_end():
    many = [[index, [str(index)], {"key": (index,)}] for index in range(50_000)]
    places = list(Walk({"dataset": Holder(many=many, mark=Mark())}))
    assert len(places) < MOST_OBJECTS
    assert any(type(place.thing) is Mark for place in places)


def test_both_ends_of_a_long_list_are_looked_at():
    for at in (0, -1):
        items = [0] * 10_000
        items[at] = Mark()
        assert len(paths(Holder(items=items))) == 1


def test_no_more_objects_are_looked_at_than_allowed():
    tree = [[[[object() for _ in range(40)] for _ in range(40)] for _ in range(40)]]
    assert len(list(Walk({"dataset": tree}, most=500))) == 500
