"""How well clusters agree with activities that are known."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    normalized_mutual_info_score,
)


def clustering_metrics(
    activities: NDArray[np.intp], labels: NDArray[np.intp], n_clusters: int, n_activities: int
) -> dict[str, Any]:
    """Score clusters against the activities of the windows where these are known.

    Parameters
    ----------
    activities : intp array of shape (n_windows,)
        True class of each window, in [0, n_activities), -1 where unknown.
    labels : intp array of shape (n_windows,)
        Cluster of each window, in [0, n_clusters).
    n_clusters, n_activities : int
        How many of each there are, empty ones included.

    Returns
    -------
    metrics : dict
        Of all windows ``n_windows``, ``clusters_used`` and ``usage_entropy``: the entropy of the
        shares that clusters received over its maximum log(n_clusters), without unit, from 0 (one
        cluster has all) to 1 (all have the same). And, where any activity is known, all at most 1:

        ``acc``
            Share of windows that agree under the best one-to-one matching of clusters to
            activities, also where there are more clusters than activities: then the windows of
            the clusters left over count as wrong.
        ``acc_many_to_one``
            The same when each cluster stands for its most frequent activity. It can only grow
            with more clusters: compare it at equal `n_clusters`.
        ``macro_f1``
            F1 under the one-to-one matching, its plain mean over the activities that occur; an
            activity to which no cluster is matched counts as 0.
        ``nmi``, ``ami``, ``ari``
            Normalised (by the arithmetic mean) and adjusted mutual information, and the adjusted
            Rand index.

        And ``kl_star``, in nats.

    References
    ----------
    ``kl_star`` is the KL* of Mahon and Lukasiewicz (AAAI 2024): the divergence of the shares that
    clusters received from those they should have, here the true shares of the matched activities.
    It is None when a cluster is used that no activity is matched to: it would be infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.metrics import clustering_metrics
    >>> truth, labels = np.array([0, 0, 1, 1, -1]), np.array([1, 1, 0, 1, 0])
    >>> clustering_metrics(truth, labels, n_clusters=2, n_activities=2)["acc"]
    0.75
    """
    metrics: dict[str, Any] = {
        "n_windows": len(labels),
        "clusters_used": len(np.unique(labels)),
        "usage_entropy": _usage_entropy(labels, n_clusters),
    }
    known = activities >= 0
    if not known.any():
        return metrics
    activities, labels = activities[known], labels[known]
    table = contingency(activities, labels, n_clusters, n_activities)
    matched = match(table)
    return metrics | {
        "acc": float(table[list(matched), list(matched.values())].sum() / len(labels)),
        "acc_many_to_one": float(table.max(axis=1).sum() / len(labels)),
        "macro_f1": _macro_f1(table, matched),
        "nmi": float(normalized_mutual_info_score(activities, labels)),
        "ami": float(adjusted_mutual_info_score(activities, labels)),
        "ari": float(adjusted_rand_score(activities, labels)),
        "kl_star": _kl_star(table, matched),
    }


def contingency(
    activities: NDArray[np.intp], labels: NDArray[np.intp], n_clusters: int, n_activities: int
) -> NDArray[np.intp]:
    """Count windows by cluster and activity; windows of unknown activity are left out.

    Parameters
    ----------
    activities, labels : intp arrays of shape (n_windows,)
        As in `clustering_metrics`.
    n_clusters, n_activities : int
        Rows and columns.

    Returns
    -------
    table : intp array of shape (n_clusters, n_activities)

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.metrics import contingency
    >>> contingency(np.array([0, 1, -1]), np.array([1, 1, 0]), 2, 2).tolist()
    [[0, 0], [1, 1]]
    """
    table = np.zeros((n_clusters, n_activities), np.intp)
    known = activities >= 0
    np.add.at(table, (labels[known], activities[known]), 1)
    return table


def match(table: NDArray[np.intp]) -> dict[int, int]:
    """Match clusters to activities one to one so that most windows agree.

    Parameters
    ----------
    table : int array of shape (n_clusters, n_activities)
        As `contingency` returns it.

    Returns
    -------
    matched : dict of int to int
        Activity of each matched cluster; min(n_clusters, n_activities) entries.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.metrics import match
    >>> match(np.array([[1, 5], [4, 6]]))
    {0: 1, 1: 0}
    """
    clusters, activities = linear_sum_assignment(table, maximize=True)
    return dict(zip(clusters.tolist(), activities.tolist(), strict=True))


def _usage_entropy(labels: NDArray[np.intp], n_clusters: int) -> float:
    """Entropy of the clusters' shares over log(n_clusters), at least two."""
    counts = np.bincount(labels)
    shares = counts[counts > 0] / len(labels)
    return float(-np.sum(shares * np.log(shares)) / np.log(n_clusters)) + 0.0  # never -0.0


def _macro_f1(table: NDArray[np.intp], matched: dict[int, int]) -> float:
    """Mean over the activities that occur of 2 * both / (cluster + activity)."""
    cluster_sizes, activity_sizes = table.sum(axis=1), table.sum(axis=0)
    total = sum(
        2 * table[cluster, activity] / (cluster_sizes[cluster] + activity_sizes[activity])
        for cluster, activity in matched.items()
        if table[cluster, activity]
    )
    return float(total / np.count_nonzero(activity_sizes))


def _kl_star(table: NDArray[np.intp], matched: dict[int, int]) -> float | None:
    """KL(shares of clusters || true shares of the activities matched to them)."""
    shares = table.sum(axis=1) / table.sum()
    expected = np.zeros(len(table))
    true_shares = table.sum(axis=0) / table.sum()
    for cluster, activity in matched.items():
        expected[cluster] = true_shares[activity]
    used = shares > 0
    if (expected[used] == 0).any():
        return None
    return float(np.sum(shares[used] * np.log(shares[used] / expected[used])))
