"""Find the constants of the rivals without labels: the mildest with which no cluster dies.

Each constant goes through its grid from the mildest on; the one to use is the first with which
every cluster lives at the end of training in each of the seeds: it holds a tenth of its even
share at least, so that one stray window is no life. Where there is none, it is the one whose
clusters share the windows most evenly, by the entropy of their usage, mean over the seeds. Run
from the root:

    .venv/bin/python benchmarks/tune_rivals.py
"""

import argparse
from collections.abc import Iterator
from functools import partial
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from edgeclust.har_data import open_dataset
from edgeclust.train import METHODS, TrainConfig, train

GRIDS: dict[str, tuple[str, list[float]]] = {
    "ent": ("weight", [0.3, 1, 3, 10, 30]),
    "ss": ("weight", [1, 3, 10, 30, 100, 300]),
    "sinkhorn": ("epsilon", [0.5, 0.25, 0.1, 0.05, 0.02, 0.01]),
    "ckm": ("slack", [0.1, 0.3, 0.5, 0.7, 0.9, 1]),
}
"""The constant of each rival, and what is tried, from the mildest on."""

LEAST_LIFE = 0.1
"""Part of its even share that a cluster holds at least, to count as living."""


def measure(
    data: str, method: str, constant: str, value: float, n_seeds: int, epochs: int | None
) -> Iterator[NDArray[np.float64]]:
    """Train with each seed and yield the shares of the clusters, by their nearest windows."""
    dataset = open_dataset(data)
    tuned = partial(METHODS[method], **{constant: value})
    with patch.dict(METHODS, {method: tuned}):
        for seed in range(n_seeds):
            config = TrainConfig(
                n_clusters=len(dataset.card.classes),
                method=method,
                epochs=epochs,
                restarts=1,
                seed=seed,
            )
            counts = train(dataset, config).model.counts
            yield counts / counts.sum()


def entropy(shares: NDArray[np.float64]) -> float:
    """Entropy of shares, in nats."""
    used = shares[shares > 0]
    return float(-(used * np.log(used)).sum())


def main() -> None:
    """Go through the grids and print what each value came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="watch")
    parser.add_argument("--methods", nargs="+", choices=GRIDS, default=list(GRIDS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="those of 'edgeclust train' if left out")
    parser.add_argument("--all", action="store_true", help="go on beyond the first that does")
    arguments = parser.parse_args()
    n_clusters = len(open_dataset(arguments.data).card.classes)
    table = Table("method", "constant", "clusters used", "least share", "usage entropy", "")
    table.title = f"{arguments.data}: {n_clusters} clusters, log {np.log(n_clusters):.2f} nats"
    for method in arguments.methods:
        constant, grid = GRIDS[method]
        tried: list[tuple[float, list[NDArray[np.float64]]]] = []
        chosen = None
        for value in grid:
            runs = list(
                measure(arguments.data, method, constant, value, arguments.seeds, arguments.epochs)
            )
            tried.append((value, runs))
            if chosen is None and all(n_clusters * r.min() >= LEAST_LIFE for r in runs):
                chosen = value
            if chosen is not None and not arguments.all:
                break
        if chosen is None:
            chosen = max(tried, key=lambda pair: sum(map(entropy, pair[1])))[0]
        for value, runs in tried:
            table.add_row(
                method,
                f"{constant} {value:g}",
                " ".join(str((shares > 0).sum()) for shares in runs),
                " ".join(f"{shares.min():.3f}" for shares in runs),
                " ".join(f"{entropy(shares):.2f}" for shares in runs),
                "use" if value == chosen else "",
            )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
