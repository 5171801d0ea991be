"""The demo's data: real pictures, the same for the same seed, and what is done to each."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from trueload.commands.demo import pictures
from trueload.commands.demo.dataset import CROP, Pictures, augment, prepare
from trueload.seeds import preserved


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return pictures.write(tmp_path_factory.mktemp("pictures"), seed=0, variants=2, limit=50)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_as_many_pictures_are_written_as_it_says(written):
    assert (written.n_training, written.n_held_out) == (80, 10)
    assert len(files(written.training)) == written.n_training
    assert len(files(written.held_out)) == written.n_held_out


def test_the_size_that_it_says_is_that_of_the_files(written):
    both = files(written.training) + files(written.held_out)
    assert sum(path.stat().st_size for path in both) == written.size_bytes


def test_half_are_jpeg_and_half_are_png(written):
    begin = [path.read_bytes()[:4] for path in files(written.training)]
    assert sum(four.startswith(b"\xff\xd8") for four in begin) == 40
    assert sum(four == b"\x89PNG" for four in begin) == 40


def test_a_picture_is_in_color_and_in_the_folder_of_its_digit(written):
    for path in files(written.training):
        assert path.parent.name in set("0123456789")
        with Image.open(path) as picture:
            assert (picture.mode, picture.size) == ("RGB", (48, 48))


def test_the_same_seed_writes_the_same_files(written, tmp_path):
    again = pictures.write(tmp_path, seed=0, variants=2, limit=50)
    assert replace(again, training=0, held_out=0) == replace(written, training=0, held_out=0)
    for one, other in zip(files(written.training), files(again.training), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_another_seed_writes_others(written, tmp_path):
    other = pictures.write(tmp_path, seed=1, variants=2, limit=50)
    bytes_of = [path.read_bytes() for path in files(other.training)]
    assert not set(bytes_of) & {path.read_bytes() for path in files(written.training)}


def test_no_digit_and_no_photograph_is_both_learned_from_and_held_out(tmp_path, monkeypatch):
    used = []

    def compose(scan, photograph, random):
        used.append((scan.tobytes(), photograph.tobytes()))
        return Image.new("RGB", (48, 48))

    monkeypatch.setattr(pictures, "_compose", compose)
    one = pictures.write(tmp_path, seed=0, variants=1, limit=100)
    learned, held_out = used[: one.n_training], used[one.n_training :]
    for place in range(2):
        assert not {pair[place] for pair in learned} & {pair[place] for pair in held_out}


def test_a_sample_names_its_own_index_and_label(written):
    dataset = Pictures(written.training)
    assert len(dataset) == 80
    for index in (0, 41, 79):
        picture, label, own = dataset[index]
        assert (picture.shape, picture.dtype, own) == ((48, 48, 3), np.uint8, index)
        assert str(label) == dataset.paths[index].parent.name


@pytest.mark.parametrize("transform", [augment, prepare])
def test_what_the_network_sees_is_cropped_and_scaled(written, transform):
    with preserved():
        tensor, label, index = transform(Pictures(written.training)[3])
    assert (tensor.shape, tensor.dtype, index) == ((3, CROP, CROP), torch.float32, 3)
    assert tensor.abs().max() < 2
    assert label in range(10)


@pytest.mark.parametrize(
    "seed", [random.seed, np.random.seed, torch.manual_seed], ids=["random", "numpy", "torch"]
)
def test_augmentation_draws_from_this_generator_too(written, seed):
    sample = Pictures(written.training)[0]
    with preserved():
        pair = []
        for changed in (1, 2):
            random.seed(0)
            np.random.seed(0)
            torch.manual_seed(0)
            seed(changed)
            pair.append(augment(sample)[0])
    assert not torch.equal(*pair)


def test_what_is_held_out_is_not_augmented(written):
    sample = Pictures(written.held_out)[0]
    assert torch.equal(prepare(sample)[0], prepare(sample)[0])
