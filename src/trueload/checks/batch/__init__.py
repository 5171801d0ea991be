"""Checks of batches: what is in them, and which batch it is."""

CHECKS = ()
