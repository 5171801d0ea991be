"""Checks of workers: what they are given, and what of it does not survive the way to them."""

from trueload.checks.workers.depends import DependsOnWorkers
from trueload.checks.workers.handles import HandleShared
from trueload.checks.workers.objects import ObjectsCopied
from trueload.checks.workers.unseen import UnseenChange
from trueload.checks.workers.unsent import UnpicklableDataset

CHECKS = (HandleShared, UnpicklableDataset, ObjectsCopied, DependsOnWorkers, UnseenChange)
