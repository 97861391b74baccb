"""Hard regularisation, the method of this library."""

from functools import partial

import numpy as np

from edgeclust.assignment import assign
from edgeclust.train.methods.costs import Costs, Outcome


def hard(costs: Costs, solver: str = "greedy") -> Outcome:
    """Assign each block so that its counts are paid for, and pull what is assigned together.

    The labels a minimise ``sum_i C[i, a_i] + sum_k log(n_k!)``, n_k windows of the block in
    cluster k, as far as the solver of `edgeclust.assign` does; the loss is the mean of C[i, a_i].
    No gradient passes the labels, so the second term is the penalty.

    Parameters
    ----------
    costs : Costs
        Of a batch.
    solver : str
        ``greedy``, as in the paper, or ``exact``.

    References
    ----------
    Mahon and Lukasiewicz, "Hard Regularization to Prevent Deep Online Clustering Collapse
    without Data Augmentation", AAAI 2024, 38(13):14281-14288.
    """
    parts = costs.label(partial(assign, solver=solver))
    labels = np.concatenate(parts)
    return Outcome(costs.mean(labels), costs.count_penalty(parts), labels)
