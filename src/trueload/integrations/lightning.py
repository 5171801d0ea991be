"""`trueload.watch` as a callback of Lightning.

It imports Lightning under the name that the program uses: `lightning` or `pytorch_lightning`.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from trueload.integrations.looking import Looking


def _callback() -> type:
    names = ("lightning.pytorch", "pytorch_lightning")
    known = next((name for name in names if name in sys.modules), None)
    if known is not None:
        return import_module(known).Callback
    try:
        return import_module(names[0]).Callback
    except ModuleNotFoundError:
        return import_module(names[1]).Callback


if TYPE_CHECKING:
    Callback = object
else:
    Callback = _callback()


class Watch(Looking, Callback):
    """Look on while Lightning trains, and log what silently goes wrong.

    Models, optimizers and `accumulate_grad_batches` are those of the trainer. See `trueload.watch`.

    Example:
        trainer = lightning.Trainer(callbacks=[Watch()])
    """

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin, once the optimizers are there and the sanity check of the validation is over."""
        manual = not pl_module.automatic_optimization
        accumulate = None if manual else trainer.accumulate_grad_batches
        self.begin(pl_module, trainer.optimizers, accumulate if accumulate != 1 else None)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - Lightning's
        """End, and tell what has not been told."""
        self.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002 - Lightning's
        """End with an exception, and tell what explains it."""
        self.end(exception)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:  # noqa: ARG002 - Lightning's
        """End, however the training did."""
        self.end()
