"""How good a clustering looks without labels: what chooses among restarts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr


def criterion(
    cost: NDArray[np.float64], groups: NDArray[np.intp], followers: NDArray[np.intp]
) -> float:
    """Judge the labels that inference gives, the lower the better, in nats per window.

    Three things are asked of clusters that are activities: windows lie close to the centroid of
    theirs (the mean cost), each group's windows spread over all of them (less the entropy of the
    group's labels), and they last (less the mutual information of the labels of windows that
    follow each other: who sits now will mostly sit in the next window). The first two are the
    objective of training at labels for which no price was paid; the batches of a training never
    see the third.

    Parameters
    ----------
    cost : float64 array of shape (n_windows, n_clusters)
        ``C[i, k]`` in nats: the label of a window is the cheapest.
    groups : intp array of shape (n_windows,)
        Which windows are to spread over the clusters by themselves: a number for each subject.
    followers : intp array of shape (n_pairs, 2)
        Indices of windows, each pair one and the next of a session; none where there is no time.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.criterion import criterion
    >>> one_subject = np.zeros(6, int)
    >>> followers = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]])
    >>> for labels in ([0, 0, 0, 1, 1, 1], [0, 1, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0]):
    ...     cost = 9.0 * (np.array(labels)[:, None] != np.arange(2))
    ...     print(round(criterion(cost, one_subject, followers), 2))
    -0.98
    -0.71
    0.0
    """
    labels = cost.argmin(axis=1)
    n_clusters = cost.shape[1]
    usage = np.zeros((groups.max() + 1, n_clusters))
    np.add.at(usage, (groups, labels), 1)
    sizes = usage.sum(axis=1, keepdims=True)
    spread = entr(usage / np.maximum(sizes, 1)).sum(axis=1) @ sizes[:, 0] / len(labels)
    joint = np.zeros((n_clusters, n_clusters))
    np.add.at(joint, (labels[followers[:, 0]], labels[followers[:, 1]]), 1)
    return float(cost.min(axis=1).mean() - spread - _mutual_information(joint))


def agreement(
    labels: NDArray[np.intp], others: Sequence[NDArray[np.intp]], n_clusters: int
) -> float:
    """Say how well clusters are found again from other weights, in nats per window.

    It is the mutual information of the labels with those of another training, mean over the
    others: the tournament of restarts takes it off the `criterion`. What one training alone finds
    may be tight, shared by all and lasting, and still be an accident of its weights.

    Parameters
    ----------
    labels : intp array of shape (n_windows,)
        Cluster of each window, in [0, n_clusters).
    others : sequence of such arrays
        Of the other trainings; with none there is nothing to agree with: 0.
    n_clusters : int
        How many there are in each.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.criterion import agreement
    >>> labels = np.array([0, 0, 1, 1])
    >>> same, unrelated = np.array([1, 1, 0, 0]), np.array([0, 1, 0, 1])
    >>> round(agreement(labels, [same], 2), 2), round(agreement(labels, [same, unrelated], 2), 2)
    (0.69, 0.35)
    """
    tables = [np.zeros((n_clusters, n_clusters)) for _ in others]
    for table, other in zip(tables, others, strict=True):
        np.add.at(table, (labels, other), 1)
    return float(np.mean([_mutual_information(table) for table in tables])) if tables else 0.0


def _mutual_information(joint: NDArray[np.float64]) -> float:
    """Return that of the rows and columns of a table of counts, in nats; 0 of an empty one."""
    shares = joint / max(1.0, joint.sum())
    rows, columns = entr(shares.sum(axis=1)).sum(), entr(shares.sum(axis=0)).sum()
    return float(rows + columns - entr(shares).sum())
