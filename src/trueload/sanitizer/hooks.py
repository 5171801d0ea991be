"""Where the instruments sit in torch, and how they are taken out again.

Official hooks serve where there are any: optimizer steps, calls of modules, registration of
parameters, new nodes of a graph. Else an attribute of torch is replaced by a function that calls
what was there: `torch.autograd.backward`, which every backward pass goes through, the two clipping
functions, and methods of DataLoader, Optimizer, scheduler and GradScaler.

While torch compiles, every hook steps aside.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Any, Final

import torch
import torch.nn.utils.clip_grad
import torch.optim.lr_scheduler
import torch.utils.data.dataloader
from torch._utils import ExceptionWrapper
from torch.amp.grad_scaler import GradScaler
from torch.nn.modules.module import (
    register_module_forward_pre_hook,
    register_module_parameter_registration_hook,
)
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.data._utils.fetch import _IterableDatasetFetcher, _MapDatasetFetcher
from torch.utils.data.dataloader import DataLoader, _BaseDataLoaderIter

from trueload.errors import without_ours
from trueload.sanitizer.layers import replace
from trueload.sanitizer.recorder import Recorder


@contextmanager
def instruments(recorder: Recorder) -> Iterator[None]:
    """Put the instruments in for the time of a `with` block."""
    recorder.is_open = True
    with ExitStack() as stack:
        stack.callback(setattr, recorder, "is_open", False)  # noqa: FBT003 - the attribute's value
        for put_in in _INSTRUMENTS:
            put_in(recorder, stack)
        yield


def _idle() -> bool:
    """Say whether a hook is to step aside."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()  # noqa: SLF001


def _models(recorder: Recorder, stack: ExitStack) -> None:
    def registered(module: Any, _: str, tensor: Any) -> None:
        if not _idle():
            recorder.quietly(recorder.registered, module, tensor)

    def loading(original: Any) -> Any:
        @wraps(original)
        def load_state_dict(module: Any, *args: Any, **options: Any) -> Any:
            result = original(module, *args, **options)
            recorder.quietly(recorder.parameters.loaded, module)
            return result

        return load_state_dict

    stack.callback(register_module_parameter_registration_hook(registered).remove)
    replace(stack, torch.nn.Module, "load_state_dict", loading)


def _calls(recorder: Recorder, stack: ExitStack) -> None:
    def forward(module: Any, inputs: Any) -> None:
        if not _idle() and not torch.jit.is_tracing():
            recorder.quietly(recorder.forward, module, inputs)

    def counting(original: Any) -> Any:
        @wraps(original)
        def has_any_global_hook() -> bool:
            """Leave our hook out, or a compiled model would warn of it."""
            hooks = module._global_forward_pre_hooks  # noqa: SLF001 - where the handle puts it
            ours = hooks.pop(handle.id)
            found = original()
            hooks[handle.id] = ours
            return found

        return has_any_global_hook

    handle = register_module_forward_pre_hook(forward)
    stack.callback(handle.remove)
    module = torch.nn.modules.module
    replace(stack, module, "_has_any_global_hook", counting)


def _modes(recorder: Recorder, stack: ExitStack) -> None:
    def switching(original: Any) -> Any:
        @wraps(original)
        def train(module: Any, *args: Any, **options: Any) -> Any:
            if recorder.modes.switching or _idle():
                return original(module, *args, **options)
            recorder.modes.switching = True
            try:
                recorder.quietly(recorder.modes.switched, module)
                return original(module, *args, **options)
            finally:
                recorder.modes.switching = False

        return train

    replace(stack, torch.nn.Module, "train", switching)


def _optimizers(recorder: Recorder, stack: ExitStack) -> None:
    def before(optimizer: Any, args: Any, options: Any) -> Any:
        return None if _idle() else recorder.quietly(recorder.before_step, optimizer, args, options)

    def after(optimizer: Any, *_: Any) -> None:
        if not _idle():
            recorder.quietly(recorder.after_step, optimizer)
            recorder.stop_if_enough()

    def making(original: Any) -> Any:
        @wraps(original)
        def init(optimizer: Any, *args: Any, **options: Any) -> None:
            original(optimizer, *args, **options)
            recorder.quietly(recorder.optimizer, optimizer)

        return init

    def scaling(original: Any) -> Any:
        @wraps(original)
        def step(scaler: Any, optimizer: Any, *args: Any, **options: Any) -> Any:
            recorder.quietly(recorder.scaled_step, optimizer)
            return original(scaler, optimizer, *args, **options)

        return step

    stack.callback(register_optimizer_step_pre_hook(before).remove)
    stack.callback(register_optimizer_step_post_hook(after).remove)
    replace(stack, Optimizer, "__init__", making)
    replace(stack, GradScaler, "step", scaling)


def _backward(recorder: Recorder, stack: ExitStack) -> None:
    def following(original: Any) -> Any:
        @wraps(original)
        def backward(tensors: Any, *args: Any, **options: Any) -> None:
            if _idle():
                return original(tensors, *args, **options)
            named = {**dict(zip(_BACKWARD, args, strict=False)), **options}
            event = recorder.quietly(recorder.before_backward, tensors, named)
            if event is None:
                return original(tensors, *args, **options)
            try:
                original(tensors, *args, **options)
            except BaseException:
                recorder.quietly(recorder.abandoned, event)
                raise
            recorder.quietly(recorder.after_backward, event)
            recorder.stop_if_enough()
            return None

        return backward

    replace(stack, torch.autograd, "backward", following)


_BACKWARD: Final = ("grad_tensors", "retain_graph", "create_graph", "grad_variables", "inputs")


def _loaders(recorder: Recorder, stack: ExitStack) -> None:
    loading = recorder.loading

    def making(original: Any) -> Any:
        @wraps(original)
        def init(loader: Any, *args: Any, **options: Any) -> None:
            original(loader, *args, **options)
            recorder.quietly(loading.made, loader)

        return init

    def beginning(original: Any) -> Any:
        @wraps(original)
        def begin(loader: Any) -> Any:
            recorder.quietly(loading.beginning, loader)
            try:
                iterator = original(loader)
            except Exception as error:
                recorder.quietly(recorder.workers.failed, loader, error)
                raise
            recorder.quietly(loading.begun, loader, iterator)
            return iterator

        return begin

    replace(stack, DataLoader, "__init__", making)
    replace(stack, DataLoader, "__iter__", beginning)
    _iterators(recorder, stack)


def _iterators(recorder: Recorder, stack: ExitStack) -> None:
    loading = recorder.loading

    def fetching(original: Any) -> Any:
        @wraps(original)
        def fetch(iterator: Any) -> Any:
            recorder.stop_if_enough()
            recorder.quietly(recorder.handed.before_fetch)
            looked, before = recorder.fetching.spent_seconds, time.perf_counter()
            try:
                batch = original(iterator)
            except StopIteration:
                recorder.quietly(loading.ended, iterator)
                raise
            looked = recorder.fetching.spent_seconds - looked
            recorder.quietly(loading.fetched, iterator, batch, before, looked)
            return batch

        return fetch

    def choosing(original: Any) -> Any:
        @wraps(original)
        def choose(iterator: Any) -> Any:
            index = original(iterator)
            recorder.quietly(recorder.samples.indexed, iterator, index)
            return index

        return choose

    replace(stack, _BaseDataLoaderIter, "__next__", fetching)
    replace(stack, _BaseDataLoaderIter, "_next_index", choosing)


def _fetchers(recorder: Recorder, stack: ExitStack) -> None:
    """Look on where batches are made; workers that are forked inherit this."""

    def making(original: Any) -> Any:
        @wraps(original)
        def fetch(fetcher: Any, index: Any) -> Any:
            return recorder.fetching.fetch(original, fetcher, index)

        return fetch

    def wrapping(original: Any) -> Any:
        @wraps(original)
        def init(wrapper: Any, exc_info: Any = None, *args: Any, **options: Any) -> None:
            """Leave our frames out of what a worker says of an exception."""
            kind, error, traceback = exc_info or sys.exc_info()
            original(wrapper, (kind, error, without_ours(traceback)), *args, **options)

        return init

    for kind in (_MapDatasetFetcher, _IterableDatasetFetcher):
        replace(stack, kind, "fetch", making)
    replace(stack, ExceptionWrapper, "__init__", wrapping)


def _schedules(recorder: Recorder, stack: ExitStack) -> None:
    def making(original: Any) -> Any:
        @wraps(original)
        def init(scheduler: Any, *args: Any, **options: Any) -> None:
            recorder.quietly(recorder.rates.made, scheduler)
            original(scheduler, *args, **options)

        return init

    def rating(original: Any) -> Any:
        @wraps(original)
        def update(scheduler: Any, *args: Any, **options: Any) -> Any:
            groups = scheduler.optimizer.param_groups
            before = recorder.quietly(lambda: max(float(group["lr"]) for group in groups))
            result = original(scheduler, *args, **options)
            if not getattr(scheduler, "_is_initial", False):
                recorder.quietly(recorder.rates.rated, scheduler, before or 0.0)
            return result

        return update

    base = torch.optim.lr_scheduler.LRScheduler
    replace(stack, base, "__init__", making)
    replace(stack, base, "_update_lr", rating)


def _clipping(recorder: Recorder, stack: ExitStack) -> None:
    def following(original: Any, limit: str) -> Any:
        @wraps(original)
        def clip(*args: Any, **options: Any) -> Any:
            if _idle():
                return original(*args, **options)
            named = {**dict(zip(("parameters", limit), args, strict=False)), **options}
            if not {"parameters", limit} <= named.keys():
                return original(*args, **options)  # which says what is missing
            several = named.pop("parameters")
            if not isinstance(several, torch.Tensor):
                several = list(several)  # a generator can be read once only
            recorder.quietly(recorder.rates.before_clip)
            most = named.pop(limit)
            result = original(several, most, *args[2:], **named)
            recorder.quietly(recorder.rates.clipped, several, most)
            return result

        return clip

    utils = torch.nn.utils
    for name, limit in (("clip_grad_norm_", "max_norm"), ("clip_grad_value_", "clip_value")):
        for home in (utils, utils.clip_grad):
            replace(stack, home, name, partial(following, limit=limit))


def _graph(recorder: Recorder, stack: ExitStack) -> None:
    recorder.locator.begin()
    stack.callback(recorder.locator.end)


_INSTRUMENTS = (
    *(_models, _calls, _modes, _optimizers, _backward),
    *(_loaders, _fetchers, _schedules, _clipping, _graph),
)
