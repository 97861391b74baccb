"""Encoders of images: small 2-D convolutional networks."""

from itertools import pairwise

from torch import Tensor, nn

from edgeclust.errors import ConfigError


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, the second added to what came in, at the same size.

    Parameters
    ----------
    width : int
        Channels of the input and of the output.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, width, height, width) to the same shape."""
        changed: Tensor = nn.functional.relu(images + self.change(images))
        return changed


def build_resconv(n_channels: int, height: int, width: int, n_features: int) -> nn.Module:
    """Build the default: three strided convolutions, a residual block after each but the first.

    The last one's means over 2 x 2 parts of the image go to the embedding, so that it knows
    roughly where things are.
    """
    widths = (n_channels, 16, 32, 48)
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [
            nn.Conv2d(width_in, width_out, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width_out),
            nn.ReLU(),
        ]
        if width_in != n_channels:
            layers.append(ResidualBlock(width_out))
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(n_features))


def build_smallconv(n_channels: int, height: int, width: int, n_features: int) -> nn.Module:
    """Build the small encoder of the paper's code: two 5x5 convolutions of 6 and 16 channels.

    Each is normalised, rectified and halved in size by max-pooling; one linear layer follows.
    """
    if (least := min(height, width)) < 16:
        raise ConfigError(
            f"the encoder smallconv needs images of 16 pixels a side, got {least}: use resconv"
        )
    rest = [((side - 4) // 2 - 4) // 2 for side in (height, width)]
    return nn.Sequential(
        nn.Conv2d(n_channels, 6, 5),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * rest[0] * rest[1], n_features),
    )
