"""What the checks of accumulation share: how many backward passes a step usually uses."""

from collections import Counter

from trueload.evidence import Backward, Optimizer, Run, Step


def groups(run: Run, optimizer: Optimizer) -> list[Step]:
    """Give the steps whose backward passes are all of one line, each with a batch of its own."""
    return [step for step in run.steps(optimizer) if step.backwards and _is_group(step)]


def usual(run: Run, steps: list[Step]) -> int:
    """Give how many backward passes a step uses: as the user said, else as most of these do."""
    if run.accumulate is not None:
        return run.accumulate
    counts = Counter(len(step.backwards) for step in steps)
    return counts.most_common(1)[0][0] if counts else 0


def epochs_of(backwards: tuple[Backward, ...]) -> set[int]:
    """Give the epochs that the batches of backward passes were of."""
    return {one.fetch.epoch for one in backwards if one.fetch is not None}


def _is_group(step: Step) -> bool:
    fetches = [one.fetch for one in step.backwards if one.fetch is not None]
    return (
        len({one.place for one in step.backwards}) == 1
        and len(set(fetches)) == len(step.backwards)
        and len({fetch.loader for fetch in fetches}) == 1
    )
