"""Make one sample of an epoch again, alone."""

from collections.abc import Iterator
from typing import Any, NoReturn

from trueload import samplers
from trueload.errors import ReplayError, count, render
from trueload.generators import kept
from trueload.iterators.epoch import is_stream, recipe_of
from trueload.iterators.starting import dataset_here
from trueload.order import Order
from trueload.ownership import owned
from trueload.recipe import Randomness
from trueload.seeds import preserved, root_of
from trueload.tasks import Start, Task, from_order


def replay(loader: Any, index: Any, epoch: int | None, position: int | None) -> Any:
    """Make the sample of an index as it was made in an epoch; see `DataLoader.replay`."""
    epoch = _epoch(loader) if epoch is None else epoch
    task, row = _found(loader, index, epoch, position)
    random = _randomness(loader, epoch)
    recipe = recipe_of(loader, dataset_here(loader))
    with preserved(), kept(recipe.generators()):
        return owned([recipe.sample(task, random, row)], loader.copy)


def _epoch(loader: Any) -> int:
    cursor = loader._progress.cursor  # noqa: SLF001 - the loader's own part
    return 0 if cursor is None else cursor.start.epoch


def _found(loader: Any, index: Any, epoch: int, position: int | None) -> tuple[Task, int]:
    """Give the task that the sample was part of, and its row in it."""
    order, plan = _order(loader, index, epoch)
    at = order.position_of(index) if position is None else position
    if at is None or not 0 <= at < len(order) or int(order.indices(at, at + 1)[0]) != index:
        where = "" if position is None else f" at position {count(position)}"
        facts = [("order", f"{plan.name}, {count(len(order))} samples")]
        _refuse(f"epoch {epoch} has no sample {index!r}{where}", facts)
    if not plan.batched:
        return Task(epoch, at, at, int(index), 1), 0
    size = plan.batch_size or 1
    batch = at // size
    return next(_tasks(order, plan, Start(epoch, batch, batch * size))), at - batch * size


def _tasks(order: Order, plan: samplers.Plan, start: Start) -> Iterator[Task]:
    return from_order(order, plan.batch_size, drop_last=False, start=start)


def _order(loader: Any, index: Any, epoch: int) -> tuple[Order, samplers.Plan]:
    if is_stream(loader):
        _refuse(f"sample {index!r} of an iterable dataset cannot be asked for by its index")
    plan = samplers.read(loader, loader.seed, epoch)
    drawn = None
    if plan.draws:
        drawn = _drawn(loader, epoch)
    if plan.order_of is None or (plan.draws and drawn is None):
        facts = [("order", plan.name)]
        hint = "give the loader a `seed=`: its orders can then be made again for any epoch"
        _refuse(f"the order of epoch {epoch} is not known any more", facts, hint)
    return plan.order_of(drawn), plan


def _drawn(loader: Any, epoch: int) -> int | None:
    cursor = loader._progress.cursor  # noqa: SLF001 - the loader's own part
    return cursor.order_seed if cursor is not None and cursor.start.epoch == epoch else None


def _randomness(loader: Any, epoch: int) -> Randomness | None:
    """Give the keys of an epoch's samples."""
    cursor = loader._progress.cursor  # noqa: SLF001 - the loader's own part
    current = cursor is not None and cursor.start.epoch == epoch
    root = None if loader.seed is None else root_of(loader.seed, epoch)
    if root is None and current:
        root = cursor.root
    if root is None or loader.rng == "worker":
        title = f"what the samples of epoch {epoch} drew at random is not known"
        hint = 'give the loader a `seed=`, or `rng="sample"` to replay samples of the last epoch'
        _refuse(title, hint=hint)
    return Randomness(root, loader.rng == "sample")


def _refuse(title: str, facts: Any = (), hint: str = "") -> NoReturn:
    raise ReplayError(render(title, "TL107", facts, hint))
