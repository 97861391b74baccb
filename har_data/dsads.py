"""DSADS: nineteen daily and sports activities of eight people with five units on the body.

References
----------
Altun, Barshan and Tuncel, "Comparative study on classifying human activities with miniature
inertial and magnetic sensors", Pattern Recognition 43(10):3605-3620, 2010.
"""

from pathlib import Path

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.har_data.members import find_members
from edgeclust.har_data.text_tables import read_numbers
from edgeclust.har_data.units import STANDARD_GRAVITY

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


def read_dsads(root: Path | None = None) -> tuple[Card, list[Recording]]:
    """Read the five minutes of each person's each activity, joined from segments of 5 s.

    Parameters
    ----------
    root : Path, optional
        As `edgeclust.har_data.members.find_members` takes it.

    Returns
    -------
    card : Card
        25 Hz, accelerometers in g, gyroscopes in rad/s, magnetometers without a unit.
    recordings : list of Recording
        152 where all is there; `session` is the number of the activity. About every twelfth
        segment does not go on where the one before it ended: windows are the segments.

    Raises
    ------
    DataError
        If the files are not there, or are other than the official ones.
    """
    with find_members("dsads", root, "a01/p1/s01.txt", ARCHIVES) as members:
        segments: dict[tuple[str, str], list[str]] = {}
        for path in members.require("a*/p*/s*.txt"):  # sorted, the numbers with their zeros
            activity, person, _ = path.split("/")[-3:]
            segments.setdefault((activity, person), []).append(path)
        to_units = np.tile(np.repeat([1 / STANDARD_GRAVITY, 1.0, 1.0], 3), len(PLACES))
        recordings = []
        for (activity, person), paths in segments.items():
            table = np.concatenate([read_numbers(members, path, 45, ",") for path in paths])
            signal = np.ascontiguousarray((table * to_units).T, dtype=np.float32)
            index = int(activity[1:]) - 1
            labels = np.full(len(table), index)
            recordings.append(Recording(signal, person[1:], str(index + 1), labels))
        return CARD, recordings
