"""PAMAP2 as published, both parts; what lies between activities is unlabelled."""

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members
from edgeclust.har_data.source import Source
from edgeclust.har_data.text_tables import read_numbers
from edgeclust.holes import bridge_short_holes
from edgeclust.units import STANDARD_GRAVITY

ARCHIVES = ("pamap2+physical+activity+monitoring.zip", "PAMAP2_Dataset.zip")

FILES = "subject10?.dat"

ACTIVITIES = {
    1: "lying",
    2: "sitting",
    3: "standing",
    4: "walking",
    5: "running",
    6: "cycling",
    7: "Nordic walking",
    9: "watching TV",
    10: "computer work",
    11: "car driving",
    12: "ascending stairs",
    13: "descending stairs",
    16: "vacuum cleaning",
    17: "ironing",
    18: "folding laundry",
    19: "house cleaning",
    20: "playing soccer",
    24: "rope jumping",
}
"""Classes by their number in the files; 9 to 11 and 18 to 20 are in the optional part alone."""

N_COLUMNS = 54

FIRST_COLUMNS = {"hand": 3, "chest": 20, "ankle": 37}
"""Where the 17 columns of each unit begin; time, activity and heart rate stand before them."""

SENSORS = {"acc": (1, "g"), "gyro": (7, "rad/s"), "mag": (10, "uT")}
"""Where x of a sensor is among the columns of its unit, and what it is read as."""

BRIDGED = 20
"""Samples, 0.2 s, of the longest hole that is bridged: less than a step takes."""

CARD = Card(
    name="pamap2",
    rate_hz=100.0,
    channels=tuple(
        Channel(f"{place}_{sensor}_{axis}", unit)
        for place in FIRST_COLUMNS
        for sensor, (_, unit) in SENSORS.items()
        for axis in "xyz"
    ),
    window=512,
    stride=100,
    classes=tuple(ACTIVITIES.values()),
    mount="hand, chest, ankle",
    source="UCI 231 (Reiss and Stricker 2012)",
)


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Read one file after another; the folder ``Protocol`` is that part alone.

    The accelerometers of 16 g are read and converted from m/s²; those of 6 g saturate. Left out
    are the orientations, which are invalid, the temperatures and the heart rate. Holes of up to
    0.2 s that the radio left are bridged by straight lines, longer ones are NaN.
    """
    for path in paths:
        yield _read_file(members, path)


def _read_file(members: Members, path: str) -> Recording:
    """Read what one person did in one of the parts."""
    table = read_numbers(members, path, N_COLUMNS)
    first = [unit + x for unit in FIRST_COLUMNS.values() for x, _ in SENSORS.values()]
    to_units = np.tile(np.repeat([1 / STANDARD_GRAVITY, 1.0, 1.0], 3), len(FIRST_COLUMNS))
    columns = (np.array(first)[:, None] + np.arange(3)).ravel()
    signal = bridge_short_holes(table[:, columns], BRIDGED) * to_units
    name = PurePosixPath(path).with_suffix("")
    return Recording(
        signal=np.ascontiguousarray(signal.T, dtype=np.float32),
        subject=name.name.removeprefix("subject"),
        session=" ".join(name.parts[-2:]),
        labels=class_indices(f"{members.where}: {path}", table[:, 1], ACTIVITIES, null=0),
    )


SOURCE = Source(
    CARD,
    what="eighteen activities of nine people, units on the hand, the chest and the ankle",
    pattern=FILES,
    archives=ARCHIVES,
    read=_recordings,
    null_class="0, between activities",
    citation='Reiss and Stricker, "Introducing a new benchmarked dataset for activity monitoring", '
    "ISWC 2012",
    same_names=True,  # the two parts call their files alike
)
"""One recording for each file; `session` is its folder and name."""
