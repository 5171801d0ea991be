"""What the checks of modes share: which loaders train, which evaluate, what a name says."""

import re
from itertools import pairwise
from typing import Final

from trueload.evidence import Backward, Fetch, Forward, Loader, Run

_VALIDATION = {"val", "valid", "validation", "test", "testing", "dev", "eval", "held", "holdout"}
_NAMED = re.compile(r"\bfor\b.*?\bin\b(.*)|next\((.*)|(\w+)\s*=\s*\S*Loader")
_TURN: Final = 2
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def trained_on(run: Run) -> set[Loader]:
    """Give the loaders whose batches had a backward pass."""
    return {one.fetch.loader for one in run.events(Backward) if one.fetch is not None}


def evaluations(run: Run) -> dict[Loader, list[Forward]]:
    """Give the loaders that never train, each with the calls of models on its batches.

    Only calls before the next batch of another loader count, and only of models that train. A
    loader that is read in turns with steps serves training, as one of unlabelled samples does.
    """
    training = trained_on(run)
    models = {p.root for p in run.parameters if p.optimizers and p.root is not None}
    found: dict[Loader, list[Forward]] = {}
    for forward in run.events(Forward):
        fetch = forward.fetch
        if fetch is not None and fetch.loader not in training and forward.module in models:
            found.setdefault(fetch.loader, []).append(forward)
    return {loader: calls for loader, calls in found.items() if not _in_turns(run, loader)}


def is_for_validation(fetch: Fetch) -> bool:
    """Say whether the line that read a batch, or made its loader, names it after an evaluation."""
    text = " ".join(
        part
        for source in (fetch.place.source, fetch.loader.place.source)
        for match in _NAMED.finditer(source)
        for part in match.groups()
        if part
    )
    return bool(_VALIDATION.intersection(word.lower() for word in _WORDS.findall(text)))


def _in_turns(run: Run, loader: Loader) -> bool:
    """Say whether there is a step between most batches of a loader."""
    steps = [fetch.steps for fetch in run.fetches if fetch.loader is loader]
    gaps = [after - before for before, after in pairwise(steps)]
    return sum(1 <= gap <= _TURN for gap in gaps) * _TURN > len(gaps)
