"""The hard-regularised assignment: which cluster each window of a batch goes to."""

import heapq
import math
from bisect import bisect_right
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray


def assign(cost: ArrayLike, log_prior: ArrayLike | None = None) -> NDArray[np.intp]:
    """Assign each window of a batch to one cluster, taking the cheapest pair first.

    The price of putting window i into cluster k is ``cost[i, k] - log_prior[k] + log(n_k + 1)``,
    with n_k the windows that cluster k holds already. The last term is what the multinomial
    coefficient of the batch's counts adds, so no cluster swallows a batch unless every cost
    gap exceeds log(n_windows). Repeatedly, the cheapest pair among the unassigned windows is
    taken. Time grows as n_windows * n_clusters * log(n_windows); only where a cluster's costs
    differ by less than rounding, with n_windows once more.

    Parameters
    ----------
    cost : float array of shape (n_windows, n_clusters)
        Negative log-likelihood in nats of each window under each cluster, finite. Compared in
        float64. Not modified.
    log_prior : float array of shape (n_clusters,), optional
        Natural log of the expected share of windows in each cluster, finite. Uniform when
        left out.

    Returns
    -------
    labels : intp array of shape (n_windows,)
        Cluster index of each window, in [0, n_clusters). Among pairs of equal price the lower
        window index is taken first, then the lower cluster index.

    Raises
    ------
    ValueError
        If `cost` is not a table with at least one column, if `log_prior` has another number
        of clusters, or if either holds NaN or infinity.

    References
    ----------
    Mahon and Lukasiewicz, "Hard Regularization to Prevent Deep Online Clustering Collapse
    without Data Augmentation", AAAI 2024, 38(13):14281-14288 ("combination assignment").

    Examples
    --------
    The nearest cluster alone would put all three windows in cluster 0.

    >>> import numpy as np
    >>> from edgeclust import assign
    >>> cost = np.array([[0.0, 1.0], [0.1, 0.8], [0.2, 0.3]])
    >>> assign(cost).tolist()
    [0, 0, 1]
    """
    table = _checked_table(cost, log_prior)
    n_windows, n_clusters = table.shape
    columns = [_Column(values) for values in table.T]
    penalty = _log_counts(n_windows)

    labels = [-1] * n_windows
    counts = [0] * n_clusters
    # One entry a cluster, its cheapest free window: (price, window, cluster). Prices only rise,
    # so an entry whose window has been taken since is a lower bound and is renewed when popped.
    heap = [(*column.cheapest(labels, 0.0), k) for k, column in enumerate(columns) if n_windows]
    heapq.heapify(heap)
    n_assigned = 0
    while n_assigned < n_windows:
        _, i, k = heap[0]
        if labels[i] < 0:
            labels[i] = k
            counts[k] += 1
            n_assigned += 1
            if n_assigned == n_windows:
                break
        heapq.heapreplace(heap, (*columns[k].cheapest(labels, penalty[counts[k]]), k))
    return np.array(labels, dtype=np.intp)


class _Column:
    """One cluster's windows in the order of their cost, walked from the cheapest on."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        order = np.argsort(values, kind="stable")
        self.windows: list[int] = order.tolist()
        self.values: list[float] = values[order].tolist()
        self.next = 0

    def cheapest(self, labels: list[int], penalty: float) -> tuple[float, int]:
        """Price and index of the cheapest free window; of equal prices, the lowest index."""
        windows, values, start = self.windows, self.values, self.next
        while labels[windows[start]] >= 0:
            start += 1
        self.next = start
        value, window = values[start], windows[start]
        price = value + penalty
        # Of equal costs the lowest window comes first. Costs that differ by less than rounding
        # give one price too: look through those groups as well.
        j = bisect_right(values, value, lo=start)
        while j < len(values) and values[j] + penalty == price:
            if labels[windows[j]] < 0:
                window = min(window, windows[j])
                j = bisect_right(values, values[j], lo=j)
            else:
                j += 1
        return price, window


def _checked_table(cost: ArrayLike, log_prior: ArrayLike | None) -> NDArray[np.float64]:
    """Return the cost with the prior taken off, or say what is wrong with either."""
    table = np.asarray(cost, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] == 0:
        raise ValueError(
            f"cost should have shape (n_windows, n_clusters >= 1), got shape {table.shape}"
        )
    if log_prior is not None:
        prior = np.asarray(log_prior, dtype=np.float64)
        if prior.shape != (table.shape[1],):
            raise ValueError(
                f"log_prior should hold one value for each of the {table.shape[1]} clusters, "
                f"got shape {prior.shape}"
            )
        if not np.isfinite(prior).all():
            raise ValueError("log_prior should be finite: every cluster needs a share above 0")
        table = table - prior
    if not np.isfinite(table).all():
        i, k = np.argwhere(~np.isfinite(table))[0]
        raise ValueError(f"cost should be finite, got {table[i, k]} for window {i}, cluster {k}")
    return table


@lru_cache(maxsize=8)
def _log_counts(n: int) -> list[float]:
    """Return log(1) .. log(n): the penalty of a cluster that holds 0 .. n - 1 windows."""
    return [math.log(count) for count in range(1, n + 1)]
