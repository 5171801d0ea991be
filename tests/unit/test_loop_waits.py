"""What the loop waits for is told from enough batches, and with the way out that fits."""

import pytest

from trueload.checks.speed.waits import LoopWaits
from trueload.evidence import Backward, Fetch, Loader, Run
from trueload.evidence.making import Pace
from trueload.findings import Place, Severity

PLACE = Place("train.py", 9)


def found(waited, worked, batches=40, **more):
    """Give what is found, `first` being how long the first batch of an epoch took."""
    workers, epochs = more.get("workers", 0), more.get("epochs", 1)
    made, first = more.get("made", 0.0), more.get("first", 0.0)
    run = Run()
    loader = Loader(0, Place("train.py", 3), "Rows", num_workers=workers)
    run.loaders.append(loader)
    for epoch in range(epochs):
        for number in range(batches):
            fetch = Fetch(
                number=0,
                place=PLACE,
                loader=loader,
                epoch=epoch,
                batch=number,
                waited_seconds=waited if number else max(waited, first),
                worked_seconds=worked,
            )
            run.add(fetch)
            run.add(Backward(number=0, place=PLACE, fetch=fetch))
    if made:
        run.data.making.add(Pace(loader, 1, 8, 8 * made * 2, 0.0))
        run.data.making.add(Pace(loader, 1, 16, 16 * made, made * 4))
    return list(LoopWaits().look(run))


@pytest.mark.parametrize(
    ("waited", "worked", "batches", "severity"),
    [
        (0.1, 0.05, 40, Severity.WARNING),
        (0.05, 0.05, 40, Severity.NOTE),  # half of the time, but less than two seconds
        (0.1, 0.2, 40, Severity.NOTE),
        (0.1, 0.3, 40, None),
        (0.1, 0.05, 20, None),  # too few to say
        (0.001, 0.0, 400, None),  # too short to matter
    ],
)
def test_how_bad_it_is_goes_by_share_and_time(waited, worked, batches, severity):
    findings = found(waited, worked, batches)
    assert [finding.severity for finding in findings] == ([severity] if severity else [])


def test_the_first_batches_do_not_count():
    assert not found(0.001, 0.001, first=60.0)


def test_a_loader_that_does_not_train_is_left_alone():
    run = Run()
    loader = Loader(0, PLACE, "Rows")
    run.loaders.append(loader)
    for number in range(100):
        run.add(
            Fetch(number=0, place=PLACE, loader=loader, epoch=0, batch=number, waited_seconds=1)
        )
    assert not list(LoopWaits().look(run))


@pytest.mark.parametrize(
    ("facts", "hint"),
    [
        ({"workers": 0, "made": 0.1}, "pass `num_workers="),
        ({"workers": 1, "made": 0.2}, "pass `num_workers=4`: 1 cannot make enough"),
        ({"workers": 8, "made": 1.0, "batches": 80}, "make samples cheaper"),
        ({"workers": 4, "made": 0.1}, "workers are fast enough"),
        (
            {"workers": 2, "batches": 10, "epochs": 6, "first": 9.0},
            "pass `persistent_workers=True`",
        ),
    ],
)
def test_the_way_out_fits_the_reason(facts, hint, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    (finding,) = found(**{"waited": 0.1, "worked": 0.06} | facts)
    assert finding.hint.startswith(hint)


def test_what_was_measured_is_told():
    (finding,) = found(0.1, 0.05, made=0.09)
    assert finding.title == "the loop waits for data 67% of its time"
    assert dict(finding.evidence) == {
        "waited": "3.6 s of 5.4 s",
        "a step": "50 ms of work",
        "a batch": "90 ms to make, in the loop itself, 25% of that to put it together",
        "loader": "made at train.py:3",
    }
