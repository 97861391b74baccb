"""Constrained k-means, a rival."""

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edgeclust.train.methods.costs import Costs, Outcome


def ckm(costs: Costs, slack: float = 0.5) -> Outcome:
    """Pull windows to their clusters under the cheapest labels that fill every cluster.

    The labels a of a block of n windows minimise ``sum_i C[i, a_i]`` with at least
    floor(slack * n * prior[k]) windows in cluster k; the loss is the mean of C[i, a_i].

    Parameters
    ----------
    costs : Costs
        Of a batch.
    slack : float
        From 0 (nearest centroid) to 1 (each cluster holds its share of the prior). Found as the
        weight of `ent`, among .1, .3, .5, .7, .9, 1: with .1 there are 2 or 3 of 7 clusters left,
        with .3 the least share is .013, with .5 .061: the mildest with which none dies.

    References
    ----------
    Bradley, Bennett and Demiriz, "Constrained K-Means Clustering", Microsoft Research
    MSR-TR-2000-65.
    """
    shares = slack * np.exp(costs.log_prior)
    labels = np.concatenate(costs.label(partial(fill, shares=shares)))
    return Outcome(costs.mean(labels), 0.0, labels)


def fill(cost: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the cheapest labels that give each cluster its least number of windows.

    Parameters
    ----------
    cost : float64 array of shape (n_windows, n_clusters)
        In nats. Not modified.
    shares : float64 array of shape (n_clusters,)
        Cluster k gets at least floor(shares[k] * n_windows) windows; they sum to at most 1.

    Returns
    -------
    labels : intp array of shape (n_windows,)
        Optimal: no other labels within the bounds cost less in sum.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.methods.ckm import fill
    >>> fill(np.array([[0.0, 1.0], [0.1, 0.8], [0.2, 0.3]]), np.array([0.0, 0.4])).tolist()
    [0, 0, 1]
    """
    # A product of n and a share may fall short of a whole number by rounding alone.
    least = np.floor(shares * len(cost) + 1e-9).astype(np.intp)
    # Slots that must be filled get a window each, at the cheapest sum of detours from the
    # windows' own nearest clusters; to those all other windows go.
    slots = np.repeat(np.arange(len(least)), least)
    detour = cost - cost.min(axis=1, keepdims=True)
    filled, windows = linear_sum_assignment(detour.T[slots])
    labels: NDArray[np.intp] = cost.argmin(axis=1)
    labels[windows] = slots[filled]
    return labels
