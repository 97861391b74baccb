"""No regularisation at all."""

import numpy as np
from numpy.typing import NDArray

from edgeclust.train.methods.costs import Costs, Outcome


def nearest(cost: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the cheapest cluster of each window; of equal costs the lower index.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.methods.none import nearest
    >>> nearest(np.array([[0.0, 1.0], [0.1, 0.8], [0.2, 0.3]])).tolist()
    [0, 0, 0]
    """
    labels: NDArray[np.intp] = cost.argmin(axis=1)
    return labels


def none(costs: Costs) -> Outcome:
    """Pull each window to its cheapest cluster: the loss is ``mean_i min_k C[i, k]``.

    The baseline that shows the collapse: nothing keeps a cluster alive that lost its windows.
    This is online k-means through the encoder. The counts cost nothing; as a penalty that no
    gradient passes they stand in the objective all the same, because by the loss alone the
    restart that collapsed furthest would be kept.

    Parameters
    ----------
    costs : Costs
        Of a batch.

    References
    ----------
    Mahon and Lukasiewicz (AAAI 2024), the baseline without regularisation.
    """
    parts = costs.label(nearest)
    labels = np.concatenate(parts)
    return Outcome(costs.mean(labels), costs.count_penalty(parts), labels)
