"""Name what keeps a dataset from being sent to workers that are started anew."""

import io
from collections.abc import Iterator
from typing import Any

from trueload.errors import render
from trueload.workers.crate import Packer

_HINT = (
    'pass `multiprocessing_context="fork"`, which sends nothing, or leave it out of `__getstate__`'
)
_ROOTS = ("dataset", "transform", "collate_fn", "worker_init_fn", "dataset_in_worker")
_MOST_LOOKS = 1000


def tell_unsent(error: Exception, loader: Any) -> None:
    """Add a note that says which attribute it was, if it was one that cannot be pickled."""
    for name in _ROOTS:
        root = getattr(loader, name)
        if _failure(root) == _words(error):
            place, culprit = _innermost(name, root, _words(error))
            title = f"`{place}` cannot be sent to workers that are started anew"
            error.add_note(render(title, "TL211", [("type", type(culprit).__qualname__)], _HINT))
            return


def _innermost(name: str, thing: Any, words: str) -> tuple[str, Any]:
    """Go down to the part that raises by itself what the whole raises."""
    looks = 0
    while True:
        for inner_name, inner in _parts(name, thing):
            looks += 1
            if looks > _MOST_LOOKS:
                return name, thing
            if _failure(inner) == words:
                name, thing = inner_name, inner
                break
        else:
            return name, thing


def _parts(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, dict):
        yield from ((f"{name}[{key!r}]", value) for key, value in thing.items())
    elif isinstance(thing, list | tuple):
        yield from ((f"{name}[{number}]", value) for number, value in enumerate(thing))
    elif hasattr(thing, "__dict__") and not isinstance(thing, type):
        yield from ((f"{name}.{key}", value) for key, value in vars(thing).items())


def _failure(thing: Any) -> str:
    """Give what pickling a thing raises, or nothing."""
    try:
        Packer(io.BytesIO(), 5, True, lambda _: False).dump(thing)  # noqa: FBT003 - by place only
    except Exception as error:
        return _words(error)
    return ""


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
