"""Pictures of a training: its curves, its clusters against the activities, its embeddings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from edgeclust.card import AnyCard, ImageCard
from edgeclust.dataset import Dataset
from edgeclust.train.evaluate import Evaluation
from edgeclust.train.metrics import match

MAX_POINTS = 4000
"""Windows of a scatter plot at most; more would only hide each other."""

UNKNOWN = "0.75"
"""Colour of what has no activity: a light grey."""

BESIDE: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
"""Where legends stand: right of the axes, over no data."""


def draw_overview(
    metrics: Sequence[Mapping[str, Any]], evaluation: Evaluation, dataset: Dataset
) -> Figure:
    """Draw the picture that a run folder holds.

    Parameters
    ----------
    metrics : sequence of mappings
        Lines of ``metrics.jsonl``, one an epoch.
    evaluation : Evaluation
        Of the windows trained on.
    dataset : Dataset
        Those windows.

    Returns
    -------
    figure : Figure
        Curves and embeddings; with labels also the clusters against the activities.
    """
    labelled = bool(evaluation.table.any())
    figure = Figure(figsize=(13, 9 if labelled else 4.5), layout="constrained")
    used, by_cluster, *others = figure.subplots(1 + labelled, 2).flat
    order = activity_of_cluster(evaluation.table)
    colors = activity_colors(max(*order, len(dataset.card.classes)) + 1)
    draw_curves(used, {"": metrics}, "clusters_used", "clusters used")
    names = cluster_names(evaluation.table, dataset.card)
    draw_embedding(by_cluster, evaluation.embedding, evaluation.labels, names, colors[order])
    by_cluster.set_title("embeddings by cluster")
    if labelled:
        table, by_activity = others
        draw_table(table, evaluation.table, dataset.card)
        classes = dataset.card.classes
        draw_embedding(by_activity, evaluation.embedding, dataset.labels, classes, colors)
        by_activity.set_title(f"embeddings by {_words(dataset.card)[1]}")
    return figure


def activity_colors(n: int) -> NDArray[np.float64]:
    """Return n colours that are told apart, of shape (n, 4)."""
    few, many = colormaps["tab10"], colormaps["turbo"]
    return few(np.arange(n)) if n <= few.N else many(np.linspace(0, 1, n))


def activity_of_cluster(table: NDArray[np.intp]) -> list[int]:
    """Return for each cluster the activity matched to it; those left over come after all."""
    n_clusters, n_activities = table.shape
    matched = match(table)
    rest = iter(range(n_activities, n_activities + n_clusters))
    return [matched[k] if k in matched else next(rest) for k in range(n_clusters)]


def plain(text: str) -> str:
    """Return a text that matplotlib draws as it is, not as mathematics."""
    return text.replace("$", r"\$")


def cluster_names(table: NDArray[np.intp], card: AnyCard) -> list[str]:
    """Name clusters by their number and the activity matched to them."""
    order = activity_of_cluster(table)
    return [
        f"{k} ({card.classes[activity]})" if activity < len(card.classes) else str(k)
        for k, activity in enumerate(order)
    ]


def draw_curves(
    axes: Axes, runs: Mapping[str, Sequence[Mapping[str, Any]]], key: str, title: str
) -> None:
    """Draw one number of each epoch, a line for each run.

    Parameters
    ----------
    axes : Axes
        Drawn on.
    runs : mapping of str to sequence of mappings
        Lines of ``metrics.jsonl`` by the name of the run; a legend is drawn for several.
    key : str
        Which number of a line.
    title : str
        What the number is.
    """
    for name, metrics in runs.items():
        epochs = [line["epoch"] for line in metrics]
        axes.plot(epochs, [line[key] for line in metrics], label=name, linewidth=2)
    axes.set(title=title, xlabel="epoch")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if len(runs) > 1:
        axes.legend(fontsize=8, **BESIDE)


def draw_table(axes: Axes, table: NDArray[np.intp], card: AnyCard) -> None:
    """Draw windows by cluster and activity, rows in the order of the best matching.

    Parameters
    ----------
    axes : Axes
        Drawn on.
    table : intp array of shape (n_clusters, n_activities)
        As `contingency` returns it.
    card : Card or ImageCard
        Names the activities.
    """
    rows = np.argsort(activity_of_cluster(table))
    shares = table[rows] / np.maximum(table[rows].sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(*table.shape):
        if count := table[rows[row], column]:
            color = "white" if shares[row, column] > 0.6 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=9)
    samples, kind = _words(card)
    axes.set(title=f"{samples} by cluster and {kind}", ylabel="cluster")
    names = [plain(name) for name in card.classes]
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(rows)), [str(k) for k in rows])


def draw_embedding(
    axes: Axes,
    embedding: NDArray[np.float32],
    labels: NDArray[np.intp],
    names: Sequence[str],
    colors: NDArray[np.float64],
) -> None:
    """Draw windows in the plane of their first two principal components.

    Parameters
    ----------
    axes : Axes
        Drawn on.
    embedding : float32 array of shape (n_windows, n_features)
        Of all windows; at most 4,000, evenly spaced, are drawn.
    labels : intp array of shape (n_windows,)
        What to colour by, -1 for unknown.
    names : sequence of str
        What each label is called in the legend.
    colors : float array of shape (at least n_names, 4)
        Colour of each label.
    """
    plane = PCA(n_components=2, random_state=0).fit_transform(embedding)
    drawn = np.linspace(0, len(plane) - 1, min(len(plane), MAX_POINTS)).astype(np.intp)
    plane, labels = plane[drawn], labels[drawn]
    x, y = plane.T
    unknown = labels < 0
    axes.scatter(x[unknown], y[unknown], s=5, color=UNKNOWN, linewidths=0)
    for label, (name, color) in enumerate(zip(names, colors, strict=False)):
        mine = labels == label
        axes.scatter(x[mine], y[mine], s=7, color=color, label=plain(name), linewidths=0, alpha=0.7)
    axes.set(xlabel="first principal component", ylabel="second")
    axes.legend(fontsize=8, markerscale=2.5, **BESIDE)


def _words(card: AnyCard) -> tuple[str, str]:
    """Return what samples of the data are called, and what their labels say."""
    return ("images", "class") if isinstance(card, ImageCard) else ("windows", "activity")
