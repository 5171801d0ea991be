"""Generated loaders without workers: nothing that can be seen differs from torch's.

Batches, errors, lengths, warnings, the calls that the dataset gets, and the states of all random
generators after each step are compared; see `observe`.
"""

from hypothesis import HealthCheck, given, settings

from . import configurations
from .observe import Setup, Step, assert_same

ENOUGH = settings(
    max_examples=250,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@ENOUGH
@given(setup=configurations.map_style(), steps=configurations.scripts())
def test_a_map_style_dataset_gives_all_that_torch_gives(setup: Setup, steps: list[Step]) -> None:
    assert_same(setup, steps)


@ENOUGH
@given(setup=configurations.streams(), steps=configurations.scripts())
def test_an_iterable_dataset_gives_all_that_torch_gives(setup: Setup, steps: list[Step]) -> None:
    assert_same(setup, steps)
