"""How fast the solvers assign a batch: medians of CPU time, on tables made in code.

Greedy against the paper's loop, which looks the whole table over for each window: once written
with numpy ("rescans"), once with Python's own loops ("loops"). Exact against greedy and against
scipy's linear assignment with a column for each slot ("LAP"). A little over a minute on one free
core. Run from the root:

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/assignment.py
"""

import argparse
import math
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment

from edgeclust import assign, optimality_gap

Floats = NDArray[np.float64]

LAP_CELLS = 12_000_000
"""Slot-expanded tables larger than this are not given to scipy: 10 s each at this size."""


def assign_by_loops(cost: Floats) -> NDArray[np.intp]:
    """Assign greedily word for word: price every pair of a free window and a cluster, each time.

    Python's own loops over lists of floats, O(n_windows ** 2 * n_clusters), a logarithm a pair.
    """
    rows = cost.tolist()
    n_windows, n_clusters = cost.shape
    free = list(range(n_windows))
    labels = np.empty(n_windows, dtype=np.intp)
    counts = [0] * n_clusters
    while free:
        lowest = math.inf
        for i in free:
            for k, value in enumerate(rows[i]):
                price = value + math.log(counts[k] + 1)
                if price < lowest:
                    lowest, window, cluster = price, i, k
        labels[window] = cluster
        counts[cluster] += 1
        free.remove(window)
    return labels


def assign_by_rescans(cost: Floats) -> NDArray[np.intp]:
    """Assign greedily with the same rescans, each a few numpy calls on the free windows' rows."""
    n_windows, n_clusters = cost.shape
    labels = np.full(n_windows, -1)
    counts = np.zeros(n_clusters)
    for _ in range(n_windows):
        free = np.flatnonzero(labels < 0)
        prices = cost[free] + np.log(counts + 1)
        row, cluster = divmod(int(prices.argmin()), n_clusters)
        labels[free[row]] = cluster
        counts[cluster] += 1
    return labels


def assign_by_slots(cost: Floats) -> NDArray[np.intp]:
    """Assign exactly with scipy: cluster k has a column for its j-th window, log(j) dearer."""
    n_windows, n_clusters = cost.shape
    slots = np.log(np.arange(1, n_windows + 1))
    expanded = (cost[:, :, None] + slots).reshape(n_windows, n_clusters * n_windows)
    labels: NDArray[np.intp] = linear_sum_assignment(expanded)[1] // n_windows
    return labels


def init_like(n_windows: int, n_clusters: int, rng: np.random.Generator) -> Floats:
    """Costs before any training: windows differ, a window's clusters hardly."""
    return rng.gamma(20.0, 0.05, (n_windows, 1)) + rng.normal(0, 0.1, (n_windows, n_clusters))


def clustered(n_windows: int, n_clusters: int, rng: np.random.Generator) -> Floats:
    """Costs of embeddings around centroids, an equal share of the windows around each."""
    return _around_centroids(rng.integers(0, n_clusters, n_windows), n_clusters, rng)


def imbalanced(n_windows: int, n_clusters: int, rng: np.random.Generator) -> Floats:
    """Draw the same with shares that fall as 1, 1/2, 1/3 and so on."""
    share = 1 / np.arange(1, n_clusters + 1)
    members = rng.choice(n_clusters, n_windows, p=share / share.sum())
    return _around_centroids(members, n_clusters, rng)


def near_collapsed(n_windows: int, n_clusters: int, rng: np.random.Generator) -> Floats:
    """Costs of a training about to fail: nearly all windows prefer cluster 0."""
    cost = rng.gamma(4.0, 1.0, (n_windows, n_clusters))
    cost[:, 0] = rng.gamma(1.0, 0.5, n_windows)
    return cost


def _around_centroids(
    members: NDArray[np.integer], n_clusters: int, rng: np.random.Generator
) -> Floats:
    """Draw unit Gaussians in 8 dimensions around centroids of standard deviation 1.5."""
    centroids = rng.normal(0, 1.5, (n_clusters, 8))
    embedding = centroids[members] + rng.normal(size=(len(members), 8))
    squared: Floats = np.square(embedding[:, None] - centroids).sum(axis=2)
    return squared / 2


KINDS = (init_like, clustered, imbalanced, near_collapsed)


def milliseconds(
    solve: Callable[[Floats], NDArray[np.intp]], tables: list[Floats]
) -> tuple[float, float]:
    """Return the median and the longest time, over the tables."""
    times = []
    for table in tables:
        started = time.process_time()
        solve(table)
        times.append((time.process_time() - started) * 1e3)
    return float(np.median(times)), max(times)


def assign_exactly(cost: Floats) -> NDArray[np.intp]:
    """Assign by the solver that `assign` calls exact."""
    return assign(cost, solver="exact")


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--clusters", type=int, nargs="+", default=[10, 33, 100])
    parser.add_argument("--tables", type=int, default=15, help="of each kind, for our solvers")
    parser.add_argument("--loop-tables", type=int, default=1, help="of each kind, for the loops")
    arguments = parser.parse_args()
    table = Table(
        "B x K", "table", "greedy", "rescans", "loops", "exact (longest)", "LAP (longest)", "gap"
    )
    for n_windows in arguments.windows:
        for n_clusters in arguments.clusters:
            for kind in KINDS:
                print(f"{n_windows} x {n_clusters} {kind.__name__}", file=sys.stderr, flush=True)
                rng = np.random.default_rng(0)
                tables = [kind(n_windows, n_clusters, rng) for _ in range(arguments.tables)]
                few = tables[: arguments.loop_tables]
                greedy, _ = milliseconds(assign, tables)
                rescans, _ = milliseconds(assign_by_rescans, tables[:3])
                loops, _ = milliseconds(assign_by_loops, few)
                exact, exact_longest = milliseconds(assign_exactly, tables)
                lap = "-"
                if n_windows**2 * n_clusters <= LAP_CELLS:
                    median, longest = milliseconds(assign_by_slots, tables[:3])
                    lap = f"{median:.0f} ({longest:.0f}) x{median / exact:.0f}"
                gap = np.mean([optimality_gap(cost, assign(cost)) for cost in few])
                table.add_row(
                    f"{n_windows} x {n_clusters}",
                    kind.__name__.replace("_", "-"),
                    f"{greedy:.2f}",
                    f"{rescans:.1f} x{rescans / greedy:.0f}",
                    f"{loops:.0f} x{loops / greedy:.0f}",
                    f"{exact:.2f} ({exact_longest:.1f}) x{exact / greedy:.1f}",
                    lap,
                    f"{gap * 1e3:.1f}",
                )
            table.add_section()
    table.title = "milliseconds of CPU a batch"
    table.caption = (
        "rescans, loops and exact: so many times greedy's median. LAP: so many times exact's; "
        f"- where its table has more than {LAP_CELLS:,} cells. gap: greedy's, milli-nat a window."
    )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
