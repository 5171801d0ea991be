"""What a dataset is known to be made of: where its samples come from, and its classes."""

from bisect import bisect_right
from collections.abc import Hashable
from inspect import getattr_static
from typing import Any

from torch.utils.data import ConcatDataset, Subset

from trueload.tasks import Task, listed


def origins_of(dataset: Any, task: Task) -> list[Hashable]:
    """Give what each sample of a task is; equal for the same sample, however it is listed.

    A subset may list a sample several times, a concatenation a dataset, a list an object.
    """
    return [_origin(dataset, index) for index in listed(task.indices)]


def _origin(dataset: Any, index: Any) -> Hashable:
    while True:
        if type(dataset) is Subset:
            index, dataset = int(dataset.indices[index]), dataset.dataset
        elif type(dataset) is ConcatDataset and isinstance(index, int):
            index = index + len(dataset) if index < 0 else index
            part = bisect_right(dataset.cumulative_sizes, index)
            index -= dataset.cumulative_sizes[part - 1] if part else 0
            dataset = dataset.datasets[part]
        elif isinstance(dataset, (list, tuple)):
            return id(dataset[index])
        else:
            return id(dataset), index if isinstance(index, Hashable) else repr(index)


def classes_of(dataset: Any) -> int | None:
    """Give how many classes a dataset names, as those of torchvision do, if its labels are these.

    Only what is plainly there is read: a property may count the labels of all samples.
    """
    while type(dataset) is Subset:
        dataset = dataset.dataset
    if getattr_static(dataset, "target_transform", None) is not None:
        return None
    names, number = (
        getattr_static(dataset, "classes", None),
        getattr_static(dataset, "num_classes", None),
    )
    if isinstance(names, (list, tuple)) and len(names) > 1:
        return len(names)
    return number if type(number) is int and number > 1 else None
