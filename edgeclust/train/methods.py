"""How a batch is assigned to clusters while training."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgeclust.assignment import assign

Method = Callable[[NDArray[np.float64]], NDArray[np.intp]]
"""From the cost in nats, (n_windows, n_clusters), to the labels, (n_windows,)."""


def assign_nearest(cost: NDArray[np.float64]) -> NDArray[np.intp]:
    """Assign each window to its cheapest cluster with no regard to the others.

    The baseline that shows the collapse: nothing keeps a cluster alive that lost its windows.

    Parameters
    ----------
    cost : float64 array of shape (n_windows, n_clusters)
        In nats. Not modified.

    Returns
    -------
    labels : intp array of shape (n_windows,)
        Of equal costs the lower cluster index.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.methods import assign_nearest
    >>> assign_nearest(np.array([[0.0, 1.0], [0.1, 0.8], [0.2, 0.3]])).tolist()
    [0, 0, 0]
    """
    labels: NDArray[np.intp] = cost.argmin(axis=1)
    return labels


METHODS: dict[str, Method] = {"hard": assign, "none": assign_nearest}
"""Methods by the name that ``edgeclust train --method`` takes."""
