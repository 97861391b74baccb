"""Label a data set with a trained model, or an exported one, and score the labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.alignment import align
from edgeclust.card import AnyCard, Card, ImageCard
from edgeclust.clusters import Clusters
from edgeclust.dataset import Dataset, WindowedDataset
from edgeclust.encoder import Encoder
from edgeclust.errors import DataError
from edgeclust.model_file import ModelMetadata
from edgeclust.train.metrics import clustering_metrics, contingency
from edgeclust.train.model import BLOCK, TrainedModel, embed


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
    return _score(embed(model.encoder, model.aligned(dataset)), model.clusters, dataset)


def evaluate_file(encoder: Encoder, dataset: Dataset) -> Evaluation:
    """Label each window by an exported file and score that as `evaluate` does.

    Parameters
    ----------
    encoder : Encoder
        The file, open.
    dataset : Dataset
        Windows of the model's shape, units and rate, as the sensors gave them.

    Raises
    ------
    DataError
        If the windows have another shape than the model takes.
    """
    metadata = encoder.metadata
    check_windows(card_of(metadata), dataset.card)
    turned = dataset
    if metadata.alignment is not None:
        assert isinstance(dataset, WindowedDataset)  # what alone an alignment is fitted to
        turned = align(dataset, metadata.alignment)
    blocks = np.array_split(np.arange(len(turned)), -(-len(turned) // BLOCK))
    embedding = np.concatenate([encoder.embed(turned.gather(block)) for block in blocks])
    return _score(embedding, metadata.clusters, dataset)


def card_of(metadata: ModelMetadata) -> AnyCard:
    """Return what a model file takes, as a card without classes.

    Parameters
    ----------
    metadata : ModelMetadata
        Of the file.
    """
    name, channels = metadata.data, metadata.channels
    if metadata.image is not None:
        height, width = metadata.image
        return ImageCard(name, channels, height=height, width=width)
    window, stride = metadata.window, metadata.stride
    return Card(name, metadata.rate_hz, channels, window, stride, mount=metadata.mount)


def _score(embedding: NDArray[np.float32], clusters: Clusters, dataset: Dataset) -> Evaluation:
    """Label embeddings and score that."""
    labels = clusters.predict(embedding)
    n_clusters, n_activities = clusters.n_clusters, len(dataset.card.classes)
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
