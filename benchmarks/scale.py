"""Does the scale of the data matter? Train on them as they are, and times 0.01 and 100.

    .venv/bin/python benchmarks/scale.py watch recordings/hapt

One training each, sigma calibrated. Prints how far the clusters agree with those of the data as
they are (NMI of the labels, 1 is the same), and their scores.
"""

import argparse
from dataclasses import replace

from rich.console import Console
from rich.table import Table
from sklearn.metrics import normalized_mutual_info_score

from edgeclust import WindowedDataset
from edgeclust.har_data import open_recordings
from edgeclust.train import TrainConfig, evaluate, train

SCALES = (1.0, 0.01, 100.0)


def scaled(dataset: WindowedDataset, factor: float) -> WindowedDataset:
    """Return the data with every sample multiplied."""
    recordings = [replace(r, signal=r.signal * factor) for r in dataset.recordings]
    return dataset.with_recordings(recordings)


def main() -> None:
    """Train on each and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="+", help="names or recordings folders")
    table = Table("data", "times", "ACC", "NMI", "clusters used", "agreement")
    for name in parser.parse_args().data:
        dataset = open_recordings(name)
        config = TrainConfig(n_clusters=len(dataset.card.classes), restarts=1)
        plain = None
        for factor in SCALES:
            found = evaluate(train(scaled(dataset, factor), config).model, scaled(dataset, factor))
            plain = found.labels if plain is None else plain
            scores = found.metrics
            table.add_row(
                dataset.card.name,
                f"{factor:g}",
                f"{scores['acc']:.3f}",
                f"{scores['nmi']:.3f}",
                f"{scores['clusters_used']}",
                f"{normalized_mutual_info_score(plain, found.labels):.3f}",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
