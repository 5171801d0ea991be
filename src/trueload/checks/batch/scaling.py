"""The checks `unscaled-images` and `images-scaled-twice`."""

from collections.abc import Callable, Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import FirstLayer, Forward, Leaf, Module, Run
from trueload.findings import Finding, Severity

_SEVERAL: Final = 4
_WHITE: Final = 255.0
_BRIGHT: Final = 200.0
_DARK: Final = 0.002
_SIDE: Final = 8
_CHANNELS: Final = {1, 3, 4}
_PIXELS: Final = 64
_IMAGE_RANK: Final = 4


class UnscaledImages(Check):
    """A network without normalization is given pixels from 0 to 255.

    What it finds: whole numbers from 0 to 255 that reach the first layer with weights, from images
    of a loader. Where the model scales them itself, the first layer gets something else.

    Why it matters: layers are initialized for inputs of about 1. With inputs of 255 the first
    steps are hundreds of times too large, and many units never recover.

    Example:
        outputs = model(images.float())

    Instead:
        outputs = model(images.float() / 255)

    When it is wrong: where loaded weights expect such pixels, or a layer of the model normalizes;
    that is a note.

    Source: https://cs231n.github.io/neural-networks-2/#datapre
    """

    code = "TL403"
    name = "unscaled-images"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each model that is trained so."""
        for module, calls in _trained_on_images(run).items():
            if not _all(calls, _is_raw) or max(_high(first) for _, first in calls) <= _BRIGHT:
                continue
            forward, _ = calls[0]
            used_to_it = module.loaded or module.normed
            yield self.found(
                f"the first layer of `{module.kind}` gets pixels from 0 to 255",
                forward.place,
                _facts(calls),
                hint="divide by 255, or normalize by the mean and deviation of the data",
                severity=Severity.NOTE if used_to_it else Severity.WARNING,
            )


class ImagesScaledTwice(Check):
    """Pixels were divided by 255 twice.

    What it finds: images all of whose values are whole multiples of 1/65025 up to 1/255 where they
    reach the first layer with weights.

    Why it matters: all images are nearly black. What is left of them is drowned by the biases, and
    the network learns slowly or not at all.

    Example:
        images = ToTensor()(picture) / 255  # ToTensor has divided already

    Instead:
        images = ToTensor()(picture)

    When it is wrong: no case is known.

    Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.ToTensor.html
    """

    code = "TL404"
    name = "images-scaled-twice"
    severity = Severity.WARNING

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each model that is trained so."""
        for module, calls in _trained_on_images(run).items():
            if not _all(calls, _is_tiny) or max(_high(first) for _, first in calls) <= _DARK:
                continue
            forward, _ = calls[0]
            yield self.found(
                f"the first layer of `{module.kind}` gets images that were divided by 255 twice",
                forward.place,
                _facts(calls),
                hint="leave out one of the two divisions; `ToTensor` divides uint8 by 255 itself",
            )


_Calls = list[tuple[Forward, FirstLayer]]


def _trained_on_images(run: Run) -> dict[Module, _Calls]:
    """Give the models that train on images of a loader, each with its calls looked at."""
    found: dict[Module, _Calls] = {}
    for forward in run.events(Forward):
        first, fetch = forward.first, forward.fetch
        if first is None or fetch is None or not (forward.grad and forward.training):
            continue
        sizes = {_pixels(leaf) for leaf in fetch.leaves or () if _is_image(leaf)}
        if _pixels(first.input) in sizes and first.kind != "Embedding":
            found.setdefault(forward.module, []).append((forward, first))
    return {module: calls for module, calls in found.items() if len(calls) >= _SEVERAL}


def _pixels(leaf: Leaf) -> int:
    """Count the values of a leaf."""
    count = 1
    for side in leaf.shape:
        count *= side
    return count


def _is_image(leaf: Leaf) -> bool:
    """Say whether a leaf can be images: three or four dimensions, channels first or last."""
    if len(leaf.shape) == _IMAGE_RANK:
        _, *sides = leaf.shape
        last, first = (sides[:2], sides[2]), (sides[1:], sides[0])
        return any(min(area) >= _SIDE and channels in _CHANNELS for area, channels in (first, last))
    return len(leaf.shape) == _IMAGE_RANK - 1 and min(leaf.shape[1:]) >= _SIDE


def _all(calls: _Calls, judge: Callable[[Leaf], bool]) -> bool:
    return all(judge(first.input) for _, first in calls)


def _high(first: FirstLayer) -> float:
    return first.input.high or 0.0


def _is_raw(leaf: Leaf) -> bool:
    whole = all(value == int(value) for value in leaf.few if abs(value) <= _WHITE)
    return leaf.low is not None and leaf.low >= 0 and (leaf.high or 0) <= _WHITE and whole


def _is_tiny(leaf: Leaf) -> bool:
    if leaf.low is None or leaf.high is None or leaf.low < 0 or leaf.high > 1.01 / _WHITE:
        return False
    steps = [value * _WHITE * _WHITE for value in leaf.few]
    return all(abs(step - round(step)) < 1 / _PIXELS for step in steps)


def _facts(calls: _Calls) -> list[tuple[str, str]]:
    forward, first = calls[0]
    lowest = min(one.input.low or 0.0 for _, one in calls)
    highest = max(map(_high, (one for _, one in calls)))
    fetch = forward.fetch
    return [
        ("range", f"{lowest:.4g} to {highest:.4g} in {len(calls)} batches that were looked at"),
        ("layer", f"{first.kind}, input {first.input.shape} {first.input.dtype}"),
        ("loader", fetch.loader.where if fetch is not None else ""),
    ]
