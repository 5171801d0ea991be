"""`trueload.DataLoader`: torch's DataLoader with our arguments, iteration, state and replay.

Trainer libraries take torch's class apart: they read its signature and its attributes, rebuild
it, swap its samplers, unlock it and subclass it. So this class keeps torch's constructor in full,
adds keyword-only arguments whose defaults are class attributes and which enter the instance only
when they are given, and reads everything anew when an iteration begins.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from multiprocessing.context import BaseContext
from os import PathLike
from typing import Any, TypeVar

import torch
import torch.utils.data
from torch.utils.data import Dataset, IterDataPipe, MapDataPipe, Sampler
from torch.utils.data.dataloader import _BaseDataLoaderIter

from trueload.allowance import Allowance
from trueload.arguments import check_own
from trueload.contract import BatchContract
from trueload.contract.learning import Learner
from trueload.endless import Endless
from trueload.errors import ArgumentError, StateError, made_in, render
from trueload.fingerprint import identity_of
from trueload.guard import Guard
from trueload.iterators.books import coming
from trueload.iterators.epoch import (
    described,
    is_keyed,
    share_for,
    steps_of,
    untouched,
)
from trueload.iterators.inline import InlineIterator
from trueload.iterators.process import ProcessIterator
from trueload.iterators.starting import has_processes, is_ours, refuse_to_share
from trueload.iterators.torch_process import TorchProcessIterator
from trueload.ledger import Known, Ledger, carried
from trueload.mixture import FIRST_SECONDS
from trueload.ownership import Copying
from trueload.policy import ErrorPolicy
from trueload.progress import Progress, Taken
from trueload.replay import Asked, find
from trueload.shares import Even
from trueload.state import LoaderState
from trueload.statistics import Meter, Statistics
from trueload.watching.budget import Experience
from trueload.workers.memory import Pool
from trueload.workers.shelf import Shelf

T_co = TypeVar("T_co", covariant=True)


class DataLoader(torch.utils.data.DataLoader[T_co]):
    """Feed a training loop with batches: torch's DataLoader, and more.

    Every argument of torch's has torch's meaning, default and errors; see its documentation.
    With none of the arguments below, the indices, the batches and the random generators
    afterwards are those that torch's gives.

    Args:
        dataset: A map-style or an iterable dataset.
        batch_size: Samples a batch; `None` for no batching.
        shuffle: Whether the order is drawn anew for each epoch.
        sampler: Gives indices; excludes `shuffle`.
        batch_sampler: Gives lists of indices; excludes `batch_size`, `shuffle`, `sampler` and
            `drop_last`.
        num_workers: How many processes make batches; 0 for this one.
        collate_fn: Makes a batch of a list of samples.
        pin_memory: Whether batches are copied into page-locked memory.
        drop_last: Whether a last batch that is not full is left out.
        timeout: Seconds to wait for a batch of the workers; 0 for ever.
        worker_init_fn: Called in each worker with its number.
        multiprocessing_context: How workers are started.
        generator: Where shuffling and the workers' base seed are drawn from.
        prefetch_factor: Batches that each worker makes ahead; 2 where there are workers.
        persistent_workers: Whether workers outlive an epoch.
        pin_memory_device: Deprecated by torch.
        in_order: Whether batches keep their order; otherwise they come as they are made.
        transform: Called with each sample after `dataset[index]`, in the worker. Also with each
            sample of an iterable dataset.
        seed: Any integer: the order becomes a keyed permutation that takes no memory and no time
            to enter anywhere, different for each epoch, and what samples draw depends on this
            seed only. `None`: both come from torch's generator.
        rng: What the random generators (`random`, `numpy.random`, torch's) are seeded anew for:
            "batch", from the seed, the epoch and the position of the batch; "sample", from
            those of each sample, so that one can be made again alone; "worker", torch's scheme.
            `None`: "batch", except that without workers and without a seed samples draw from the
            process's own generators, as with torch. Generators that a map-style dataset owns are
            seeded with them.
        copy: What is copied so that a batch is yours to write to: "auto", each tensor or array
            whose memory a dataset, a cache or anybody else can see; "always", each of them;
            "never", none. A sample is treated so before it is handed to `transform`, and a batch
            before you get it. Batches of worker processes are copied in any case. "rollback" does
            as "auto", and undoes after each batch what was written to arrays and tensors of a
            map-style dataset.
        guard: What is done about what silently goes wrong, such as workers that all read the same
            stream, or samples that change the dataset in place: "on" tells it once, "strict" makes
            it an error, "off" does not look. A `Guard` says more.
        contract: What batches must look like. "learn": what the first ones have in common, and a
            later one that leaves it is told once, or an error with `guard="strict"`; what was
            learned is `learned_contract`. A `BatchContract`: what it says, and a batch that leaves
            it is an error. "off" does not look.
        on_error: What is done about a sample that cannot be made, or that is `None`: "raise" ends
            the batch with its exception, "replace" puts another sample in its place, "skip" leaves
            it out of the batch; or an `ErrorPolicy`. Of both, few are allowed, they are counted in
            `ledger`, and the first one is told. An iterable dataset is read on in either case.
        shard: "ranks": the order is split over the ranks of `torch.distributed`, or of `torchrun`
            before there is a process group; whatever the sampler, every sample comes once, and all
            ranks take the same number of steps. So is the stream of an iterable dataset, over ranks
            and workers. A pair of rank and world size: the same for ranks of your own.
            "workers": an iterable dataset is split over the workers by us, so that its batches
            are those of a loader without workers; each worker reads the whole stream and transforms
            and collates its own batches. `None`: each rank and each worker has the whole dataset,
            as with torch.
        even: How the ranks come to the same number of samples, where they do not go round: "drop"
            leaves out the last few, "pad" repeats the first few. `None`: the last batches differ by
            one sample, and where a rank would have none at all, it gets one that another has;
            `taken.mask` says which samples count.
        dataset_in_worker: Called with the dataset in each worker as it starts, before
            `worker_init_fn`, to open there what does not survive a fork or a pickle: connections,
            files that are written to, pools of threads. It may give another dataset to use from
            then on, or `None`. Without workers it is called once, before the first sample is made.
        manifest: What `trueload scrub` wrote of the data files: where a sample is at fault, the
            message says whether its file is what it was then.

    Raises:
        ValueError: As torch, for arguments that exclude each other or are out of range.
        ArgumentError: An argument of ours has none of the values above, or does not go with the
            others: `shard="workers"` with a map-style dataset, `shard="ranks"` with a sampler that
            is split over ranks already (also a ValueError).
    """

    transform: Callable[[Any], Any] | None = None
    seed: int | None = None
    rng: str | None = None
    copy: Copying = "auto"
    guard: str | Guard = "on"
    contract: str | BatchContract = "learn"
    on_error: str | ErrorPolicy = "raise"
    shard: str | tuple[int, int] | None = None
    even: Even | None = None
    dataset_in_worker: Callable[[Any], Any] | None = None
    manifest: str | PathLike[str] | None = None
    _looked: bool = False
    _renewed: Any = None
    _made_in: str = ""
    _progress: Progress
    _pool: Pool
    _shelf: Shelf
    _experience: Experience
    _meter: Meter
    _learner: Learner
    _allowance: Allowance
    _iterator: Any = None  # found here once a library has deleted the loader's own

    def __init__(  # noqa: PLR0913, PLR0917 - torch's arguments
        self,
        dataset: Dataset[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,  # noqa: FBT001 - torch's
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,  # noqa: FBT001, FBT002 - torch's
        drop_last: bool = False,  # noqa: FBT001, FBT002 - torch's
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator: torch.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        transform: Callable[[Any], Any] | None = None,
        seed: int | None = None,
        rng: str | None = None,
        copy: Copying = "auto",
        guard: str | Guard = "on",
        contract: str | BatchContract = "learn",
        on_error: str | ErrorPolicy = "raise",
        shard: str | tuple[int, int] | None = None,
        even: Even | None = None,
        dataset_in_worker: Callable[[Any], Any] | None = None,
        manifest: str | PathLike[str] | None = None,
    ) -> None:
        own: dict[str, Any] = {"transform": transform, "seed": seed, "rng": rng, "copy": copy}
        own |= {"guard": guard, "contract": contract, "on_error": on_error, "shard": shard}
        own |= {"even": even, "dataset_in_worker": dataset_in_worker, "manifest": manifest}
        check_own(dataset, own | {"in_order": in_order})
        vars(self).update(_parts(Progress()))
        super().__init__(
            dataset,
            batch_size,
            shuffle,
            sampler,
            batch_sampler,
            num_workers,
            collate_fn,
            pin_memory,
            drop_last,
            timeout,
            worker_init_fn,
            multiprocessing_context,
            generator,
            prefetch_factor=prefetch_factor,
            persistent_workers=persistent_workers,
            pin_memory_device=pin_memory_device,
            in_order=in_order,
        )
        self._set_own(own)
        self._made_in = made_in()

    def _set_own(self, own: Mapping[str, Any]) -> None:
        """Keep those arguments of ours that are not as their defaults, and see that they suit."""
        for name, value in own.items():
            if value != getattr(DataLoader, name):
                setattr(self, name, value)
        share_for(self)

    def __len__(self) -> int:
        """Give how many batches an epoch has: with `shard="ranks"`, on each rank."""
        length = super().__len__()
        share = share_for(self)
        length = length if share is None else steps_of(self, share)
        self._progress.promise(length)  # it is compared with what comes
        return length

    def __getstate__(self) -> dict[str, Any]:
        """Give a copy or a pickle its own progress and memory."""
        return {**vars(self), "_renewed": None, **_parts(self._progress.fresh())}

    def _get_iterator(self) -> _BaseDataLoaderIter:
        """Begin an epoch: torch's hook, which `iter(loader)` calls and libraries override."""
        if isinstance(self.dataset, (IterDataPipe, MapDataPipe)):
            return super()._get_iterator()
        if self.num_workers == 0:
            return InlineIterator(self, keyed=is_keyed(self))
        self.check_worker_number_rationality()
        if is_ours(self):
            return ProcessIterator(self, keyed=self.rng != "worker")
        refuse_to_share(self)
        return TorchProcessIterator(self, keyed=self.rng != "worker" and has_processes(self))

    def endless(self, steps: int | None = None) -> Iterator[Any]:
        """Go over the loader for ever, epoch after epoch, each in a new order.

        A call begins with a new epoch, or where a state that was loaded says. To go on after a
        pause, keep the iterator: `batches = loader.endless()`.

        Args:
            steps: How many batches to give in all; `None` for no end.

        Raises:
            ArgumentError: `steps` is negative.
            EmptyError: While iterating, when a whole epoch gave no batch.
        """
        if steps is not None and steps < 0:
            title = f"`endless` takes a number of steps of at least 0, got {steps}"
            raise ArgumentError(render(title, "TL105", hint="leave `steps` out for no end"))
        return Endless(self, steps)

    @property
    def taken(self) -> Taken | None:
        """Where the batch taken last came from; `None` before the first one."""
        cursor = self._progress.latest
        return None if cursor is None else cursor.taken()

    @property
    def ledger(self) -> Ledger:
        """What has become of the samples of the epoch begun last: delivered, skipped, lost, ...

        After `load_state_dict` it is what the state says. It is what is known now, and does not
        change any more.
        """
        progress = self._progress
        share = share_for(self, progress.resume or LoaderState())
        return (progress.cursor or coming(self, share)).ledger()

    @property
    def learned_contract(self) -> BatchContract | None:
        """What the batches so far have in common, with `contract="learn"`; `None` before them.

        Print it, save it, or hold a later run to it: `DataLoader(..., contract=learned)`.
        """
        return self._learner.contract()

    def state_dict(self) -> dict[str, Any]:
        """Give the state: which batch comes next, in a few hundred bytes.

        It counts the batches taken from the iterator begun last, costs microseconds, starts no
        worker, and can be taken at any time: in an epoch, between two, before the first.

        Returns:
            A flat dictionary with constant keys, of plain values that `torch.load` reads with
            `weights_only=True`. A sampler or dataset with a `state_dict` adds its own.

        Raises:
            StateError: The dataset is a DataPipe, whose place nobody knows.
        """
        self._refuse_pipes()
        progress = self._progress
        if progress.resume is not None:
            state = progress.resume
        elif progress.cursor is not None:
            state = progress.cursor.state()
        else:
            state = untouched(self, progress.next_epoch)
        return described(self, state).to_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state: the next iteration begins there, with any number of workers.

        An iterator that is alive goes on undisturbed. An empty dictionary starts afresh.

        Args:
            state_dict: What `state_dict` gave, here or in another program.

        Raises:
            StateError: It is no state, comes from a later version, or belongs to a loader of
                another dataset, seed or kind of order.
        """
        self._refuse_pipes()
        progress = self._progress
        self._iterator = None
        if not state_dict:
            self._progress = Progress()
            return
        progress.known = Known()
        progress.known = Known()
        state = LoaderState.from_dict(state_dict)
        state.check_belongs(described(self, LoaderState(epoch=state.epoch)))
        progress.loaded = state
        if state.finished:
            kept = state.dataset_state if state.length is not None else None
            ledger = carried(state.ledger)
            state = LoaderState(epoch=state.epoch + 1, dataset_state=kept, ledger=ledger)
        progress.resume = state
        progress.next_epoch = state.epoch
        progress.cursor = None

    def replay(
        self,
        index: Any = None,
        epoch: int | None = None,
        *,
        position: int | None = None,
        batch: int | None = None,
    ) -> Any:
        """Make one sample, or one batch, again, alone and bit for bit.

        It is made in this process, so a debugger can step through it. Without a `seed`, that is
        possible for the epoch begun last, and for that of the state that was loaded last.

        Args:
            index: The index of a sample.
            epoch: The epoch in which it was made; `None` for the one begun last.
            position: Its position in the order, where the epoch has the index more than once, or
                instead of the index; `None` for the first.
            batch: The number of a batch, as in `taken.batch`, instead of a sample.

        Returns:
            What `dataset[index]` gave in that epoch, after `transform`; or the batch.

        Raises:
            ArgumentError: It is neither a sample nor a batch that is asked for, or both.
            ReplayError: The epoch has no such sample or batch, its order is not known any more, or
                its samples drew from generators that nobody keyed.
        """
        asks_for_sample = index is not None or position is not None
        if asks_for_sample == (batch is not None):
            title = "`replay` takes the index or the position of a sample, or `batch`"
            raise ArgumentError(render(title, "TL105", hint="pass one of them"))
        return find(self, Asked(index, position, batch, epoch)).make()

    def statistics(self) -> Statistics:
        """Give what was done so far, how long the loop waited, and how memory is looked after.

        It costs some microseconds and may be asked for at any time, also while iterating.
        """
        held_bytes = self._pool.bytes_held() + self._shelf.held_bytes()
        return self._meter.statistics(held_bytes)

    def _refuse_pipes(self) -> None:
        if isinstance(self.dataset, (IterDataPipe, MapDataPipe)):
            title = f"a loader over the DataPipe {identity_of(self.dataset)} has no state"
            hint = "use a map-style or an iterable dataset"
            raise StateError(render(title, "TL106", hint=hint))


def _parts(progress: Progress) -> dict[str, Any]:
    """Give what each loader has to itself: no copy and no pickle takes it along."""
    return {
        "_progress": progress,
        "_pool": Pool(),
        "_shelf": Shelf(),
        "_experience": Experience(),
        "_meter": Meter(),
        "_learner": Learner(),
        "_allowance": Allowance(FIRST_SECONDS),
    }
