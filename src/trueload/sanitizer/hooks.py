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
from torch._C._dynamo import eval_frame
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
    whole = recorder.scope.is_whole
    with ExitStack() as stack:
        stack.callback(setattr, recorder, "is_open", False)  # noqa: FBT003 - the attribute's value
        if whole:
            _whole.append(recorder)
            stack.callback(_whole.remove, recorder)
        for put_in in _INSTRUMENTS if whole else _OF_A_WATCH:
            put_in(recorder, stack)
        yield


_whole: list[Recorder] = []


def whole() -> Recorder | None:
    """Give the recorder that follows all of the process, where there is one."""
    return _whole[-1] if _whole else None


def _idle() -> bool:
    """Say whether a hook is to step aside."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()  # noqa: SLF001


def _models(recorder: Recorder, stack: ExitStack) -> None:
    def registered(module: Any, _: str, tensor: Any) -> None:
        if not _idle() and recorder.scope.is_here():
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


def _own_calls(recorder: Recorder, stack: ExitStack) -> None:
    """Look at calls of a few models only, so that their parts cost nothing."""
    scope: Any = recorder.scope

    def calling(original: Any) -> Any:
        @wraps(original)
        def call(module: Any, *args: Any, **options: Any) -> Any:
            if _idle() or not scope.enter(module):
                return original(module, *args, **options)
            try:
                recorder.quietly(recorder.forward, module, args)
                with recorder.modes.first_layer_of(module):
                    return original(module, *args, **options)
            finally:
                scope.leave()

        _pass_over(call)
        return call

    for kind in {type(module) for module in scope.called}:
        replace(stack, kind, "__call__", calling, inherited=True)


def _pass_over(function: Any) -> None:
    """Let torch's compiler begin below a function, as it does with `Module.__call__` itself.

    Source: `skip_code` in torch/_dynamo/eval_frame.py, which takes seconds to import.
    """
    passing = eval_frame._FrameExecStrategy(  # noqa: SLF001 - no public name for it
        eval_frame._FrameAction.SKIP,  # noqa: SLF001
        eval_frame._FrameAction.DEFAULT,  # noqa: SLF001
    )
    eval_frame.set_code_exec_strategy(function.__code__, passing)


def _modes(recorder: Recorder, stack: ExitStack) -> None:
    def switching(original: Any) -> Any:
        @wraps(original)
        def train(module: Any, *args: Any, **options: Any) -> Any:
            if recorder.modes.switching or _idle() or not recorder.scope.is_here():
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
    scope = recorder.scope

    def is_here() -> bool:
        return scope.is_here(in_backward=recorder.backward is not None)

    def before(optimizer: Any, args: Any, options: Any) -> Any:
        if _idle():
            return None
        if not scope.has_optimizer(optimizer):
            return recorder.quietly(recorder.parameters.held_elsewhere, optimizer)
        if not (scope.settle() or is_here()):
            return None
        return recorder.quietly(recorder.before_step, optimizer, args, options)

    def after(optimizer: Any, *_: Any) -> None:
        if not _idle() and scope.has_optimizer(optimizer) and is_here():
            recorder.quietly(recorder.after_step, optimizer)
            recorder.stop_if_enough()

    stack.callback(register_optimizer_step_pre_hook(before).remove)
    stack.callback(register_optimizer_step_post_hook(after).remove)


def _new_optimizers(recorder: Recorder, stack: ExitStack) -> None:
    def making(original: Any) -> Any:
        @wraps(original)
        def init(optimizer: Any, *args: Any, **options: Any) -> None:
            original(optimizer, *args, **options)
            if recorder.scope.has_optimizer(optimizer):
                recorder.quietly(recorder.optimizer, optimizer)

        return init

    replace(stack, Optimizer, "__init__", making)


def _scalers(recorder: Recorder, stack: ExitStack) -> None:
    def scaling(original: Any) -> Any:
        @wraps(original)
        def step(scaler: Any, optimizer: Any, *args: Any, **options: Any) -> Any:
            if recorder.scope.has_optimizer(optimizer):
                recorder.quietly(recorder.scaled_step, optimizer)
            return original(scaler, optimizer, *args, **options)

        return step

    replace(stack, GradScaler, "step", scaling)


def _backward(recorder: Recorder, stack: ExitStack) -> None:
    def following(original: Any) -> Any:
        @wraps(original)
        def backward(tensors: Any, *args: Any, **options: Any) -> None:
            if _idle() or not recorder.scope.is_here():
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


def _new_loaders(recorder: Recorder, stack: ExitStack) -> None:
    def making(original: Any) -> Any:
        @wraps(original)
        def init(loader: Any, *args: Any, **options: Any) -> None:
            original(loader, *args, **options)
            if recorder.loading.follows(loader):
                recorder.quietly(recorder.loading.made, loader)

        return init

    replace(stack, DataLoader, "__init__", making)


def _loaders(recorder: Recorder, stack: ExitStack) -> None:
    loading = recorder.loading
    seen: set[type] = {_BaseDataLoaderIter}

    def beginning(original: Any) -> Any:
        @wraps(original)
        def begin(loader: Any) -> Any:
            if not loading.follows(loader):
                return original(loader)
            recorder.quietly(loading.beginning, loader)
            try:
                iterator = original(loader)
            except Exception as error:
                recorder.quietly(loading.failed, loader, error)
                raise
            for kind in set(type(iterator).__mro__) - seen:
                seen.add(kind)
                if issubclass(kind, _BaseDataLoaderIter):
                    _fetches(recorder, stack, kind)
            recorder.quietly(loading.begun, loader, iterator)
            return iterator

        return begin

    replace(stack, DataLoader, "__iter__", beginning)
    _fetches(recorder, stack, _BaseDataLoaderIter)


def _fetches(recorder: Recorder, stack: ExitStack, kind: type) -> None:
    """Follow a class of iterators, such as ours, which have a `__next__` of their own."""
    loading, scope = recorder.loading, recorder.scope

    def fetching(original: Any) -> Any:
        @wraps(original)
        def fetch(iterator: Any) -> Any:
            if not scope.is_here():
                return original(iterator)
            recorder.stop_if_enough()
            if not loading.asks(iterator):
                return original(iterator)
            looked, before = recorder.fetching.spent_seconds, time.perf_counter()
            try:
                batch = original(iterator)
            except StopIteration:
                recorder.quietly(loading.ended, iterator)
                raise
            finally:
                loading.asked(iterator)
            looked = recorder.fetching.spent_seconds - looked
            recorder.quietly(loading.fetched, iterator, batch, before, looked)
            return batch

        return fetch

    replace(stack, kind, "__next__", fetching)


def _orders(recorder: Recorder, stack: ExitStack) -> None:
    def choosing(original: Any) -> Any:
        @wraps(original)
        def choose(iterator: Any) -> Any:
            index = original(iterator)
            if recorder.scope.is_here():
                recorder.quietly(recorder.samples.indexed, iterator, index)
            return index

        return choose

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
    def followed(scheduler: Any) -> bool:
        return recorder.scope.has_optimizer(scheduler.optimizer)

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
            if not getattr(scheduler, "_is_initial", False) and followed(scheduler):
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
            if _idle() or not recorder.scope.is_here():
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
    if recorder.steps < recorder.pace.first:
        recorder.locator.begin()
    stack.callback(recorder.locator.end)


_INSTRUMENTS = (
    *(_models, _calls, _modes, _optimizers, _new_optimizers, _scalers),
    *(_backward, _new_loaders, _loaders, _orders, _fetchers),
    *(_schedules, _clipping, _graph),
)
"""What `trueload check` puts in."""

_OF_A_WATCH = (
    *(_models, _own_calls, _modes, _optimizers, _new_optimizers, _scalers),
    *(_backward, _new_loaders, _loaders, _orders),
    *(_schedules, _clipping, _graph),
)
"""What a watch puts in."""
