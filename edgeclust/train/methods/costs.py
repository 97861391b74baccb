"""What a method gets of a batch, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import gammaln
from torch import Tensor

from edgeclust.train.ranks import label_blocks


class Outcome(NamedTuple):
    """What a method made of a batch.

    Parameters
    ----------
    loss : Tensor
        Scalar with gradient, in nats per window: what the step minimises.
    penalty : float
        Nats per window that the objective holds beside the loss: what no gradient passes.
    labels : intp array of shape (n_windows,)
        Cluster that each window was taken to belong to.
    """

    loss: Tensor
    penalty: float
    labels: NDArray[np.intp]


@dataclass(frozen=True)
class Costs:
    """The costs of a batch, ``C[i, k] = squared[i, k] / sigma - log_prior[k]``, in nats.

    They stand twice: with gradient where the encoder computes, and on the CPU, without, where
    labels are found.

    Parameters
    ----------
    squared : Tensor of shape (n_windows, n_clusters)
        Squared distances of the embeddings to the centroids, with gradient.
    sigma : float
        Their scale, above 0.
    log_prior : float64 array of shape (n_clusters,)
        Natural log of the expected share of windows in each cluster.
    blocks : list of float64 arrays of shape (n, n_clusters)
        The costs, block by block of windows that share counts; not modified.
    """

    squared: Tensor
    sigma: float
    log_prior: NDArray[np.float64]
    blocks: list[NDArray[np.float64]]

    def label(
        self, assign: Callable[[NDArray[np.float64]], NDArray[np.intp]]
    ) -> list[NDArray[np.intp]]:
        """Return the labels of each block, from a function of its costs."""
        return label_blocks(self.blocks, assign)

    def mean(self, labels: NDArray[np.intp]) -> Tensor:
        """Return the mean cost of the windows in the clusters they are given, with gradient.

        Parameters
        ----------
        labels : intp array of shape (n_windows,)
            Cluster of each window.
        """
        chosen = torch.from_numpy(labels).to(self.squared.device, non_blocking=True)[:, None]
        assigned = self.squared.gather(1, chosen)
        return assigned.mean() / self.sigma - float(self.log_prior[labels].mean())

    def count_penalty(self, parts: list[NDArray[np.intp]]) -> float:
        """Return ``sum_k log(n_k!)`` of the counts of each block, in nats per window.

        Parameters
        ----------
        parts : list of intp arrays
            Labels of each block.
        """
        counts = np.array([np.bincount(part, minlength=len(self.log_prior)) for part in parts])
        return float(gammaln(counts + 1).sum() / len(self.squared))

    def log_posterior(self) -> Tensor:
        """Return the log of the soft assignment, softmax(-C), with gradient.

        Returns
        -------
        log_posterior : Tensor of shape (n_windows, n_clusters)
        """
        return torch.log_softmax(self._tensor(self.log_prior) - self.squared / self.sigma, dim=1)

    def mean_over_blocks(self, of_shares: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Average what a function makes of each block's mean soft assignment.

        Parameters
        ----------
        of_shares : callable
            From the mean soft assignment of a block and the prior, both of shape (n_clusters,),
            to a scalar.

        Returns
        -------
        mean : Tensor
            Scalar with gradient, each block counted by its windows.
        """
        sizes = [len(block) for block in self.blocks]
        prior = self._tensor(np.exp(self.log_prior))
        values = [
            of_shares(part.mean(dim=0), prior) * len(part)
            for part in torch.split(self.log_posterior().exp(), sizes)
        ]
        return torch.stack(values).sum() / sum(sizes)

    def _tensor(self, values: NDArray[np.float64]) -> Tensor:
        """Return numbers where, and as precise as, the distances are."""
        return torch.from_numpy(values).to(self.squared, non_blocking=True)
