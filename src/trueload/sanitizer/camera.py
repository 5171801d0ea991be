"""Records what only the HTML page shows, where that page is asked for.

It looks at the first batches of the first loaders, and at each step takes the norm of the
gradients and of what the step changed. Of large tensors it looks at a part, evenly spread. What it
keeps of the script's are small copies. It draws no random number and puts nothing into a graph;
but reading a loss makes a device wait, which is why this is not always on.
"""

import time
from typing import Any, Final

import numpy as np
import torch

from trueload.evidence import Fetch, Step
from trueload.evidence.footage import (
    BatchShown,
    Footage,
    LabelCounts,
    LeafShown,
    Picture,
    Span,
    StepShown,
)
from trueload.pictures import array_of, images_of, picture_of, span_of
from trueload.tree import dtype_name, leaves

_LOADERS: Final = 4
_BATCHES: Final = 2
_LABELED: Final = 16
_LEAVES: Final = 6
_PICTURES: Final = 8
_SIDE: Final = 64
_BINS: Final = 24
_VALUES: Final = 1 << 16
_SAMPLED: Final = 1 << 14
_MOST_CLASSES: Final = 1000


class Camera:
    """Fills a footage; the recorder calls it.

    Attributes:
        footage: What was recorded.
    """

    def __init__(self) -> None:
        self.footage = Footage()
        self._seen: dict[Any, int] = {}
        self._first: float | None = None
        self._since: float | None = None
        self._begun = 0.0
        self._loss: float | None = None
        self._before: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._gradient: float | None = None
        self._wanted = False
        self._stepping = False

    # Batches.

    def fetched(self, fetch: Fetch, batch: Any) -> None:
        """Look at a batch that a loader gave."""
        now = time.perf_counter()
        kind = "wait" if fetch.loader.num_workers else "fetch"
        self._span(kind, now - fetch.waited_seconds, now)
        seen = self._seen.get(fetch.loader.origin, 0)
        if seen < _LABELED and (seen or len(self._seen) < _LOADERS):
            self._seen[fetch.loader.origin] = seen + 1
            self._show(fetch, batch, pictured=seen < _BATCHES)
        self._since = time.perf_counter()

    def _show(self, fetch: Fetch, batch: Any, *, pictured: bool) -> None:
        arrays = list(_arrays(batch))
        where = {"loader": fetch.loader, "epoch": fetch.epoch, "batch": fetch.batch}
        if pictured:
            shown = tuple(_leaf(name, array, dtype) for name, array, dtype in arrays)
            self.footage.batches.append(BatchShown(**where, leaves=shown))
        for name, array, _ in arrays:
            if _are_labels(array):
                values, counts = np.unique(array, return_counts=True)
                if len(values) <= _MOST_CLASSES:
                    pairs = tuple(zip(values.tolist(), counts.tolist(), strict=True))
                    self.footage.labels.append(LabelCounts(**where, leaf=name, counts=pairs))
                break

    # Steps.

    def backward_begun(self, loss: torch.Tensor) -> None:
        """Take the loss, and the time since the batch or whatever came last."""
        now = time.perf_counter()
        if self._since is not None and not self._stepping:
            self._span("forward", self._since, now)
        self._loss = float(loss.detach()) if loss.numel() == 1 and not loss.is_complex() else None
        self._begun = time.perf_counter()

    def backward_ended(self) -> None:
        """Take the time of a backward pass."""
        if not self._stepping:
            self._span("backward", self._begun, time.perf_counter())
            self._since = time.perf_counter()

    def gradients_used(self, tensors: list[torch.Tensor]) -> None:
        """Take the norm of the gradients that a step uses; a closure has made them by now."""
        with torch.no_grad():
            self._gradient = _norm([_gradient_of(tensor) for tensor in filter(_is_plain, tensors)])

    def step_begun(self, step: Step, tensors: list[torch.Tensor]) -> None:
        """Copy a part of the parameters."""
        self._wanted, self._stepping = self.footage.wants_step(step.ordinal), True
        if self._wanted:
            with torch.no_grad():
                plain = filter(_is_plain, tensors)
                self._before = [(tensor, _part(tensor).clone()) for tensor in plain]
        self._begun = time.perf_counter()

    def step_ended(self, step: Step) -> None:
        """Take the time of a step and what it changed."""
        self._span("step", self._begun, time.perf_counter())
        self._stepping = False
        if self._wanted:
            self.footage.add_step(
                StepShown(
                    optimizer=step.optimizer,
                    ordinal=step.ordinal,
                    loss=self._loss,
                    gradient=self._gradient,
                    update=self._update(),
                    rate=step.rate,
                )
            )
        self._gradient, self._before = None, []
        self._since = time.perf_counter()

    def _update(self) -> float | None:
        with torch.no_grad():
            length = _norm([before for _, before in self._before])
            change = _norm([_part(tensor) - before for tensor, before in self._before])
        return change / length if length and change is not None else None

    def _span(self, kind: str, begin: float, end: float) -> None:
        self._first = begin if self._first is None else self._first
        self.footage.add_span(Span(kind, begin - self._first, end - self._first))


def _is_plain(tensor: torch.Tensor) -> bool:
    """Leave out what is spread over processes: to read a part of it is an agreement of all."""
    return type(tensor) in {torch.Tensor, torch.nn.Parameter} and not tensor.is_complex()


def _part(tensor: torch.Tensor) -> torch.Tensor:
    """Give a part of a tensor, evenly spread; always the same part."""
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, flat.numel() // _SAMPLED)]


def _gradient_of(tensor: torch.Tensor) -> torch.Tensor:
    grad = tensor.grad
    if grad is None:
        return torch.zeros(0)
    return grad._values() if grad.is_sparse else grad.detach()  # noqa: SLF001


def _norm(tensors: list[torch.Tensor]) -> float | None:
    """Give the norm of all values together; `None` where there are none."""
    norms = [float(torch.linalg.vector_norm(one)) for one in tensors if one.numel()]
    return float(np.linalg.norm(norms)) if norms else None


def _arrays(batch: Any) -> Any:
    """Yield name, values and dtype of the leaves of a batch that hold real numbers."""
    found = 0
    for name, leaf in leaves(batch):
        if found == _LEAVES:
            return
        array = array_of(leaf)
        if array is not None and array.size:
            found += 1
            yield name, array, dtype_name(leaf.dtype)


def _are_labels(array: np.ndarray) -> bool:
    """Say whether these may be labels: a whole number for each sample."""
    flat = array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)  # noqa: PLR2004
    if not flat or array.dtype.kind in "biu":
        return flat
    return bool(np.isfinite(array).all() and (array == np.round(array)).all())


def _leaf(name: str, array: np.ndarray, dtype: str) -> LeafShown:
    values = array.reshape(-1)[:: max(1, array.size // _VALUES)].astype(np.float64)
    finite = values[np.isfinite(values)]
    known: dict[str, Any] = {"name": name, "shape": array.shape, "dtype": dtype}
    known["not_finite"] = values.size - finite.size
    if finite.size:
        known |= {"low": float(finite.min()), "high": float(finite.max())}
        known |= {"mean": float(finite.mean()), "deviation": float(finite.std())}
        known["histogram"] = tuple(np.histogram(finite, bins=_BINS)[0].tolist())
        known["pictures"] = _pictures(array, known["low"], known["high"])
    if _are_labels(array):
        known["labels"] = tuple(f"{float(one):g}" for one in array.reshape(-1)[:_PICTURES])
    return LeafShown(**known)


def _pictures(array: np.ndarray, low: float, high: float) -> tuple[Picture, ...]:
    """Make pictures of the first samples, if they look like images of either layout."""
    images = images_of(array[:_PICTURES]) if array.ndim else None
    if images is None:
        return ()
    low, high = span_of(array, low, high)
    return tuple(picture_of(image, low, high, _SIDE) for image in images)
