"""The checks `labels-out-of-range` and `labels-of-wrong-dtype`."""

from collections.abc import Iterator
from typing import Final

from trueload.checks.base import Check
from trueload.checks.loss.paths import nodes
from trueload.evidence import Crash, Node, Run
from trueload.findings import Finding, Severity

_BINARY: Final = {"BinaryCrossEntropy", "BinaryCrossEntropyWithLogits"}
_OF_CLASSES: Final = {"cross_entropy", "nll_loss"}
_OF_TWO: Final = {"binary_cross_entropy", "binary_cross_entropy_with_logits"}
_TOLERANCE: Final = 1e-6
_TWO_HINT: Final = "map the labels to 0 and 1, or use a loss for several classes"


class LabelsOutOfRange(Check):
    """Labels lie outside of what the loss can take.

    What it finds: labels of a binary cross entropy below 0 or above 1, which torch takes without
    a word; and a script that ends because a class label is negative or as high as the number of
    classes.

    Why it matters: with labels of -1 or 2, a binary cross entropy has no minimum: it goes to minus
    infinity as outputs grow.

    Example:
        loss = F.cross_entropy(model(images), labels)   # 3 outputs, labels 1 to 3

    Instead:
        loss = F.cross_entropy(model(images), labels - 1)

    When it is wrong: no case is known. Labels that mark what is to be left out, such as -1, are
    told by `reduction="none"` or by weights.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html
    """

    code = "TL806"
    name = "labels-out-of-range"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for each loss with impossible labels."""
        for backward, node in nodes(run):
            low, high = node.facts.get("target_lowest"), node.facts.get("target_highest")
            if not (isinstance(low, float) and isinstance(high, float)) or not _is_whole(node):
                continue
            if low < -_TOLERANCE or high > 1 + _TOLERANCE:
                yield self.found(
                    f"labels of a binary cross entropy go from {low:g} to {high:g}",
                    node.place or backward.place,
                    [("allowed", "0 to 1")],
                    hint=_TWO_HINT,
                )
        crash = run.crash
        if crash is not None and crash.kind == "IndexError" and "out of bounds" in crash.message:
            yield from self._of_classes(crash)
        if crash is not None and "of target should be between 0 and 1" in crash.message:
            low, high = crash.facts.get("target_lowest"), crash.facts.get("target_highest")
            yield self.found(
                f"labels of a binary cross entropy go from {low} to {high}",
                crash.place,
                [("allowed", "0 to 1"), ("torch said", crash.message)],
                hint=_TWO_HINT,
            )

    def _of_classes(self, crash: Crash) -> Iterator[Finding]:
        shape, facts = crash.facts.get("input_shape"), crash.facts
        if facts.get("function") not in _OF_CLASSES or not isinstance(shape, tuple) or not shape:
            return
        classes = shape[1] if len(shape) > 1 else shape[0]
        low, high = facts.get("target_lowest"), facts.get("target_highest")
        yield self.found(
            f"labels go from {low} to {high}, and the model has outputs for 0 to {classes - 1}",
            crash.place,
            [("outputs", f"{shape}"), ("torch said", crash.message)],
            hint="number the classes from 0, and give the model as many outputs as there are",
        )


class LabelsOfWrongDtype(Check):
    """Labels have a dtype that the loss does not take.

    What it finds: a script that ends because `cross_entropy` got classes as floating numbers, or a
    binary cross entropy got integers.

    Why it matters: the message of torch names dtypes, not the labels.

    Example:
        loss = F.cross_entropy(model(images), labels.float())

    Instead:
        loss = F.cross_entropy(model(images), labels.long())

    When it is wrong: no case is known.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html
    """

    code = "TL807"
    name = "labels-of-wrong-dtype"
    severity = Severity.ERROR

    def look(self, run: Run) -> Iterator[Finding]:
        """Yield a finding for a script that ended in such a loss."""
        crash = run.crash
        if crash is None or crash.kind != "RuntimeError":
            return
        function, dtype = crash.facts.get("function"), str(crash.facts.get("target_dtype", ""))
        floating = "float" in dtype
        classes = function in _OF_CLASSES and dtype not in {"int64", "uint8", ""}
        if not (classes and _shapes_fit(crash)) and not (
            function in _OF_TWO and dtype and not floating
        ):
            return
        wanted = "`int64`" if classes else "as `float32`"
        yield self.found(
            f"`{function}` takes labels {wanted}, and they are `{dtype}`",
            crash.place,
            [("torch said", crash.message.partition("\n")[0])],
            hint="write `labels.long()`" if classes else "write `labels.float()`",
        )


def _is_whole(node: Node) -> bool:
    """Say whether a binary cross entropy sums up over all labels, so that none is masked later."""
    masked = node.facts.get("weighted") or node.facts.get("reduction") == 0
    return node.name in _BINARY and not masked


def _shapes_fit(crash: Crash) -> bool:
    """Say whether labels have one axis less than outputs, as numbers of classes have."""
    given, target = crash.facts.get("input_shape"), crash.facts.get("target_shape")
    return isinstance(given, tuple) and isinstance(target, tuple) and len(target) == len(given) - 1
