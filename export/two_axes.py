"""Let the layers of a window run along two axes, one of length 1: the same numbers, sooner.

onnxruntime's quickest convolutions are for images alone. And a filter bank that takes the channels
as rows of an image is one product of matrices, where channel after channel is many small ones.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from edgeclust.train.encoders import FilterBank, MeanOverTime, Standardize


def along_two_axes(encoder: nn.Module) -> nn.Module:
    """Return a network of layers of images that maps windows as an encoder of windows does.

    Parameters
    ----------
    encoder : Module
        In evaluation mode. Not modified.

    Returns
    -------
    encoder : Module
        The same mapping up to rounding. One with layers that windows do not have, as an encoder
        of images, is returned as it is.

    Examples
    --------
    >>> import torch
    >>> from edgeclust.export.two_axes import along_two_axes
    >>> from edgeclust.train.encoders import MeanOverTime
    >>> encoder = torch.nn.Sequential(torch.nn.Conv1d(3, 8, kernel_size=5), MeanOverTime()).eval()
    >>> windows, twin = torch.ones(2, 3, 50), along_two_axes(encoder)
    >>> torch.allclose(twin(windows), encoder(windows), atol=1e-6), type(twin[1]).__name__
    (True, 'Conv2d')
    """
    layers = [*_layers(encoder)]
    if not all(isinstance(layer, _OF_WINDOWS) for layer in layers):
        return encoder
    twins: list[nn.Module] = []
    order: Tensor | None = None  # of the channels, where another than in the encoder
    is_row = False
    for layer in layers:
        if isinstance(layer, FilterBank):
            twins.append(_BankOfRows(layer))
            order, is_row = torch.arange(layer.n_outputs), True
            n_powers = layer.n_channels * layer.n_bands
            order[:n_powers] = order[:n_powers].reshape(layer.n_channels, -1).T.flatten()
            continue
        if isinstance(layer, nn.Conv1d) and not is_row:
            twins.append(_Row())
            is_row = True
        twins.append(_twin(layer, order))
        order = None if isinstance(layer, nn.Conv1d) else order
    return nn.Sequential(*twins).eval()


_OF_WINDOWS = (
    Standardize,
    FilterBank,
    nn.Conv1d,
    nn.BatchNorm1d,
    nn.ReLU,
    MeanOverTime,
    nn.Linear,
)
"""The layers of the encoders of windows."""


class _Row(nn.Module):
    """Make the channels of a window those of an image of one row."""

    def forward(self, windows: Tensor) -> Tensor:
        """Map (n, n_channels, window) to (n, n_channels, 1, window)."""
        _, n_channels, window = windows.shape
        return windows.reshape(-1, n_channels, 1, window)


class _BankOfRows(nn.Module):
    """A filter bank that takes the channels of a window as the rows of an image.

    Parameters
    ----------
    bank : FilterBank
        What it computes; its output has the channels of a band side by side, not the bands of a
        channel.
    """

    kernel: Tensor

    def __init__(self, bank: FilterBank) -> None:
        super().__init__()
        self.register_buffer("kernel", bank.kernel[:, :, None])
        self.n_bands, self.n_outputs, self.stride = bank.n_bands, bank.n_outputs, bank.stride
        self.floor = bank.POWER_FLOOR

    def forward(self, windows: Tensor) -> Tensor:
        """Map (n, n_channels, window) to (n, n_outputs, 1, n_steps)."""
        _, n_channels, window = windows.shape
        rows = windows.reshape(-1, 1, n_channels, window)
        bands = nn.functional.conv2d(rows, self.kernel, stride=(1, self.stride))
        cosine, sine = bands[:, : self.n_bands], bands[:, self.n_bands : 2 * self.n_bands]
        power = torch.log(cosine * cosine + sine * sine + self.floor)
        both = torch.cat([power, bands[:, 2 * self.n_bands :]], dim=1)
        return both.reshape(-1, self.n_outputs, 1, bands.shape[-1])


class _MeanOfRow(nn.Module):
    """Average each feature over the steps of time."""

    def forward(self, features: Tensor) -> Tensor:
        """Map (n, n_features, 1, n_steps) to (n, n_features)."""
        return features.mean(dim=(2, 3))


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the layers of nested sequences in their order."""
    if isinstance(module, nn.Sequential):
        for part in module:
            yield from _layers(part)
    else:
        yield module


def _twin(layer: nn.Module, order: Tensor | None) -> nn.Module:
    """Return the same layer for images, whose channels come in another order."""
    if isinstance(layer, MeanOverTime):
        return _MeanOfRow()
    if not isinstance(layer, nn.Conv1d | nn.BatchNorm1d):
        return layer
    twin: nn.Module
    state = dict(layer.state_dict())
    if isinstance(layer, nn.BatchNorm1d):
        twin = nn.BatchNorm2d(layer.num_features, layer.eps)
        if order is not None:
            state = {name: part[order] if part.ndim else part for name, part in state.items()}
    else:
        sides = {
            name: (value, getattr(layer, name)[0])
            for name, value in (("kernel_size", 1), ("stride", 1), ("padding", 0))
        }
        # Its first weights are not drawn, as the generator is another's.
        twin = nn.utils.skip_init(  # type: ignore[no-untyped-call]
            nn.Conv2d, layer.in_channels, layer.out_channels, bias=layer.bias is not None, **sides
        )
        weight = state["weight"] if order is None else state["weight"][:, order]
        state["weight"] = weight.unsqueeze(2)
    twin.load_state_dict(state)
    return twin
