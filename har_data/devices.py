"""The raw files of research accelerometers, by scikit-digital-health (extra ``devices``).

Nothing is changed in what a device recorded: where it was not worn is a column beside the
samples, and the calibration by gravity is worked out and told, not applied.

References
----------
van Hees, Fang, Langford, Assah, Mohammad, da Silva, Trenell, White, Wareham and Brage,
"Autocalibration of accelerometer data for free-living physical activity assessment using local
gravity and temperature", Journal of Applied Physiology 117(7):738-744, 2014.
"""

import warnings
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.card import Card, Channel
from edgeclust.errors import DataError
from edgeclust.extras import require_extra
from edgeclust.har_data.gt3x import read_gt3x
from edgeclust.har_data.source import counted_repairs
from edgeclust.har_data.stamped import Bout, StampedRecording, steady_recordings

READERS = {".cwa": "ReadCwa", ".bin": "ReadBin"}
"""Readers of scikit-digital-health by what a file ends in: Axivity and GENEActiv."""

GT3X = ".gt3x"
"""ActiGraph's, which scikit-digital-health reads no longer."""

STILL_S, STILL_SD_G = 10, 0.013
"""Seconds, and the most each axis may deviate within them, for a device to be at rest."""

CALIBRATION_HOURS = 12
"""Hours that a calibration takes at least."""

WEAR_S = 3600
"""Seconds that the detection of non-wear looks at."""


CALIBRATION_LINE, HEADER_BYTES = b"\nCalibration Data", 1 << 16
"""What a GENEActiv header has, and how far to look: the reader looks for it without end."""


@dataclass(frozen=True)
class Calibration:
    """What would make the acceleration at rest one g: ``(acceleration + offset) * scale``.

    Parameters
    ----------
    offset : tuple of 3 floats
        In g.
    scale : tuple of 3 floats
    before_g, after_g : float
        Mean distance from one g at rest, as recorded and once calibrated.
    """

    offset: tuple[float, ...]
    scale: tuple[float, ...]
    before_g: float
    after_g: float


@dataclass(frozen=True)
class DeviceData:
    """What the file of a device holds.

    Parameters
    ----------
    card : Card
    recordings : list of StampedRecording
        One for each stretch without a gap; each says when it began.
    columns : list of dict
        For each of them ``non_wear``, int8 array of shape (n_samples,): 1 where the device was
        not worn; empty where a stretch is too short to tell.
    calibration : Calibration or None
        None where there was too little rest, or in too few directions.
    """

    card: Card
    recordings: list[StampedRecording]
    columns: list[dict[str, NDArray[Any]]]
    calibration: Calibration | None


def is_device_file(path: Path) -> bool:
    """Tell whether a path is one of a device's file, by how it ends."""
    return path.suffix.lower() in (GT3X, *READERS)


def read_device(path: Path) -> DeviceData:
    """Read the file of a device.

    Parameters
    ----------
    path : Path
        An Axivity ``.cwa``, a GENEActiv ``.bin`` or an ActiGraph ``.gt3x``.

    Returns
    -------
    data : DeviceData
        Acceleration in g and, where there is one, angular rate in rad/s, at the rate the device
        was set to. The card does not know who wore it and where: say that in the folder.

    Raises
    ------
    DataError
        If the file is not there, damaged, or of a kind that is not read.
    MissingExtraError
        If scikit-digital-health is not installed.
    """
    if not path.is_file():
        raise DataError(f"{path}: is not there")
    suffix = path.suffix.lower()
    if suffix == ".bin" and CALIBRATION_LINE not in _head(path):
        raise DataError(f"{path}: is no GENEActiv file, its header has no calibration data")
    require_extra("devices", "the file of a device", ("skdh",))
    with counted_repairs(path, None) as counted:
        read = _read_gt3x if suffix == GT3X else _read_by_skdh
        card, recordings = read(path, counted)
    if not recordings:
        raise DataError(f"{path}: holds no two samples in a row")
    rate_hz = card.rate_hz
    return DeviceData(
        card,
        recordings,
        [_non_wear(recording.signal[:3], rate_hz, path) for recording in recordings],
        _calibration(np.concatenate([r.signal[:3] for r in recordings], axis=1), rate_hz, path),
    )


def _read_gt3x(path: Path, repairs: Counter[str]) -> tuple[Card, list[StampedRecording]]:
    """Read a file of ActiGraph's, whose seconds are whole and need no resampling."""
    rate_hz, stretches = read_gt3x(path, repairs)
    return _card(path, rate_hz, _named("acc", "g")), [
        StampedRecording(s.acceleration, "", path.stem, step_s=1 / rate_hz, start_s=s.start_s)
        for s in stretches
    ]


def _read_by_skdh(path: Path, repairs: Counter[str]) -> tuple[Card, list[StampedRecording]]:
    """Read one of the others."""
    found = _run("io", READERS[path.suffix.lower()], path, {}, file=str(path))
    channels, samples = _channels(found)
    card = _card(path, float(found["fs"]), channels)
    times = found["time"] - found["time"][0]
    labels = np.full(len(samples), -1, np.int8)
    bout = Bout(times, samples, labels, "", path.stem, origin_s=float(found["time"][0]))
    steady = steady_recordings(card, [bout], repairs)
    return card, [replace(recording, labels=None) for recording in steady]


def _card(path: Path, rate_hz: float, channels: tuple[Channel, ...]) -> Card:
    """Return what is known of a file, windows of ten seconds."""
    return Card(
        name=path.stem,
        rate_hz=rate_hz,
        channels=channels,
        window=max(2, round(10 * rate_hz)),
        stride=max(1, round(5 * rate_hz)),
        source=path.name,
    )


def _head(path: Path) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(HEADER_BYTES)


def _channels(found: dict[str, Any]) -> tuple[tuple[Channel, ...], NDArray[np.float64]]:
    """Name the columns of what was read, and put them side by side."""
    channels, samples = _named("acc", "g"), [np.asarray(found["accel"], np.float64)]
    if "gyro" in found:
        channels += _named("gyro", "rad/s")
        samples.append(np.deg2rad(found["gyro"]))
    return channels, np.concatenate(samples, axis=1)


def _named(sensor: str, unit: str) -> tuple[Channel, ...]:
    """Return the channels of a sensor."""
    return tuple(Channel(f"{sensor}_{axis}", unit) for axis in "xyz")


def _non_wear(acc: NDArray[np.float32], rate_hz: float, path: Path) -> dict[str, NDArray[Any]]:
    """Return where a stretch of acceleration, of shape (3, n_samples), was not worn."""
    n_samples = acc.shape[1]
    if n_samples < WEAR_S * rate_hz:
        return {}
    time = np.arange(n_samples) / rate_hz
    acceleration = np.ascontiguousarray(acc.T, np.float64)
    process = "AccelThresholdWearDetection"
    worn = _run("preprocessing", process, path, {}, time=time, accel=acceleration, fs=rate_hz)
    non_wear = np.ones(n_samples, np.int8)
    for start, stop in np.asarray(worn["wear"], np.intp):
        # The last of all is the index of a sample, the others are one beyond.
        non_wear[start : n_samples if stop >= n_samples - 1 else stop] = 0
    return {"non_wear": non_wear}


def _calibration(acc: NDArray[np.float32], rate_hz: float, path: Path) -> Calibration | None:
    """Return what makes acceleration of shape (3, n_samples) one g at rest."""
    n_samples = acc.shape[1]
    if n_samples < CALIBRATION_HOURS * 3600 * rate_hz:
        return None
    found = _run(
        "preprocessing",
        "CalibrateAccelerometer",
        path,
        {"min_hours": CALIBRATION_HOURS, "sd_criteria": STILL_SD_G},
        time=np.arange(n_samples) / rate_hz,
        accel=np.ascontiguousarray(acc.T, np.float64),
        fs=rate_hz,
        apply=False,
    )
    if "scale" not in found or np.all(found["scale"] == 1):
        return None
    length = round(STILL_S * rate_hz)
    blocks = acc[:, : n_samples // length * length].reshape(3, -1, length).astype(np.float64)
    still = (blocks.std(axis=2) < STILL_SD_G).all(axis=0)
    rest = blocks[:, still].mean(axis=2).T
    offset, scale = np.asarray(found["offset"]), np.asarray(found["scale"])
    before, after = (
        float(np.abs(np.linalg.norm(at_rest, axis=1) - 1).mean())
        for at_rest in (rest, (rest + offset) * scale)
    )
    return Calibration(tuple(offset.tolist()), tuple(scale.tolist()), before, after)


def _run(
    module: str, process: str, path: Path, settings: dict[str, Any], **data: Any
) -> dict[str, Any]:
    """Run a process of scikit-digital-health; what it warns of is said by this module."""
    from importlib import import_module

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = getattr(import_module(f"skdh.{module}"), process)(**settings)
        try:
            found: dict[str, Any] = run.predict(**data)
        except Exception as error:  # its readers raise whatever wrong bytes bring them to
            raise DataError(f"{path}: could not be read as a device's file: {error}") from error
    return found
