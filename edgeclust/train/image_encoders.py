"""Encoders of images: small 2-D convolutional networks."""

import torch
from torch import nn

from edgeclust.errors import ConfigError

LEAST_CONTRAST = 1e-2
"""Variance added to that of each image, in squared standard deviations of the data."""

MOST_PARTS = 4
"""Parts a side, about, that `build_conv2d` tells apart in an image of whatever size."""


def build_conv2d(n_channels: int, height: int, width: int, n_features: int) -> nn.Module:
    """Build the default: three convolutions, each halving the image, and one linear layer.

    Each image is brought to mean 0 and variance 1 first: how bright it is, and how rich in
    contrast, says little of what it shows. The first convolution strides, as edges are wanted and
    not their place to the pixel; the others are max-pooled. What is left of a large image is
    averaged, so that the linear layer stays small.
    """
    sides = [((side + 1) // 2) // 4 for side in (height, width)]
    if not all(sides):
        raise ConfigError(
            f"the encoder conv2d needs images of 7 pixels a side, got {height} x {width}"
        )
    pooled = (max(1, sides[0] // MOST_PARTS), max(1, sides[1] // MOST_PARTS))
    n_parts = (sides[0] // pooled[0]) * (sides[1] // pooled[1])
    network = nn.Sequential(
        nn.GroupNorm(1, n_channels, eps=LEAST_CONTRAST, affine=False),
        nn.Conv2d(n_channels, 16, kernel_size=5, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 32, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AvgPool2d(pooled),
        nn.Flatten(),
        nn.Linear(32 * n_parts, n_features),
    )
    # Channels last in memory is about 1.4 times as quick on a CPU.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def build_smallconv(n_channels: int, height: int, width: int, n_features: int) -> nn.Module:
    """Build the small encoder of the paper's code: two 5x5 convolutions of 6 and 16 channels.

    Each is normalised, rectified and halved in size by max-pooling; one linear layer follows.
    """
    sides = [((side - 4) // 2 - 4) // 2 for side in (height, width)]
    if min(sides) < 1:
        raise ConfigError(
            f"the encoder smallconv needs images of 16 pixels a side, got {height} x {width}: "
            "use conv2d"
        )
    return nn.Sequential(
        nn.Conv2d(n_channels, 6, kernel_size=5),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, kernel_size=5),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * sides[0] * sides[1], n_features),
    )
