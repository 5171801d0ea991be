"""Noticing what has changed in a dataset, and making the same change in a copy of it."""

import copy
import threading
from enum import Enum

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, Subset

from trueload.changes import Watched
from trueload.changes import watched as watched_or_not


class Flip:
    def __init__(self):
        self.chance = 0.5


class Photos:
    def __init__(self):
        self.epoch = 0
        self.sizes = [224, 160]
        self.options = {"crop": True, "range": (0.8, 1.0)}
        self.transform = Flip()
        self.weights = np.ones(4)
        self.mean = torch.zeros(3)
        self.names = [f"{number}.jpg" for number in range(5000)]
        self.images = torch.zeros(100_000)


def _set_epoch(photos):
    photos.epoch = 3


def _append(photos):
    photos.sizes.append(96)


def _replace_item(photos):
    photos.sizes[1] = 128


def _change_option(photos):
    photos.options["crop"] = False


def _add_option(photos):
    photos.options["flip"] = {"chance": [1, 2]}


def _change_within(photos):
    photos.transform.chance = 0.1


def _replace_object(photos):
    photos.transform = Flip()
    photos.transform.angle = 10


def _write_array(photos):
    photos.weights[2] = 5


def _write_tensor(photos):
    photos.mean += 1


def _add_attribute(photos):
    photos.split = "train"


def _delete_attribute(photos):
    del photos.sizes


def _replace_tuple(photos):
    photos.options["range"] = (0.5, 1.0)


def _write_large_tensor(photos):
    photos.images[0] = 1


CHANGES = [
    _set_epoch,
    _append,
    _replace_item,
    _change_option,
    _add_option,
    _change_within,
    _replace_object,
    _write_array,
    _write_tensor,
    _add_attribute,
    _delete_attribute,
    _replace_tuple,
    _write_large_tensor,
]


def _plain(value):
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return value.tolist()
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in value.items()}
    return _plain(vars(value)) if hasattr(value, "__dict__") else value


@pytest.fixture
def watched():
    photos = Photos()
    return photos, copy.deepcopy(photos), Watched(photos)


def test_what_has_not_changed_gives_no_changes(watched):
    assert watched[2].changes() is None
    assert watched[2].changes() is None


def test_an_equal_value_in_a_new_object_is_no_change(watched):
    photos, _, watch = watched
    photos.epoch, photos.weights = int("0"), photos.weights.copy()
    assert watch.changes() is None


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_made_in_the_copy(watched, change):
    photos, other, watch = watched
    change(photos)
    watch.changes().apply(other)
    assert _plain(other) == _plain(photos)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed_once(watched, change):
    photos, _, watch = watched
    change(photos)
    assert [watch.changes().number, watch.changes().number] == [1, 1]


def test_an_object_that_replaces_a_shared_one_leaves_the_other_holder_alone(watched):
    photos, _, _ = watched
    photos.other = photos.transform
    other, watch = copy.deepcopy(photos), Watched(photos)
    _replace_object(photos)
    watch.changes().apply(other)
    assert (other.transform.angle, _plain(other.other)) == (10, {"chance": 0.5})


class Split(Enum):
    TRAIN = 1
    TEST = 2


def test_the_member_of_an_enumeration_is_replaced_and_not_written_to(watched):
    photos, _, _ = watched
    photos.split = Split.TRAIN
    other, watch = copy.deepcopy(photos), Watched(photos)
    photos.split = Split.TEST
    watch.changes().apply(other)
    assert (other.split, Split.TRAIN.value) == (Split.TEST, 1)


def test_later_changes_contain_the_earlier_ones(watched):
    photos, other, watch = watched
    _set_epoch(photos)
    watch.changes()
    _append(photos)
    _delete_attribute(photos)
    changes = watch.changes()
    changes.apply(other)
    assert changes.number == 2
    assert _plain(other) == _plain(photos)


def test_changes_are_made_within_what_torch_wraps():
    photos = Photos()
    wrapped = Subset(ConcatDataset([[1], photos.names]), [0, 1])
    wrapped.photos = photos
    other, watch = copy.deepcopy(wrapped), Watched(wrapped)
    photos.epoch, wrapped.indices = 4, [1]
    watch.changes().apply(other)
    assert (other.photos.epoch, other.indices) == (4, [1])


def test_an_object_that_holds_itself_can_be_watched(watched):
    photos, _, _ = watched
    photos.itself, photos.sizes = photos, [photos]
    watch = Watched(photos)
    photos.epoch = 1
    assert watch.changes().number == 1


def test_a_value_that_cannot_be_pickled_raises(watched):
    photos, _, watch = watched
    photos.lock = threading.Lock()
    with pytest.raises(TypeError, match="pickle"):
        watch.changes()


def test_values_too_long_to_travel_raise(watched):
    photos, _, watch = watched
    photos.images = torch.zeros(1_000_000)
    with pytest.raises(OverflowError, match="may travel"):
        watch.changes()


class Proxy:
    @property
    def __class__(self):
        message = "not now"
        raise RuntimeError(message)


def test_what_does_not_bear_to_be_looked_at_is_not_watched():
    assert watched_or_not([Proxy()]) is None
