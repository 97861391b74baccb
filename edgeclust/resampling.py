"""Bring a stream to another rate as it comes, by the filter that recordings are resampled with."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.errors import DataError

LOBES = 16
"""Half length of the anti-alias filter in samples of the lower rate."""

MOST_CHANGE = 100
"""Factor by which a rate can change at most, up or down: the filter grows with it."""

MOST_PHASES = 1000
"""Rates are to each other as two whole numbers up to this."""

BLOCK = 8192
"""Samples worked out at a time, so that what is at work stays in the processor's cache."""


def rate_ratio(from_hz: float, to_hz: float) -> tuple[int, int]:
    """Return two whole numbers that are to each other as one rate to another.

    Parameters
    ----------
    from_hz, to_hz : float
        Rates in Hz, above 0.

    Returns
    -------
    up, down : int
        For every `down` samples at `from_hz` there are `up` at `to_hz`: numbers up to 1000
        without a common divisor, right to 0.05 %.

    Raises
    ------
    DataError
        If a rate is out of range, or they differ by more than a factor of 100.

    Examples
    --------
    >>> from edgeclust.resampling import rate_ratio
    >>> rate_ratio(100, 50), rate_ratio(31.25, 50), rate_ratio(20, 25)
    ((1, 2), (8, 5), (5, 4))
    """
    if from_hz == to_hz and 0 < from_hz < math.inf:
        return 1, 1
    from fractions import Fraction  # here, as most streams have the model's rate

    for name, rate in (("from_hz", from_hz), ("to_hz", to_hz)):
        if not 0 < rate < math.inf:
            raise DataError(f"{name} should be above 0 Hz, got {rate}")
    low, high = sorted((from_hz, to_hz))
    if high > MOST_CHANGE * low:
        raise DataError(
            f"{from_hz:g} Hz cannot be resampled to {to_hz:g} Hz: a rate changes by a factor of "
            f"{MOST_CHANGE} at most"
        )
    ratio = Fraction(low / high).limit_denominator(MOST_PHASES)
    return ratio.as_integer_ratio() if to_hz < from_hz else ratio.as_integer_ratio()[::-1]


def anti_alias_filter(up: int, down: int) -> NDArray[np.float64]:
    """Return the filter between two rates: one for streams and for recordings.

    A sinc cut at 0.9 of the lower Nyquist frequency under a Kaiser window (beta 5): below 0.78 of
    that frequency amplitudes stay within 1 %, above it they fall by 40 dB.

    Parameters
    ----------
    up, down : int
        As `rate_ratio` returns them.

    Returns
    -------
    taps : float64 array of shape (2 * 16 * max(up, down) + 1,)
        Symmetric about the middle, a tap for each sample at `up` times the rate that goes in.
        Every `up`-th sum to 1, so that a constant stays as it is at every phase.

    References
    ----------
    Oppenheim and Schafer, "Discrete-Time Signal Processing", chapters 4.6 and 7.5.

    Examples
    --------
    >>> from edgeclust.resampling import anti_alias_filter
    >>> len(anti_alias_filter(1, 2)), float(anti_alias_filter(1, 2).sum().round(12))
    (65, 1.0)
    """
    longer = max(up, down)
    half = LOBES * longer
    positions = np.arange(-half, half + 1)
    taps = np.sinc(0.9 / longer * positions) * np.kaiser(2 * half + 1, 5.0)
    phases = positions % up
    scaled: NDArray[np.float64] = taps / np.bincount(phases, weights=taps)[phases]
    return scaled


def filter_reach(up: int, down: int) -> int:
    """Return how far a missing sample spreads, in streams and in recordings alike.

    Parameters
    ----------
    up, down : int
        As `rate_ratio` returns them.

    Returns
    -------
    reach : int
        Sample i that comes out is missing where one of those that go in from
        ``i * down // up - reach`` to ``i * down // up + reach`` is. The filter uses no others.

    Examples
    --------
    >>> from edgeclust.resampling import filter_reach
    >>> filter_reach(1, 2), filter_reach(8, 5), filter_reach(1, 1)
    (32, 16, 0)
    """
    return 0 if up == down else -(-LOBES * max(up, down) // up)


class StreamResampler:
    """Bring a stream to another rate as its samples arrive, in fixed memory.

    However the samples are chunked, what comes out is the same to the last bit. What the lower
    rate cannot hold is filtered out.

    The filter looks as far ahead as back, so nothing is shifted in time: sample i is of
    i * `step_s` seconds after the first that was given. It comes out with the sample that goes in
    `delay_s` seconds later, or with the one before.

    Parameters
    ----------
    n_channels : int
        Channels of a sample.
    from_hz, to_hz : float
        Rates in Hz: above 0, within a factor of 100 of each other.
    interpolate : bool
        Draw straight lines between samples instead of filtering, at the same delay: for time
        stamps.

    Attributes
    ----------
    step_s : float
        Seconds from one sample that comes out to the next, by the clock of those that go in.
    delay_s : float
        Seconds that go by before a sample comes out: 16 samples of the lower rate, and what is
        left of the next that goes in.

    Raises
    ------
    DataError
        If a rate is out of range.

    Notes
    -----
    The filter is `anti_alias_filter`. The terms of a sample are added one after the other, in the
    same order whatever the chunks, so that rounding does not depend on them. Before its first
    sample the stream is taken to have been as it is there.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.resampling import StreamResampler
    >>> half = StreamResampler(n_channels=1, from_hz=100, to_hz=50)
    >>> half.delay_s, half.step_s
    (0.32, 0.02)
    >>> len(half.push(np.ones((40, 1)))), len(half.push(np.ones((10, 1)))), len(half.finish())
    (4, 5, 16)
    """

    def __init__(
        self, n_channels: int, from_hz: float, to_hz: float, *, interpolate: bool = False
    ) -> None:
        self.up, self.down = rate_ratio(from_hz, to_hz)
        self.n_channels = n_channels
        taps = anti_alias_filter(self.up, self.down) if self.up != self.down else np.ones(1)
        self._reach = filter_reach(self.up, self.down)
        self.step_s = self.down / (self.up * from_hz)
        self.delay_s = self._reach / from_hz
        self._taps = (
            _lines(self.up, self._reach) if interpolate else _by_phase(taps, self.up, self._reach)
        )
        self._kept = np.empty((0, n_channels))
        self._kept_start = -self._reach  # index in the stream of the first kept sample
        self._next = 0  # index of the next sample to come out

    def push(self, samples: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Take the next samples and return those that come out.

        Parameters
        ----------
        samples : float array of shape (n_samples, n_channels)
            Any number of samples, none included. NaN or infinity spreads as `filter_reach` says.
            Not modified.

        Returns
        -------
        resampled : float64 array of shape (n_new, n_channels)

        Raises
        ------
        DataError
            If the samples have another number of channels.
        """
        if samples.ndim != 2 or samples.shape[1] != self.n_channels:
            raise DataError(
                f"samples should have shape (n_samples, {self.n_channels}), got {samples.shape}"
            )
        if not len(samples):
            return np.empty((0, self.n_channels))
        before = self._kept if self._next or len(self._kept) else samples[:1].repeat(self._reach, 0)
        kept = np.concatenate([before, samples], dtype=np.float64)
        end = self._kept_start + len(kept)
        # Sample i needs those up to i * down / up and `reach` more.
        stop = max(self._next, -(-(end - self._reach) * self.up // self.down))
        resampled = np.zeros((stop - self._next, self.n_channels))
        for start in range(self._next, stop, BLOCK):
            at = np.arange(start, min(start + BLOCK, stop)) * self.down
            first, phases = at // self.up - self._reach - self._kept_start, at % self.up
            block = resampled[start - self._next : start - self._next + len(at)]
            with np.errstate(invalid="ignore", over="ignore"):
                for tap in range(self._taps.shape[1]):
                    block += self._taps[phases, tap, None] * kept[first + tap]
        self._next = stop
        keep_from = stop * self.down // self.up - self._reach
        self._kept = kept[keep_from - self._kept_start :].copy()
        self._kept_start = keep_from
        return resampled

    def finish(self) -> NDArray[np.float64]:
        """Return what the last samples leave to come out, the stream taken to stay as it ended.

        Nothing may be pushed afterwards.

        Returns
        -------
        resampled : float64 array of shape (n_new, n_channels)
        """
        return self.push(self._kept[-1:].repeat(self._reach, axis=0))


def _by_phase(taps: NDArray[np.float64], up: int, reach: int) -> NDArray[np.float64]:
    """Deal taps to the phases they are of: shape (up, 2 * reach + 1), oldest sample first."""
    half = len(taps) // 2
    positions = np.arange(up)[:, None] - up * np.arange(-reach, reach + 1)
    inside = np.abs(positions) <= half
    return np.where(inside, taps[np.where(inside, positions, 0) + half], 0.0)


def _lines(up: int, reach: int) -> NDArray[np.float64]:
    """Return taps of the same shape that draw a line from a sample to the next."""
    taps = np.zeros((up, 2 * reach + 1))
    taps[:, reach] = 1 - np.arange(up) / up
    if reach:
        taps[:, reach + 1] = np.arange(up) / up
    return taps
