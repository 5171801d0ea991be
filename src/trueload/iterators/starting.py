"""How the workers of a loader are started, and whether they are our own."""

import multiprocessing
from typing import Any

import torch

from trueload.errors import ArgumentError, render
from trueload.iterators.epoch import is_cut_evenly
from trueload.preflight import Start
from trueload.renewal import renewed
from trueload.samplers import is_stream
from trueload.workers.process import is_supported


def is_ours(loader: Any) -> bool:
    """Say whether our own workers serve, or torch's do.

    A context of a library's own may start anything, and what the batches of an iterable dataset
    weigh is known to its batch sampler alone where that is none of torch's.
    """
    return (
        has_processes(loader)
        and is_supported()
        and (is_cut_evenly(loader) or not is_stream(loader))
    )


def refuse_to_share(loader: Any) -> None:
    """Refuse what our own workers alone can do with a stream, where they do not serve.

    Raises:
        ArgumentError: The loader is to share one, or to leave out bad samples of one.
    """
    if not is_stream(loader):
        return
    for name, usual in (("shard", None), ("on_error", "raise")):
        value = getattr(loader, name)
        if value != usual:
            facts = [("context", type(loader.multiprocessing_context).__qualname__)]
            title = f"`{name}={value!r}` of a stream needs workers of ours, which do not serve here"
            hint = "leave out `multiprocessing_context` and `batch_sampler`, or use `num_workers=0`"
            raise ArgumentError(render(title, "TL105", facts, hint))


def has_processes(loader: Any) -> bool:
    """Say whether workers are processes; a context of a library's own may make threads."""
    context = loader.multiprocessing_context
    return context is None or type(context).__module__.startswith("multiprocessing.")


def start_of(loader: Any) -> Start:
    """Say how torch would start the workers of a loader."""
    if not has_processes(loader):
        return "threads"
    context = loader.multiprocessing_context or multiprocessing
    return "fork" if context.get_start_method() == "fork" else "spawn"


def dataset_here(loader: Any) -> Any:
    """Give the dataset as this process reads it: renewed once, where the user wants it renewed."""
    renew = loader.dataset_in_worker
    if renew is None:
        return loader.dataset
    known = loader._renewed  # noqa: SLF001 - the loader's own part
    if known is None or known[0] is not loader.dataset or known[1] is not renew:
        known = loader.dataset, renew, renewed(loader.dataset, renew)
        loader._renewed = known  # noqa: SLF001
    return known[2]


def context_of(loader: Any) -> Any:
    """Give the context that starts workers anew, or `None` where they are forked.

    They are forked unless the user has asked for another start method, for this loader or for the
    whole program. Where the system's default is "forkserver", as of Python 3.14, for fear of
    threads that hold locks, the template serves too, since it looks after these; not once CUDA is
    in use, which a worker of such a program may expect to be able to use.
    """
    context = loader.multiprocessing_context
    if context is None:
        method = multiprocessing.get_start_method(allow_none=True) or "fork"
        if method == "forkserver" and not torch.cuda.is_initialized():
            method = "fork"
        context = multiprocessing.get_context(method)
    return None if context.get_start_method() == "fork" else context
