"""Keep the scale of distances where the count penalty can act."""

import math

import numpy as np
from numpy.typing import NDArray

SHARE = 0.5
"""Part of the price of the next window in an evenly filled cluster that the gap is kept at."""


def target_gap(block_size: float, n_clusters: int) -> float:
    """Return the mean cost gap, in nats, at which no cluster dies.

    A cluster that holds its even share of a block charges log(1 + block_size / n_clusters) for
    the next window. Windows that lie further from every other cluster than that pay no heed to
    the price, and clusters without windows of their own stay so: the gap is kept at half of it.
    With wider gaps trainings stick to the first clusters they happen upon.

    Parameters
    ----------
    block_size : float
        Windows that share counts, at least 1.
    n_clusters : int
        How many clusters share them.

    Examples
    --------
    >>> from edgeclust.train.sigma import target_gap
    >>> round(target_gap(block_size=64, n_clusters=7), 2), round(target_gap(64, n_clusters=50), 2)
    (1.16, 0.41)
    """
    return SHARE * math.log1p(block_size / n_clusters)


class CalibratedSigma:
    """Sigma that follows the embedding, so that the mean cost gap stays near a target.

    The cost gap of a window is its mean squared distance to all centroids less that to the
    nearest, over sigma: how many nats its clusters are apart. The count penalty of B windows is
    at most log(B) nats, so with wider gaps it cannot act and the clusters collapse, and with gaps
    far below one it alone decides. Embeddings grow and shrink while they are learnt; an
    exponential average of the gap follows them.

    Parameters
    ----------
    momentum : float
        Weight of the past in the average, in [0, 1).

    Attributes
    ----------
    gap : float or None
        The average, all that is learnt; None before the first batch.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.sigma import CalibratedSigma
    >>> CalibratedSigma().update(np.array([[0.0, 8.0], [8.0, 0.0]]), target=2.0)
    2.0
    """

    def __init__(self, momentum: float = 0.9) -> None:
        self.momentum = momentum
        self.gap: float | None = None

    def update(self, squared: NDArray[np.float64], target: float) -> float:
        """Take a batch's squared distances and return sigma for it.

        Parameters
        ----------
        squared : float64 array of shape (n_windows, n_clusters)
            Of the batch. Not modified.
        target : float
            Mean cost gap to keep, in nats, above 0.
        """
        gap = float((squared.mean(axis=1) - squared.min(axis=1)).mean())
        if self.gap is not None:
            gap = self.momentum * self.gap + (1 - self.momentum) * gap
        self.gap = gap
        # A gap of nothing (all centroids in one place) would leave nothing to divide by.
        return max(gap / target, float(np.finfo(np.float32).tiny))
