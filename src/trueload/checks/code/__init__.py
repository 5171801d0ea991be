"""Checks of code: whether what runs is what the files say, in all processes."""

from trueload.checks.code.lazy_import import LazyImportExposed
from trueload.checks.code.stale_function import StaleFunction

CHECKS = (StaleFunction, LazyImportExposed)
