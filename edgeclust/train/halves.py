"""The default encoder in two halves: what is fixed is worked out once, what is learnt each step."""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeclust.train.encoders import FilterBank
from edgeclust.train.norms import moments_of_all

BLOCK = 1 << 19
"""Numbers that the filters of a block of windows give at once, about: few enough for the cache."""


class Halves:
    """The layers of an encoder that begins with a filter bank, the fixed ones apart.

    Together the halves give what the encoder gives, up to rounding in float32, and move the same
    parameters and running statistics; a training step takes less time than through the encoder's
    own layers. What the fixed half gives lies in memory as (window, step, feature). So the first
    normalisation, whose input no gradient passes, is folded into the weights of the convolution
    of one step behind it, a product of matrices; and the layers after it find the features of a
    step side by side, which normalisation and convolution on a CPU take several times as quickly.

    Parameters
    ----------
    encoder : Module
        As `edgeclust.train.encoders.build_encoder` returns ``filterbank``; kept, and trained.

    Examples
    --------
    >>> import torch
    >>> from edgeclust import Card, Channel
    >>> from edgeclust.train.encoders import build_encoder
    >>> from edgeclust.train.halves import Halves
    >>> card = Card("toy", 50.0, (Channel("ax", "g"),), window=200, stride=100)
    >>> encoder = build_encoder("filterbank", torch.zeros(1), torch.ones(1), card, 32).eval()
    >>> halves, windows = Halves.of(encoder), torch.ones(3, 1, 200)
    >>> torch.allclose(halves.learnt(halves.fixed(windows)), encoder(windows), atol=1e-5)
    True
    """

    def __init__(self, encoder: nn.Module) -> None:
        standardize, network = encoder.children()
        layers = list(network)  # type: ignore[call-overload]
        self.bank: FilterBank = layers[0]
        self._standardize = standardize
        self._norm, self._mix, *self._rest = layers[1:]

    @classmethod
    def of(cls, encoder: nn.Module) -> Self | None:
        """Return the halves of an encoder, or None where it has no fixed one."""
        bank = any(isinstance(layer, FilterBank) for layer in encoder.modules())
        return cls(encoder) if bank else None

    def n_steps(self, window: int) -> int:
        """Return how many steps the filters make along so many samples."""
        return int((window - self.bank.kernel.shape[-1]) // self.bank.stride) + 1

    @torch.no_grad()
    def fixed(self, windows: Tensor, out: Tensor | None = None) -> Tensor:
        """Standardise and filter.

        Parameters
        ----------
        windows : float32 Tensor of shape (n, n_channels, length)
            In the data's units; of any length that the filters fit into.
        out : float32 Tensor of shape (n, n_steps, bank.n_outputs), optional
            Where to write.

        Returns
        -------
        outputs : float32 Tensor of shape (n, n_steps, bank.n_outputs)
        """
        n, n_channels, length = windows.shape
        n_steps = self.n_steps(length)
        if out is None:
            out = windows.new_empty(n, n_steps, self.bank.n_outputs)
        block = max(1, BLOCK // (n_channels * n_steps * len(self.bank.kernel)))
        if windows.is_cuda:
            block = n
        for start in range(0, n, block):
            few = self._standardize(windows[start : start + block])
            out[start : start + block] = self.bank(few).transpose(1, 2)
        return out

    def learnt(self, outputs: Tensor, moments: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Embed what the fixed half gave.

        In training mode the statistics are those of these windows, and the running ones move.

        Parameters
        ----------
        outputs : float32 Tensor of shape (n, n_steps, bank.n_outputs)
            No gradient passes to it.
        moments : tuple of float32 Tensors of shape (bank.n_outputs,), optional
            Mean and variance of each output over all of these, where they are known.

        Returns
        -------
        embedding : float32 Tensor of shape (n, n_features)
        """
        norm, mix = self._norm, self._mix
        rows = outputs.flatten(0, 1)
        mean, variance = norm.running_mean, norm.running_var
        if norm.training:
            if moments is None:
                moments = batch_moments(rows)
            mean, variance, n_rows = moments_of_all(*moments, len(rows))
            with torch.no_grad():
                spread = variance * (n_rows / max(1, n_rows - 1))
                norm.running_mean.lerp_(mean, norm.momentum)
                norm.running_var.lerp_(spread, norm.momentum)
                norm.num_batches_tracked += 1
        scale = norm.weight * torch.rsqrt(variance + norm.eps)
        weight = mix.weight[:, :, 0]
        mixed = functional.linear(
            rows, weight * scale, mix.bias + weight @ (norm.bias - mean * scale)
        )
        # Images of one row, their features side by side in memory ("channels last").
        features = mixed.view(*outputs.shape[:2], -1).transpose(1, 2).unsqueeze(2)
        norm, conv, last_norm, linear = (self._rest[i] for i in (0, 2, 3, 6))
        features = functional.relu_(_normalize(norm, features))
        features = functional.conv2d(
            features, conv.weight.unsqueeze(2), conv.bias, padding=(0, *conv.padding)
        )
        features = functional.relu_(_normalize(last_norm, features))
        averaged = functional.avg_pool2d(features, features.shape[2:]).flatten(1)
        embedding: Tensor = linear(averaged)
        return embedding


def encode(encoder: nn.Module, windows: Tensor) -> Tensor:
    """Embed windows through an encoder, by halves where it has them.

    Parameters
    ----------
    encoder : Module
        As `edgeclust.train.encoders.build_encoder` returns it.
    windows : float32 Tensor of shape (n, n_channels, *shape)
        In the data's units, where the encoder is; no gradient passes to it.

    Returns
    -------
    embedding : float32 Tensor of shape (n, n_features)
    """
    halves = Halves.of(encoder)
    embedding: Tensor = encoder(windows) if halves is None else halves.learnt(halves.fixed(windows))
    return embedding


def _normalize(norm: nn.Module, features: Tensor) -> Tensor:
    """Do what the layer does, to images of one row."""
    if not isinstance(norm, nn.BatchNorm1d):  # one over the windows of all ranks takes any
        found: Tensor = norm(features)
        return found
    if norm.training:
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked += 1
    return functional.batch_norm(
        features,
        norm.running_mean,
        norm.running_var,
        norm.weight,
        norm.bias,
        norm.training,
        norm.momentum or 0.0,
        norm.eps,
    )


@torch.no_grad()
def batch_moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of each column.

    Parameters
    ----------
    rows : float32 Tensor of shape (n_rows, n_columns)

    Returns
    -------
    mean, variance : float32 Tensors of shape (n_columns,)
        The variance is that of the rows themselves: of one row, 0.

    Examples
    --------
    >>> import torch
    >>> from edgeclust.train.halves import batch_moments
    >>> [moment.tolist() for moment in batch_moments(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))]
    [[2.0, 5.0], [1.0, 0.0]]
    """
    if rows.is_cuda:
        variance, mean = torch.var_mean(rows, dim=0, correction=0)
        return mean, variance
    # Sums as products with ones, block by block in the cache: about 10 times as quick as
    # torch's own over the long axis. Distances from one row lose nothing where a column hardly
    # changes.
    n_rows, n_columns = rows.shape
    block = min(n_rows, max(1, (1 << 17) // n_columns))
    apart, ones = rows.new_empty(block, n_columns), rows.new_ones(block)
    total, squares = rows.new_zeros(n_columns), rows.new_zeros(n_columns)
    for start in range(0, n_rows, block):
        few = rows[start : start + block]
        part = torch.sub(few, rows[0], out=apart[: len(few)])
        total += ones[: len(few)] @ part
        squares += ones[: len(few)] @ part.square_()
    shift = total / n_rows
    return rows[0] + shift, (squares / n_rows - shift.square()).clamp_(min=0)
