"""HHAR: six activities of nine people, eight phones at the waist and four watches at once.

References
----------
Stisen, Blunck, Bhattacharya, Prentow, Kjaergaard, Dey, Sonne and Jensen, "Smart devices are
different: assessing and mitigating mobile sensing heterogeneities for activity recognition",
SenSys 2015.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members, find_members
from edgeclust.har_data.named_columns import read_columns
from edgeclust.har_data.stamped import Bout, join_in_time, steady_recordings
from edgeclust.har_data.units import STANDARD_GRAVITY

logger = logging.getLogger(__name__)

ARCHIVES = ("heterogeneity+activity+recognition.zip", "Activity recognition exp.zip")

FILES = "Activity recognition exp/{}_{}.csv"

CLASSES = {
    "bike": "cycling",
    "sit": "sitting",
    "stand": "standing",
    "walk": "walking",
    "stairsup": "upstairs",
    "stairsdown": "downstairs",
}
"""Names by the words of the files."""

CARD = Card(
    name="hhar",
    rate_hz=50.0,
    channels=(
        *(Channel(f"acc_{axis}", "g") for axis in "xyz"),
        *(Channel(f"gyro_{axis}", "rad/s") for axis in "xyz"),
    ),
    window=100,
    stride=50,
    classes=tuple(CLASSES.values()),
    mount="waist (phones), wrists (watches)",
    source="UCI 344, activity recognition (Stisen et al. 2015)",
)

Stream = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int8]]
"""Seconds, samples and labels of one sensor of a device worn by a person."""


def read_hhar(root: Path | None = None) -> tuple[Card, list[Recording]]:
    """Read every device of every person as a stream of its own, all at the lowest of their rates.

    The devices sample at 50 to 200 Hz. Stamps are those of ``Creation_Time``; the gyroscope is
    put at those of the accelerometer.

    Parameters
    ----------
    root : Path, optional
        As `edgeclust.har_data.members.find_members` takes it.

    Returns
    -------
    card : Card
        50 Hz, accelerometer in g, brought from m/s^2, and gyroscope in rad/s.
    recordings : list of Recording
        One for each stretch without a gap; `session` is the device, as in ``nexus4_1``. The
        devices were worn at once: a person's recordings are many views of the same minutes.

    Raises
    ------
    DataError
        If the files are not there, or are other than the official ones.
    """
    marker = FILES.format("Phones", "accelerometer")
    with find_members("hhar", root, marker, ARCHIVES) as members:
        return CARD, steady_recordings(CARD, members.where, _bouts(members))


def _bouts(members: Members) -> Iterator[Bout]:
    """Join the two files of a kind of device, and say what only one of them has."""
    n_alone = 0
    for kind in ("Phones", "Watch"):
        acc, gyro = (
            _read_streams(members, FILES.format(kind, sensor))
            for sensor in ("accelerometer", "gyroscope")
        )
        n_alone += len(acc.keys() ^ gyro.keys())
        for person, device in sorted(acc.keys() & gyro.keys()):
            times, samples, labels = acc[person, device]
            bout = Bout(times, samples / STANDARD_GRAVITY, labels, person, device)
            yield join_in_time(bout, *gyro[person, device][:2])
    if n_alone:
        logger.warning(
            "%s: %d devices of a person have one of the two sensors only and are left out",
            *(members.where, n_alone),
        )


def _read_streams(members: Members, file: str) -> dict[tuple[str, str], Stream]:
    """Return the streams of a file by person and device."""
    (path,) = members.require(file)
    table = read_columns(members, path, ["Creation_Time", *"xyz"], ["User", "Device", "gt"])
    table["gt"] = class_indices(f"{members.where}: {path}", table["gt"], CLASSES, "null")
    streams: dict[tuple[str, str], Stream] = {}
    for (person, device), own in table.groupby(["User", "Device"], observed=True):
        times = own["Creation_Time"].to_numpy() / 1e9
        streams[str(person), str(device)] = (times, own[[*"xyz"]].to_numpy(), own["gt"].to_numpy())
    return streams
