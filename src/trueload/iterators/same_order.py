"""Notice that `set_epoch` was forgotten: every epoch then has the same shuffle."""

from typing import Any

from torch.utils.data.distributed import DistributedSampler

from trueload.errors import SameOrderError, render
from trueload.iterators.telling import tell

_HINT = "call `sampler.set_epoch(epoch)` before each epoch"


def tell_same_order(loader: Any) -> None:
    """Tell that an epoch begins with the order of the last one, which was read to its end.

    Args:
        loader: The loader, as an epoch begins that is not resumed.

    Raises:
        SameOrderError: So it is, and the guard is strict.
    """
    progress = loader._progress  # noqa: SLF001 - the loader's own part
    before, progress.order_key = progress.order_key, _key(loader)
    last = progress.cursor
    if before is None or before != progress.order_key or last is None or not last.finished:
        return
    sampler = _sampler(loader)
    title = f"epoch {last.start.epoch + 1} has the very order of epoch {last.start.epoch}"
    facts = [
        ("sampler", f"DistributedSampler, shuffled, {sampler.num_replicas} ranks"),
        ("epoch", f"{sampler.epoch}, as before"),
    ]
    site = type(loader.dataset), "TL606"
    tell(site, render(title, "TL606", facts, _HINT), loader.guard, SameOrderError)


def _key(loader: Any) -> tuple[Any, ...] | None:
    """Give what decides the shuffle of a sampler of torch's for several ranks, else `None`."""
    sampler = _sampler(loader)
    own = isinstance(sampler, DistributedSampler)
    if not own or type(sampler).__iter__ is not DistributedSampler.__iter__:
        return None
    if not sampler.shuffle or sampler.num_replicas < _SEVERAL:
        return None
    return id(sampler), sampler.seed, sampler.epoch, len(loader.dataset)


_SEVERAL = 2


def _sampler(loader: Any) -> Any:
    outer = loader._index_sampler  # noqa: SLF001 - torch's name for the sampler in use
    return getattr(outer, "sampler", outer)
