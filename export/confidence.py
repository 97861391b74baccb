"""Find, without labels, how sure a label is: so that the confidence of an event means something."""

import numpy as np
from numpy.typing import NDArray

from edgeclust.dataset import Dataset, WindowedDataset
from edgeclust.train.model import TrainedModel, embed

MOST_PAIRS = 4096
"""Pairs of windows looked at, at most: spread evenly over the data."""

LEAST_PAIRS = 100
"""With fewer nothing is found, and confidences stay as they are."""

TEMPERATURES = np.geomspace(0.01, 10, 121)


def measure_temperature(model: TrainedModel, dataset: Dataset) -> float:
    """Return what costs are divided by, so that the posterior foretells the label that follows.

    Sigma is set for training, where windows share counts; its posterior is flat. What somebody
    does, they mostly still do a window later. So the temperature is the one with which a window's
    posterior best foretells, by its log loss, the label of the first later window that shares no
    sample with it. A label is as sure as it is found again; the label itself stays.

    Parameters
    ----------
    model : TrainedModel
        On the CPU.
    dataset : Dataset
        Windows of the training, aligned where the model wants it; their labels are not looked at.

    Returns
    -------
    temperature : float
        Between 0.01 and 10; 1 for images, which do not follow one another, and few windows.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017: one
    temperature, there found on labels.
    """
    if not isinstance(dataset, WindowedDataset):
        return 1.0
    pairs = later_pairs(dataset)
    if len(pairs) < LEAST_PAIRS:
        return 1.0
    pairs = pairs[np.linspace(0, len(pairs) - 1, min(len(pairs), MOST_PAIRS)).astype(np.intp)]
    windows, places = np.unique(pairs, return_inverse=True)
    embedding = embed(model.encoder, dataset.select(windows))
    cost = model.clusters.cost(model.clusters.squared_distances(embedding))
    first, later = places.reshape(pairs.shape).T
    return fit_temperature(cost[first], cost[later].argmin(axis=1))


def later_pairs(dataset: WindowedDataset) -> NDArray[np.intp]:
    """Return pairs of windows of one recording, the later one right behind the other's end.

    Parameters
    ----------
    dataset : WindowedDataset
        Any.

    Returns
    -------
    pairs : intp array of shape (n_pairs, 2)
        Indices of windows that share no sample, at most a stride apart.
    """
    window, stride = dataset.card.window, dataset.card.stride
    apart = -(-window // stride)
    first = np.arange(max(0, len(dataset) - apart))
    same = dataset.recording_indices[first] == dataset.recording_indices[first + apart]
    between = dataset.starts[first + apart] - dataset.starts[first]
    first = first[same & (between == apart * stride)]
    return np.stack([first, first + apart], axis=1)


def fit_temperature(cost: NDArray[np.float64], labels: NDArray[np.intp]) -> float:
    """Return the temperature with the least log loss.

    Parameters
    ----------
    cost : float64 array of shape (n_windows, n_clusters)
        In nats. Not modified.
    labels : intp array of shape (n_windows,)
        What the posteriors should foretell.

    Examples
    --------
    Where half of the windows change their label, nothing is sure.

    >>> import numpy as np
    >>> from edgeclust.export.confidence import fit_temperature
    >>> cost = np.array([[0.0, 1.0]] * 4)
    >>> fit_temperature(cost, np.array([0, 1, 0, 1])), fit_temperature(cost, np.zeros(4, int))
    (10.0, 0.01)
    """
    least = cost - cost.min(axis=1, keepdims=True)  # so that no exponential overflows
    own = np.take_along_axis(least, labels[:, None], axis=1)[:, 0]
    losses = [(own / t + np.log(np.exp(-least / t).sum(axis=1))).mean() for t in TEMPERATURES]
    return float(TEMPERATURES[np.argmin(losses)])
