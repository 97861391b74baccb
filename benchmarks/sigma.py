"""Clusters used and NMI against sigma over five decades: auto beside fixed, hard beside none.

    .venv/bin/python benchmarks/sigma.py --out results-sigma --figure docs/sigma.png

One training a seed on the embedded recordings. The folder is a grid's: what it holds is not run
again.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgeclust.reproduce import Progress, reproduce
from edgeclust.train.grid import Grid

DECADES = [0.1, 1.0, 10.0, 100.0, 1e3, 1e4]
METHODS = {"hard": "tab:blue", "none": "tab:orange"}


def main() -> None:
    """Run the grid, draw it and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="watch")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--figure", type=Path, required=True)
    arguments = parser.parse_args()
    content = {
        "data": [arguments.data],
        "methods": [],
        "seeds": [*range(arguments.seeds)],
        "train": {"restarts": 1},
        "variant": [
            {"name": f"{method}, sigma {sigma}", "method": method, "sigma": sigma}
            for method in METHODS
            for sigma in ("auto", *DECADES)
        ],
    }
    report = reproduce(Grid.from_content(content, "this grid"), arguments.out, on_done=say)
    draw(report.rows, arguments.data).savefig(arguments.figure, dpi=110)
    print((arguments.out / "table.md").read_text())


def say(progress: Progress) -> None:
    """Print a cell that has ended."""
    print(f"{progress.n_done}/{progress.n_cells} {progress.cell}: {progress.outcome}", flush=True)


def draw(rows: Sequence[Mapping[str, Any]], data: str) -> Figure:
    """Draw both scores, a panel each."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    figure.suptitle(f"{data}: sigma fixed, and calibrated (auto)")
    scores = {"clusters_used": "clusters used", "nmi": "NMI"}
    panels = figure.subplots(1, len(scores))
    for panel, (key, title) in zip(panels, scores.items(), strict=True):
        for method, color in METHODS.items():
            draw_method(panel, [row for row in rows if row["method"] == method], key, color)
        panel.set(title=title, xlabel="sigma", xscale="log")
        panel.set_ylim(bottom=0)
        panel.spines[["top", "right"]].set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center")
    return figure


def draw_method(axes: Axes, rows: Sequence[Mapping[str, Any]], key: str, color: str) -> None:
    """Draw a method's curve over fixed sigmas, dots for seeds, and a level line for auto."""
    method = rows[0]["method"]
    means = []
    for sigma in DECADES:
        values = [row[key] for row in rows if row["sigma"] == sigma]
        axes.scatter([sigma] * len(values), values, s=12, color=color, alpha=0.5)
        means.append(np.mean(values))
    axes.plot(DECADES, means, color=color, marker="o", label=f"{method}, fixed")
    auto = [row[key] for row in rows if row["sigma"] is None]
    axes.axhline(np.mean(auto), color=color, linestyle="--", label=f"{method}, auto")


if __name__ == "__main__":
    mpl.use("agg")
    main()
