"""DSADS as published: streams joined from segments of 5 s."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.members import Members
from edgeclust.har_data.source import Source
from edgeclust.har_data.text_tables import read_numbers
from edgeclust.units import STANDARD_GRAVITY

ARCHIVES = ("daily+and+sports+activities.zip",)

PLACES = ("torso", "right_arm", "left_arm", "right_leg", "left_leg")

SENSORS = {"acc": "g", "gyro": "rad/s", "mag": "1"}
"""Units of a place's sensors, in the order of their columns; the magnetometers are normalised."""

CARD = Card(
    name="dsads",
    rate_hz=25.0,
    channels=tuple(
        Channel(f"{place}_{axis}{sensor}", unit)
        for place in PLACES
        for sensor, unit in SENSORS.items()
        for axis in "xyz"
    ),
    window=125,
    stride=125,
    classes=(
        "sitting",
        "standing",
        "lying on back",
        "lying on right side",
        "ascending stairs",
        "descending stairs",
        "standing in elevator",
        "moving in elevator",
        "walking in parking lot",
        "walking on treadmill, flat",
        "walking on treadmill, 15 degrees",
        "running on treadmill",
        "stepper",
        "cross trainer",
        "cycling, horizontal",
        "cycling, vertical",
        "rowing",
        "jumping",
        "basketball",
    ),
    mount="torso, arms, legs",
    source="UCI 256 (Altun et al. 2010)",
)


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Join the five minutes of each person's each activity.

    About every twelfth segment does not go on where the one before it ended: windows are the
    segments.
    """
    segments: dict[str, list[str]] = {}
    for path in members.require("a*/p*/s*.txt"):  # sorted, the numbers with their zeros
        segments.setdefault(path.rpartition("/")[0], []).append(path)
    for folder, (first, *_) in segments.items():
        if not first.endswith("/s01.txt"):
            raise DataError(f"{members.where}: {folder} has no s01.txt")
    to_units = np.tile(np.repeat([1 / STANDARD_GRAVITY, 1.0, 1.0], 3), len(PLACES))
    for folder in (path.rpartition("/")[0] for path in paths):
        activity, person = folder.split("/")[-2:]
        table = np.concatenate([read_numbers(members, path, 45, ",") for path in segments[folder]])
        signal = np.ascontiguousarray((table * to_units).T, dtype=np.float32)
        index = int(activity[1:]) - 1
        labels = np.full(len(table), index)
        yield Recording(signal, person[1:], str(index + 1), labels)


SOURCE = Source(
    CARD,
    what="nineteen daily and sports activities of eight people, five units on the body",
    pattern="a*/p*/s01.txt",
    archives=ARCHIVES,
    read=_recordings,
    citation='Altun, Barshan and Tuncel, "Comparative study on classifying human activities with '
    'miniature inertial and magnetic sensors", Pattern Recognition 43(10):3605-3620, 2010',
)
"""152 streams; `session` is the number of the activity."""
