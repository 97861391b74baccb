"""WISDM 2019 as published, phone and watch: with clocks of their own they are two data sets."""

from collections import Counter
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members
from edgeclust.har_data.named_columns import read_columns
from edgeclust.har_data.source import Source
from edgeclust.har_data.stamped import ONE_SENSOR, Bout, join_in_time, steady_recordings
from edgeclust.units import STANDARD_GRAVITY

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

COLUMNS = ("user", "activity", "time", "x", "y", "z")


def _recordings(
    card: Card, members: Members, paths: list[str], repairs: Counter[str]
) -> Iterator[Recording]:
    """Join both sensors of a device; the gyroscope is put at the accelerometer's stamps."""
    return steady_recordings(card, _bouts(members, paths, repairs), repairs)


def _bouts(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Bout]:
    """Join the two files of one person after another, and count what only one of them has."""
    for path in paths:
        (other,) = members.require("/".join(path.split("/")[-4:]).replace("accel", "gyro"))
        subject = path.split("/")[-1].split("_")[1]
        acc = _read_blocks(members, path, 1 / STANDARD_GRAVITY)
        gyro = _read_blocks(members, other)
        repairs[ONE_SENSOR] += len(acc.keys() ^ gyro.keys())
        for label in sorted(acc.keys() & gyro.keys()):
            labels = np.full(len(acc[label][0]), label, np.int8)
            session = list(CLASSES.values())[label]
            yield join_in_time(Bout(*acc[label], labels, subject, session), *gyro[label])


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


def _source(device: str, mount: str) -> Source:
    """Return the data set of one device."""
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
        mount=mount,
        source=f"UCI 507, raw/{device} (Weiss et al. 2019)",
    )
    return Source(
        card,
        what=f"eighteen activities of 51 people, a {device} at the {mount}",
        pattern=f"raw/{device}/accel/data_*_accel_{device}.txt",
        archives=ARCHIVES,
        read=partial(_recordings, card),
        citation='Weiss, Yoneda and Hayajneh, "Smartphone and smartwatch-based biometrics using '
        'activities of daily living", IEEE Access 7:133190-133202, 2019',
        folder="wisdm-2019",
    )


SOURCES = (_source("phone", "trouser pocket"), _source("watch", "wrist"))
"""A recording for each activity of each person that both sensors have, more where it has gaps;
`session` is the activity."""
