"""Let the user renew what a dataset holds, in each process: the argument `dataset_in_worker`."""

from collections.abc import Callable
from typing import Any

from torch.utils.data import get_worker_info

from trueload.errors import place_of, render

Renew = Callable[[Any], Any]


def renewed(dataset: Any, renew: Renew) -> Any:
    """Call the user's function with the dataset, and give the one to use from now on.

    Args:
        dataset: The process's copy of the dataset.
        renew: Changes it, or gives another one; `None` stands for the same.

    Raises:
        Exception: Whatever it raises, with a note.
    """
    try:
        given = renew(dataset)
    except Exception as error:
        info = get_worker_info()
        worker = "this process" if info is None else f"worker {info.id}"
        title = f"`dataset_in_worker` raised {type(error).__name__}"
        error.add_note(render(title, "TL607", [("in", worker), ("at", place_of(error))]))
        raise
    return dataset if given is None else given


def renew_in(maker: Any, renew: Renew | None) -> None:
    """Renew the dataset of a recipe, in the process that uses it.

    Args:
        maker: A recipe of a map-style or of an iterable dataset.
        renew: The user's function, or `None` where there is none.
    """
    if renew is None:
        return
    maker.dataset = renewed(maker.dataset, renew)
    if hasattr(maker, "refresh"):
        maker.refresh()
