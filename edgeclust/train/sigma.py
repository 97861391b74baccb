"""Keep the scale of distances where the count penalty can act."""

import numpy as np
from numpy.typing import NDArray


class CalibratedSigma:
    """Sigma that follows the embedding, so that the mean cost gap stays near a target.

    The cost gap of a window is its mean squared distance to all centroids less that to the
    nearest, over sigma: how many nats its clusters are apart. The count penalty of a batch of B
    windows is at most log(B) nats, so with wider gaps it cannot act and the clusters collapse,
    and with gaps far below one it alone decides. Embeddings grow and shrink while they are
    learnt; an exponential average of the gap follows them.

    Parameters
    ----------
    target : float
        Mean cost gap to keep, in nats, above 0.
    momentum : float
        Weight of the past in the average, in [0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.sigma import CalibratedSigma
    >>> sigma = CalibratedSigma(target=2.0)
    >>> sigma.update(np.array([[0.0, 8.0], [8.0, 0.0]]))
    2.0
    """

    def __init__(self, target: float, momentum: float = 0.9) -> None:
        self.target = target
        self.momentum = momentum
        self._gap: float | None = None

    def update(self, squared: NDArray[np.float64]) -> float:
        """Take a batch's squared distances, (n_windows, n_clusters), and return sigma for it."""
        gap = float((squared.mean(axis=1) - squared.min(axis=1)).mean())
        if self._gap is not None:
            gap = self.momentum * self._gap + (1 - self.momentum) * gap
        self._gap = gap
        # A gap of nothing (all centroids in one place) would leave nothing to divide by.
        return max(gap / self.target, float(np.finfo(np.float32).tiny))
