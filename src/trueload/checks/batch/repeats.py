"""The checks `duplicated-stream`, `same-order-every-epoch` and `repeated-augmentation`."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import EpochBegun, Loader, Optimizer, Run
from trueload.findings import Finding, Severity

_LEAST: Final = 16
_ROUGHLY: Final = 1.1
_EPOCHS: Final = {"DistributedSampler": 2, "RandomSampler": 3}


class DuplicatedStream(Check):
    """Every worker reads the whole stream, so each sample comes once for each of them.

    What it finds: an `IterableDataset` that is read by several workers, and each of whose samples
    came as often as there are workers.

    Why it matters: an epoch is several times as long as it should be, and batches that follow one
    another are the same.

    Example:
        def __iter__(self):
            return iter(self.lines)

    Instead:
        def __iter__(self):
            worker = get_worker_info()
            return islice(self.lines, worker.id, None, worker.num_workers)

    When it is wrong: where the data themselves hold each sample that often.

    Source: https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset
    """

    code = "TL414"
    name = "duplicated-stream"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each loader that gives a stream several times."""
        for contents in run.data.contents:
            loader = contents.loader
            workers, stream = loader.num_workers, loader.sampler == "_InfiniteConstantSampler"
            times = contents.seen / contents.distinct
            if not stream or workers <= 1 or contents.distinct < _LEAST:
                continue
            if workers / _ROUGHLY <= times <= workers * _ROUGHLY:
                yield self.found(
                    f"each sample comes {workers} times: once from each worker",
                    loader.place,
                    [
                        ("samples", f"{contents.seen} looked at, {contents.distinct} different"),
                        ("dataset", f"{loader.dataset}, read by {workers} workers"),
                    ],
                    hint="let each worker read its part: `get_worker_info()` in `__iter__`",
                )


class SameOrderEveryEpoch(Check):
    """Every epoch shuffles into the same order.

    What it finds: a loader that trains one model in the same shuffled order twice under a
    `DistributedSampler`, or three times under another.

    Why it matters: the same samples meet in each batch, epoch after epoch. Random augmentation
    that is seeded with the order repeats as well.

    Example:
        for epoch in range(epochs):
            for images, labels in loader:  # with a DistributedSampler

    Instead:
        for epoch in range(epochs):
            loader.sampler.set_epoch(epoch)
            for images, labels in loader:

    When it is wrong: where epochs are to be compared sample by sample.

    Source: https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler
    """

    code = "TL415"
    name = "same-order-every-epoch"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each loader that repeats its order."""
        for loader in run.loaders:
            orders = [one for one in run.data.orders if one.loader is loader]
            same = [one.epoch for one in orders if one.indices == orders[0].indices]
            if len(same) < _EPOCHS.get(loader.sampler, len(same) + 1) or len(same) < len(orders):
                continue
            if not _is_shuffled(orders[0].indices) or not _trained_throughout(run, loader, same):
                continue
            distributed = loader.sampler == "DistributedSampler"
            begun = [one for one in run.events(EpochBegun) if one.loader is loader]
            yield self.found(
                f"all {len(same)} epochs have the same order",
                begun[-1].place,
                [
                    ("begins", ", ".join(map(str, orders[0].indices[:6])) + ", ..."),
                    ("loader", f"{loader.where}, {loader.sampler}"),
                ],
                hint="call `sampler.set_epoch(epoch)` before each epoch"
                if distributed
                else "seed once, before the loop over epochs",
            )


class RepeatedAugmentation(Check):
    """Workers draw the same random numbers as one another, and the same in each epoch.

    What it finds: a dataset, or a transform of it, that makes its samples with a random generator
    of its own, and is read by worker processes.

    Why it matters: each worker begins each epoch with a copy of the generator as it is in the main
    process. Four workers crop four batches alike, and the next epoch crops them so again.

    Example:
        def __init__(self):
            self.rng = np.random.default_rng(0)

    Instead:
        def __getitem__(self, index):
            rng = np.random.default_rng(torch.randint(2**62, ()).item())

    When it is wrong: where the generator is used but nothing random of it is kept. Datasets that
    ask `get_worker_info`, or seed their generator as they go, are not meant, nor are loaders with
    a `worker_init_fn`.

    Source: https://docs.pytorch.org/docs/stable/notes/randomness.html#dataloader
    """

    code = "TL416"
    name = "repeated-augmentation"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each loader of such a dataset."""
        trained = {one.fetch.loader for one in run.backwards if one.fetch is not None}
        for generator in run.data.generators:
            loader = generator.loader
            if loader not in trained:
                continue
            yield self.found(
                f"all workers draw the same random numbers from `{generator.path}`",
                loader.place,
                [
                    ("generator", f"{generator.kind}, copied into {loader.num_workers} workers"),
                    ("dataset", loader.dataset),
                ],
                hint="draw from torch's or numpy's own generator, which each worker seeds apart",
            )


def _is_shuffled(indices: list[int]) -> bool:
    falls = sum(second < first for first, second in pairwise(indices))
    return len(indices) >= _LEAST and falls * 4 >= len(indices)


def _trained_throughout(run: Run, loader: Loader, epochs: list[int]) -> bool:
    """Say whether one optimizer stepped on this loader in all of these epochs."""
    stepped: dict[int, set[Optimizer]] = {epoch: set() for epoch in epochs}
    for step in run.steps():
        for backward in step.backwards:
            fetch = backward.fetch
            if fetch is not None and fetch.loader is loader and fetch.epoch in stepped:
                stepped[fetch.epoch].add(step.optimizer)
    return bool(set.intersection(*stepped.values()))
