"""Label a data set with a trained model and score the labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.card import AnyCard, ImageCard
from edgeclust.dataset import Dataset
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


def check_windows(model: AnyCard, data: AnyCard) -> None:
    """Refuse windows of other channels, units, rate or length than the model's, or other images.

    Parameters
    ----------
    model, data : Card or ImageCard
        What the model was trained on, and what it is to label.

    Raises
    ------
    DataError
        If they differ; the message says in what.
    """
    of_model, of_data = _has_to_agree(model), _has_to_agree(data)
    for name, wanted in of_model.items():
        if of_data.get(name) != wanted:
            way_out = ": edgeclust data convert DATA FOLDER --rate-hz {}, and give that folder"
            raise DataError(
                f"the model was trained with {name} {wanted}, "
                f"{data.name!r} has {of_data.get(name, 'none')}"
                + (way_out.format(f"{wanted:g}") if name == "rate_hz" in of_data else "")
            )


def _has_to_agree(card: AnyCard) -> dict[str, Any]:
    """Return what a model depends on."""
    channels = [*map(str, card.channels)]
    if isinstance(card, ImageCard):
        return {"images of shape": card.shape, "channels": channels}
    return {"channels": channels, "rate_hz": card.rate_hz, "window": card.window}
