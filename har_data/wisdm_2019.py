"""WISDM 2019: eighteen activities of 51 people, a phone in the pocket and a watch.

References
----------
Weiss, Yoneda and Hayajneh, "Smartphone and smartwatch-based biometrics using activities of daily
living", IEEE Access 7:133190-133202, 2019.
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

ARCHIVES = (
    "wisdm+smartphone+and+smartwatch+activity+and+biometrics+dataset.zip",
    "wisdm-dataset.zip",
)

CLASSES = {
    "A": "walking",
    "B": "jogging",
    "C": "stairs",
    "D": "sitting",
    "E": "standing",
    "F": "typing",
    "G": "teeth",
    "H": "soup",
    "I": "chips",
    "J": "pasta",
    "K": "drinking",
    "L": "sandwich",
    "M": "kicking",
    "O": "catch",
    "P": "dribbling",
    "Q": "writing",
    "R": "clapping",
    "S": "folding",
}
"""Names by the letters of the files; there is no N."""

MOUNTS = {"phone": "trouser pocket", "watch": "wrist"}

COLUMNS = ("user", "activity", "time", "x", "y", "z")


def read_wisdm_2019(
    root: Path | None = None, device: str = "phone"
) -> tuple[Card, list[Recording]]:
    """Read both sensors of a device; the gyroscope is put at the stamps of the accelerometer.

    Phone and watch have clocks of their own, so that they are two data sets.

    Parameters
    ----------
    root : Path, optional
        As `edgeclust.har_data.members.find_members` takes it.
    device : str
        ``phone`` or ``watch``.

    Returns
    -------
    card : Card
        20 Hz, accelerometer in g, brought from m/s^2, and gyroscope in rad/s.
    recordings : list of Recording
        One for each activity of each person that both sensors have, more where it has gaps;
        `session` is the activity.

    Raises
    ------
    DataError
        If the files are not there, or are other than the official ones.
    """
    card = Card(
        name=f"wisdm-2019-{device}",
        rate_hz=20.0,
        channels=(
            *(Channel(f"acc_{axis}", "g") for axis in "xyz"),
            *(Channel(f"gyro_{axis}", "rad/s") for axis in "xyz"),
        ),
        window=200,
        stride=200,
        classes=tuple(CLASSES.values()),
        mount=MOUNTS[device],
        source=f"UCI 507, raw/{device} (Weiss et al. 2019)",
    )
    files = f"raw/{device}/accel/data_*_accel_{device}.txt"
    with find_members("wisdm-2019", root, files, ARCHIVES) as members:
        return card, steady_recordings(card, members.where, _bouts(members, files))


def _bouts(members: Members, files: str) -> Iterator[Bout]:
    """Join the two files of one person after another, and say what only one of them has."""
    n_alone = 0
    for path in members.require(files):
        (other,) = members.require("/".join(path.split("/")[-4:]).replace("accel", "gyro"))
        subject = path.split("/")[-1].split("_")[1]
        acc = _read_blocks(members, path, 1 / STANDARD_GRAVITY)
        gyro = _read_blocks(members, other)
        n_alone += len(acc.keys() ^ gyro.keys())
        for label in sorted(acc.keys() & gyro.keys()):
            labels = np.full(len(acc[label][0]), label, np.int8)
            session = list(CLASSES.values())[label]
            yield join_in_time(Bout(*acc[label], labels, subject, session), *gyro[label])
    if n_alone:
        logger.warning(
            "%s: %d activities of a person have one of the two sensors only and are left out",
            *(members.where, n_alone),
        )


def _read_blocks(
    members: Members, path: str, to_unit: float = 1.0
) -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the seconds and the samples of a file by its activities."""
    table = read_columns(members, path, COLUMNS[2:], COLUMNS[:2], header=COLUMNS, end=";")
    labels = class_indices(f"{members.where}: {path}", table["activity"], CLASSES)
    times, samples = table["time"].to_numpy() / 1e9, table[[*"xyz"]].to_numpy() * to_unit
    return {
        int(label): (times[labels == label], samples[labels == label])
        for label in np.unique(labels)
    }
