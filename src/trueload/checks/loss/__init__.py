"""Checks of what a loss is computed from."""

from trueload.checks.loss.broadcast import LossBroadcast
from trueload.checks.loss.labels import LabelsOfWrongDtype, LabelsOutOfRange
from trueload.checks.loss.nll_of_logits import NllOfLogits
from trueload.checks.loss.sigmoid_twice import SigmoidTwice
from trueload.checks.loss.softmax import SoftmaxBeforeCrossEntropy, SoftmaxOverBatch

CHECKS = (
    LossBroadcast,
    SoftmaxBeforeCrossEntropy,
    SigmoidTwice,
    NllOfLogits,
    SoftmaxOverBatch,
    LabelsOutOfRange,
    LabelsOfWrongDtype,
)
