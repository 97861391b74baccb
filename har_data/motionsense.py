"""MotionSense: six activities of 24 people, a phone in the front pocket of the trousers.

References
----------
Malekzadeh, Clegg, Cavallaro and Haddadi, "Mobile sensor data anonymization", IoTDI 2019, 49-58.
"""

from pathlib import Path

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members, find_members
from edgeclust.har_data.named_columns import read_columns

ARCHIVES = ("A_DeviceMotion_data.zip", "motion-sense-master.zip")

FILES = "A_DeviceMotion_data/*_*/sub_*.csv"

CLASSES = {
    "dws": "downstairs",
    "ups": "upstairs",
    "wlk": "walking",
    "jog": "jogging",
    "sit": "sitting",
    "std": "standing",
}
"""Names by what the folders begin with."""

COLUMNS = [
    f"{kind}.{axis}" for kind in ("gravity", "userAcceleration", "rotationRate") for axis in "xyz"
]

CARD = Card(
    name="motionsense",
    rate_hz=50.0,
    channels=(
        *(Channel(f"acc_{axis}", "g") for axis in "xyz"),
        *(Channel(f"gyro_{axis}", "rad/s") for axis in "xyz"),
    ),
    window=128,
    stride=64,
    classes=tuple(CLASSES.values()),
    mount="trouser pocket",
    source="MotionSense, A_DeviceMotion_data (Malekzadeh et al. 2019)",
    licence="MIT",
)


def read_motionsense(root: Path | None = None) -> tuple[Card, list[Recording]]:
    """Read the device motion of all trials; the files have no time stamps.

    The phone splits acceleration into ``gravity`` and ``userAcceleration``, both in g: here they
    are added up again, to what the accelerometer felt. The attitude is left out.

    Parameters
    ----------
    root : Path, optional
        As `edgeclust.har_data.members.find_members` takes it.

    Returns
    -------
    card : Card
        50 Hz, total acceleration in g and rotation rate in rad/s.
    recordings : list of Recording
        One for each file, 360 in all; `session` is its folder, as in ``dws_11``.

    Raises
    ------
    DataError
        If the files are not there, or are other than the official ones.
    """
    with find_members("motionsense", root, FILES, ARCHIVES) as members:
        return CARD, [_read_file(members, path) for path in members.require(FILES)]


def _read_file(members: Members, path: str) -> Recording:
    """Read one trial of one person."""
    trial, file = path.split("/")[-2:]
    activity = class_indices(f"{members.where}: {path}", [trial.split("_")[0]], CLASSES)
    gravity, user, gyro = np.hsplit(read_columns(members, path, COLUMNS)[COLUMNS].to_numpy(), 3)
    signal = np.concatenate([gravity + user, gyro], axis=1, dtype=np.float32).T
    labels = np.full(len(gyro), activity[0])
    subject = file.removeprefix("sub_").removesuffix(".csv")
    return Recording(np.ascontiguousarray(signal), subject, trial, labels)
