"""Batch normalisation over the windows of all ranks."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgeclust.train.ranks import all_rows, n_ranks, total


class _Total(torch.autograd.Function):
    """Sum over ranks; what each rank's loss makes of the sum is summed on the way back."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        """Return the sum."""
        return total(tensor.clone())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Return the sum of the gradients."""
        return total(gradients[0].clone())


def _total(tensor: Tensor) -> Tensor:
    """Return the sum over ranks, which gradients pass."""
    found: Tensor = _Total.apply(tensor)  # type: ignore[no-untyped-call]
    return found


def moments_of_all(mean: Tensor, variance: Tensor, n_rows: int) -> tuple[Tensor, Tensor, int]:
    """Return the moments of all ranks' rows from those of this rank's; no gradient passes.

    Parameters
    ----------
    mean, variance : Tensors of shape (n_columns,)
        Of each column of this rank's rows.
    n_rows : int
        How many those are.
    """
    if n_ranks() == 1:
        return mean, variance, n_rows
    own = torch.stack([torch.full_like(mean, n_rows), mean, variance])
    n, means, variances = all_rows(own[None], n_ranks()).unbind(1)
    n_all = n.sum(dim=0)
    mean = (n * means).sum(dim=0) / n_all
    variance = (n * (variances + (means - mean).square())).sum(dim=0) / n_all
    return mean, variance, int(n_all[0])


class RankedBatchNorm(_BatchNorm):
    """Batch normalisation by the mean and variance of all ranks' windows, for the CPU.

    The weights and their names are those of the layer it stands for, and so is what it does to
    one process's windows. torch's own is for GPUs alone.
    """

    def _check_input_dim(self, features: Tensor) -> None:
        """Take any shape, as it was checked by the layer this one stands for."""

    def forward(self, features: Tensor) -> Tensor:
        """Map (n, n_features, *shape) to the same, normalised."""
        if not self.training:
            return super().forward(features)
        axes, shape = [0, *range(2, features.ndim)], [1, -1, *[1] * (features.ndim - 2)]
        n_own = features.numel() // self.num_features
        sums = _total(torch.cat([features.sum(axes), features.new_tensor([n_own])]))
        n = sums[-1].detach()
        mean = sums[:-1] / n
        centred = features - mean.reshape(shape)
        variance = _total(centred.square().sum(axes)) / n
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            assert self.momentum is not None
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * (variance + self.eps).rsqrt()
        normalised: Tensor = centred * scale.reshape(shape) + self.bias.reshape(shape)
        return normalised


def share_norms(encoder: nn.Module, device: torch.device) -> nn.Module:
    """Let the batch normalisation of an encoder go by all ranks' windows; alone it is as it was.

    Parameters
    ----------
    encoder : Module
        Changed in place: its layers are replaced by others of the same weights and names.
    device : device
        Where it computes.

    Returns
    -------
    encoder : Module
    """
    if n_ranks() == 1:
        return encoder
    if device.type == "cuda":
        shared: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(encoder)  # type: ignore[no-untyped-call]
        return shared
    for module in list(encoder.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, _BatchNorm):
                ranked = RankedBatchNorm(layer.num_features, layer.eps, layer.momentum)
                ranked.load_state_dict(layer.state_dict())
                setattr(module, name, ranked.train(layer.training))
    return encoder
