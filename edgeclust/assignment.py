"""The hard-regularised assignment: which cluster each window of a batch goes to."""

import heapq
import math
from bisect import bisect_right
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeclust.exact_assignment import solve

SOLVERS = ("greedy", "exact")
"""How `assign` may minimise its objective."""


def assign(
    cost: ArrayLike,
    log_prior: ArrayLike | None = None,
    *,
    solver: str = "greedy",
    weight: float = 1.0,
) -> NDArray[np.intp]:
    """Assign each window of a batch to one cluster, so that clusters share the batch.

    The price of putting window i into cluster k is
    ``cost[i, k] - log_prior[k] + weight * log(n_k + 1)``, with n_k the windows that cluster k
    holds already. So an assignment a costs F(a), the sum of ``cost[i, a_i] - log_prior[a_i]`` and
    of ``weight * log(n_k!)``. The last term is what the multinomial coefficient of the batch's
    counts adds: no cluster swallows a batch unless every cost gap exceeds log(n_windows).

    ``greedy``, the paper's solver, repeatedly takes the cheapest pair among the unassigned
    windows. Time grows as n_windows * n_clusters * log(n_windows); only where a cluster's costs
    differ by less than rounding, with n_windows once more. ``exact`` finds the lowest F
    (`edgeclust.exact_assignment` says how); `optimality_gap` tells how far greedy stayed above.

    Parameters
    ----------
    cost : float array of shape (n_windows, n_clusters)
        Negative log-likelihood in nats of each window under each cluster, finite. Compared in
        float64. Not modified.
    log_prior : float array of shape (n_clusters,), optional
        Natural log of the expected share of windows in each cluster, finite. Uniform when
        left out.
    solver : str
        ``greedy`` or ``exact``.
    weight : float
        Of the counts, finite and at least 0: 1 is the paper's, 0 takes each window's cheapest
        cluster.

    Returns
    -------
    labels : intp array of shape (n_windows,)
        Cluster index of each window, in [0, n_clusters). Among pairs of equal price, greedy takes
        the lower window index first, then the lower cluster index. Of several optima, exact
        returns always the same one for the same table, and promises no more.

    Raises
    ------
    ValueError
        If `cost` is not a table with at least one column, if `log_prior` has another number
        of clusters, if either holds NaN or infinity, if `weight` is negative or not finite, or if
        the solver is unknown.

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

    Greedy starts with the pair that costs nothing, which leaves window 1 the worse choice:
    .01 + log 2 against .5 + .01.

    >>> cost = np.array([[0.0, 0.5], [0.01, 10.0]])
    >>> assign(cost).tolist(), assign(cost, solver="exact").tolist()
    ([0, 0], [1, 0])
    """
    table = _checked_table(cost, log_prior)
    _check_weight(weight)
    if solver not in SOLVERS:
        raise ValueError(f"unknown solver {solver!r}: known are {', '.join(SOLVERS)}")
    return _assign_greedily(table, weight) if solver == "greedy" else solve(table, weight)[0]


def optimality_gap(
    cost: ArrayLike,
    labels: ArrayLike,
    log_prior: ArrayLike | None = None,
    *,
    weight: float = 1.0,
) -> float:
    """Say how far an assignment is from the lowest F of all, in nats per window.

    Any prices, one a cluster, bound F from below: let each window choose freely where it pays
    ``cost[i, k] - log_prior[k] + prices[k]``, and each cluster how many windows it takes where it
    earns the price of each. The bound of the exact solver's prices is tight.

    Parameters
    ----------
    cost : float array of shape (n_windows, n_clusters)
        Negative log-likelihood in nats, finite. Not modified.
    labels : int array of shape (n_windows,)
        Cluster index of each window, in [0, n_clusters), from whatever method.
    log_prior : float array of shape (n_clusters,), optional
        Natural log of the expected share of windows in each cluster, finite. Uniform when
        left out.
    weight : float
        Of the counts in F, as `assign` takes it.

    Returns
    -------
    gap : float
        At least 0, and 0 up to rounding for an optimal assignment.

    Raises
    ------
    ValueError
        As `assign` does, or if `labels` are not one integer in range for each window.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust import assign, optimality_gap
    >>> cost = np.array([[0.0, 0.5], [0.01, 10.0]])
    >>> round(optimality_gap(cost, assign(cost)), 4)  # (.01 + log 2 - .51) / 2
    0.0966
    >>> optimality_gap(cost, assign(cost, solver="exact"))
    0.0
    """
    table = _checked_table(cost, log_prior)
    _check_weight(weight)
    n_windows, n_clusters = table.shape
    chosen = _checked_labels(labels, n_windows, n_clusters)
    if n_windows == 0:
        return 0.0
    _, prices = solve(table, weight)
    windows = np.arange(n_windows)
    with np.errstate(over="ignore"):  # of costs as far apart as floats go, the gap is infinite
        paid = table - table.min(axis=1, keepdims=True) + prices
    # What cluster k pays for holding n windows, less what it earns; row by row both differences
    # are from a minimum, so neither rounds below 0.
    log_factorial = np.cumsum([0.0, *_log_counts(n_windows)])
    held = weight * log_factorial - np.arange(n_windows + 1) * prices[:, None]
    counts = np.bincount(chosen, minlength=n_clusters)
    from_windows = (paid[windows, chosen] - paid.min(axis=1)).sum()
    from_counts = (held[np.arange(n_clusters), counts] - held.min(axis=1)).sum()
    return float((from_windows + from_counts) / n_windows)


def _assign_greedily(table: NDArray[np.float64], weight: float) -> NDArray[np.intp]:
    """Take the cheapest pair among the unassigned windows until there is none left."""
    n_windows, n_clusters = table.shape
    labels = np.full(n_windows, -1, dtype=np.intp)
    columns = _sorted_columns(table, labels)
    penalty = [weight * value for value in _log_counts(n_windows)]

    taken = [False] * n_windows
    counts = [0] * n_clusters
    # One entry a cluster, its cheapest free window: (price, window, cluster). Prices only rise,
    # so an entry whose window has been taken since is a lower bound and is renewed when popped.
    heap = [column.cheapest(taken, 0.0) for column in columns if n_windows]
    heapq.heapify(heap)
    n_assigned = 0
    while n_assigned < n_windows:
        _, i, k = heap[0]
        if not taken[i]:
            taken[i] = True
            labels[i] = k
            counts[k] += 1
            n_assigned += 1
            if n_assigned == n_windows:
                break
        heapq.heapreplace(heap, columns[k].cheapest(taken, penalty[counts[k]]))
    return labels


class _Column:
    """One cluster's windows in the order of their cost, walked from the cheapest on.

    The walk is quicker over lists than over arrays, which are quicker to search for the windows
    that are free still: `windows` and `values` are lists of the cheapest windows, and grow by the
    next free ones when the walk comes to their end.
    """

    __slots__ = ("cluster", "costs", "labels", "n_read", "next", "order", "values", "windows")

    def __init__(
        self,
        cluster: int,
        order: NDArray[np.intp],
        costs: NDArray[np.float64],
        labels: NDArray[np.intp],
        windows: list[int],
        values: list[float],
    ) -> None:
        self.cluster = cluster
        self.order = order
        self.costs = costs
        self.labels = labels
        self.windows = windows
        self.values = values
        self.next = 0
        self.n_read = len(windows)

    def cheapest(self, taken: list[bool], penalty: float) -> tuple[float, int, int]:
        """Price and window of the cheapest that is free, of equals the lowest, and the cluster."""
        windows, values, start = self.windows, self.values, self.next
        while True:
            try:
                while taken[windows[start]]:
                    start += 1
                break
            except IndexError:
                self._grow()
        self.next = start
        value, window = values[start], windows[start]
        price = value + penalty
        if start + 1 < len(values) and values[start + 1] + penalty > price:
            return price, window, self.cluster  # as nearly always
        # Of equal costs the lowest window comes first. Costs that differ by less than rounding
        # give one price too: look through those groups as well.
        j = bisect_right(values, value, lo=start)
        while (j < len(values) or self._grow()) and values[j] + penalty == price:
            if taken[windows[j]]:
                j += 1
            else:
                window = min(window, windows[j])
                j = bisect_right(values, values[j], lo=j)
        return price, window, self.cluster

    def _grow(self) -> bool:
        """Lengthen the lists, up to twofold; say whether there was a free window left."""
        if self.n_read == len(self.order):
            return False
        order = self.order[self.n_read :]
        free = np.flatnonzero(self.labels[order] < 0)[: len(self.windows)]
        if len(free) == 0:
            self.n_read = len(self.order)
            return False
        self.windows += order[free].tolist()
        self.values += self.costs[self.n_read + free].tolist()
        self.n_read += int(free[-1]) + 1
        return True


def _sorted_columns(table: NDArray[np.float64], labels: NDArray[np.intp]) -> list[_Column]:
    """Sort each cluster's windows by cost, equal costs by window."""
    n_windows, n_clusters = table.shape
    columns = np.ascontiguousarray(table.T)
    order = columns.argsort(axis=1)
    costs = np.take_along_axis(columns, order, axis=1)
    if (costs[:, 1:] == costs[:, :-1]).any():  # else a stable sort gives the same, in more time
        order = columns.argsort(axis=1, kind="stable")
    n_head = 4 * n_windows // n_clusters + 16
    heads = zip(order[:, :n_head].tolist(), costs[:, :n_head].tolist(), strict=True)
    return [_Column(k, order[k], costs[k], labels, *head) for k, head in enumerate(heads)]


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


def _check_weight(weight: float) -> None:
    """Say what is wrong with the weight of the counts."""
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError(f"weight should be finite and at least 0, got {weight}")


def _checked_labels(labels: ArrayLike, n_windows: int, n_clusters: int) -> NDArray[np.intp]:
    """Return the labels as indices, or say what is wrong with them."""
    chosen = np.asarray(labels)
    if chosen.shape != (n_windows,):
        raise ValueError(
            f"labels should hold one cluster for each of the {n_windows} windows, "
            f"got shape {chosen.shape}"
        )
    if not np.issubdtype(chosen.dtype, np.integer) and n_windows:
        raise ValueError(f"labels should be integers, got {chosen.dtype}")
    wrong = np.flatnonzero((chosen < 0) | (chosen >= n_clusters))
    if len(wrong):
        raise ValueError(
            f"labels should be from 0 to {n_clusters - 1}, "
            f"got {chosen[wrong[0]]} for window {wrong[0]}"
        )
    return chosen.astype(np.intp)


@lru_cache(maxsize=8)
def _log_counts(n: int) -> list[float]:
    """Return log(1) .. log(n): the penalty of a cluster that holds 0 .. n - 1 windows."""
    return [math.log(count) for count in range(1, n + 1)]
