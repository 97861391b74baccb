"""Some channels of recordings, in the units that are wanted, and recordings at another rate."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.timeline import change_rate
from edgeclust.resampling import rate_ratio
from edgeclust.units import IN_G, IN_RAD_S, unit_factor

KINDS = {"acc": IN_G, "gyro": IN_RAD_S}
"""Units of the channels of a kind."""


def select_channels(
    card: Card, recordings: Sequence[Recording], wanted: Sequence[str | Channel]
) -> tuple[Card, list[Recording]]:
    """Keep some channels, in the order of the card.

    Parameters
    ----------
    card : Card
        Names the channels.
    recordings : sequence of Recording
        Not modified.
    wanted : sequence of str or Channel
        Names of channels, or kinds: ``acc`` for all accelerations, ``gyro`` for all angular
        rates. A `Channel` is the channel of its name, converted to its unit.

    Raises
    ------
    DataError
        If there is no such channel, or none of the kind, or if its unit cannot be converted.

    Examples
    --------
    >>> from edgeclust.har_data.selection import select_channels
    >>> from edgeclust.har_data.watch import read_watch
    >>> card, recordings = select_channels(*read_watch(), ["gyro", "ax"])
    >>> card.channel_names, recordings[0].signal.shape[0]
    (['ax', 'wx', 'wy', 'wz'], 4)
    """
    kept: dict[int, Channel] = {}
    for each in wanted:
        for row in _find(card, each):
            kept[row] = card.channels[row] if isinstance(each, str) else each
    rows = sorted(kept)
    channels = tuple(kept[row] for row in rows)
    if channels == card.channels:
        return card, list(recordings)
    factors = np.array([_factor(card, row, kept[row]) for row in rows], np.float32)[:, None]
    return (
        replace(card, channels=channels),
        [replace(r, signal=np.ascontiguousarray(r.signal[rows]) * factors) for r in recordings],
    )


def _find(card: Card, wanted: str | Channel) -> list[int]:
    """Return the rows of a channel, or, if it is a text alone, of the channels of a kind."""
    name, units = (wanted, KINDS.get(wanted, ())) if isinstance(wanted, str) else (wanted.name, ())
    found = [
        row
        for row, channel in enumerate(card.channels)
        if channel.name == name or channel.unit in units
    ]
    if not found:
        raise DataError(
            f"no channel {name} in {card.name!r}; there are {', '.join(card.channel_names)}, "
            f"and the kinds {', '.join(KINDS)}"
        )
    return found


def _factor(card: Card, row: int, wanted: Channel) -> float:
    """Return what a channel is multiplied by to be in the unit wanted."""
    factor = unit_factor(card.channels[row].unit, wanted.unit)
    if factor is None:
        raise DataError(
            f"{card.name!r} has the channel {card.channels[row]}, wanted is {wanted}, and one "
            "unit is not known to be so much of the other: convert the recordings"
        )
    return factor


def resample(
    card: Card, recordings: Sequence[Recording], rate_hz: float
) -> tuple[Card, list[Recording]]:
    """Bring recordings to another rate; windows keep their seconds.

    Parameters
    ----------
    card : Card
        Says their rate.
    recordings : sequence of Recording
        Not modified. A missing sample takes others near it with it, as far as the anti-alias
        filter reaches; a label goes to the samples nearest in time.
    rate_hz : float
        Wanted, above 0, within a factor of 100 of the card's.

    Raises
    ------
    DataError
        If the rate is out of range.

    Examples
    --------
    >>> from edgeclust.har_data.selection import resample
    >>> from edgeclust.har_data.watch import read_watch
    >>> card, recordings = resample(*read_watch(), 25.0)
    >>> card.rate_hz, card.window, card.stride
    (25.0, 100, 50)
    """
    if not 0 < rate_hz < float("inf"):
        raise DataError(f"rate_hz should be above 0 Hz, got {rate_hz}")
    if rate_hz == card.rate_hz:
        return card, list(recordings)
    ratio = rate_hz / card.rate_hz
    slower = replace(
        card,
        rate_hz=rate_hz,
        window=max(1, round(card.window * ratio)),
        stride=max(1, round(card.stride * ratio)),
    )
    return slower, [_resampled(recording, card.rate_hz, rate_hz) for recording in recordings]


def _resampled(recording: Recording, from_hz: float, to_hz: float) -> Recording:
    """Bring one recording to another rate."""
    samples = change_rate(recording.signal.T.astype(np.float64), from_hz, to_hz)
    signal = np.ascontiguousarray(samples.T, dtype=np.float32)
    if recording.labels is None:
        return replace(recording, signal=signal)
    up, down = rate_ratio(from_hz, to_hz)
    nearest = np.rint(np.arange(len(samples)) * (down / up)).astype(np.intp)
    labels = recording.labels[np.minimum(nearest, len(recording.labels) - 1)]
    return replace(recording, signal=signal, labels=labels)
