"""Name what keeps a dataset from being sent to workers that are started anew."""

from collections.abc import Iterator
from typing import IO, Any

from trueload.errors import render
from trueload.pickling import failure_of, innermost, words_of
from trueload.workers.crate import Packer

_HINT = (
    'pass `multiprocessing_context="fork"`, which sends nothing, or leave it out of `__getstate__`'
)
_ROOTS = ("dataset", "transform", "collate_fn", "worker_init_fn", "dataset_in_worker")
_MOST_LOOKS = 1000


def tell_unsent(error: Exception, loader: Any) -> None:
    """Add a note that says which attribute it was, if it was one that cannot be pickled."""
    words = words_of(error)
    for name in _ROOTS:
        root = getattr(loader, name)
        if failure_of(root, _packer) == words:
            steps, culprit = innermost(root, words, _packer, _parts, _MOST_LOOKS)
            title = f"`{name}{''.join(steps)}` cannot be sent to workers that are started anew"
            error.add_note(render(title, "TL211", [("type", type(culprit).__qualname__)], _HINT))
            return


def _packer(file: IO[bytes]) -> Packer:
    return Packer(file, 5, True, lambda _: False)  # noqa: FBT003 - by place only


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, dict):
        yield from ((f"[{key!r}]", value) for key, value in thing.items())
    elif isinstance(thing, list | tuple):
        yield from ((f"[{number}]", value) for number, value in enumerate(thing))
    elif hasattr(thing, "__dict__") and not isinstance(thing, type):
        yield from ((f".{key}", value) for key, value in vars(thing).items())
