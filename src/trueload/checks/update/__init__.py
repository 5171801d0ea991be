"""Checks of gradients, steps and optimizers: whether what is learned is what the code says."""

from trueload.checks.update.missing_zero_grad import MissingZeroGrad

CHECKS = (MissingZeroGrad,)
