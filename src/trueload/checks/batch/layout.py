"""The checks `channels-last` and `reshaped-not-permuted`."""

import re
from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.checks.source import called
from trueload.evidence import Fetch, FirstLayer, Forward, Leaf, Run
from trueload.findings import Finding, Place, Severity

_SAID = re.compile(
    r"expected input\[(?P<shape>[\d, ]+)\] to have (?P<wanted>\d+) channels, but got (?P<got>\d+)"
)
_CHANNELS: Final = {1, 3}
_SIDE: Final = 8
_IMAGE_RANK: Final = 4
_DIFFERENT: Final = 8
_EXACT: Final = 1e-3


class ChannelsLast(Check):
    """Images are (batch, height, width, channel) where the model takes the channel first.

    What it finds: a script that ends because a convolution got such images; or a convolution that
    takes the rows of square images for channels.

    Why it matters: convolutions look at neighbours in the last two dimensions. Here these are a
    column of pixels and the three colours.

    Example:
        return torch.from_numpy(np.array(image)), label

    Instead:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1), label

    When it is wrong: where so many channels of a square of width 1 or 3 are meant.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
    """

    code = "TL405"
    name = "channels-last"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding where the script ended so, or for each model that is called so."""
        yield from self._crashed(run)
        told = set()
        for forward in run.events(Forward):
            first = forward.first
            if first is None or forward.module in told or not _takes_rows(forward, first):
                continue
            told.add(forward.module)
            yield self.found(
                f"the {first.kind} takes the rows of the images for channels",
                forward.place,
                [
                    ("input", f"{first.input.shape}, as the loader gave it"),
                    ("channels", f"{first.channels} taken, {first.input.shape[-1]} in the images"),
                ],
                hint="put the channel first: `images.permute(0, 3, 1, 2)`",
                severity=Severity.WARNING,
            )

    def _crashed(self, run: Run) -> Iterator[Finding]:
        said = _SAID.search(run.crash.message) if run.crash is not None else None
        if run.crash is None or said is None:
            return
        shape = tuple(int(side) for side in said["shape"].split(","))
        if len(shape) < _IMAGE_RANK - 1 or shape[-1] != int(said["wanted"]):
            return
        fetch = next(reversed(run.fetches), None)
        yield self.found(
            f"images are {shape}, with the channel last; the model takes it first",
            run.crash.place,
            [
                ("wanted", f"{said['wanted']} channels, got {said['got']}"),
                ("loader", fetch.loader.where if fetch is not None else ""),
            ],
            hint="put the channel first: `images.permute(0, 3, 1, 2)`, or `ToTensor` for a picture",
        )


class ReshapedNotPermuted(Check):
    """A batch was reshaped where its dimensions were to change places.

    What it finds: an input of a model that has the dimensions of a batch in another order, but all
    its values in the same order.

    Why it matters: `view` and `reshape` keep the order of the values and only cut it anew. Every
    image is scrambled: a row of red, green, blue, red, ... becomes three rows of one channel.

    Example:
        images = images.view(-1, 3, 32, 32)  # was (batch, 32, 32, 3)

    Instead:
        images = images.permute(0, 3, 1, 2)

    When it is wrong: no case is known. Dimensions of size 1 may be moved either way.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.permute.html
    """

    code = "TL406"
    name = "reshaped-not-permuted"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each line that reshapes so, or calls a model on the result."""
        found: dict[Place, list[tuple[Leaf, Leaf, Forward]]] = {}
        for forward in run.events(Forward):
            pair = _reshaped(forward)
            if pair is not None and forward.fetch is not None:
                place = _line(run, forward.fetch, forward)
                found.setdefault(place, []).append((*pair, forward))
        for place, cases in found.items():
            given, got, forward = cases[0]
            yield self.found(
                f"{given.shape} became {got.shape} without moving a value",
                place,
                [
                    ("batch", f"`{given.name}` {given.shape}"),
                    (
                        "model",
                        f"`{forward.module.kind}` got {got.shape}, called at {forward.place.short}",
                    ),
                ],
                hint="use `permute` or `transpose`: `reshape` keeps the order of the values",
                count=len(cases),
            )


def _takes_rows(forward: Forward, first: FirstLayer) -> bool:
    shape = first.input.shape
    if first.kind != "Conv2d" or len(shape) != _IMAGE_RANK or forward.fetch is None:
        return False
    square = shape[1] == shape[2] >= _SIDE and shape[3] in _CHANNELS
    given = any(leaf.shape == shape for leaf in forward.fetch.leaves or ())
    return square and given and first.channels == shape[1]


def _reshaped(forward: Forward) -> tuple[Leaf, Leaf] | None:
    given = (forward.fetch.leaves or ()) if forward.fetch is not None else ()
    got = [*(forward.inputs or ()), *([forward.first.input] if forward.first is not None else ())]
    for leaf in given:
        for other in got:
            if _are_permuted(leaf.shape, other.shape) and _same_order(leaf.few, other.few):
                return leaf, other
    return None


def _are_permuted(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Say whether shapes differ in more than the places of dimensions of size 1."""
    own, others = [side for side in one if side != 1], [side for side in other if side != 1]
    return own != others and sorted(own) == sorted(others)


def _same_order(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Say whether values at the same positions are the same, but for scale and shift."""
    if len(one) != len(other) or len(set(one)) < _DIFFERENT:
        return False
    low, high = one.index(min(one)), one.index(max(one))
    span, other_span = one[high] - one[low], other[high] - other[low]
    if not other_span or other_span - other_span != 0 or span - span != 0:
        return False
    pairs = zip(one, other, strict=True)
    return all(
        abs((mine - one[low]) / span - (yours - other[low]) / other_span) < _EXACT
        for mine, yours in pairs
    )


def _line(run: Run, fetch: Fetch, forward: Forward) -> Place:
    """Find the line that reshapes: the only one between batch and model, or the only one at all."""
    lines = called(run, "view", "reshape")
    between = [
        place
        for place in lines
        if place.file == forward.place.file == fetch.place.file
        and fetch.place.line <= place.line <= forward.place.line
    ]
    for candidates in (between, lines):
        if len(set(candidates)) == 1:
            return candidates[0]
    return forward.place
