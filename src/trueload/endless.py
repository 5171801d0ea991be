"""Go over a loader for ever: epoch after epoch, as one iteration that never stops by itself."""

from collections.abc import Iterator
from typing import Any

from trueload.errors import EmptyError, render
from trueload.iterators.epoch import following
from trueload.iterators.process import ProcessIterator


class Endless(Iterator[Any]):
    """The batches of a loader, epoch after epoch.

    The order is drawn anew for each epoch. Without a seed, the first epoch draws from torch's
    generator, and each later one derives its own from the one before: so a state taken at any
    batch leads to the same batches for ever after, whatever else the program draws.

    Args:
        loader: The loader.
        steps: How many batches to give in all, or `None` for no end.
    """

    def __init__(self, loader: Any, steps: int | None) -> None:
        self._loader = loader
        self._left = steps
        self._epoch: Iterator[Any] | None = None
        self._whole = False
        self._gave = False

    def __next__(self) -> Any:
        """Give the next batch.

        Raises:
            StopIteration: The number of steps that was asked for is reached.
            EmptyError: A whole epoch gave no batch.
        """
        if self._left == 0:
            self._epoch = None
            raise StopIteration
        epoch = self._opened() if self._epoch is None else self._epoch
        while (batch := next(epoch, _OVER)) is _OVER:
            if self._whole and not self._gave:
                raise EmptyError(_nothing(self._loader))
            epoch = self._opened()
        self._gave = True
        if self._left is not None:
            self._left -= 1
        return batch

    def _opened(self) -> Iterator[Any]:
        """Begin the next epoch, or the rest of the one that a state was taken in."""
        progress = self._loader._progress  # noqa: SLF001 - the loader's own part
        cursor = getattr(self._epoch, "_cursor", None)
        if cursor is not None and progress.resume is None:
            progress.resume = following(cursor)
        resume = progress.resume
        self._whole = resume is None or resume.batches == 0
        self._gave = False
        if isinstance(self._epoch, ProcessIterator):
            self._epoch.go_on(self._loader, self._left)
            return self._epoch
        self._epoch = iter(self._loader)
        if isinstance(self._epoch, ProcessIterator):
            self._epoch.stay(self._left)
        return self._epoch


def _nothing(loader: Any) -> str:
    title = "an endless loop over this loader would never give a batch: an epoch has none"
    facts = [
        ("dataset", f"{type(loader.dataset).__qualname__}{_length(loader.dataset)}"),
        ("batches", f"batch_size {loader.batch_size}, drop_last {loader.drop_last}"),
    ]
    hint = "a dataset shorter than one batch with `drop_last=True` gives none; so does an empty one"
    return render(title, "TL104", facts, hint)


def _length(dataset: Any) -> str:
    try:
        return f" of length {len(dataset)}"
    except (TypeError, NotImplementedError):
        return ""


_OVER = object()
