"""Checks of speed: whether the loop waits for its data."""

from trueload.checks.speed.waits import LoopWaits

CHECKS = (LoopWaits,)
