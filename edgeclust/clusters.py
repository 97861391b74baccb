"""Clusters in embedding space: which one a window is nearest to, and how surely."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Clusters:
    """Centroids with the scale and the prior that turn distances into costs.

    Parameters
    ----------
    centroids : float32 array of shape (n_clusters, n_features)
        One centre a cluster, in the units of the embedding.
    sigma : float
        Scale of a squared distance, above 0: a cluster is a Gaussian of variance sigma / 2.
    log_prior : float64 array of shape (n_clusters,)
        Natural log of the expected share of windows in each cluster.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust import Clusters
    >>> clusters = Clusters(np.float32([[0.0], [10.0]]), sigma=2.0, log_prior=np.log([0.5, 0.5]))
    >>> clusters.predict(np.float32([[1.0], [7.0]])).tolist()
    [0, 1]
    """

    centroids: NDArray[np.float32]
    sigma: float
    log_prior: NDArray[np.float64]

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return len(self.centroids)

    @cached_property
    def _points(self) -> NDArray[np.float64]:
        """The centroids in float64, for every window is compared with them."""
        return self.centroids.astype(np.float64)

    @cached_property
    def _log_priors(self) -> list[float]:
        """The prior in plain numbers."""
        log_priors: list[float] = self.log_prior.tolist()
        return log_priors

    @cached_property
    def _ones(self) -> NDArray[np.float64]:
        """What sums over features, at a fraction of the cost of `np.sum` on a device."""
        return np.ones(self.centroids.shape[1])

    def squared_distances(self, embedding: NDArray[np.float32]) -> NDArray[np.float64]:
        """Squared Euclidean distance of each window to each centroid.

        Parameters
        ----------
        embedding : float32 array of shape (n_windows, n_features)
            Embedded windows. Not modified.

        Returns
        -------
        squared : float64 array of shape (n_windows, n_clusters)
        """
        # Differences first, in float64: the expanded square would cancel near a centroid.
        if len(embedding) == 1:  # as a stream brings them
            difference = self._points - embedding
            difference *= difference
            squared: NDArray[np.float64] = difference.dot(self._ones)[None]
            return squared
        squared = np.empty((len(embedding), self.n_clusters))
        points, others, columns = embedding.astype(np.float64), self._points, squared.T
        if len(embedding) < self.n_clusters:  # over the fewer of the two
            points, others, columns = others, points, squared
        for other, column in zip(others, columns, strict=True):
            difference = points - other
            np.einsum("pf,pf->p", difference, difference, out=column)
        return squared

    def cost(self, squared: NDArray[np.float64]) -> NDArray[np.float64]:
        """Negative log-likelihood in nats, up to a constant, from squared distances.

        Parameters
        ----------
        squared : float64 array of shape (n_windows, n_clusters)
            As `squared_distances` returns it.

        Returns
        -------
        cost : float64 array of shape (n_windows, n_clusters)
            ``squared / sigma - log_prior``.
        """
        return squared / self.sigma - self.log_prior

    def predict(self, embedding: NDArray[np.float32]) -> NDArray[np.intp]:
        """Label each window by its cheapest cluster, with no regularisation and no learning.

        Parameters
        ----------
        embedding : float32 array of shape (n_windows, n_features)
            Embedded windows. Not modified.

        Returns
        -------
        labels : intp array of shape (n_windows,)
            Cluster index in [0, n_clusters); of equal costs the lower index.
        """
        labels: NDArray[np.intp] = self.cost(self.squared_distances(embedding)).argmin(axis=1)
        return labels

    def posterior(
        self, squared: NDArray[np.float64], temperature: float = 1.0
    ) -> NDArray[np.float64]:
        """Probability of each cluster given the window, from squared distances.

        Parameters
        ----------
        squared : float64 array of shape (n_windows, n_clusters)
            As `squared_distances` returns it.
        temperature : float
            What costs are divided by, above 0: less than 1 makes the nearest cluster surer.

        Returns
        -------
        posterior : float64 array of shape (n_windows, n_clusters)
            Rows in [0, 1] that sum to 1.
        """
        cost = self.cost(squared)
        likelihood = np.exp((cost.min(axis=1, keepdims=True) - cost) / temperature)
        share: NDArray[np.float64] = likelihood / likelihood.sum(axis=1, keepdims=True)
        return share

    def costs_of(self, squared: Sequence[float]) -> list[float]:
        """Costs of one window, in plain numbers: of so few, numpy takes several times as long.

        Parameters
        ----------
        squared : sequence of float
            A row of what `squared_distances` returns.

        Returns
        -------
        costs : list of float
            That row of `cost`.
        """
        sigma, pairs = self.sigma, zip(squared, self._log_priors, strict=True)
        return [distance / sigma - log_prior for distance, log_prior in pairs]

    @staticmethod
    def share(costs: Sequence[float], cluster: int, temperature: float = 1.0) -> float:
        """Probability of one cluster given one window.

        Parameters
        ----------
        costs : sequence of float
            As `costs_of` returns them, finite.
        cluster : int
            Which one.
        temperature : float
            As `posterior` takes it.

        Returns
        -------
        share : float
            As `posterior` has it.
        """
        least = min(costs)
        likelihood = [math.exp((least - cost) / temperature) for cost in costs]
        return likelihood[cluster] / sum(likelihood)
