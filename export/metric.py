"""Measure how training windows lie about their centroids: the unit of what is new on a device."""

import numpy as np
from numpy.typing import NDArray

from edgeclust.dataset import Dataset, WindowedDataset
from edgeclust.train.model import TrainedModel, embed

MOST_WINDOWS = 4096
"""Windows looked at, at most: spread evenly over the data."""

RIDGE = 0.02
"""Of the mean variance, added to that of each direction: those that hardly vary count no end."""


def measure_metric(model: TrainedModel, dataset: Dataset) -> NDArray[np.float64] | None:
    """Return what differences of embeddings are multiplied by to count alike in all directions.

    Parameters
    ----------
    model : TrainedModel
        On the CPU.
    dataset : Dataset
        Windows of the training, aligned where the model wants it; their labels are not looked at.

    Returns
    -------
    metric : float64 array of shape (n_features, n_features) or None
        See `fit_metric`; None for images, whose stream has no bouts.
    """
    if not isinstance(dataset, WindowedDataset) or not len(dataset):
        return None
    n_windows = min(len(dataset), MOST_WINDOWS)
    chosen = np.linspace(0, len(dataset) - 1, n_windows).astype(np.intp)
    embedding = embed(model.encoder, dataset.select(chosen))
    clusters = model.clusters
    return fit_metric(embedding - clusters.centroids[clusters.predict(embedding)])


def fit_metric(residuals: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Whiten residuals by their covariance, pooled over clusters.

    Parameters
    ----------
    residuals : float array of shape (n_windows, n_features)
        Differences of windows to their centroids. Not modified.

    Returns
    -------
    metric : float64 array of shape (n_features, n_features) or None
        Lower triangular, four digits each. The root of the mean squared length of the whitened
        residuals is 1. None where all are 0, or one is not finite.

    References
    ----------
    Lee, Lee, Lee and Shin, "A Simple Unified Framework for Detecting Out-of-Distribution Samples
    and Adversarial Attacks", NeurIPS 2018: one covariance of all classes, there of labelled ones.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.export.metric import fit_metric
    >>> fit_metric(np.float32([[0, 2], [0, -2], [1, 0], [-1, 0]])).round(2).tolist()
    [[0.99, 0.0], [0.0, 0.5]]
    """
    points = residuals.astype(np.float64)
    covariance = points.T @ points / len(points)
    if not (covariance.any() and np.isfinite(covariance).all()):
        return None
    covariance += RIDGE * covariance.trace() / len(covariance) * np.eye(len(covariance))
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    whiten /= np.sqrt(np.square(points @ whiten.T).sum(axis=1).mean())
    digits = [[float(f"{value:.4g}") for value in row] for row in np.tril(whiten)]
    return np.array(digits)
