r"""What turning sessions by gravity gains at a waist, and what it destroys at a wrist.

    .venv/bin/python benchmarks/orientation.py recordings/hapt --out results-orientation \\
        --figure docs/orientation.png

`recordings/hapt` is the folder that benchmarks/recordings.py makes; the wrist is that of the
embedded recordings. One training a seed. The folder is a grid's: what it holds is not run again.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from edgeclust import WindowedDataset
from edgeclust.alignment import align, find_units, fit_alignment
from edgeclust.har_data import open_recordings
from edgeclust.reproduce import Progress, reproduce
from edgeclust.train.grid import Grid
from edgeclust.train.plots import BESIDE, activity_colors

WAYS = {"as recorded": "none", "aligned": "gravity"}


def main() -> None:
    """Run the grid, draw it and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("hapt", help="recordings folder of a waist")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--figure", type=Path, required=True)
    arguments = parser.parse_args()
    data = [arguments.hapt, "watch"]
    content = {
        "data": data,
        "methods": [],
        "train": {"restarts": 1},
        "variant": [
            {"name": f"{method}, {way}", "method": method, "align": name}
            for method in ("hard", "kmeans")
            for way, name in WAYS.items()
        ],
    }
    report = reproduce(Grid.from_content(content, "this grid"), arguments.out, on_done=say)
    figure = Figure(figsize=(13, 8), layout="constrained")
    for panels, name in zip(figure.subplots(2, 3), data, strict=True):
        dataset = open_recordings(name)
        title = dataset.card.name
        draw_postures(panels[:2], dataset)
        draw_scores(panels[2], [row for row in report.rows if row["data"] == title], title)
    figure.savefig(arguments.figure, dpi=100)
    print((arguments.out / "table.md").read_text())


def say(progress: Progress) -> None:
    """Print a cell that has ended."""
    print(f"{progress.n_done}/{progress.n_cells} {progress.cell}: {progress.outcome}", flush=True)


def mean_accelerations(dataset: WindowedDataset) -> NDArray[np.float64]:
    """Return the mean of the first accelerometer in each recording, of shape (n, 3)."""
    unit = find_units(dataset.card.channels)[0]
    return np.array([r.signal[[*unit.acceleration]].mean(axis=1) for r in dataset.recordings])


def draw_postures(panels: Sequence[Axes], dataset: WindowedDataset) -> None:
    """Draw the mean acceleration of each recording, as recorded and aligned, in one plane."""
    aligned = align(dataset, fit_alignment(dataset))
    means = [mean_accelerations(dataset), mean_accelerations(aligned)]
    plane = PCA(n_components=2).fit(np.concatenate(means))
    labels = [r.labels[0] for r in dataset.recordings if r.labels is not None]
    colors = activity_colors(len(dataset.card.classes))
    for panel, points, way in zip(panels, map(plane.transform, means), WAYS, strict=True):
        for k, (name, color) in enumerate(zip(dataset.card.classes, colors, strict=True)):
            x, y = points[np.array(labels) == k].T
            panel.scatter(x, y, s=14, color=color, label=name, alpha=0.7, linewidths=0)
        panel.set(title=f"{dataset.card.name}: mean acceleration, {way}", aspect="equal")
        panel.set(xlabel="first principal component (g)", ylabel="second (g)")
    panels[1].legend(fontsize=8, **BESIDE)
    panels[1].sharex(panels[0])
    panels[1].sharey(panels[0])


def draw_scores(axes: Axes, rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Draw the ACC of each variant: a bar for the mean, a dot for each seed."""
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    for place, variant in enumerate(variants):
        values = [row["acc"] for row in rows if row["variant"] == variant]
        color = "tab:blue" if variant.endswith("aligned") else "0.6"
        axes.bar(place, np.mean(values), color=color, alpha=0.6)
        axes.scatter([place] * len(values), values, s=14, color="black", zorder=3)
        axes.text(place, 1.02, f"{np.mean(values):.2f}", ha="center", fontsize=10)
    names = [variant.replace(", ", "\n") for variant in variants]
    axes.set_xticks(range(len(variants)), names, fontsize=9)
    axes.set(title=f"{title}: ACC", ylim=(0, 1.1))
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    mpl.use("agg")
    main()
