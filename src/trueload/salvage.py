"""Fetch and transform the samples of a batch: all that can be had of them.

What is done for each sample, and in which order, is what a recipe without a policy does, so a batch
without bad samples is the same with a policy and without.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from trueload.ownership import Copying, owned
from trueload.reuse import Copies
from trueload.tolerance import BAD, Attempt, NothingError

_NONE = type(None)


def nones_in(samples: Any) -> int:
    """Say how many samples of a batch are `None`."""
    if not isinstance(samples, (list, tuple)) or _NONE not in set(map(type, samples)):
        return 0
    return sum(sample is None for sample in samples)


@dataclass(frozen=True, slots=True)
class Salvage:
    """Fetches samples of a map-style dataset.

    Attributes:
        dataset: The dataset.
        transform: Called with each sample, or `None`.
        copying: Which leaves are copied before that.
    """

    dataset: Any
    transform: Callable[[Any], Any] | None
    copying: Copying

    def of_one(self, index: Any) -> Any:
        """Fetch the sample of an index."""
        return self.dataset[index]

    def of_many(self, index: Any) -> Any:
        """Fetch the sample of an index from a dataset that is asked for many at once."""
        return self.dataset.__getitems__([index])[0]

    def each(
        self,
        attempt: Attempt,
        indices: Iterable[Any],
        fetch: Callable[[Any], Any],
        begin: Callable[[int], None] | None,
        copies: Copies | None,
    ) -> list[Any]:
        """Fetch and transform one sample after another.

        Args:
            attempt: Notes those that cannot be made.
            indices: Which samples.
            fetch: `of_one` or `of_many`.
            begin: Called with each row before it is made, or `None`.
            copies: Copies each sample before the next is made, or `None`.

        Raises:
            BadSamplesError: Some cannot be made.
        """
        samples: list[Any] = []
        make = partial(self._made, fetch, attempt=attempt)
        make_again = make if not attempt.retries else lambda index: attempt.retried(make, index)
        rest = iter(indices)
        while True:
            try:
                for index in rest:
                    if begin is not None:
                        begin(len(samples))
                    box = [make_again(index)]
                    samples.append(box.pop() if copies is None else copies.of(box.pop()))
                break
            except NothingError:
                attempt.fail(len(samples), None)
            except Exception as error:
                attempt.fail(len(samples), error)
            samples.append(BAD)
        attempt.end()
        return samples

    def _made(self, fetch: Callable[[Any], Any], index: Any, attempt: Attempt) -> Any:
        attempt.stage = "fetch"
        box = [fetch(index)]
        if self.transform is not None and box[0] is not None:
            attempt.stage = "transform"
            box = [self.transform(owned(box, self.copying))]
        if box[0] is None:
            raise NothingError
        return box.pop()

    def together(self, attempt: Attempt, indices: Any) -> Any:
        """Fetch samples with one call of `__getitems__`, then transform each.

        Raises:
            BadSamplesError: Some cannot be made.
        """
        try:
            box = [attempt.retried(self.dataset.__getitems__, indices)]
        except Exception as error:
            attempt.search(error, self.of_many, indices)
        if isinstance(box[0], (list, tuple)):
            for row in [row for row, sample in enumerate(box[0]) if sample is None]:
                attempt.fail(row, None)
        attempt.end()
        return box.pop() if self.transform is None else self.transformed(attempt, box)

    def transformed(self, attempt: Attempt, box: list[Any]) -> list[Any]:
        """Transform samples that were fetched together; nothing else may refer to their list.

        Raises:
            BadSamplesError: Some cannot be transformed.
        """
        attempt.stage = "transform"
        samples: list[Any] = []
        for row, sample in enumerate(owned(box, self.copying)):
            samples.append(attempt.make(row, partial(self.transform, sample)))  # pyrefly: ignore
        attempt.end()
        return samples
