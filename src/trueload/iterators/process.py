"""Batches made by worker processes of our own, through the engine."""

import logging
from collections import deque
from dataclasses import replace
from time import perf_counter_ns
from typing import Any
from weakref import WeakMethod, ref

from torch.autograd import _profiler_enabled
from torch.utils.data._utils.pin_memory import pin_memory
from torch.utils.data.dataloader import _BaseDataLoaderIter, _MultiProcessingDataLoaderIter

from trueload.blame import Blame
from trueload.changes import Changes, Watched, watched
from trueload.engine import Engine, LostError, RefusedError
from trueload.errors import (
    ContractError,
    TrueloadError,
    WorkerLostError,
    tidied,
)
from trueload.guard import guard_of
from trueload.iterators.ahead import plan_key, shares
from trueload.iterators.closing import end_epoch, tell_end, tell_nones
from trueload.iterators.doubt import Doubt
from trueload.iterators.epoch import Beginning, following, maker_of, steps_over
from trueload.iterators.handles import tell_handles
from trueload.iterators.heavy import tell_heavy
from trueload.iterators.inspector import inspector_of
from trueload.iterators.lost import told_lost, told_unstarted
from trueload.iterators.rereads import Compared
from trueload.iterators.run import Epoch, Run, orders
from trueload.iterators.starting import context_of
from trueload.iterators.telling import tell_changed
from trueload.iterators.treatment import treated
from trueload.iterators.unsent import tell_unsent
from trueload.recipe import Recipe
from trueload.samplers import is_stream
from trueload.seeds import next_base_seed
from trueload.statistics import Figures, Meter
from trueload.stream import StreamBatch
from trueload.tasks import Task
from trueload.tolerance import Bad, BadSamplesError, lost_with
from trueload.watching.rollback import Originals
from trueload.workers.base import Noted, Order, StartError, StreamEndError
from trueload.workers.process import ProcessWorkers, Setup
from trueload.workers.worker import Hooks

logger = logging.getLogger("trueload")


class ProcessIterator(_MultiProcessingDataLoaderIter):
    """One epoch, or one after another, made by worker processes.

    It is one of torch's iterators by name and by what libraries touch (`_workers`,
    `_shutdown_workers`, `_reset`, `_num_yielded`), and shares no mechanism with it.

    Args:
        loader: The loader.
        keyed: Whether the generators that samples draw from are seeded by us.
    """

    def __init__(self, loader: Any, *, keyed: bool) -> None:
        self._keyed = keyed
        self._shutdown = True
        self._run = Run()
        self._watched: Watched | None = None
        beginning = Beginning(loader, keyed=keyed, ahead=True)
        with beginning.drawing():
            _BaseDataLoaderIter.__init__(self, loader)
            tasks = beginning.tasks(self)
            self._hire(loader)
            self._start(loader, Epoch(beginning, tasks))

    def _hire(self, loader: Any) -> None:
        """Start workers, and an engine over them."""
        self._prefetch_factor, self._in_order = loader.prefetch_factor, loader.in_order
        self._terms = _terms(loader)
        self._maker = maker_of(loader)
        if loader.copy == "rollback" and not is_stream(loader):
            self._maker.originals = Originals(loader.dataset)  # pyrefly: ignore - a recipe has it
        self._guard = guard_of(loader.guard)
        self._meter: Meter = loader._meter  # noqa: SLF001 - the loader's own part
        depth = self._prefetch_factor * self._num_workers
        setup = Setup(
            self._num_workers,
            depth,
            Hooks(loader.worker_init_fn, loader.dataset_in_worker),
            int(self._base_seed),
            loader._shelf,  # noqa: SLF001 - the loader's own part
            common=self._keyed and not is_stream(loader),
            context=context_of(loader),
            guard=self._guard,
            experience=loader._experience,  # noqa: SLF001 - the loader's own part
        )
        tell_heavy(loader.dataset)
        tell_handles(loader, "fork" if setup.context is None else "spawn")
        try:
            self._made_by = ProcessWorkers(self._maker, setup)
        except Exception as error:
            if setup.context is not None:
                tell_unsent(error, loader)
            raise
        for spent in (loader._allowance, loader._experience):  # noqa: SLF001 - the loader's own
            spent.use_up()  # these workers have it; the next begin without
        self._shutdown = False
        self._engine = Engine(
            self._made_by, depth=depth, in_order=self._in_order, timeout_seconds=self._timeout
        )
        outlives = self._persistent_workers or self._run.stays
        self._watched = watched(self._maker) if outlives else None
        self._shares = self._persistent_workers and shares(self._maker)
        self._doubt = Doubt(loader)
        readers = 0 if is_stream(loader) else self._num_workers if setup.common else 1
        self._compared = Compared(self._guard, loader.dataset, readers)

    def _start(self, loader: Any, epoch: Epoch) -> None:
        self._progress = loader._progress  # noqa: SLF001 - the loader's own part
        self._loader, self._inspector = ref(loader), inspector_of(loader)
        self._enter(epoch)
        self._run.ordered, self._run.epochs = 0, deque([epoch])
        asked = orders(self._run, WeakMethod(self._following))
        self._engine.begin(self._compared.asking(asked))

    def _enter(self, epoch: Epoch) -> None:
        """Be in an epoch, as far as can be seen from outside."""
        self._cursor = epoch.cursor
        self._epoch = epoch
        self._meter.begin(self)

    def figures(self) -> Figures:
        """Give what is known of the workers and their batches."""
        in_flight, ready = self._engine.in_flight()
        return Figures(
            in_flight=in_flight,
            ready=ready,
            replaced=self._made_by.replaced,
            retried=self._engine.retried,
            tally=self._made_by.tally(),
        )

    def _reset(self, loader: Any, first_iter: bool = False) -> None:  # noqa: FBT001, FBT002 - torch's
        """Begin another epoch with the same workers: torch's hook for persistent ones."""
        if self._goes_ahead(loader):
            _BaseDataLoaderIter._reset(self, loader, first_iter)  # noqa: SLF001 - torch's
            self._leave_epoch()
            return
        beginning = Beginning(loader, keyed=self._keyed, ahead=True)
        with beginning.drawing(is_reset=True):
            _BaseDataLoaderIter._reset(self, loader, first_iter)  # noqa: SLF001 - torch's
            self._base_seed = next_base_seed(int(self._base_seed))
            self._run = Run()
            self._begin_again(loader, beginning)

    def _goes_ahead(self, loader: Any) -> bool:
        """Say whether the epoch that was begun early is the one that is asked for now."""
        epochs, progress = self._run.epochs, loader._progress  # noqa: SLF001 - the loader's own part
        if len(epochs) == 1 or not self._cursor.finished or progress.resume is not None:
            return False
        try:
            changes = self._changes(loader)
        except Exception:
            return False
        ahead = epochs[1]
        return ahead.changes == changes and ahead.plan == plan_key(loader)

    def stay(self, steps: int | None) -> None:
        """Keep the workers for the epochs that follow, and begin these before this one ends.

        Args:
            steps: How many batches there will be in all; `None` for no end.
        """
        self._run.stays, self._run.limit = True, steps
        if self._watched is None:
            self._watched = watched(self._maker)

    def go_on(self, loader: Any, steps: int | None) -> None:
        """Begin another epoch with the same workers, drawing what a new iterator would draw.

        Args:
            loader: The loader.
            steps: How many batches there will still be; `None` for no end.
        """
        self._run.limit = steps
        beginning = Beginning(loader, keyed=self._keyed, ahead=True)
        with beginning.drawing():
            _BaseDataLoaderIter.__init__(self, loader)
            self._begin_again(loader, beginning)

    def _begin_again(self, loader: Any, beginning: Beginning) -> None:
        try:
            changes = self._changes(loader)
        except Exception as error:  # what cannot travel is no fault of the user's
            logger.info("new workers, as changes of the dataset cannot be sent: %s", error)
            self._meter.retire(self.figures())
            self._made_by.close()
            self._hire(loader)
            changes = None
        self._start(loader, Epoch(beginning, beginning.tasks(self), changes))

    def _changes(self, loader: Any) -> Changes | None:
        """Give what has changed in the training process since the workers were started.

        Raises:
            Exception: It cannot be sent to them.
        """
        if self._shutdown or self._terms != _terms(loader) or self._watched is None:
            message = "the arguments of the loader have changed"
            raise RuntimeError(message)
        self._maker.transform, self._maker.collate_fn = loader.transform, loader.collate_fn
        return self._watched.changes()

    def _may_begin_after(self, epoch: Epoch) -> bool:
        plan = epoch.beginning.plan
        known = epoch.plan is not None and plan is not None and not plan.draws
        return self._run.stays or (self._persistent_workers and known and not self._shares)

    def _following(self, epoch: Epoch) -> Epoch | None:
        """Begin the next epoch early, where that cannot change what it will be."""
        state, loader = following(epoch.cursor), self._loader()
        if state is None or loader is None or not self._may_begin_after(epoch):
            return None
        try:
            changes = self._changes(loader)
        except Exception as error:
            logger.info("the next epoch is not begun early: %s", error)
            return None
        beginning = Beginning(loader, keyed=self._keyed, ahead=True, state=state)
        return Epoch(beginning, beginning.tasks(self), changes)

    @property
    def _workers(self) -> list[Any]:  # pyrefly: ignore - torch sets an attribute
        """The processes, as libraries look at them."""
        return self._made_by.processes

    def __len__(self) -> int:
        """Give how many batches the epoch has."""
        share = self._epoch.beginning.share
        if share is None:
            return super().__len__()
        return steps_over(self._index_sampler, share, batched=self._auto_collation)

    def __next__(self) -> Any:
        """Take the next batch.

        Raises:
            StopIteration: The epoch is over.
            Exception: Whatever the user's code raised in a worker, with its traceback as cause.
            WorkerLostError: A batch ended its worker twice.
        """
        try:
            if self._epoch.states is not None or _profiler_enabled():
                return super().__next__()
            batch = self._next_data()
        except StopIteration:
            end_epoch(self._cursor, self._guard, self._maker.dataset)
            if not (self._persistent_workers or self._run.stays):
                self._shutdown_workers()
            tell_end(self._cursor, self._loader())
            raise
        except Exception as error:
            raise tidied(error)  # noqa: B904 - the same exception
        self._num_yielded += 1
        return batch

    def _next_data(self) -> Any:
        if self._shutdown:
            raise StopIteration
        asked = perf_counter_ns()
        while (made := self._next_made()) is None:
            pass
        order, batch = made
        if self._inspector is not None:
            self._inspect(order.task, batch)
        if self._pin_memory:
            batch = pin_memory(batch, self._pin_memory_device)
        self._cursor.took(order.task)
        self._progress.latest = self._cursor
        self._meter.took(order.task.size, asked)
        return batch

    def _next_made(self) -> tuple[Order, Any] | None:
        """Give the next order with its batch, or nothing where there is none in its turn."""
        if self._is_over():
            raise StopIteration
        self._end_epoch()
        try:
            order, parcel = self._engine.next()
        except LostError as lost:
            self._turn_to(lost.order.task)
            return self._lost(lost)
        except StartError as ended:
            self._shutdown_workers()
            raise WorkerLostError(told_unstarted(ended)) from None
        except RefusedError as refused:
            self._turn_to(refused.order.task)
            self._cursor.passed_over(refused.order.task)
            raise refused.error from None
        self._turn_to(order.task)
        try:
            batch = self._made_by.take(parcel)
        except StreamEndError:
            self._epoch.end_stream(order.task)
            return None
        except BadSamplesError as error:
            return self._treated(order, error.bads)
        except Exception:
            self._cursor.passed_over(order.task)
            raise
        if type(batch) is Noted:
            batch = self._told(order.task, batch)
        states = self._epoch.states
        if states is not None:
            self._doubt.hear(order.worker, batch.digest)
            self._count(order.task, batch)
            order, batch = states.opened(batch, order)
        return order, batch

    def _lost(self, lost: LostError) -> None:
        """Treat the sample that an order was lost with as a bad one, or raise.

        Which one it is may show only if samples are fetched one by one. A sample of a stream cannot
        be passed over: whoever reads on has to read it.
        """
        order, row, stream = lost.order, lost.lost.row, self._epoch.states is not None
        error = WorkerLostError(told_lost(lost, self._timeout, stream=stream))
        tolerance = self._maker.tolerance
        if stream or tolerance is None or not tolerance.covers(error, "fetch"):
            self._cursor.passed_over(order.task)
            raise error from None
        together = isinstance(self._maker, Recipe) and self._maker.fetches_together
        if row is None and together and not order.task.alone:
            self._engine.again(replace(order, task=order.task._replace(alone=True)))
        elif row is None and order.task.size > 1:
            self._cursor.passed_over(order.task)
            raise error from None
        else:
            self._treated(order, [lost_with(Blame(order.task, "end", row=row or 0), error)])

    def _treated(self, order: Order, bads: list[Bad]) -> None:
        """Have a batch with bad samples made otherwise, in its turn, or left out."""
        task = treated(self._epoch.treatment, self._cursor, order.task, bads)
        if task is not None:
            self._engine.again(replace(order, task=task, rereads=()))
        elif self._run.limit is not None:
            self._run.limit += 1
            self._engine.go_on()

    def _count(self, task: Task, made: StreamBatch) -> None:
        """Count the samples of a batch of an iterable dataset, and the bad ones among them."""
        self._cursor.account.samples += made.samples
        treatment = self._epoch.treatment
        try:
            if treatment is not None:
                treatment.read_over(task, made.bads, made.samples)
        except Exception:
            self._cursor.passed_over(task)
            raise

    def _told(self, task: Task, noted: Noted) -> Any:
        """Tell what was noticed as a batch was made, and give the batch."""
        try:
            tell_changed(noted.changed, self._guard, self._maker.dataset)
            if noted.mixed is not None and self._inspector is not None:
                self._inspector.tell_mixed(noted.mixed)
            self._compared.hear(noted.reads)
            tell_nones(self._cursor, task, noted.nones, self._loader())
        except TrueloadError:
            self._cursor.passed_over(task)
            raise
        return noted.batch

    def _inspect(self, task: Task, batch: Any) -> None:
        """Hold a batch to its contract.

        Raises:
            ContractError: It leaves it.
        """
        try:
            self._inspector.look(batch, task)  # pyrefly: ignore - the caller has asked
        except ContractError:
            self._cursor.passed_over(task)
            raise

    def _is_over(self) -> bool:
        """Say whether what comes next belongs to an epoch that nobody has asked for yet."""
        if self._run.stays or len(self._run.epochs) == 1:
            return False
        head = self._engine.head()
        return head is None or head.task.epoch != self._epoch.number

    def _end_epoch(self) -> None:
        """Tell what there is to tell of an epoch whose last batch was taken, in an endless run."""
        if self._run.stays and len(self._run.epochs) > 1:
            head = self._engine.head()
            if head is not None and head.task.epoch != self._epoch.number:
                tell_end(self._cursor, self._loader())

    def _leave_epoch(self) -> None:
        """Be in the epoch that was begun after this one."""
        epochs = self._run.epochs
        end_epoch(self._cursor, self._guard, self._maker.dataset)
        epochs.popleft()
        epochs[0].beginning.register()
        self._enter(epochs[0])

    def _turn_to(self, task: Task) -> None:
        """Be where a task is: maybe in the next epoch, maybe behind turns that were passed over."""
        while self._epoch.number != task.epoch and len(self._run.epochs) > 1:
            self._leave_epoch()
        self._epoch.pass_over(task)

    def _shutdown_workers(self) -> None:
        """End the workers; does nothing the second time."""
        if not self._shutdown:
            self._shutdown = True
            self._made_by.close()
            self._meter.retire(self.figures())

    def __del__(self) -> None:
        """End the workers with the iterator."""
        if not getattr(self, "_shutdown", True):
            self._shutdown_workers()


def _terms(loader: Any) -> tuple[Any, ...]:
    """Give what a set of workers is bound to."""
    hooks = loader.worker_init_fn, loader.dataset_in_worker
    how = loader.num_workers, loader.prefetch_factor, loader.in_order, loader.on_error
    return *how, *hooks
