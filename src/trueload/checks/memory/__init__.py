"""Checks of memory: what the dataset keeps, what batches share, and what is written to twice."""

from trueload.checks.memory.dataset_mutated import DatasetMutated
from trueload.checks.memory.memmap import WritableMemmap
from trueload.checks.memory.reused import ReusedBuffer
from trueload.checks.memory.written import BatchNotOwned

CHECKS = (DatasetMutated, BatchNotOwned, ReusedBuffer, WritableMemmap)
