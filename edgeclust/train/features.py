"""The yardstick: k-means on features that anyone would compute first."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edgeclust.dataset import Dataset
from edgeclust.errors import ConfigError

N_FREQUENCIES = 10


def window_features(windows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean, standard deviation and low Fourier magnitudes of each channel.

    Parameters
    ----------
    windows : float32 array of shape (n_windows, n_channels, window)
        Finite. Not modified.

    Returns
    -------
    features : float64 array of shape (n_windows, n_channels * 12)
        The magnitudes are those of the lowest 10 frequencies above 0, over the window length;
        fewer where the window is shorter than 20 samples.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.features import window_features
    >>> window_features(np.ones((2, 3, 64), np.float32)).shape
    (2, 36)
    """
    spectrum = np.abs(np.fft.rfft(windows, axis=-1))[:, :, 1 : N_FREQUENCIES + 1]
    return np.concatenate(
        [
            windows.mean(axis=-1),
            windows.std(axis=-1),
            spectrum.reshape(len(windows), -1) / windows.shape[-1],
        ],
        axis=1,
        dtype=np.float64,
    )


def kmeans_on_features(
    dataset: Dataset, n_clusters: int, seed: int, test: Dataset | None = None
) -> NDArray[np.intp]:
    """Cluster windows by k-means (best of 10 starts) on their standardised features.

    Parameters
    ----------
    dataset : Dataset
        At least `n_clusters` windows. Of images, the features are the pixels as they are.
    n_clusters : int
        How many clusters.
    seed : int
        Of the starts.
    test : Dataset, optional
        What to label by the centroids found and the mean and standard deviation of `dataset`;
        `dataset` itself if left out.

    Returns
    -------
    labels : intp array of shape (n_windows,)
        Cluster index of each window that is labelled.

    Raises
    ------
    ConfigError
        If there are more clusters than windows.
    """
    if n_clusters > len(dataset):
        raise ConfigError(
            f"n_clusters should be at most the number of windows, {len(dataset)}, got {n_clusters}"
        )
    windows = dataset.gather(np.arange(len(dataset)))
    scale = [StandardScaler()] if windows.ndim == 3 else []
    model = make_pipeline(*scale, KMeans(n_clusters, n_init=10, random_state=seed))
    model.fit(_features(windows))
    wanted = windows if test is None else test.gather(np.arange(len(test)))
    labels: NDArray[np.intp] = model.predict(_features(wanted)).astype(np.intp)
    return labels


def _features(windows: NDArray[np.float32]) -> NDArray[Any]:
    """Features of windows, or the pixels of images."""
    return window_features(windows) if windows.ndim == 3 else windows.reshape(len(windows), -1)
