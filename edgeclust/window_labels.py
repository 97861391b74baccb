"""Name the activity of a window from the labels of its samples."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.errors import ConfigError

LABEL_POLICIES = {
    "pure": "the class of all of a window's samples, else unknown",
    "majority": "the class that more of a window's samples have than any other",
    "none": "every window unknown",
}
"""How a window can get its label from those of its samples, by name."""


def check_label_policy(policy: str) -> None:
    """Refuse a policy that there is not.

    Parameters
    ----------
    policy : str
        A name in `LABEL_POLICIES`.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> from edgeclust.window_labels import check_label_policy
    >>> check_label_policy("best")
    Traceback (most recent call last):
    edgeclust.errors.ConfigError: labels should be pure, majority or none, got 'best'
    """
    if policy not in LABEL_POLICIES:
        raise ConfigError(f"labels should be pure, majority or none, got {policy!r}")


def find_runs(labels: NDArray[np.integer[Any]]) -> NDArray[np.intp]:
    """Return the first sample and the label of each run of one label.

    Parameters
    ----------
    labels : int array of shape (n_samples,)
        Not modified.

    Returns
    -------
    runs : intp array of shape (n_runs, 2)

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.window_labels import find_runs
    >>> find_runs(np.array([2, 2, -1, 2])).tolist()
    [[0, 2], [2, -1], [3, 2]]
    """
    firsts = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    firsts = np.append(np.zeros(min(1, len(labels)), np.intp), firsts)
    return np.stack([firsts, labels[firsts].astype(np.intp)], axis=1)


def label_windows(
    runs: NDArray[np.intp],
    starts: NDArray[np.intp],
    window: int,
    policy: str = "pure",
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Label the windows of one recording.

    Unknown samples count as a class of their own, and a tie is nobody's: a window of which half
    is unknown, or half of each of two classes, has no majority. So neither the order of the
    classes nor what was left unlabelled decides a score.

    Parameters
    ----------
    runs : intp array of shape (n_runs, 2)
        As `find_runs` returns them, the label -1 where unknown; empty where no sample's is known.
    starts : intp array of shape (n_windows,)
        First sample of each window; all of it has to lie within the samples.
    window : int
        Samples of a window, at least 1.
    policy : str
        A name in `LABEL_POLICIES`.

    Returns
    -------
    labels : intp array of shape (n_windows,)
        Class of each window, -1 where unknown.
    shares : float32 array of shape (n_windows,)
        Share of a window's samples that have its label, in [0, 1]; 0 where that is unknown.

    Notes
    -----
    Labels come in runs, so what a class has up to a sample is a line between the ends of runs:
    memory grows with the runs and the windows, not with samples times classes.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.window_labels import find_runs, label_windows
    >>> labels, starts = np.array([0, 0, 0, 0, 1, 1, 1, -1]), np.array([0, 1, 2, 4])
    >>> runs = find_runs(labels)
    >>> label_windows(runs, starts, window=4, policy="pure")[0].tolist()
    [0, -1, -1, -1]
    >>> found, shares = label_windows(runs, starts, window=4, policy="majority")
    >>> found.tolist(), shares.tolist()
    ([0, 0, -1, 1], [1.0, 0.75, 0.0, 0.75])
    """
    found = np.full(len(starts), -1, np.intp)
    shares = np.zeros(len(starts), np.float32)
    if not len(runs) or not len(starts) or policy == "none":
        return found, shares
    stops = starts + window
    # The last run ends behind the last window: how far is all the same.
    edges = np.append(runs[:, 0], max(int(stops.max()), int(runs[-1, 0]) + 1))
    classes = runs[:, 1]
    if policy == "pure":
        run = np.searchsorted(edges, starts, side="right") - 1
        found = np.where(stops <= edges[run + 1], classes[run], -1).astype(np.intp)
        shares[found >= 0] = 1
        return found, shares
    most = np.zeros(len(starts))
    for activity in np.unique(classes).tolist():
        so_far = np.concatenate([[0], np.cumsum(np.diff(edges) * (classes == activity))])
        # Slopes are 0 or 1 and counts are whole, so that nothing is rounded.
        count = np.interp(stops, edges, so_far) - np.interp(starts, edges, so_far)
        found[count >= most] = np.where(count > most, activity, -1)[count >= most]
        most = np.maximum(most, count)
    shares[:] = np.where(found >= 0, most / window, 0)
    return found, shares
