"""`trueload.watch` as a callback of the Hugging Face Trainer."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trueload.integrations.looking import Looking

if TYPE_CHECKING:
    TrainerCallback = object
else:
    TrainerCallback = import_module("transformers").TrainerCallback


class Watch(Looking, TrainerCallback):
    """Look on while the Trainer trains, and log what silently goes wrong.

    Model, optimizer and `gradient_accumulation_steps` are those of the trainer. See
    `trueload.watch`. The Trainer does not tell its callbacks of an exception: then the watch ends
    with the trainer, or when the next training begins.

    Example:
        trainer = transformers.Trainer(model, arguments, callbacks=[Watch()])
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002 - the Trainer's
        """Begin, once the trainer has made its optimizer."""
        accumulate = args.gradient_accumulation_steps
        optimizer = given["optimizer"]
        optimizers = [] if optimizer is None else [optimizer]
        self.begin(given["model"], optimizers, accumulate if accumulate != 1 else None)

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002 - the Trainer's
        """End, and tell what has not been told."""
        self.end()
