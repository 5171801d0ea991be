"""The check `shuffled-apart`."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from trueload.checks.base import Check
from trueload.evidence import Fetch, Leaf, Loader, Run
from trueload.findings import Finding, Severity

_LEAST: Final = 8
_PAIRS: Final = 3
_WHOLE: Final = {"int64", "int32", "int16", "uint8", "bool"}


class ShuffledApart(Check):
    """Inputs and labels come from two loaders in two different orders.

    What it finds: two loaders over equally many samples that are read in turns, one with nothing
    but inputs and one with nothing but labels, and that read different indices.

    Why it matters: each input gets the label of another sample. There is nothing to learn, and the
    loss stays where guessing is.

    Example:
        images = DataLoader(image_set, batch_size=32, shuffle=True)
        labels = DataLoader(label_set, batch_size=32, shuffle=True)
        for image, label in zip(images, labels):

    Instead:
        loader = DataLoader(StackDataset(image_set, label_set), batch_size=32, shuffle=True)

    When it is wrong: where labels are drawn on purpose that do not belong to the inputs.

    Source: https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.StackDataset
    """

    code = "TL408"
    name = "shuffled-apart"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each pair of such loaders."""
        for inputs, labels in _pairs(run):
            read = run.data.order(inputs, 0), run.data.order(labels, 0)
            both = list(zip(*read, strict=False))
            apart = [(one, other) for one, other in both if one != other]
            if len(both) < _LEAST or len(apart) * 2 < len(both):
                continue
            shuffled = labels if "Random" in labels.sampler else inputs
            yield self.found(
                "inputs and labels come from two loaders that read in different orders",
                shuffled.place,
                [
                    ("first", f"input {apart[0][0]} with the label of sample {apart[0][1]}"),
                    ("apart", f"{len(apart)} of the first {len(both)} samples"),
                    ("inputs", f"loader {inputs.where}, {inputs.sampler}"),
                    ("labels", f"loader {labels.where}, {labels.sampler}"),
                ],
                hint="make one dataset of both: `StackDataset(inputs, labels)`, or `TensorDataset`",
            )


def _pairs(run: Run) -> Iterator[tuple[Loader, Loader]]:
    """Yield pairs of loaders that are read in turns: one of inputs, one of labels."""
    turns: dict[tuple[Loader, Loader], int] = {}
    for one, other in pairwise(run.fetches):
        first, second = one.loader, other.loader
        together = first is not second and one.batch == other.batch and one.steps == other.steps
        if together and first.length is not None and first.length == second.length:
            for inputs, labels in ((one, other), (other, one)):
                if _are_inputs(inputs) and _are_labels(labels):
                    pair = (inputs.loader, labels.loader)
                    turns[pair] = turns.get(pair, 0) + 1
    yield from (pair for pair, count in turns.items() if count >= _PAIRS)


def _only(fetch: Fetch) -> Leaf | None:
    leaves = fetch.leaves or ()
    return leaves[0] if len(leaves) == 1 else None


def _are_inputs(fetch: Fetch) -> bool:
    leaf = _only(fetch)
    return leaf is not None and len(leaf.shape) > 1 and leaf.dtype not in _WHOLE - {"uint8"}


def _are_labels(fetch: Fetch) -> bool:
    leaf = _only(fetch)
    return leaf is not None and len(leaf.shape) == 1 and leaf.dtype in _WHOLE
