"""MotionSense as published: the device motion of all trials, which has no stamps."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members
from edgeclust.har_data.named_columns import read_columns
from edgeclust.har_data.source import Source

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


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Read one trial after another.

    The phone splits acceleration into ``gravity`` and ``userAcceleration``, both in g: here they
    are added up again, to what the accelerometer felt. The attitude is left out.
    """
    for path in paths:
        yield _read_file(members, path)


def _read_file(members: Members, path: str) -> Recording:
    """Read one trial of one person."""
    trial, file = path.split("/")[-2:]
    activity = class_indices(f"{members.where}: {path}", [trial.split("_")[0]], CLASSES)
    gravity, user, gyro = np.hsplit(read_columns(members, path, COLUMNS)[COLUMNS].to_numpy(), 3)
    signal = np.concatenate([gravity + user, gyro], axis=1, dtype=np.float32).T
    labels = np.full(len(gyro), activity[0])
    subject = file.removeprefix("sub_").removesuffix(".csv")
    return Recording(np.ascontiguousarray(signal), subject, trial, labels)


SOURCE = Source(
    CARD,
    what="six activities of 24 people, a phone in the front pocket of the trousers",
    pattern=FILES,
    archives=ARCHIVES,
    read=_recordings,
    citation='Malekzadeh, Clegg, Cavallaro and Haddadi, "Mobile sensor data anonymization", '
    "IoTDI 2019, 49-58",
)
"""360 trials; `session` is their folder, as in ``dws_11``."""
