"""How good the clusters are: hard against none against k-means on features.

Pooled subjects, last epoch, five seeds; labels score and choose nothing. Run from the root:

    .venv/bin/python benchmarks/quality.py watch
    .venv/bin/python benchmarks/quality.py hapt --hapt hapt.npz
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from edgeclust import WindowedDataset
from edgeclust.har_data import open_recordings
from edgeclust.train import TrainConfig, train
from edgeclust.train.features import kmeans_on_features
from edgeclust.train.metrics import clustering_metrics

from hapt import read_hapt

SETTINGS: dict[str, dict[str, Any]] = {
    "hard": {},
    "hard, batch": {"balance": "batch"},  # counts of the whole batch, as in the paper
    "none": {"method": "none"},
}
"""What each row of the table trains with, beside the defaults."""


def measure(dataset: WindowedDataset, method: str, seed: int) -> dict[str, Any]:
    """Cluster the data with one method and one seed, and score the clusters."""
    n_clusters = len(dataset.card.classes)
    if method in SETTINGS:
        config = TrainConfig(n_clusters=n_clusters, seed=seed, **SETTINGS[method])
        return train(dataset, config).reports[-1].metrics
    labels = kmeans_on_features(dataset, n_clusters, seed)
    return clustering_metrics(dataset.labels, labels, n_clusters, n_clusters)


def main() -> None:
    """Measure and print one table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", choices=["watch", "hapt"])
    parser.add_argument("--hapt", type=Path, help="the NPZ of HAPT's raw streams")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    if "hapt" in arguments.data and arguments.hapt is None:
        parser.error("hapt needs --hapt NPZ")
    for name in arguments.data:
        dataset = read_hapt(arguments.hapt) if name == "hapt" else open_recordings(name)
        table = Table("method", "ACC", "NMI", "ARI", "clusters used", "ACC by seed", "s a seed")
        for method in (*SETTINGS, "k-means"):
            started = time.perf_counter()
            scores = []
            for seed in range(arguments.seeds):
                scores.append(measure(dataset, method, seed))
                print(f"{name} {method} seed {seed}: {scores[-1]}", file=sys.stderr, flush=True)
            seconds = (time.perf_counter() - started) / arguments.seeds
            table.add_row(
                method,
                *(_mean_and_sd([score[key] for score in scores]) for key in ("acc", "nmi", "ari")),
                " ".join(str(score["clusters_used"]) for score in scores),
                " ".join(f"{score['acc']:.2f}" for score in scores),
                f"{seconds:.0f}",
            )
        table.title = f"{name}: {len(dataset):,} windows, {len(dataset.card.classes)} activities"
        Console(width=120).print(table)


def _mean_and_sd(values: list[float]) -> str:
    """Return a mean and a standard deviation over seeds."""
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}"


if __name__ == "__main__":
    main()
