"""Checks of gradients, steps and optimizers: whether what is learned is what the code says."""

from trueload.checks.update.built_in_forward import LayersBuiltInForward
from trueload.checks.update.clip_after_step import ClipAfterStep
from trueload.checks.update.frozen import FrozenParameters, MisspelledRequiresGrad, OnlyNormsTrained
from trueload.checks.update.graph_kept import GraphKept
from trueload.checks.update.leftover_gradients import LeftoverGradients
from trueload.checks.update.loss_detached import LossDetached
from trueload.checks.update.lost_gradients import ClearedBeforeStep, StepBeforeBackward
from trueload.checks.update.lost_tail import AccumulationTailLost
from trueload.checks.update.missing_step import MissingStep
from trueload.checks.update.missing_zero_grad import MissingZeroGrad
from trueload.checks.update.non_finite import NonFiniteGradients
from trueload.checks.update.not_optimized import ParametersNotOptimized
from trueload.checks.update.other_gradients import GradientsOfAnotherLoss
from trueload.checks.update.plain_list import ModulesInPlainList
from trueload.checks.update.rate_collapsed import RateCollapsed
from trueload.checks.update.stale_parameters import StaleParameters
from trueload.checks.update.unscaled_accumulation import AccumulationNotScaled
from trueload.checks.update.without_gradient import ParametersWithoutGradient

CHECKS = (
    MissingZeroGrad,
    MissingStep,
    ClearedBeforeStep,
    StepBeforeBackward,
    LeftoverGradients,
    GradientsOfAnotherLoss,
    ClipAfterStep,
    AccumulationNotScaled,
    AccumulationTailLost,
    RateCollapsed,
    StaleParameters,
    ParametersNotOptimized,
    ParametersWithoutGradient,
    ModulesInPlainList,
    LayersBuiltInForward,
    FrozenParameters,
    MisspelledRequiresGrad,
    OnlyNormsTrained,
    LossDetached,
    GraphKept,
    NonFiniteGradients,
)
