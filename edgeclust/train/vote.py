"""What restarts make of each window together: a vote over clusters without common names."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edgeclust.assignment import assign

MAX_ROUNDS = 20
"""Rounds of matching and averaging at most; in practice they settle after two to five."""


WEIGHT = 0.1
"""Of the count penalty, where 1 is that of training."""


def vote(
    posteriors: Sequence[NDArray[np.float64]], first: int, groups: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Label windows by the mean posterior of several clusterings, matched to one another.

    The number of a cluster means nothing beyond its own clustering, so each is matched, one to
    one, to the mean of all: first to that of clustering `first`, then to the mean that came of it,
    until nothing changes. Errors that come of the accidents of one clustering's weights cancel
    out; what most have found stays.

    Each group is then labelled by the hard-regularised assignment of `edgeclust.assign`, at a
    tenth of the price of training: where the clusterings disagree, the most probable label alone
    would leave clusters with next to no windows.

    Parameters
    ----------
    posteriors : sequence of float64 arrays of shape (n_windows, n_clusters)
        Of each clustering the probability of each cluster given the window. Not modified.
    first : int
        Index of the clustering whose numbers the clusters keep.
    groups : intp array of shape (n_windows,)
        Which windows share counts: the subject of each, or one number for all.

    Returns
    -------
    labels : intp array of shape (n_windows,)
        In [0, n_clusters).

    References
    ----------
    Dudoit and Fridlyand, "Bagging to improve the accuracy of a clustering procedure",
    Bioinformatics 19(9), 2003, vote so over resampled data.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.vote import vote
    >>> one = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])
    >>> swapped = np.array([[0.1, 0.9], [0.4, 0.6], [0.2, 0.8], [0.9, 0.1]])
    >>> vote([one, swapped], first=0, groups=np.zeros(4, np.intp)).tolist()
    [0, 0, 0, 1]
    """
    mean = posteriors[first]
    for _ in range(MAX_ROUNDS):
        before, mean = mean, np.zeros_like(mean)
        for posterior in posteriors:
            _, own = linear_sum_assignment(before.T @ posterior, maximize=True)
            mean += posterior[:, own] / len(posteriors)
        if np.array_equal(mean, before):
            break
    cost = -np.log(np.maximum(mean, np.finfo(np.float64).tiny))
    labels = np.empty(len(cost), np.intp)
    for group in np.unique(groups):
        own_windows = np.flatnonzero(groups == group)
        labels[own_windows] = assign(cost[own_windows], weight=WEIGHT)
    return labels
