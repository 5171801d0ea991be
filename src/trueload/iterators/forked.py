"""Batches made by processes forked from this one, through the engine."""

from collections.abc import Iterator
from typing import Any

from torch.utils.data._utils.pin_memory import pin_memory
from torch.utils.data.dataloader import _BaseDataLoaderIter, _MultiProcessingDataLoaderIter

from trueload.blame import Blame
from trueload.engine import TOO_LONG, Engine, LostError
from trueload.errors import WorkerLostError, render, tidied
from trueload.iterators.epoch import Beginning, maker_of
from trueload.iterators.turns import StreamStates, Turns
from trueload.seeds import next_base_seed
from trueload.tasks import Task
from trueload.workers.base import Lost, Order, StreamEndError
from trueload.workers.process import ProcessWorkers


class ForkedIterator(_MultiProcessingDataLoaderIter):
    """One epoch, or with persistent workers one after another, made by forked processes.

    It is one of torch's iterators by name and by what libraries touch (`_workers`,
    `_shutdown_workers`, `_reset`, `_num_yielded`), and shares no mechanism with it.

    Args:
        loader: The loader.
        keyed: Whether the generators that samples draw from are seeded by us.
    """

    def __init__(self, loader: Any, *, keyed: bool) -> None:
        self._keyed = keyed
        self._shutdown = True
        beginning = Beginning(loader, keyed=keyed, ahead=True)
        with beginning.drawing():
            _BaseDataLoaderIter.__init__(self, loader)
            tasks = beginning.tasks(self)
            self._prefetch_factor, self._in_order = loader.prefetch_factor, loader.in_order
            depth = self._prefetch_factor * self._num_workers
            workers = ProcessWorkers(
                maker_of(loader),
                self._num_workers,
                depth,
                loader.worker_init_fn,
                int(self._base_seed),
            )
            self._shutdown = False
            self._made_by = workers
            self._engine = Engine(
                workers, depth=depth, in_order=self._in_order, timeout_seconds=self._timeout
            )
            self._start(loader, beginning, tasks)

    def _start(self, loader: Any, beginning: Beginning, tasks: Iterator[Task]) -> None:
        self._cursor = beginning.cursor
        self._progress = loader._progress  # noqa: SLF001 - the loader's own part
        random = beginning.randomness()
        self._turns: Turns | None = None
        self._states: StreamStates | None = None
        if beginning.plan is not None:
            self._engine.begin(Order(task, random) for task in tasks)
            return
        self._states = StreamStates(self._cursor, beginning.start, loader.dataset)
        self._turns = Turns(tasks, random, self._num_workers, begins=self._states.begins)
        self._engine.begin(iter(self._turns))

    def _reset(self, loader: Any, first_iter: bool = False) -> None:  # noqa: FBT001, FBT002 - torch's
        """Begin another epoch with the same workers."""
        beginning = Beginning(loader, keyed=self._keyed, ahead=True)
        with beginning.drawing():
            _BaseDataLoaderIter._reset(self, loader, first_iter)  # noqa: SLF001 - torch's
            self._base_seed = next_base_seed(int(self._base_seed))
            self._start(loader, beginning, beginning.tasks(self))

    @property
    def _workers(self) -> list[Any]:  # pyrefly: ignore - torch sets an attribute
        """The processes, as libraries look at them."""
        return self._made_by.processes

    def __next__(self) -> Any:
        """Take the next batch.

        Raises:
            StopIteration: The epoch is over.
            Exception: Whatever the user's code raised in a worker, with its traceback as cause.
            WorkerLostError: A batch ended its worker twice.
        """
        try:
            return super().__next__()
        except StopIteration:
            self._cursor.finished = True
            if not self._persistent_workers:
                self._shutdown_workers()
            raise
        except Exception as error:
            raise tidied(error)  # noqa: B904 - the same exception

    def _next_data(self) -> Any:
        if self._shutdown:
            raise StopIteration
        while (made := self._next_made()) is None:
            pass
        order, batch = made
        if self._pin_memory:
            batch = pin_memory(batch, self._pin_memory_device)
        self._cursor.took(order.task)
        self._progress.latest = self._cursor
        return batch

    def _next_made(self) -> tuple[Order, Any] | None:
        """Give the next order with its batch, or nothing where its stream was over."""
        try:
            order, parcel = self._engine.next()
        except LostError as lost:
            self._cursor.passed_over(lost.order.task)
            told = _lost_message(lost.order.task, lost.lost, self._timeout)
            raise WorkerLostError(told) from None
        self._pass_over(order.task)
        try:
            batch = self._made_by.take(parcel)
        except StreamEndError:
            self._end_stream(order.task)
            return None
        except Exception:
            self._cursor.passed_over(order.task)
            raise
        return order, batch if self._states is None else self._states.opened(batch, order)

    def _end_stream(self, task: Task) -> None:
        """Note that the stream whose turn it was is over."""
        if self._turns is not None:
            self._turns.end(task)
            self._cursor.skip(task)

    def _pass_over(self, task: Task) -> None:
        """Note the turns before a task that fell to streams that are over."""
        if self._turns is not None:
            for passed in self._turns.passed(task):
                self._cursor.skip(passed)

    def _shutdown_workers(self) -> None:
        """End the workers; does nothing the second time."""
        if not self._shutdown:
            self._shutdown = True
            self._made_by.close()

    def __del__(self) -> None:
        """End the workers with the iterator."""
        if not getattr(self, "_shutdown", True):
            self._shutdown_workers()


def _lost_message(task: Task, lost: Lost, timeout_seconds: float) -> str:
    """Word that a batch was lost with its worker for good; it begins as torch's message does."""
    blame = Blame(task, "fetch", row=lost.row)
    what = f"DataLoader worker (pid {lost.pid}) exited unexpectedly: {lost.reason}"
    if lost.reason == TOO_LONG:
        what = f"DataLoader timed out after {timeout_seconds:g} seconds"
    stack = [line.strip() for line in lost.stack.splitlines()[1:] if _PACKAGE not in line]
    facts = [*blame.facts(), *zip(["stack", *[" "] * len(stack)], stack, strict=False)]
    return render(f"{what}, twice, making {blame.subject()}", "TL207", facts, _LOST_HINT)


_PACKAGE = "trueload"
_LOST_HINT = "make that sample alone, `dataset[index]` in the main process, to see what ends it"
