"""Checks of batches: what is in them, and which batch it is."""

from trueload.checks.batch.class_sorted import ClassSortedBatches
from trueload.checks.batch.cycled import CycledLoader
from trueload.checks.batch.double_precision import DoublePrecisionBatch
from trueload.checks.batch.exhausted import ExhaustedIterator, SwallowedStopIteration
from trueload.checks.batch.layout import ChannelsLast, ReshapedNotPermuted
from trueload.checks.batch.non_finite import NonFiniteBatch
from trueload.checks.batch.not_used import BatchNotUsed
from trueload.checks.batch.repeats import (
    DuplicatedStream,
    RepeatedAugmentation,
    SameOrderEveryEpoch,
)
from trueload.checks.batch.restarted import SameBatchEveryStep
from trueload.checks.batch.scaling import ImagesScaledTwice, UnscaledImages
from trueload.checks.batch.shuffled_apart import ShuffledApart

CHECKS = (
    NonFiniteBatch,
    DoublePrecisionBatch,
    UnscaledImages,
    ImagesScaledTwice,
    ChannelsLast,
    ReshapedNotPermuted,
    ClassSortedBatches,
    ShuffledApart,
    BatchNotUsed,
    SameBatchEveryStep,
    ExhaustedIterator,
    SwallowedStopIteration,
    CycledLoader,
    DuplicatedStream,
    SameOrderEveryEpoch,
    RepeatedAugmentation,
)
