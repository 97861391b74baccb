"""Holes that a lossy radio leaves in a stream: short ones are bridged, long ones are not."""

import numpy as np
from numpy.typing import NDArray


def bridge_short_holes(table: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Draw a straight line through the missing samples of each channel where they are few.

    Parameters
    ----------
    table : float64 array of shape (n_samples, n_channels)
        NaN where a sample is missing. Not modified.
    most : int
        Samples of the longest hole that is bridged.

    Returns
    -------
    bridged : float64 array of shape (n_samples, n_channels)
        A longer hole stays NaN as a whole, and so does one that begins or ends the stream.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.har_data.holes import bridge_short_holes
    >>> stream = np.array([1.0, np.nan, 3.0, np.nan, np.nan, 6.0, np.nan])
    >>> bridge_short_holes(stream[:, None], most=1)[:, 0].tolist()
    [1.0, 2.0, 3.0, nan, nan, 6.0, nan]
    """
    bridged = table.copy()
    for column in bridged.T:
        changes = np.diff(np.isnan(column), prepend=False, append=False)
        for start, stop in np.flatnonzero(changes).reshape(-1, 2).tolist():
            if start > 0 and stop < len(column) and stop - start <= most:
                line = np.linspace(column[start - 1], column[stop], stop - start + 2)
                column[start:stop] = line[1:-1]
    return bridged
