"""The camera: what the page shows is what happened, and the run is not changed by it."""

import random
from itertools import pairwise

import numpy as np
import pytest
import torch

from trueload.evidence import Fetch, Loader, Optimizer, Step
from trueload.evidence.footage import Footage, Span, StepShown
from trueload.findings import Place
from trueload.sanitizer.camera import Camera

from .scripts import BROKEN, CLEAN, see

# Closures, several optimizers, sparse and non-finite gradients, steps within a backward pass, no
# loader, skipped steps, compiled steps: whatever reads gradients or parameters in a way of its own.
TRICKY = (
    "lbfgs",
    "gan",
    "sparse",
    "log_of_zero",
    "optimizer_in",
    "amp_",
    "no_step",
    "compiled",
    "itself",
)
PATHS = [path for path in (*BROKEN, *CLEAN) if any(word in path.stem for word in TRICKY)]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_losses_and_findings_are_the_same_under_the_camera(path):
    filmed, without = see(path, filmed=True), see(path, checked=False)
    assert filmed.output == without.output
    assert filmed.error == without.error
    assert filmed.warnings == without.warnings
    assert filmed.troubles == ()
    assert filmed.findings == see(path).findings
    assert see(path).footage is None


def test_the_tricky_scripts_are_there():
    assert len(PATHS) >= len(TRICKY)


@pytest.fixture
def camera():
    return Camera()


def fetch(camera, batch, count=1, **facts):
    given = {"number": 0, "place": Place("train.py", 3), "dataset": "Photos", "length": 100}
    loader = Loader(**given | facts)
    for index in range(count):
        event = Fetch(number=0, place=loader.place, loader=loader, epoch=0, batch=index)
        camera.fetched(event, batch)
    return camera.footage


def shown(camera, batch):
    return fetch(camera, batch).batches[0].leaves


def test_pictures_of_either_layout_are_the_same(camera):
    images = torch.rand(3, 3, 8, 10)
    [first] = shown(camera, images)
    [other] = shown(Camera(), images.permute(0, 2, 3, 1))
    assert first.pictures == other.pictures
    assert [(one.width, one.height, one.channels) for one in first.pictures] == [(10, 8, 3)] * 3
    pixels = np.frombuffer(first.pictures[1].pixels, np.uint8).reshape(8, 10, 3)
    expected = (images[1].permute(1, 2, 0).double() * 255).round().numpy()
    assert np.array_equal(pixels, expected)


@pytest.mark.parametrize(
    ("batch", "darkest", "brightest"),
    [
        (torch.tensor([0.25, 0.5]), 64, 128),
        (torch.tensor([-2.0, 2.0]), 0, 255),
        (torch.tensor([10, 200], dtype=torch.uint8), 10, 200),
        (torch.tensor([0.0, 300.0]), 0, 255),
        (torch.tensor([0.0, float("nan")]), 0, 0),
    ],
)
def test_values_of_pictures_are_scaled_as_little_as_possible(batch, darkest, brightest, camera):
    images = batch.repeat(1, 1, 8, 4)
    [leaf] = shown(camera, images)
    pixels = leaf.pictures[0].pixels
    assert (min(pixels), max(pixels)) == (darkest, brightest)


def test_a_large_picture_is_shrunk_and_few_are_kept(camera):
    [leaf] = shown(camera, torch.rand(20, 1, 130, 200))
    assert [(one.width, one.height) for one in leaf.pictures] == [(50, 32)] * 8


@pytest.mark.parametrize("shape", [(4, 3), (4, 1000, 12), (4, 2, 8, 8), (4, 3, 2, 2), (4,)])
def test_what_does_not_look_like_images_is_not_shown_as_such(shape, camera):
    [leaf] = shown(camera, torch.rand(shape))
    assert leaf.pictures == ()


def test_values_are_counted_and_those_that_are_not_finite_are_told(camera):
    values = torch.tensor([[0.0, 1.0], [float("inf"), float("nan")]], dtype=torch.float64)
    [leaf] = shown(camera, [values])
    assert (leaf.name, leaf.shape, leaf.dtype) == ("batch[0]", (2, 2), "float64")
    assert (leaf.low, leaf.high, leaf.mean, leaf.deviation) == (0.0, 1.0, 0.5, 0.5)
    assert (sum(leaf.histogram), leaf.histogram[0], leaf.histogram[-1]) == (2, 1, 1)
    assert leaf.not_finite == 2


def test_what_cannot_be_shown_is_left_out(camera):
    batch = ["a.jpg", None, torch.zeros(0), torch.zeros(2, dtype=torch.complex64), np.array(["a"])]
    assert shown(camera, batch) == ()


def test_labels_are_counted_for_more_batches_than_are_shown(camera):
    batch = {"image": torch.rand(4, 1, 8, 8), "label": torch.tensor([2, 0, 2, 2])}
    footage = fetch(camera, batch, count=20)
    assert [len(footage.batches), len(footage.labels)] == [2, 16]
    assert footage.labels[-1].counts == ((0, 1), (2, 3))
    assert footage.batches[0].leaves[1].labels == ("2", "0", "2", "2")


@pytest.mark.parametrize(
    "batch", [torch.tensor([0.5, 1.0]), torch.tensor([[1, 2], [3, 4]]), torch.arange(2000)]
)
def test_what_does_not_look_like_labels_is_not_counted(batch, camera):
    assert fetch(camera, batch).labels == []


def test_a_loader_made_anew_is_the_same_and_others_are_few(camera):
    for number in range(6):
        fetch(camera, torch.zeros(2, 2), number=number)
    assert len(camera.footage.batches) == 2
    for line in range(10, 20):
        fetch(camera, torch.zeros(2, 2), place=Place("train.py", line))
    assert len({one.loader.place for one in camera.footage.batches}) == 4


def step(camera, optimizer):
    weights = optimizer.param_groups[0]["params"]
    facts = Optimizer(0, "SGD", Place("train.py", 1))
    event = Step(number=0, place=facts.place, optimizer=facts, ordinal=0, rate=0.1)
    camera.gradients_used(weights)
    camera.step_begun(event, weights)
    optimizer.step()
    camera.step_ended(event)
    return camera.footage.steps[-1]


def test_the_scalars_of_a_step_are_measured(camera):
    weight = torch.nn.Parameter(torch.full((4,), 2.0))
    other = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([weight, other], lr=0.1)
    loss = (3 * weight).sum()
    camera.backward_begun(loss)
    loss.backward()
    camera.backward_ended()
    seen = step(camera, optimizer)
    assert (seen.loss, seen.rate) == (24.0, 0.1)
    assert seen.gradient == pytest.approx(6.0)
    assert seen.update == pytest.approx(0.6 / 4.0)


def test_a_sparse_gradient_counts_too(camera):
    table = torch.nn.Embedding(5, 2, sparse=True)
    table(torch.tensor([1])).sum().backward()
    seen = step(camera, torch.optim.SGD(table.parameters(), lr=0.1))
    assert seen.gradient == pytest.approx(2**0.5)


def test_steps_without_gradients_have_no_norm_of_them(camera):
    seen = step(camera, torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1))
    assert (seen.loss, seen.gradient, seen.update) == (None, None, 0.0)


def test_no_random_number_is_drawn_and_no_gradient_is_touched(camera):
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.ones(3)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    version = weight.grad._version
    fetch(camera, [torch.ones(4, 3, 8, 8), torch.tensor([1, 2, 3, 4])])
    step(camera, torch.optim.SGD([weight], lr=0.0))
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert weight.grad._version == version


def test_many_steps_of_several_optimizers_are_thinned_out_evenly():
    footage = Footage()
    pair = [Optimizer(number, "SGD", Place("train.py", number)) for number in range(2)]
    for number in range(10_000):
        for optimizer in pair:
            if footage.wants_step(number):
                footage.add_step(StepShown(optimizer, number, 0.0, 0.0, 0.0, 0.1))
    assert len(footage.steps) < 1024
    for optimizer, steps in footage.optimizers():
        numbers = [one.ordinal for one in steps]
        assert optimizer in pair
        assert len({after - before for before, after in pairwise(numbers)}) == 1
        assert numbers[0] == 0
        assert numbers[-1] > 9900


def test_times_are_summed_up_beyond_those_that_are_kept():
    footage = Footage()
    for number in range(1000):
        footage.add_span(Span("step", number, number + 0.5))
    assert (len(footage.spans), footage.totals, footage.seconds) == (512, {"step": 500.0}, 999.5)


def test_time_is_told_apart_by_what_it_is_spent_with(camera):
    fetch(camera, torch.zeros(1), num_workers=2)
    fetch(camera, torch.zeros(1), num_workers=0)
    loss = torch.ones(1, requires_grad=True).sum()
    camera.backward_begun(loss)
    camera.backward_ended()
    step(camera, torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1))
    spans = camera.footage.spans
    assert [one.kind for one in spans] == ["wait", "fetch", "forward", "backward", "step"]
    assert all(one.begin <= one.end for one in spans)
