"""The works of `workers.py` beside other loaders than torch's, each with two worker processes.

They are torchdata's StatefulDataLoader and nodes, SPDL and Grain, as far as they are installed, set
up as their documentation does for a map-style dataset, in order, a whole batch made in one worker.
`wall`, `cpu` and `parent cpu` are for one sample, between the first batch of an epoch and the last:
some of them start their workers anew, which takes seconds and is not what is compared here.

    python benchmarks/peers.py [--quick] [--json] [--only TEXT]
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import processes
from common import Bar, Case, main
from torch.utils._pytree import tree_map
from torch.utils.data import BatchSampler, SequentialSampler, default_collate
from workers import epoch
from works import Work, works

import trueload

_WORKERS = 2
_PAR = {"wall": Bar(ratio=1), "cpu": Bar(ratio=1)}
warnings.filterwarnings("ignore", "'set_vital' is deprecated")


class Fetching:
    """Makes a whole batch of a list of indices, in a worker."""

    def __init__(self, work: Work) -> None:
        self.dataset = work.dataset
        self.collate_fn = work.collate_fn or default_collate

    def __call__(self, indices: list[int]) -> Any:
        """Make the batch."""
        together = getattr(self.dataset, "__getitems__", None)
        samples = together(indices) if together else [self.dataset[index] for index in indices]
        return self.collate_fn(samples)


class AsArrays:
    """Collates to arrays, which Grain moves through shared memory."""

    def __init__(self, work: Work) -> None:
        self.collate_fn = work.collate_fn or default_collate

    def __call__(self, samples: Any) -> Any:
        """Make the batch."""
        return tree_map(lambda leaf: leaf.numpy(), self.collate_fn(list(samples)))


def cases(quick: bool) -> Iterator[Case]:  # noqa: FBT001 - the one argument of every benchmark
    """Give the comparisons."""
    processes.adopt()
    with works(quick=quick) as known:
        for work in known:
            for name, (package, peer) in _PEERS.items():
                if find_spec(package):
                    yield _paired(work, name, peer)


def _paired(work: Work, name: str, peer: Callable[[Work], Any]) -> Case:
    ours = trueload.DataLoader(work.dataset, **work.arguments(), num_workers=_WORKERS)
    return Case(
        work.name,
        ours=epoch(ours, work, whole=False),
        base=epoch(peer(work), work, whole=False),
        against=name,
        bars=_PAR,
        repeats=3,
    )


def _stateful(work: Work) -> Any:
    made = import_module("torchdata.stateful_dataloader").StatefulDataLoader
    return made(work.dataset, **work.arguments(), num_workers=_WORKERS)


def _nodes(work: Work) -> Any:
    nodes = import_module("torchdata.nodes")
    indices = BatchSampler(SequentialSampler(work.dataset), work.batch_size, drop_last=False)
    source = nodes.SamplerWrapper(indices)
    mapped = nodes.ParallelMapper(source, Fetching(work), _WORKERS, method="process")
    return nodes.Loader(mapped)


def _spdl(work: Work) -> Any:
    make = import_module("spdl.dataloader").get_pytorch_dataloader
    arguments = {**work.arguments(), "num_workers": _WORKERS, "in_order": True}
    return make(work.dataset, **arguments, multiprocessing_context="fork")


def _grain(work: Work) -> Any:
    logging.getLogger("absl").setLevel(logging.ERROR)
    grain = import_module("grain")
    dataset = grain.MapDataset.source(work.dataset)
    dataset = dataset.batch(work.batch_size, batch_fn=AsArrays(work)).to_iter_dataset()
    options = grain.MultiprocessingOptions(num_workers=_WORKERS, per_worker_buffer_size=2)
    return dataset.mp_prefetch(options)


_PEERS: dict[str, tuple[str, Callable[[Work], Any]]] = {
    "StatefulDataLoader": ("torchdata", _stateful),
    "nodes": ("torchdata", _nodes),
    "SPDL": ("spdl", _spdl),
    "Grain": ("grain", _grain),
}
"""By name: the package that must be installed, and what makes a loader for a work."""


if __name__ == "__main__":
    main("peers", __doc__ or "", cases)
