"""Holes that a lossy radio leaves in a stream: short ones are bridged, long ones are not."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Float = TypeVar("Float", np.float32, np.float64)


def bridge_short_holes(table: NDArray[Float], most: int) -> NDArray[Float]:
    """Draw a straight line through the missing samples of each channel where they are few.

    Parameters
    ----------
    table : float array of shape (n_samples, n_channels)
        NaN or infinity where a sample is missing; may be a memory map. Not modified.
    most : int
        Samples of the longest hole that is bridged.

    Returns
    -------
    bridged : float array of shape (n_samples, n_channels)
        A copy, in memory as `table` lies in it. A longer hole stays as it is as a whole, and so
        does one that begins or ends the stream.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.holes import bridge_short_holes
    >>> stream = np.array([1.0, np.nan, 3.0, np.nan, np.nan, 6.0, np.nan])
    >>> bridge_short_holes(stream[:, None], most=1)[:, 0].tolist()
    [1.0, 2.0, 3.0, nan, nan, 6.0, nan]
    """
    bridged = np.array(table, order="K")
    for column in bridged.T:
        finite = np.isfinite(column)
        starts, stops = (
            np.flatnonzero(np.diff(~finite, prepend=False, append=False)).reshape(-1, 2).T
        )
        short = (starts > 0) & (stops < len(column)) & (stops - starts <= most)
        lengths = (stops - starts)[short]
        if not len(lengths):
            continue
        # The samples of all short holes, one hole after the other.
        before = np.cumsum(lengths) - lengths
        samples = np.arange(lengths.sum()) + np.repeat(starts[short] - before, lengths)
        column[samples] = np.interp(samples, np.flatnonzero(finite), column[finite])
    return bridged
