"""A prior over the clusters that is learnt from the data while training, without labels."""

import numpy as np
from numpy.typing import NDArray

EVEN = 0.5
"""Part of a learned prior that stays spread evenly: no cluster expects less than that share."""

PASSES = 5
"""Passes over the data, about, that a learned prior averages."""


class LearnedPrior:
    """The shares that clusters received over the last passes, drawn half way to even ones.

    The count penalty log(n_k + 1) less the log of a prior that equals the shares charges every
    cluster alike: the penalty cancels, and the clusters that are ahead take all. Mixed with even
    shares, as under a Dirichlet prior over the shares themselves, the prior follows the data and
    keeps half of the pull that spreads them; and it is averaged over several passes, because early
    on the largest cluster is so by chance.

    Parameters
    ----------
    n_clusters : int
        How many shares.
    n_windows : int
        Windows of a pass over the data.

    Attributes
    ----------
    shares : float64 array of shape (n_clusters,)
        What clusters received, averaged: all that is learnt.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.prior import LearnedPrior
    >>> prior = LearnedPrior(n_clusters=2, n_windows=4)
    >>> for _ in range(100):
    ...     log_prior = prior.update(np.array([0, 0, 0, 0]))
    >>> np.exp(log_prior).round(2).tolist()
    [0.75, 0.25]
    """

    def __init__(self, n_clusters: int, n_windows: int) -> None:
        self.n_windows = n_windows
        self.shares = np.full(n_clusters, 1 / n_clusters)

    def update(self, labels: NDArray[np.intp]) -> NDArray[np.float64]:
        """Take a batch's labels and return the log of the prior for the next.

        Parameters
        ----------
        labels : intp array of shape (n,)
            Cluster that inference would give each window of the batch: those of training are
            spread by the price of the counts.

        Returns
        -------
        log_prior : float64 array of shape (n_clusters,)
        """
        n_clusters = len(self.shares)
        received = np.bincount(labels, minlength=n_clusters) / len(labels)
        rate = min(1.0, len(labels) / (PASSES * self.n_windows))
        self.shares += rate * (received - self.shares)
        log_prior: NDArray[np.float64] = np.log((1 - EVEN) * self.shares + EVEN / n_clusters)
        return log_prior
