"""Checks of modes: whether a model trains and is evaluated as it should, on data it should."""

from trueload.checks.mode.batch_norm_of_one import BatchNormOfOne
from trueload.checks.mode.evaluating_in_train_mode import EvaluatingInTrainMode
from trueload.checks.mode.overlap import ValidationOverlapsTraining
from trueload.checks.mode.random_evaluation import RandomEvaluation
from trueload.checks.mode.state_not_detached import StateNotDetached
from trueload.checks.mode.training_in_eval_mode import TrainingInEvalMode
from trueload.checks.mode.training_on_validation import TrainingOnValidationData

CHECKS = (
    EvaluatingInTrainMode,
    TrainingInEvalMode,
    BatchNormOfOne,
    TrainingOnValidationData,
    ValidationOverlapsTraining,
    RandomEvaluation,
    StateNotDetached,
)
