"""Some channels of recordings, and recordings at another rate."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeclust.alignment import ACCELERATION, TURNING
from edgeclust.card import Card
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.timeline import change_rate
from edgeclust.resampling import rate_ratio

KINDS = {"acc": ACCELERATION, "gyro": TURNING}
"""Units of the channels of a kind."""


def select_channels(
    card: Card, recordings: Sequence[Recording], wanted: Sequence[str]
) -> tuple[Card, list[Recording]]:
    """Keep some channels, in the order of the card.

    Parameters
    ----------
    card : Card
        Names the channels.
    recordings : sequence of Recording
        Not modified.
    wanted : sequence of str
        Names of channels, or kinds: ``acc`` for all accelerations, ``gyro`` for all angular
        rates.

    Raises
    ------
    DataError
        If there is no such channel, or none of the kind.

    Examples
    --------
    >>> from edgeclust.har_data.selection import select_channels
    >>> from edgeclust.har_data.watch import read_watch
    >>> card, recordings = select_channels(*read_watch(), ["gyro", "ax"])
    >>> card.channel_names, recordings[0].signal.shape[0]
    (['ax', 'wx', 'wy', 'wz'], 4)
    """
    kept: set[int] = set()
    for name in wanted:
        found = [
            index
            for index, channel in enumerate(card.channels)
            if channel.name == name or channel.unit in KINDS.get(name, ())
        ]
        if not found:
            raise DataError(
                f"no channel {name} in {card.name!r}; there are {', '.join(card.channel_names)}, "
                f"and the kinds {', '.join(KINDS)}"
            )
        kept.update(found)
    rows = sorted(kept)
    if len(rows) == len(card.channels):
        return card, list(recordings)
    return (
        replace(card, channels=tuple(card.channels[row] for row in rows)),
        [replace(r, signal=np.ascontiguousarray(r.signal[rows])) for r in recordings],
    )


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
