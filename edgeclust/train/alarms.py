"""Say what keeps clusters from living, and the remedy, through the log."""

import logging
import math

logger = logging.getLogger(__name__)


def warn_of_gap(gap: float, block_size: float) -> bool:
    """Warn where cost gaps are wider than the most that counts can charge; say whether they are.

    Parameters
    ----------
    gap : float
        How far a window's mean cost lies above its least, mean over windows, in nats.
    block_size : float
        Windows that share counts, at least 1.
    """
    most = math.log(block_size)
    if gap <= most:
        return False
    logger.warning(
        "cost gaps of %.3g nats exceed log(%.0f) = %.3g, the most that counts can charge, so "
        "clusters die: use --sigma auto or a larger sigma",
        gap,
        block_size,
        most,
    )
    return True


def warn_of_empty(n_empty: int, n_clusters: int, method: str) -> None:
    """Warn of clusters that had no window through the last epoch.

    Parameters
    ----------
    n_empty : int
        How many there are, above 0.
    n_clusters : int
        Of how many.
    method : str
        Which let them die.
    """
    remedy = "--method hard"
    if method == "hard":
        remedy = "more --epochs, fewer clusters (--n-clusters), a larger --batch-size or "
        remedy += "--balance batch"
    logger.warning(
        "%d of %d clusters had no window through the last epoch: use %s",
        n_empty,
        n_clusters,
        remedy,
    )
