"""Label a data set with a trained model and score the labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.dataset import Card, Dataset
from edgeclust.errors import DataError
from edgeclust.train.metrics import clustering_metrics, contingency
from edgeclust.train.model import TrainedModel, embed


@dataclass(frozen=True)
class Evaluation:
    """Labels of a data set's windows and how they score.

    Parameters
    ----------
    embedding : float32 array of shape (n_windows, n_features)
        Of each window.
    labels : intp array of shape (n_windows,)
        Cluster of each window.
    table : intp array of shape (n_clusters, n_activities)
        Windows by cluster and true activity.
    metrics : dict
        As `clustering_metrics` returns it.
    """

    embedding: NDArray[np.float32]
    labels: NDArray[np.intp]
    table: NDArray[np.intp]
    metrics: dict[str, Any]


def evaluate(model: TrainedModel, dataset: Dataset) -> Evaluation:
    """Label each window by its cheapest cluster and score that against the known activities.

    Parameters
    ----------
    model : TrainedModel
        On the CPU.
    dataset : Dataset
        Windows of the model's shape, units and rate, as the sensors gave them.

    Raises
    ------
    DataError
        If the windows have another shape than the model was trained on.
    """
    check_windows(model.card, dataset.card)
    embedding = embed(model.encoder, model.aligned(dataset))
    labels = model.clusters.predict(embedding)
    n_clusters, n_activities = model.clusters.n_clusters, len(dataset.card.classes)
    return Evaluation(
        embedding,
        labels,
        contingency(dataset.labels, labels, n_clusters, n_activities),
        clustering_metrics(dataset.labels, labels, n_clusters, n_activities),
    )


def check_windows(model: Card, data: Card) -> None:
    """Refuse windows of other channels, units, rate or length than the model's.

    Parameters
    ----------
    model, data : Card
        What the model was trained on, and what it is to label.

    Raises
    ------
    DataError
        If they differ; the message says in what.
    """
    for name, wanted, got in (
        ("channels", [*map(str, model.channels)], [*map(str, data.channels)]),
        ("rate_hz", model.rate_hz, data.rate_hz),
        ("window", model.window, data.window),
    ):
        if wanted != got:
            raise DataError(f"the model was trained with {name} {wanted}, {data.name!r} has {got}")
