"""The cheapest hard-regularised assignment of all, and the prices that prove it."""

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

TIE = 1e-12
"""Nats over `weight` below which two windows are equally cheap to move: rounding, not a choice."""

COOLEST = 1e-4
"""Temperature at which the search for approximate prices ends at the latest."""


def solve(cost: Floats, weight: float) -> tuple[Labels, Floats]:
    """Minimise ``sum_i cost[i, a_i] + weight * sum_k log(n_k!)`` over all assignments a.

    As a flow: each window sends one unit to a cluster, and the j-th unit a cluster takes costs
    ``weight * log(j)`` (its j-th slot), so the units that follow cost more and the slots fill in
    their order. An assignment is optimal if and only if prices exist with
    ``weight * log(n_k) <= prices[k] <= weight * log(n_k + 1)`` and each window is where
    ``cost[i] + prices`` is lowest.

    Prices are found approximately first, by Newton's method on the smoothed dual. They assign
    each window and open each cluster's slots; where a cluster got more or fewer windows than it
    has slots, the difference is carried along shortest paths of the residual graph, whose nodes
    are the clusters and one that all slots come from. Each path lowers the difference, which is
    at most n_windows + n_clusters to begin with, by one at least: that bounds the time.

    Parameters
    ----------
    cost : float64 array of shape (n_windows, n_clusters)
        Nats, finite. Not modified.
    weight : float
        Of the count penalty, finite and at least 0.

    Returns
    -------
    labels : intp array of shape (n_windows,)
        An optimal assignment: of several, always the same one for the same table.
    prices : float64 array of shape (n_clusters,)
        Nats: the prices of the condition above, which holds up to rounding.

    References
    ----------
    Ahuja, Magnanti and Orlin, "Network Flows", 1993, sections 9.7 (successive shortest paths) and
    14.4 (convex costs).

    Examples
    --------
    Greedy takes the pair of cost 0 first and then pays log 2 for the second window (.703 in all).

    >>> import numpy as np
    >>> from edgeclust.exact_assignment import solve
    >>> labels, prices = solve(np.array([[0.0, 0.5], [0.01, 10.0]]), weight=1.0)
    >>> labels.tolist()
    [1, 0]
    """
    n_windows, n_clusters = cost.shape
    if n_windows == 0 or weight == 0:
        return cost.argmin(axis=1), np.zeros(n_clusters)
    # In units of the penalty. No optimum pays more than log(n_windows) over a window's cheapest
    # cluster: what costs more may as well cost a little more, and all magnitudes are tame.
    with np.errstate(over="ignore"):
        table = (cost - cost.min(axis=1, keepdims=True)) / weight
    np.minimum(table, math.log(n_windows) + 1, out=table)
    flow = _Flow(table, _approximate_prices(table))
    while (flow.excess > 0).any():
        flow.carry_excess()
    return flow.labels, (flow.prices[:-1] - flow.prices[-1]) * weight


class _Flow:
    """Labels and open slots that are optimal under the prices, but for the clusters' excess.

    The last node is the one that slots come from: an arc to it opens a slot, one from it closes
    a slot. Everywhere, ``arcs[u, v] + prices[v] - prices[u]`` is at least 0, but for rounding.
    """

    def __init__(self, table: Floats, prices: Floats) -> None:
        n_windows, n_clusters = table.shape
        self.table = table
        self.prices = np.append(prices, 0.0)
        self.labels: Labels = (table + prices).argmin(axis=1)
        self.slots = _slots(prices)
        counts = np.bincount(self.labels, minlength=n_clusters)
        # What each node has to hand on: windows without a slot, slots without a window.
        self.excess = np.append(counts - self.slots, self.slots.sum() - n_windows)
        self.arcs = np.full((n_clusters + 1, n_clusters + 1), np.inf)
        for k in range(n_clusters):
            self._renew(k)

    def carry_excess(self) -> None:
        """Carry excess along shortest paths that share no cluster, to where there is room."""
        distance, previous = self._shortest_paths()
        self.prices -= np.minimum(distance, distance[np.isfinite(distance)].max())
        hub = len(distance) - 1
        free = np.full(len(distance), True)
        room = np.flatnonzero(self.excess < 0)
        for end in room[np.argsort(distance[room], kind="stable")]:
            path = [int(end)]
            while previous[path[0]] >= 0:
                path.insert(0, int(previous[path[0]]))
            if free[path].all() and self.excess[path[0]] > 0:
                self._push(path)
                free[path] = False
                free[hub] = True  # it holds no windows, so paths may share it

    def _shortest_paths(self) -> tuple[Floats, Labels]:
        """Distance from the nearest node with excess, and the node before on the way (or -1)."""
        # Below 0 by rounding only; at 0 no way is worth walking in a circle.
        lengths = np.maximum(self.arcs + self.prices - self.prices[:, None], 0.0)
        nodes = np.arange(len(lengths))
        distance = np.where(self.excess > 0, 0.0, np.inf)
        previous = np.full(len(lengths), -1)
        while True:
            through = distance[:, None] + lengths
            best = through.argmin(axis=0)
            shorter = through[best, nodes]
            closer = shorter < distance
            if not closer.any():
                return distance, previous
            distance[closer] = shorter[closer]
            previous[closer] = best[closer]

    def _push(self, path: list[int]) -> None:
        """Move as much as is equally cheap along a path, one unit at least."""
        hub = len(self.slots)
        n_units = min(self.excess[path[0]], -self.excess[path[-1]])
        moves = []
        for source, target in pairwise(path):
            if hub in (source, target):
                n_units = 1  # the next slot has another price
                continue
            members = np.flatnonzero(self.labels == source)
            rise = self.table[members, target] - self.table[members, source]
            cheapest = members[rise <= rise.min() + TIE]
            moves.append((cheapest, target))
            n_units = min(n_units, len(cheapest))
        for cheapest, target in moves:
            self.labels[cheapest[:n_units]] = target
        for source, target in pairwise(path):
            if target == hub:
                self.slots[source] += 1
            elif source == hub:
                self.slots[target] -= 1
        self.excess[path[0]] -= n_units
        self.excess[path[-1]] += n_units
        for node in path:
            if node != hub:
                self._renew(node)

    def _renew(self, k: int) -> None:
        """Renew the arcs that a cluster's windows and slots decide."""
        windows = self.table[self.labels == k]
        self.arcs[k, :-1] = (windows - windows[:, k, None]).min(axis=0, initial=np.inf)
        self.arcs[k, -1] = math.log(self.slots[k] + 1)
        self.arcs[-1, k] = -math.log(self.slots[k]) if self.slots[k] else np.inf


def _slots(prices: Floats) -> Labels:
    """Return how many slots of each cluster cost no more than its price."""
    slots: Labels = np.exp(prices).astype(np.intp)
    return slots


def _approximate_prices(table: Floats) -> Floats:
    """Maximise the dual with each window spread over the clusters, ever less.

    Window i puts ``exp(-(table[i, k] + prices[k]) / temperature)`` of itself, scaled to a sum of
    1, into cluster k; there, in the middle of a slot, log(n + 1/2) is the price. The labels of
    `table` under these prices are what counts, so the ones with the least excess are kept.
    """
    n_windows, n_clusters = table.shape
    n_slots = n_windows + n_clusters / 2
    prices = np.full(n_clusters, math.log(n_slots / n_clusters))
    best, least = prices, math.inf
    temperature, n_worse = 1.0, 0
    while temperature > COOLEST and n_worse < 2 and least > n_clusters / 8:
        share = (table + prices) / -temperature
        share -= share.max(axis=1, keepdims=True)
        np.exp(share, out=share)
        share /= share.sum(axis=1, keepdims=True)
        counts, expected = share.sum(axis=0), np.exp(prices)
        curvature = share.T @ share / -temperature
        curvature.flat[:: n_clusters + 1] += counts / temperature + expected
        step = np.linalg.solve(curvature, counts - expected + 0.5)
        # Newton's method trusts the curvature as far as the temperature blurs it.
        prices = prices + np.clip(step, -3 * temperature, 3 * temperature)
        # The common level, which moves no window, so that there are about as many slots as windows.
        prices += math.log(n_slots / np.exp(prices).sum())
        if temperature < 0.05:
            counts = np.bincount((table + prices).argmin(axis=1), minlength=n_clusters)
            excess = np.abs(counts - _slots(prices)).sum()
            n_worse = 0 if excess < least else n_worse + 1
            if excess < least:
                best, least = prices, excess
        temperature *= 0.4
    return best
