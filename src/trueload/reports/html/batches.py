"""The first batches: pictures with labels, how values are spread, which labels came when."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from trueload.errors import count
from trueload.evidence import Loader
from trueload.evidence.footage import BatchShown, Footage, LabelCounts, LeafShown
from trueload.reports.html import charts
from trueload.reports.html.markup import Markup, element, joined, number
from trueload.reports.html.png import address

_COLUMNS: Final = 32
_NAMED_COLUMNS: Final = 12


def batches(footage: Footage) -> Markup | None:
    """Show the first batches of each loader, and the labels of some more."""
    if not footage.batches:
        return None
    loaders: dict[Any, Loader] = {}
    for batch in footage.batches:
        loaders.setdefault(batch.loader.origin, batch.loader)
    shown = [_loader(loader, footage) for loader in loaders.values()]
    return element("section", element("h2", "Batches"), *shown)


def _loader(loader: Loader, footage: Footage) -> Markup:
    facts = [loader.dataset, loader.sampler]
    if loader.length is not None:
        facts.insert(1, f"{count(loader.length)} samples")
    if loader.batch_size is not None:
        facts.insert(2, f"batches of {loader.batch_size}")
    workers = loader.num_workers
    facts.append(f"{workers} workers" if workers else "no workers")
    return element(
        "div",
        element("h3", f"Loader made at {loader.place.shown}"),
        element("p", " · ".join(fact for fact in facts if fact), class_="quiet"),
        element(
            "div",
            *(_batch(one) for one in footage.batches if one.loader.origin == loader.origin),
            class_="pair",
        ),
        _labels([one for one in footage.labels if one.loader.origin == loader.origin]),
        class_="loader",
    )


def _batch(batch: BatchShown) -> Markup:
    labels = next((leaf.labels for leaf in batch.leaves if leaf.labels), ())
    title = f"Epoch {batch.epoch}, batch {batch.batch}"
    return element(
        "div", element("h4", title), *(_leaf(leaf, labels) for leaf in batch.leaves), class_="panel"
    )


def _leaf(leaf: LeafShown, labels: Sequence[str]) -> Markup:
    spread = None
    if leaf.histogram:
        low, high = number(leaf.low), number(leaf.high)
        told = f"Values of {leaf.name} between {low} and {high}"
        spread = joined(
            charts.histogram(leaf.histogram, told),
            element(
                "div",
                element("span", low),
                element("span", high) if low != high else None,
                class_="foot",
            ),
        )
    return element(
        "div",
        element(
            "p",
            element("code", leaf.name),
            f" {leaf.dtype} {_shape(leaf.shape)}",
            class_="leaf",
        ),
        _pictures(leaf, labels),
        spread,
        _numbers(leaf),
    )


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))  # noqa: RUF001 - the sign for it


def _numbers(leaf: LeafShown) -> Markup | None:
    if not leaf.histogram and not leaf.not_finite:
        return None
    texts = []
    if leaf.histogram:
        texts = [f"mean {number(leaf.mean)}", f"deviation {number(leaf.deviation)}"]
    bad = None
    if leaf.not_finite:
        bad = element("b", f" {count(leaf.not_finite)} not finite", class_="alarm")
    return element("p", ", ".join(texts), bad, class_="quiet")


def _pictures(leaf: LeafShown, labels: Sequence[str]) -> Markup | None:
    if not leaf.pictures:
        return None
    shown = []
    for place, picture in enumerate(leaf.pictures):
        label = labels[place] if place < len(labels) else None
        told = f"Sample {place} of the batch" + (f", label {label}" if label is not None else "")
        image = element("img", src=address(picture), alt=told, width=64, height=64)
        caption = None if label is None else element("figcaption", label)
        shown.append(element("figure", image, caption))
    return element("div", *shown, class_="pictures")


def _labels(counts: Sequence[LabelCounts]) -> Markup | None:
    """Show how often each label came in each batch."""
    if not counts:
        return None
    found = sorted({label for one in counts for label, _ in one.counts})
    columns = _columns(found)
    most = max(_share(one, column) for one in counts for column in columns) or 1.0
    lines = [_line(one, columns, most, f"epoch {one.epoch}, batch {one.batch}") for one in counts]
    names = [_name(column) for column in columns]
    shown = names if len(names) <= _NAMED_COLUMNS else [names[0], names[-1]]
    fit = "even" if shown is names else "ends"
    foot = element("div", *(element("span", name) for name in shown), class_=f"columns {fit}")
    return element(
        "div",
        element("h4", "Labels per batch"),
        element(
            "p", "A column for each label; the stronger, the more of the batch.", class_="quiet"
        ),
        element("div", *lines, element("span"), foot, class_="heat"),
        class_="panel",
    )


def _line(one: LabelCounts, columns: Sequence[Sequence[float]], most: float, name: str) -> Markup:
    shares = [_share(one, column) for column in columns]
    texts = [
        f"label {_name(column)}: {share:.0%} of the batch"
        for column, share in zip(columns, shares, strict=True)
    ]
    told = f"{name}: " + ", ".join(
        f"{_name(column)} {share:.0%}"
        for column, share in zip(columns, shares, strict=True)
        if share
    )
    drawn = charts.cells([share / most for share in shares], texts, told)
    return joined(element("span", name), drawn)


def _columns(found: Sequence[float]) -> list[list[float]]:
    """Put labels into at most 32 columns, as many into each."""
    size = -(-len(found) // _COLUMNS)
    return [list(found[start : start + size]) for start in range(0, len(found), size)]


def _share(one: LabelCounts, column: Iterable[float]) -> float:
    total = sum(number for _, number in one.counts)
    held = dict(one.counts)
    return sum(held.get(label, 0) for label in column) / (total or 1)


def _name(column: Sequence[float]) -> str:
    first, last = f"{column[0]:g}", f"{column[-1]:g}"
    return first if first == last else f"{first}–{last}"  # noqa: RUF001 - a range
