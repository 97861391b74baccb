"""Soft targets of optimal transport, a rival."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgeclust.train.methods.costs import Costs, Outcome

N_ITERATIONS = 20
"""Passes over columns and rows: after them the columns of usual tables are right to a percent."""


def sinkhorn(costs: Costs, epsilon: float = 0.05) -> Outcome:
    """Learn soft targets that spread each block over the clusters as the prior says.

    The targets Q of a block minimise ``sum_ik Q[i, k] C[i, k] - epsilon * H(Q)`` with rows that
    sum to 1/n and columns that sum to the prior, by Sinkhorn-Knopp iterations. The loss is the
    cross-entropy of the targets with the soft assignments, ``-sum_ik Q[i, k] log
    softmax(-C[i])[k]``: the form of SwAV and SeLa, in which a window is also pushed from the
    clusters that are not its own. No gradient passes Q. Labels are the most likely clusters.

    Parameters
    ----------
    costs : Costs
        Of a batch.
    epsilon : float
        Temperature of the targets, in nats, above 0: towards 0 they become hard. Found as the
        weight of `ent`, among .5 (the ratio of the two temperatures of SwAV), .25, .1, .05, .02,
        .01: clusters die with each, and with .05 the usage is the most even, 1.62 of 1.95 nats.
        From 1 on the targets are no sharper than the soft assignments, and nothing is learnt but
        balance.

    References
    ----------
    Asano, Rupprecht and Vedaldi, "Self-labelling via simultaneous clustering and representation
    learning" (SeLa), ICLR 2020. Caron et al., "Unsupervised Learning of Visual Features by
    Contrasting Cluster Assignments" (SwAV), NeurIPS 2020. Cuturi, "Sinkhorn Distances",
    NeurIPS 2013.
    """
    targets = torch.cat([transport(block, costs.log_prior, epsilon) for block in costs.blocks])
    loss = -(targets.to(costs.squared) * costs.log_posterior()).sum(dim=1).mean()
    return Outcome(loss, 0.0, targets.argmax(dim=1).numpy())


def transport(cost: NDArray[np.float64], log_prior: NDArray[np.float64], epsilon: float) -> Tensor:
    """Return each window's share of each cluster under the entropic optimal transport.

    Parameters
    ----------
    cost : float64 array of shape (n_windows, n_clusters)
        In nats. Not modified.
    log_prior : float64 array of shape (n_clusters,)
        Natural log of the mean of each column.
    epsilon : float
        Temperature, in nats, above 0.

    Returns
    -------
    targets : float64 Tensor of shape (n_windows, n_clusters)
        n_windows times the transport plan Q. Rows sum to 1; the means of the columns come as
        near to the prior as the iterations bring them, which is slower the lower the temperature.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.methods.sinkhorn import transport
    >>> cost = np.array([[0.0, 2.0], [0.0, 2.0], [0.0, 2.0], [0.0, 2.0]])
    >>> transport(cost, np.log([0.25, 0.75]), epsilon=1.0)[0].numpy().round(3).tolist()
    [0.25, 0.75]
    """
    log_targets = torch.from_numpy(-cost / epsilon)
    log_columns = torch.from_numpy(log_prior + np.log(len(cost)))
    for _ in range(N_ITERATIONS):  # in logs: no cost is too high for its exponential
        log_targets = log_targets + log_columns - log_targets.logsumexp(dim=0)
        log_targets = log_targets.log_softmax(dim=1)
    return log_targets.exp()
