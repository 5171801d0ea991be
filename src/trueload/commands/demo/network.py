"""The demo's network: a small convolutional net that trains on two CPU cores."""

from typing import Final

from torch import nn

N_CLASSES: Final = 10


def build(width: int = 16) -> nn.Sequential:
    """Return a net from (batch, 3, 40, 40) float32 to (batch, 10) scores.

    Args:
        width: Channels of the first stage; each later stage has twice as many.
    """
    return nn.Sequential(
        *_stage(3, width, stride=2),
        *_stage(width, 2 * width, stride=2),
        *_stage(2 * width, 4 * width, stride=2),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * width, N_CLASSES),
    )


def _stage(channels_in: int, channels_out: int, stride: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )
