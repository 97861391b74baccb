"""Samples with time stamps brought to a steady clock: repaired, cut at gaps, resampled."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from edgeclust.resampling import anti_alias_filter, filter_reach, rate_ratio
from edgeclust.samples import RATE_TOLERANCE

MOST_GAP_S = 1.0
"""Seconds without a sample that cut a recording in two, unless a reader says otherwise."""

JITTER = 0.1
"""Part of a step by which each may be off and the clock still be steady: nothing is resampled."""

DRIFT = 0.002
"""Part of its rate by which a clock may be off and still be steady."""


@dataclass(frozen=True)
class Stretch:
    """Samples at a steady rate, without a gap.

    Parameters
    ----------
    start_s : float
        Stamp of the first sample, in seconds.
    samples : float64 array of shape (n_samples, n_channels)
    labels : int array of shape (n_samples,)
        Of the sample that is nearest in time.
    resampled : bool
        Whether the samples are other than those that were given.
    """

    start_s: float
    samples: NDArray[np.float64]
    labels: NDArray[np.integer[Any]]
    resampled: bool = False


@dataclass(frozen=True)
class Repairs:
    """What was found wrong with the stamps of a recording.

    Parameters
    ----------
    n_repeated : int
        Samples left out, for one of the same stamp came before.
    n_out_of_order : int
        Samples that stood behind one of a later stamp.
    n_gaps : int
        Places where the recording was cut: no sample for longer than allowed, or a clock that
        was set back.
    n_lonely : int
        Samples left out, for there is no other between two such places or one and an end.
    """

    n_repeated: int
    n_out_of_order: int
    n_gaps: int
    n_lonely: int


def to_steady_rate(
    times: NDArray[np.float64],
    samples: NDArray[np.float64],
    labels: NDArray[np.integer[Any]],
    rate_hz: float,
    most_gap_s: float = MOST_GAP_S,
) -> tuple[list[Stretch], Repairs]:
    """Repair stamps, cut where there are none for long, and resample to a rate.

    Parameters
    ----------
    times : float64 array of shape (n_samples,)
        Stamps in seconds, finite, in the order of the file.
    samples : float64 array of shape (n_samples, n_channels)
        NaN where a sample is missing.
    labels : int array of shape (n_samples,)
        Class of each sample.
    rate_hz : float
        Rate of what is returned. Samples that come at it, each step to a tenth and all together
        to two in a thousand, stay as they are; faster ones pass an anti-alias filter.
    most_gap_s : float
        A step longer than this, or further back, starts another stretch.

    Returns
    -------
    stretches : list of Stretch
        Of two samples at least.
    repairs : Repairs

    Raises
    ------
    DataError
        If stamps show more than a hundred times the rate.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.har_data.timeline import to_steady_rate
    >>> times = np.array([0.0, 0.1, 0.1, 0.3, 0.2, 5.0, 5.1])
    >>> values = np.array([[0.0], [1.0], [1.0], [3.0], [2.0], [9.0], [9.0]])
    >>> found, repairs = to_steady_rate(times, values, np.zeros(7, int), rate_hz=10.0)
    >>> [stretch.samples[:, 0].tolist() for stretch in found]
    [[0.0, 1.0, 2.0, 3.0], [9.0, 9.0]]
    >>> repairs
    Repairs(n_repeated=1, n_out_of_order=1, n_gaps=1, n_lonely=0)
    """
    steps = times[1:] - times[:-1]
    cuts = np.flatnonzero(np.abs(steps) > most_gap_s) + 1
    stretches, clocks, n_repeated, n_out_of_order, n_lonely = [], [], 0, 0, 0
    for start, stop in pairwise([0, *cuts.tolist(), len(times)]):
        own, rows = times[start:stop], slice(start, stop)
        values, classes = samples[rows], labels[rows]
        if not (steps[start : stop - 1] > 0).all():
            n_out_of_order += int((steps[start : stop - 1] < 0).sum())
            order = np.argsort(own, kind="stable")
            order = order[np.diff(own[order], prepend=-np.inf) > 0]
            n_repeated += stop - start - len(order)
            own, values, classes = own[order], values[order], classes[order]
        if len(own) > 1:
            stretches.append(Stretch(float(own[0]), values, classes))
            clocks.append(own)
        else:
            n_lonely += len(own)
    unsteady = [n for n, own in enumerate(clocks) if not is_steady(own, rate_hz)]
    in_bursts = bool(unsteady) and _come_in_bursts(times, rate_hz, most_gap_s)
    for n in unsteady:
        own_hz = rate_hz if in_bursts else 1 / float(np.median(np.diff(clocks[n])))
        stretches[n] = _resample(clocks[n], stretches[n], own_hz, rate_hz)
    return stretches, Repairs(n_repeated, n_out_of_order, len(cuts), n_lonely)


def shown_rates(times: NDArray[np.float64], most_gap_s: float) -> tuple[float, float]:
    """Return the rates that stamps show, by their usual step and by the mean one.

    Parameters
    ----------
    times : float64 array of shape (n_samples,)
        Seconds, in any order.
    most_gap_s : float
        The mean is of the steps up to this.

    Returns
    -------
    usual_hz, mean_hz : float
        The same where no step is short enough; NaN where there is no step at all.

    Examples
    --------
    Five samples in every tenth of a second, which come as a packet:

    >>> import numpy as np
    >>> from edgeclust.har_data.timeline import shown_rates
    >>> times = np.add.outer(np.arange(100) / 10, np.arange(5) * 1e-6).ravel()
    >>> [round(rate) for rate in shown_rates(times, most_gap_s=1.0)]
    [1000000, 50]
    """
    steps = np.diff(times)
    if not (steps > 0).all():
        steps = np.diff(np.unique(times))
    if not len(steps):
        return math.nan, math.nan
    usual_hz = 1 / float(np.median(steps))
    within = steps[steps <= most_gap_s]
    return usual_hz, 1 / float(within.mean()) if len(within) else usual_hz


def is_near(found_hz: float, rate_hz: float) -> bool:
    """Tell whether a rate is as expected, to the tenth that resampling makes up for."""
    return abs(rate_hz / found_hz - 1) <= RATE_TOLERANCE


def is_steady(times: NDArray[np.float64], rate_hz: float) -> bool:
    """Tell whether samples come at a rate, so that they need no resampling.

    Parameters
    ----------
    times : float64 array of shape (n_samples,)
        Stamps in seconds.
    rate_hz : float
        The rate, above 0.

    Returns
    -------
    steady : bool
        Each step is right to a tenth, and all together to two in a thousand.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.har_data.timeline import is_steady
    >>> is_steady(np.arange(9) / 50, 50.0), is_steady(np.arange(9) / 49, 50.0)
    (True, True)
    >>> is_steady(np.arange(99) / 49, 50.0)
    False
    """
    steps = times[1:] - times[:-1]
    steps *= rate_hz
    drift = abs(float(steps.sum()) - len(steps))
    steps -= 1
    worst = np.abs(steps, out=steps).max(initial=0)
    return bool(worst <= JITTER and drift <= max(1, DRIFT * len(steps)))


def change_rate(samples: NDArray[np.float64], from_hz: float, to_hz: float) -> NDArray[np.float64]:
    """Resample steady samples; what the lower rate cannot hold is filtered out.

    The device does the same to a stream: `edgeclust.resampling.StreamResampler`, same filter and
    the same samples missing.

    Parameters
    ----------
    samples : float64 array of shape (n_samples, n_channels)
        Not modified. NaN or infinity spreads as `edgeclust.resampling.filter_reach` says.
    from_hz, to_hz : float
        Rates, above 0, within a factor of 100 of each other.

    Returns
    -------
    samples : float64 array of shape (n_new, n_channels)
        The first is of the same time as the first that was given. NaN where one is missing.

    Raises
    ------
    DataError
        If a rate is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.har_data.timeline import change_rate
    >>> change_rate(np.ones((100, 1)), 100.0, 50.0).shape
    (50, 1)
    """
    up, down = rate_ratio(from_hz, to_hz)
    if up == down:
        return samples
    taps = anti_alias_filter(up, down) / up  # scipy multiplies by it
    missing = ~np.isfinite(samples)
    resampled: NDArray[np.float64] = resample_poly(
        np.where(missing, 0.0, samples), up, down, axis=0, window=taps, padtype="edge"
    )
    if missing.any():
        nearest, reach = np.arange(len(resampled)) * down // up, filter_reach(up, down)
        n_missing = np.pad(np.cumsum(missing, axis=0), ((1, 0), (0, 0)))
        before = n_missing[np.maximum(nearest - reach, 0)]
        resampled[n_missing[np.minimum(nearest + reach + 1, len(samples))] > before] = np.nan
    return resampled


def _come_in_bursts(times: NDArray[np.float64], rate_hz: float, most_gap_s: float) -> bool:
    """Tell whether samples come as packets, so that the mean step is right and the usual is not."""
    usual_hz, mean_hz = shown_rates(times, most_gap_s)
    return is_near(mean_hz, rate_hz) and not is_near(usual_hz, rate_hz)


def _resample(
    times: NDArray[np.float64], stretch: Stretch, own_hz: float, rate_hz: float
) -> Stretch:
    """Bring one stretch, its stamps rising and of about some rate, to another."""
    # To a steady clock of about the sensor's own rate first, where that is higher.
    own_hz = rate_hz if own_hz < (1 + JITTER) * rate_hz else own_hz
    rate_ratio(own_hz, rate_hz)  # refused before there is a clock of so many samples
    clock = times[0] + np.arange(int((times[-1] - times[0]) * own_hz + 1e-6) + 1) / own_hz
    steady = np.stack([np.interp(clock, times, column) for column in stretch.samples.T], axis=1)
    steady = change_rate(steady, own_hz, rate_hz)
    wanted = times[0] + np.arange(len(steady)) / rate_hz
    later = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    nearest = later - (wanted - times[later - 1] < times[later] - wanted)
    return replace(stretch, samples=steady, labels=stretch.labels[nearest], resampled=True)
