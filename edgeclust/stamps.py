"""What the time stamps of a live stream tell: its rate, its gaps, and which samples come late."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgeclust.errors import DataError
from edgeclust.samples import RATE_TOLERANCE

MOST_GAP_S = 1.0
"""Seconds without a sample that end a segment of a stream, as they cut a recording in two."""

JITTER = 0.5
"""Part of the usual step by which another may differ and still be one step."""

REGULAR = 0.9
"""Share of the steps that have to be so near the usual one for stamps to show a rate."""

STEADY = 0.01
"""Part of a rate by which stamps may be off and show that rate: nothing is resampled."""

MOST_LONELY = 10
"""Samples in a row, each with gaps around it, that no sensor gives: the stamps are no seconds."""


class StampOrder:
    """Sort the samples of a stream out by their stamps as they come, in fixed memory.

    Parameters
    ----------
    most_gap_s : float
        A step longer than this, or further back, starts another segment.

    Attributes
    ----------
    n_gaps : int
        Segments after the first.
    n_late : int
        Samples left out, for their stamp is that of one before or earlier.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.stamps import StampOrder
    >>> order = StampOrder(most_gap_s=1.0)
    >>> t = np.array([0.0, 0.1, 0.1, 0.2, 5.0, 5.1])
    >>> [t[piece].tolist() for piece in order.take(t)]
    [[], [0.0, 0.1, 0.2], [5.0, 5.1]]
    >>> order.n_gaps, order.n_late
    (1, 1)
    """

    def __init__(self, most_gap_s: float) -> None:
        self.most_gap_s = most_gap_s
        self.n_gaps = -1  # the first segment starts without a gap
        self.n_late = 0
        self._last = -np.inf
        self._lonely: list[float] = []  # stamps of samples with gaps around them, the latest

    def take(self, t: NDArray[np.float64]) -> Sequence[slice | NDArray[np.intp]]:
        """Take the stamps of the next samples and return which to keep.

        Parameters
        ----------
        t : float64 array of shape (n_samples,)
            Seconds. Not modified.

        Returns
        -------
        pieces : sequence of slice or intp array
            Indices of the samples that go on with the segment under way, none perhaps; then
            those of each further segment.

        Raises
        ------
        DataError
            If a stamp is NaN or infinity, or ten samples in a row have gaps around them.
        """
        if self._goes_on(t):
            self._lonely, self._last = [], float(t[-1])
            return [slice(None)]
        if not np.isfinite(t).all():
            raise DataError("t should be finite, got NaN or infinity")
        kept: list[int] = []
        starts = []
        for index, stamp in enumerate(t.tolist()):
            step = stamp - self._last
            if abs(step) > self.most_gap_s:
                starts.append(len(kept))
                self._lonely.append(stamp)
                if len(self._lonely) > MOST_LONELY:
                    self._refuse()
            elif step > 0:
                self._lonely = []
            else:
                self.n_late += 1
                continue
            kept.append(index)
            self._last = stamp
        self.n_gaps += len(starts)
        return np.split(np.array(kept, np.intp), starts)

    def _goes_on(self, t: NDArray[np.float64]) -> bool:
        """Say whether no stamp is late and none comes behind a gap, as almost always."""
        if not len(t) or not 0 < t[0] - self._last <= self.most_gap_s:
            return False
        steps = t[1:] - t[:-1]
        return not len(steps) or bool(steps.min() > 0 and steps.max() <= self.most_gap_s)

    def _refuse(self) -> None:
        """Say that every step is a gap."""
        step = float(np.median(np.diff(self._lonely)))
        raise DataError(
            f"the stream: its time stamps are {step:.4g} s apart, and {self.most_gap_s:g} s "
            "without a sample are a gap: say its rate (rate_hz) if it is so; time is in seconds"
        )


def find_rate(t: NDArray[np.float64], told_hz: float | None, model_hz: float) -> float:
    """Return the rate of a stream: that which was told, the model's, or what its stamps show.

    Parameters
    ----------
    t : float64 array of shape (n_samples,)
        Stamps of its first samples in seconds, rising, two at least.
    told_hz : float or None
        The rate that a user said.
    model_hz : float
        The rate of the model.

    Returns
    -------
    rate_hz : float
        What was told. If nothing was: the model's rate where stamps show it to a hundredth, or
        where they are irregular and it is right on average, to a tenth; else what they show.

    Raises
    ------
    DataError
        If stamps are a tenth or more off the rate that was told, or more than a tenth of their
        steps differ from the usual one by more than half of it and nobody said the rate.

    Examples
    --------
    A hole or some jitter does no harm.

    >>> import numpy as np
    >>> from edgeclust.stamps import find_rate
    >>> t = np.delete(np.arange(60) / 100, [30, 31, 32])
    >>> round(find_rate(t, told_hz=None, model_hz=50.0), 6)
    100.0
    >>> find_rate(t, told_hz=50.0, model_hz=50.0)
    Traceback (most recent call last):
    edgeclust.errors.DataError: the stream: its time stamps show 100 Hz, 50 Hz is expected: \
say its rate (rate_hz) if it is so; time is in seconds
    """
    steps = np.diff(t)
    usual = float(np.median(steps))
    near = steps[np.abs(steps - usual) <= JITTER * usual]
    regular = len(near) >= REGULAR * len(steps)
    shown_hz = 1 / float(near.mean() if regular else steps.mean())
    expected_hz = model_hz if told_hz is None else told_hz
    off = abs(expected_hz / shown_hz - 1)
    if off <= (RATE_TOLERANCE if told_hz is not None or not regular else STEADY):
        return expected_hz
    if told_hz is not None:
        raise DataError(
            f"the stream: its time stamps show {shown_hz:.4g} Hz, {told_hz:g} Hz is expected: "
            "say its rate (rate_hz) if it is so; time is in seconds"
        )
    if not regular:
        raise DataError(
            f"the stream: its time stamps are irregular, usually {usual:.4g} s apart and "
            f"{1 / shown_hz:.4g} s on average: say its rate (rate_hz)"
        )
    return shown_hz
