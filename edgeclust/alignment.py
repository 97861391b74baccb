"""Gravity alignment: turn each wearer's sensor the way the reference sensor sits."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.card import Channel
from edgeclust.dataset import WindowedDataset
from edgeclust.errors import DataError
from edgeclust.units import IN_G, IN_RAD_S

RIGID_MOUNTS = ("waist", "chest", "thigh")
"""Where a sensor's mean direction under gravity is the same for everybody who wears it alike."""

MOVING = 0.12
"""Standard deviation of the acceleration's norm, over its mean (about 1 g), that is movement."""

SUSTAINED_S = 6.0
"""Seconds that movement has to last before its windows tell where gravity is."""

MEMORY_S = 600.0
"""Seconds of movement that a device's estimate is the mean of, about, at most."""

_ONES = np.ones(3)
_SKEW = np.cross(np.eye(3)[None], np.eye(3)[:, None]).reshape(3, 9)  # v times it crosses by v


@dataclass(frozen=True)
class Unit:
    """One tri-axial sensor among the channels.

    Parameters
    ----------
    acceleration : tuple of int
        Indices of the accelerometer's x, y and z.
    rotation : tuple of int
        Indices of the gyroscope's x, y and z; empty where there is none.
    """

    acceleration: tuple[int, ...]
    rotation: tuple[int, ...]


def find_units(channels: Sequence[Channel]) -> tuple[Unit, ...]:
    """Find the tri-axial accelerometers among channels, each with its gyroscope.

    Three channels of one unit whose names differ in one letter, x, y or z, are one sensor. The
    first gyroscope goes with the first accelerometer, and so on.

    Parameters
    ----------
    channels : sequence of Channel
        All channels of a window.

    Raises
    ------
    DataError
        If there is no tri-axial accelerometer, or gyroscopes for some of several only.

    Examples
    --------
    >>> from edgeclust import Channel
    >>> from edgeclust.alignment import find_units
    >>> find_units([*(Channel(f"a{axis}", "g") for axis in "xyz"), Channel("pulse", "1/min")])
    (Unit(acceleration=(0, 1, 2), rotation=()),)
    """
    names = ", ".join(map(str, channels))
    accelerometers = [triple for unit in IN_G for triple in _triples(channels, unit)]
    gyroscopes = [triple for unit in IN_RAD_S for triple in _triples(channels, unit)]
    if not accelerometers:
        raise DataError(
            f"gravity alignment needs x, y and z of an accelerometer in {', '.join(IN_G)}, "
            f"got the channels {names}: use --align none"
        )
    if gyroscopes and len(gyroscopes) != len(accelerometers):
        raise DataError(
            f"gravity alignment cannot tell which of {len(accelerometers)} accelerometers each of "
            f"{len(gyroscopes)} gyroscopes belongs to, in the channels {names}: use --align none"
        )
    rotations = sorted(gyroscopes) or [()] * len(accelerometers)
    return tuple(
        Unit(triple, rotation)
        for triple, rotation in zip(sorted(accelerometers), rotations, strict=True)
    )


def _triples(channels: Sequence[Channel], unit: str) -> list[tuple[int, ...]]:
    """Return the indices of x, y and z of each sensor of one unit."""
    letter = re.compile(r"[xyz]", re.IGNORECASE)
    found: dict[str, dict[str, int]] = {}
    for index, channel in enumerate(channels):
        if channel.unit == unit:
            for hit in letter.finditer(channel.name):
                rest = f"{channel.name[: hit.start()]}?{channel.name[hit.end() :]}"
                found.setdefault(rest, {})[hit.group().lower()] = index
    return [tuple(axes[axis] for axis in "xyz") for axes in found.values() if len(axes) == 3]


class GravityEstimate:
    """Where gravity points in each unit, from sustained movement; four numbers of state a unit.

    At rest a wearer may sit, stand or lie, and gravity says which. While they walk or run they
    are upright, whoever they are: the mean acceleration over sustained movement is gravity as the
    sensor sits.

    Parameters
    ----------
    units : sequence of Unit
        The accelerometers.
    rate_hz : float
        Samples a second.
    window, stride : int
        Length of a window and the step between two, in samples.
    memory_s : float
        Seconds of movement after which the older fades, so that a device that was put on anew, or
        was worn while cycling, finds back. Infinity, the plain mean, suits a recording.

    Attributes
    ----------
    total : list of list of float
        For each unit the sum of the mean accelerations (x, y, z) of the windows taken, in the
        channels' unit.
    count : list of int
        How many those are, at most as many as `memory_s` has.
    """

    # Plain numbers: of so few, numpy takes several times as long.
    total: list[list[float]]
    count: list[int]

    def __init__(
        self,
        units: Sequence[Unit],
        rate_hz: float,
        window: int,
        stride: int,
        *,
        memory_s: float = np.inf,
    ) -> None:
        self.units = units
        self._channels = [_channels(unit) for unit in units]
        self._mean = np.full(window, 1 / window)  # times the samples of a window
        self._most = max(1.0, memory_s * rate_hz / stride)
        more = max(0.0, SUSTAINED_S * rate_hz - window)
        self.n_in_a_row = 1 + int(np.ceil(more / stride))
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.total = [[0.0, 0.0, 0.0] for _ in self.units]
        self.count = [0] * len(self.units)
        self.restart()

    def update(self, window: NDArray[np.float32]) -> bool:
        """Take the next window of the stream; return whether it changed the estimate.

        Parameters
        ----------
        window : float32 array of shape (n_channels, window)
            Finite, in the channels' units, as the sensor gave it. Not modified.
        """
        changed = False
        for unit, channels in enumerate(self._channels):
            acceleration = window[channels]
            if self._lasts(unit, self._moves(acceleration)):
                self._add(unit, acceleration.astype(np.float64).dot(self._mean).tolist())
                changed = True
        return changed

    def _lasts(self, unit: int, moves: bool) -> bool:
        """Say whether the wearer has moved for long enough now, from whether in the next window."""
        n_in_a_row = min(self._in_a_row[unit] + 1, self.n_in_a_row) if moves else 0
        self._in_a_row[unit] = n_in_a_row
        return n_in_a_row == self.n_in_a_row

    def _add(self, unit: int, mean: list[float]) -> None:
        """Take the mean acceleration of another window; older ones fade where they are many."""
        count, kept = self.count[unit], 1.0
        if count + 1 > self._most:
            kept = 1 - 1 / count
        else:
            self.count[unit] = count + 1
        before = self.total[unit]
        self.total[unit] = [x * kept + new for x, new in zip(before, mean, strict=True)]

    def _moves(self, acceleration: NDArray[np.float32]) -> bool:
        """Say whether the wearer moves in a window, (3, window)."""
        # Sums by dot, which costs a device a fraction of what np.sum does.
        norm = np.sqrt(_ONES.dot(np.multiply(acceleration, acceleration, dtype=np.float64)))
        mean = float(norm.dot(self._mean))
        variance = float(norm.dot(norm)) / len(norm) - mean * mean
        return bool(_is_movement(mean, variance))

    def follow(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Take the next windows of the stream; return what was estimated after each.

        Parameters
        ----------
        windows : float32 array of shape (n_windows, n_channels, window)
            As `update` takes them, one after the other without a gap. Not modified.

        Returns
        -------
        gravity : float64 array of shape (n_windows, n_units, 3)
            As `gravity` returns it after each window.
        """
        gravity = np.empty((len(windows), len(self.units), 3))
        for unit, channels in enumerate(self._channels):
            acceleration = windows[:, channels].astype(np.float64)
            norm = np.sqrt((acceleration * acceleration).sum(axis=1))
            mean = norm @ self._mean
            variance = np.einsum("ns,ns->n", norm, norm) / norm.shape[1] - mean * mean
            moves = _is_movement(mean, variance)
            means = (acceleration @ self._mean).tolist()
            known = self.means()[unit]
            after = []
            for moving, mean_here in zip(moves.tolist(), means, strict=True):
                if self._lasts(unit, moving):
                    self._add(unit, mean_here)
                    known = [x / self.count[unit] for x in self.total[unit]]
                after.append(known)
            gravity[:, unit] = after
        return gravity

    def restart(self) -> None:
        """Forget the movement under way, as after a gap; what was estimated stays."""
        self._in_a_row = [0] * len(self.units)

    def gravity(self) -> NDArray[np.float64]:
        """Return gravity in each unit, of shape (n_units, 3); NaN where nothing moved so far."""
        return np.array(self.means())

    def means(self) -> list[list[float]]:
        """Return what `gravity` does, in plain numbers."""
        sums = zip(self.total, self.count, strict=True)
        return [[x / (n or math.nan) for x in total] for total, n in sums]

    def fields(self) -> dict[str, NDArray[Any]]:
        """Return what outlasts a restart, as copies: the four numbers of each unit."""
        return {"total": np.array(self.total, "<f8"), "count": np.array(self.count, "<i8")}

    def restore(self, fields: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `fields` returned; no movement is under way then.

        Parameters
        ----------
        fields : mapping of str to array
            ``total``, float64 of shape (n_units, 3), and ``count``, int64 of shape (n_units,).
            Not modified.

        Raises
        ------
        DataError
            If a sum is not finite or a count is below 0.
        """
        total, count = fields["total"], fields["count"]
        if not np.isfinite(total).all() or (count < 0).any():
            raise DataError(
                f"gravity should be finite sums of 0 windows or more, got {total.tolist()} of "
                f"{count.tolist()}"
            )
        self.total, self.count = total.tolist(), count.tolist()
        self.restart()


@dataclass(frozen=True)
class GravityAlignment:
    """The rotation and the scale of each unit onto a reference, from where gravity points in it.

    Only for rigid mountings, whose mean direction under gravity is the same for everybody: waist,
    chest or thigh. At a wrist it takes away the posture that tells activities apart.

    Parameters
    ----------
    units : tuple of Unit
        The tri-axial sensors.
    reference : tuple of tuple of float
        Gravity in each unit on average over the training recordings, in the channels' unit.

    Examples
    --------
    A sensor that hangs upside down is turned; one that measures 2 % too much is scaled.

    >>> import numpy as np
    >>> from edgeclust.alignment import GravityAlignment, Unit
    >>> alignment = GravityAlignment((Unit((0, 1, 2), ()),), ((0.0, 0.0, 1.0),))
    >>> matrix = alignment.matrix(np.array([[0.0, 0.0, -1.02]]), n_channels=3)
    >>> (matrix @ [0.0, 0.0, -1.02]).round(6).tolist()
    [0.0, 0.0, 1.0]
    """

    units: tuple[Unit, ...]
    reference: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Check what the matrix relies on."""
        triples = [*self.reference, *(unit.acceleration for unit in self.units)]
        triples += [unit.rotation for unit in self.units if unit.rotation]
        if len(self.reference) != len(self.units) or {3} != {len(triple) for triple in triples}:
            raise ValueError("alignment should have x, y and z of a reference for each unit")
        if not all(0 < np.linalg.norm(axes) < np.inf for axes in self.reference):
            raise ValueError(f"reference should have some length, got {self.reference}")

    @property
    def channels(self) -> set[int]:
        """Indices of the channels that are turned."""
        return {index for unit in self.units for index in (*unit.acceleration, *unit.rotation)}

    def matrix(self, gravity: NDArray[np.float64], n_channels: int) -> NDArray[np.float32]:
        """Return what aligned windows are: this matrix times the windows as they came.

        Parameters
        ----------
        gravity : float array of shape (..., n_units, 3)
            As `GravityEstimate.gravity` or `follow` returns it; a unit of NaN stays as it is.
        n_channels : int
            Channels of a window.

        Returns
        -------
        matrix : float32 array of shape (..., n_channels, n_channels)
        """
        if gravity.ndim == 2:
            return self.matrix_of(gravity.tolist(), n_channels)
        shape = *gravity.shape[:-2], n_channels, n_channels
        matrix = np.broadcast_to(np.eye(n_channels, dtype=np.float32), shape).copy()
        for unit, reference in enumerate(self.reference):
            here, there = gravity[..., unit, :], np.array(reference)
            length, target = np.linalg.norm(here, axis=-1), float(np.linalg.norm(there))
            known = np.nonzero(length > 0)
            turn = _rotations(here[known] / length[known][:, None], there / target)
            for channels, scale in (
                (self.units[unit].acceleration, (target / length[known])[:, None, None]),
                (self.units[unit].rotation, 1.0),
            ):
                if channels:  # or there is no gyroscope
                    rows, columns = np.ix_(channels, channels)
                    matrix[(*(i[:, None, None] for i in known), rows, columns)] = scale * turn
        return matrix

    def matrix_of(self, means: list[list[float]], n_channels: int) -> NDArray[np.float32]:
        """Return `matrix` of one estimate, for a device as soon as it can be had.

        Parameters
        ----------
        means : list of list of float
            As `GravityEstimate.means` returns it.
        n_channels : int
            Channels of a window.

        Returns
        -------
        matrix : float32 array of shape (n_channels, n_channels)
        """
        numbers = np.array(self._numbers(means, n_channels), np.float32)
        return numbers.reshape(n_channels, n_channels)

    @cached_property
    def _targets(self) -> list[tuple[Unit, float, list[float]]]:
        """Each unit with the length of its reference, and the direction."""
        lengths = [math.hypot(*there) for there in self.reference]
        directions = [
            [x / length for x in there]
            for there, length in zip(self.reference, lengths, strict=True)
        ]
        return [*zip(self.units, lengths, directions, strict=True)]

    def _numbers(self, gravity: list[list[float]], n_channels: int) -> list[float]:
        """Return one matrix row by row: of so few numbers numpy takes several times as long."""
        numbers = [0.0] * n_channels**2
        numbers[:: n_channels + 1] = [1.0] * n_channels
        for (unit, target, there), here in zip(self._targets, gravity, strict=True):
            length = math.hypot(*here)
            if not length > 0:  # NaN: nothing is known of it yet
                continue
            turn = _rotation([x / length for x in here], there)
            for channels, scale in ((unit.acceleration, target / length), (unit.rotation, 1.0)):
                if not channels:  # no gyroscope
                    continue
                a, b, c = channels
                for channel, (x, y, z) in zip(channels, turn, strict=True):
                    row = channel * n_channels
                    numbers[row + a] = scale * x
                    numbers[row + b] = scale * y
                    numbers[row + c] = scale * z
        return numbers

    def to_json(self) -> dict[str, Any]:
        """Return the object that a model file and a run hold."""
        return {"units": [asdict(unit) for unit in self.units], "reference": self.reference}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "GravityAlignment":
        """Read the object that `to_json` returns.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is none.
        """
        units = tuple(
            Unit(
                tuple(int(index) for index in unit["acceleration"]),
                tuple(int(index) for index in unit["rotation"]),
            )
            for unit in content["units"]
        )
        reference = tuple(tuple(float(x) for x in axes) for axes in content["reference"])
        return cls(units, reference)


def fit_alignment(dataset: WindowedDataset) -> GravityAlignment:
    """Return the alignment whose reference is the mean gravity of a data set's sessions.

    Parameters
    ----------
    dataset : WindowedDataset
        Training recordings; their labels are not looked at.

    Raises
    ------
    DataError
        If the channels hold no accelerometer, or nobody moves for long enough.
    """
    units = find_units(dataset.card.channels)
    gravity = np.array([*session_gravity(dataset, units).values()])
    there = np.isfinite(gravity).all(axis=2)
    if not there.any(axis=0).all():
        raise DataError(
            f"gravity alignment needs {SUSTAINED_S:.0f} s of movement at a time, and no recording "
            f"of {dataset.card.name!r} has them: use --align none"
        )
    reference = [gravity[there[:, unit], unit].mean(axis=0) for unit in range(len(units))]
    return GravityAlignment(units, tuple(tuple(axes.tolist()) for axes in reference))


def align(dataset: WindowedDataset, alignment: GravityAlignment) -> WindowedDataset:
    """Return a data set whose recordings are turned onto a reference, each session as a whole.

    Parameters
    ----------
    dataset : WindowedDataset
        Recordings as the sensors gave them. Not modified.
    alignment : GravityAlignment
        Of the same channels.

    Returns
    -------
    aligned : WindowedDataset
        The same windows; a session in which nobody moves for long enough stays as it is.
    """
    n_channels = len(dataset.card.channels)
    matrices = {
        session: alignment.matrix(gravity, n_channels)
        for session, gravity in session_gravity(dataset, alignment.units).items()
    }
    as_it_is = np.eye(n_channels, dtype=np.float32)  # a session without a window
    recordings = [
        replace(r, signal=matrices.get((r.subject, r.session), as_it_is) @ r.signal)
        for r in dataset.recordings
    ]
    return dataset.with_recordings(recordings)


def session_gravity(
    dataset: WindowedDataset, units: Sequence[Unit]
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Estimate gravity in each session of each subject over all of its windows.

    Parameters
    ----------
    dataset : WindowedDataset
        Recordings of one subject and session belong together, in their order.
    units : sequence of Unit
        The accelerometers.

    Returns
    -------
    gravity : dict
        Arrays of shape (n_units, 3) by (subject, session); NaN where nobody moved.
    """
    card = dataset.card
    estimates: dict[tuple[str, str], GravityEstimate] = {}
    for source, windows in groupby(range(len(dataset)), dataset.recording_indices.__getitem__):
        recording = dataset.recordings[source]
        estimate = estimates.setdefault(
            (recording.subject, recording.session),
            GravityEstimate(units, card.rate_hz, card.window, card.stride),
        )
        estimate.restart()
        for start in dataset.starts[list(windows)]:
            estimate.update(recording.signal[:, start : start + card.window])
    return {session: estimate.gravity() for session, estimate in estimates.items()}


def _is_movement(mean: Any, variance: Any) -> Any:
    """Tell movement by mean and variance of the acceleration's norm, of a window or of many."""
    return variance > (MOVING * mean) ** 2


def _channels(unit: Unit) -> slice | list[int]:
    """Return what picks the accelerometer of a window: a view where its channels are in a row."""
    first, *_ = unit.acceleration
    if unit.acceleration == (first, first + 1, first + 2):
        return slice(first, first + 3)
    return [*unit.acceleration]


def _rotation(here: list[float], there: list[float]) -> list[list[float]]:
    """Return the rows of the smallest rotation of one unit vector onto another."""
    (a, b, c), (d, e, f) = here, there
    cosine = a * d + b * e + c * f
    if cosine < -1 + 1e-9:  # half a turn about any axis across
        across = np.cross(here, np.eye(3)[np.argmin(np.abs(here))])
        across /= np.linalg.norm(across)
        half: list[list[float]] = (2 * np.outer(across, across) - np.eye(3)).tolist()
        return half
    x, y, z = b * f - c * e, c * d - a * f, a * e - b * d
    share = 1 / (1 + cosine)
    u, v, w = share * x, share * y, share * z
    return [
        [cosine + u * x, u * y - z, u * z + y],
        [v * x + z, cosine + v * y, v * z - x],
        [w * x - y, w * y + x, cosine + w * z],
    ]


def _rotations(here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what `_rotation` does for unit vectors of shape (n, 3) onto one, (n, 3, 3)."""
    cosine = here @ there
    across = (here @ _SKEW).reshape(-1, 3, 3) @ there
    half_turn = cosine < -1 + 1e-9
    share = 1 / np.where(half_turn, 1.0, 1 + cosine)
    turn = (share[:, None] * across)[:, :, None] * across[:, None]
    turn += (across @ _SKEW).reshape(-1, 3, 3) + cosine[:, None, None] * np.eye(3)
    for index in np.flatnonzero(half_turn):
        turn[index] = _rotation(here[index].tolist(), there.tolist())
    return turn
