"""Evidence is bounded, however long a run goes on."""

from trueload.evidence import Optimizer, Run, Step
from trueload.findings import Place


def long_run(steps):
    run, place = Run(), Place("train.py", 1)
    optimizer = Optimizer(0, "SGD", place)
    for number in range(steps):
        run.add(Step(number=number, place=place, optimizer=optimizer, ordinal=number))
    return run


def test_a_short_run_is_kept_whole():
    run = long_run(10_000)
    assert [step.ordinal for step in run.steps()] == list(range(10_000))
    assert run.whole


def test_of_a_long_run_the_beginning_and_the_end_are_kept():
    run = long_run(50_000)
    numbers = [step.ordinal for step in run.steps()]
    assert numbers[:8192] == list(range(8192))
    assert numbers[8192:] == list(range(50_000 - 2048, 50_000))
    assert not run.whole
    assert run.examined().steps == 50_000
