"""Encoders by name: networks from windows to embeddings, small enough for a wearable."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from edgeclust.card import AnyCard, ImageCard
from edgeclust.errors import ConfigError
from edgeclust.train.image_encoders import build_conv2d, build_smallconv


class Standardize(nn.Module):
    """Subtract each channel's mean and divide by its standard deviation.

    Part of every encoder, so that the exported graph takes samples as the sensor gives them.

    Parameters
    ----------
    mean, std : float32 tensors of shape (n_channels,)
        In the data's units; `std` above 0.
    n_axes : int
        Axes of a channel: 1 of a window, 2 of an image.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor, n_axes: int) -> None:
        super().__init__()
        self.register_buffer("mean", mean.reshape(-1, *[1] * n_axes))
        self.register_buffer("std", std.reshape(-1, *[1] * n_axes))

    def forward(self, windows: Tensor) -> Tensor:
        """Map (n, n_channels, *shape) in the data's units to the same in standard deviations."""
        return (windows - self.mean) / self.std


class FilterBank(nn.Module):
    """Log power of each channel in bands of frequency, and its slow part, over time.

    Movement repeats, and where a window starts in the repetition says nothing: the power in a
    band does not depend on it. The slow part keeps the posture. Each filter is a Hann-windowed
    cosine or sine of `SECONDS`; nothing here is learnt.

    Parameters
    ----------
    n_channels : int
        Channels of a window.
    window : int
        Length of a window in samples; the filters are no longer than it.
    rate_hz : float
        Samples a second.
    """

    SECONDS = 1.28
    N_BANDS = 12  # up to 9.4 Hz: limbs hardly move faster
    POWER_FLOOR = 1e-2  # in squared standard deviations: what trembles at rest tells nothing

    kernel: Tensor

    def __init__(self, n_channels: int, window: int, rate_hz: float) -> None:
        super().__init__()
        length = min(window, max(4, round(self.SECONDS * rate_hz)))
        self.n_channels = n_channels
        self.n_bands = min(self.N_BANDS, (length - 1) // 2)
        if self.n_bands < 1:
            raise ConfigError(f"the encoder filterbank needs windows of 3 samples, got {window}")
        self.stride = max(1, length // 8)
        hann = torch.hann_window(length) / torch.hann_window(length).sum()
        cycles = torch.arange(1, self.n_bands + 1)[:, None] / length
        phase = 2 * math.pi * cycles * torch.arange(length)
        kernel = torch.cat([hann * phase.cos(), hann * phase.sin(), hann[None]])
        self.register_buffer("kernel", kernel[:, None], persistent=False)

    @property
    def n_outputs(self) -> int:
        """Channels of the output."""
        return self.n_channels * (self.n_bands + 1)

    def forward(self, windows: Tensor) -> Tensor:
        """Map (n, n_channels, window) to (n, n_outputs, n_steps)."""
        length = windows.shape[-1]
        filtered = nn.functional.conv1d(
            windows.reshape(-1, 1, length), self.kernel, stride=self.stride
        )
        bands = filtered.reshape(-1, self.n_channels, len(self.kernel), filtered.shape[-1])
        cosine, sine = bands[:, :, : self.n_bands], bands[:, :, self.n_bands : 2 * self.n_bands]
        power = torch.log(cosine * cosine + sine * sine + self.POWER_FLOOR)
        return torch.cat([power.flatten(1, 2), bands[:, :, -1]], dim=1)


class MeanOverTime(nn.Module):
    """Average each feature over the steps of time."""

    def forward(self, features: Tensor) -> Tensor:
        """Map (n, n_features, n_steps) to (n, n_features)."""
        return features.mean(dim=-1)


def build_filterbank(n_channels: int, window: int, rate_hz: float, n_features: int) -> nn.Module:
    """Build the default: the fixed filter bank, two learnt convolutions, a mean over time."""
    bank, width = FilterBank(n_channels, window, rate_hz), 64
    return nn.Sequential(
        bank,
        nn.BatchNorm1d(bank.n_outputs),
        nn.Conv1d(bank.n_outputs, width, kernel_size=1),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Conv1d(width, width, kernel_size=3, padding=1),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        MeanOverTime(),
        nn.Linear(width, n_features),
    )


def even_posture(encoder: nn.Module) -> None:
    """Let posture weigh as much as all bands of power together in a freshly built encoder.

    For recordings that are aligned: there the slow part of a channel says the same of every
    wearer. Where they are not, it tells wearers apart rather than activities. Encoders without a
    filter bank are left as they are.

    Parameters
    ----------
    encoder : Module
        As `build_encoder` returns it; its first learnt weights are changed.
    """
    layers = list(encoder.modules())
    for bank in layers:
        if isinstance(bank, FilterBank):
            mix = next(layer for layer in layers if isinstance(layer, nn.Conv1d))
            with torch.no_grad():
                mix.weight[:, -bank.n_channels :] *= math.sqrt(bank.n_bands)


def build_conv(n_channels: int, window: int, rate_hz: float, n_features: int) -> nn.Module:
    """Build three learnt, strided convolutions straight on the samples, and a mean over time."""
    layers: list[nn.Module] = []
    width_in = n_channels
    for width, kernel_size in ((32, 9), (48, 7), (64, 5)):
        layers += [
            nn.Conv1d(width_in, width, kernel_size, stride=2, padding=kernel_size // 2),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        ]
        width_in = width
    return nn.Sequential(*layers, MeanOverTime(), nn.Linear(width_in, n_features))


ENCODERS: dict[str, Callable[[int, int, float, int], nn.Module]] = {
    "filterbank": build_filterbank,
    "conv": build_conv,
}
"""Networks for windows by the name that ``edgeclust train --encoder`` takes, the default first.

Each is built from (n_channels, window, rate_hz, n_features) and maps float32
(n, n_channels, window), standardised, to (n, n_features).
"""

IMAGE_ENCODERS: dict[str, Callable[[int, int, int, int], nn.Module]] = {
    "conv2d": build_conv2d,
    "smallconv": build_smallconv,
}
"""Networks for images by the name that ``edgeclust train --encoder`` takes, the default first.

Each is built from (n_channels, height, width, n_features) and maps float32
(n, n_channels, height, width), standardised, to (n, n_features).
"""

AUTO = "auto"
"""What ``edgeclust train --encoder`` calls the first of those that fit the data."""


def pick_encoder(name: str, card: AnyCard) -> str:
    """Return the name of an encoder that fits the data.

    Parameters
    ----------
    name : str
        One of `ENCODERS` or `IMAGE_ENCODERS`, or `AUTO` for the default of the data's kind.
    card : Card or ImageCard
        What the data are.

    Raises
    ------
    ConfigError
        If the encoder takes data of the other kind.

    Examples
    --------
    >>> from edgeclust import Channel, ImageCard
    >>> from edgeclust.train.encoders import pick_encoder
    >>> pick_encoder("auto", ImageCard("toy", (Channel("grey", "0..1"),), height=28, width=28))
    'conv2d'
    """
    known = [*(IMAGE_ENCODERS if isinstance(card, ImageCard) else ENCODERS)]
    if name not in (AUTO, *known):
        kind = "images" if isinstance(card, ImageCard) else "recordings"
        raise ConfigError(
            f"the encoder {name} does not take {kind} as {card.name!r} holds: "
            f"use {' or '.join(known)}"
        )
    return known[0] if name == AUTO else name


def build_encoder(
    name: str, mean: Tensor, std: Tensor, card: AnyCard, n_features: int
) -> nn.Module:
    """Build an encoder that takes windows, or images, in the data's own units.

    Parameters
    ----------
    name : str
        As `pick_encoder` takes it.
    mean, std : float32 tensors of shape (n_channels,)
        Of the training data, in its units; `std` above 0.
    card : Card or ImageCard
        What the data are.
    n_features : int
        Length of the embedding.

    Returns
    -------
    encoder : Module
        Maps float32 (n, n_channels, *shape) to (n, n_features); freshly initialised from
        torch's global generator.

    Raises
    ------
    ConfigError
        If the encoder does not take such data, or not of that size.

    Examples
    --------
    >>> import torch
    >>> from edgeclust import Card, Channel
    >>> from edgeclust.train.encoders import build_encoder, count_parameters
    >>> card = Card("toy", 50.0, (Channel("ax", "g"),), window=200, stride=100)
    >>> encoder = build_encoder("filterbank", torch.zeros(1), torch.ones(1), card, 32)
    >>> encoder(torch.zeros(3, 1, 200)).shape, count_parameters(encoder) <= 50_000
    (torch.Size([3, 32]), True)
    """
    name = pick_encoder(name, card)
    if isinstance(card, ImageCard):
        network = IMAGE_ENCODERS[name](len(mean), card.height, card.width, n_features)
    else:
        network = ENCODERS[name](len(mean), card.window, card.rate_hz, n_features)
    return nn.Sequential(Standardize(mean, std, len(card.shape)), network)


def count_parameters(encoder: nn.Module) -> int:
    """Return how many numbers an encoder learns."""
    return sum(parameter.numel() for parameter in encoder.parameters())
