"""Checks of what a loss is computed from."""

CHECKS = ()
