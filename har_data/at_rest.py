"""Whether accelerometers feel 1 g where nothing moves: where not, their units are doubtful."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeclust.alignment import find_units
from edgeclust.card import Card
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.units import IN_G

STILL = 0.05
"""Standard deviation of each axis up to which a second is still: in g, or as a part of the mean,
so that values in other units than g are found still too."""

EXPECTED_G = (0.85, 1.15)
"""What an accelerometer in g reads at rest, with its errors of offset and scale."""

NO_GRAVITY_G = 0.3
"""Below this nothing is left of gravity but errors."""


@dataclass(frozen=True)
class AtRest:
    """What a tri-axial accelerometer feels where nothing moves.

    Parameters
    ----------
    channels : tuple of str
        Its x, y and z.
    still_s : int
        Seconds in which all three hold still.
    norm_g : float or None
        Median over those seconds of the norm of the mean, in g by the card; None where there are
        none.
    unit : str
        What the card says the values are in.
    """

    channels: tuple[str, ...]
    still_s: int
    norm_g: float | None
    unit: str = "g"

    @property
    def doubt(self) -> str:
        """What is wrong if it feels other than 1 g, and the likely cause; empty where it does."""
        if self.norm_g is None or EXPECTED_G[0] <= self.norm_g <= EXPECTED_G[1]:
            return ""
        named, norm_g = ", ".join(self.channels), float(f"{self.norm_g:.3g}")
        return f"{named}: {norm_g:g} g at rest, 1 g is expected: {self._cause()}"

    def _cause(self) -> str:
        """Return what is likely the cause of another norm."""
        assert self.norm_g is not None
        norm = self.norm_g / IN_G[self.unit]  # as the values have it
        for unit in ("g", "m/s²", "mg"):
            if EXPECTED_G[0] <= norm * IN_G[unit] <= EXPECTED_G[1]:
                return f"the values seem to be in {unit}"
        if self.norm_g < NO_GRAVITY_G:
            return "gravity seems to be removed, or the values to be converted to g twice"
        return "the values seem to be of another scale"


def find_at_rest(card: Card, recordings: Sequence[Recording]) -> list[AtRest]:
    """Measure every tri-axial accelerometer over the seconds in which it holds still.

    Parameters
    ----------
    card : Card
        Names the channels with their units.
    recordings : sequence of Recording
        Not modified; seconds that hold NaN or infinity do not count.

    Returns
    -------
    sensors : list of AtRest
        In the order of the channels; none where no three channels belong together, x, y and z,
        in one of the units of `IN_G`.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust import Card, Channel
    >>> from edgeclust.dataset import Recording
    >>> from edgeclust.har_data.at_rest import find_at_rest
    >>> card = Card("toy", 10.0, tuple(Channel(f"a{axis}", "g") for axis in "xyz"), 2, 2)
    >>> lying = np.tile(np.float32([[0.0], [-1.0], [0.0]]), 30)
    >>> find_at_rest(card, [Recording(lying, "1", "1")])
    [AtRest(channels=('ax', 'ay', 'az'), still_s=3, norm_g=1.0, unit='g')]
    """
    known = [index for index, channel in enumerate(card.channels) if channel.unit in IN_G]
    try:
        units = find_units([card.channels[index] for index in known])
    except DataError:  # no three of them belong together
        return []
    return [
        _measure(card, recordings, [known[axis] for axis in unit.acceleration]) for unit in units
    ]


def _measure(card: Card, recordings: Sequence[Recording], rows: list[int]) -> AtRest:
    """Measure one accelerometer."""
    unit = card.channels[rows[0]].unit
    length = math.ceil(card.rate_hz)
    norms = []
    for recording in recordings:
        signal = recording.signal
        n_whole = signal.shape[1] // length
        seconds = signal[rows, : n_whole * length].reshape(3, n_whole, length)
        with np.errstate(invalid="ignore", over="ignore"):  # infinity is compared as NaN is
            norm = np.linalg.norm(seconds.mean(axis=2, dtype=np.float64), axis=0) * IN_G[unit]
            spread = seconds.std(axis=2, dtype=np.float64).max(axis=0) * IN_G[unit]
            norms.append(norm[spread <= STILL * np.maximum(norm, 1)])
    still = np.concatenate([np.empty(0), *norms])
    return AtRest(
        channels=tuple(card.channel_names[row] for row in rows),
        still_s=len(still),
        norm_g=float(np.median(still)) if len(still) else None,
        unit=unit,
    )
