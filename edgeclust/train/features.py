"""The yardstick: k-means on features that anyone would compute first."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from edgeclust.dataset import Dataset

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


def kmeans_on_features(dataset: Dataset, n_clusters: int, seed: int) -> NDArray[np.intp]:
    """Cluster windows by k-means (best of 10 starts) on their standardised features.

    Parameters
    ----------
    dataset : Dataset
        At least `n_clusters` windows.
    n_clusters : int
        How many clusters.
    seed : int
        Of the starts.

    Returns
    -------
    labels : intp array of shape (n_windows,)
        Cluster index of each window.
    """
    features = window_features(dataset.gather(np.arange(len(dataset))))
    spread = features.std(axis=0)
    features = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    labels: NDArray[np.intp] = (
        KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(features).astype(np.intp)
    )
    return labels
