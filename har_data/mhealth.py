"""mHealth as published; its null class is unlabelled."""

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
from edgeclust.units import STANDARD_GRAVITY

ARCHIVES = ("mhealth+dataset.zip", "MHEALTHDATASET.zip")

FILES = "mHealth_subject*.log"

ACTIVITIES = {
    1: "standing",
    2: "sitting",
    3: "lying",
    4: "walking",
    5: "climbing stairs",
    6: "waist bends forward",
    7: "frontal elevation of arms",
    8: "knees bending",
    9: "cycling",
    10: "jogging",
    11: "running",
    12: "jump front and back",
}
"""Classes by their number in the files."""

SENSORS = {"acc": "g", "gyro": "1", "mag": "1"}
"""Units of the two limbs' sensors, in the order of their columns."""

CARD = Card(
    name="mhealth",
    rate_hz=50.0,
    channels=(
        *(Channel(f"chest_acc_{axis}", "g") for axis in "xyz"),
        *(Channel(f"chest_ecg_{lead}", "mV") for lead in (1, 2)),
        *(
            Channel(f"{place}_{sensor}_{axis}", unit)
            for place in ("left_ankle", "right_arm")
            for sensor, unit in SENSORS.items()
            for axis in "xyz"
        ),
    ),
    window=128,
    stride=64,
    classes=tuple(ACTIVITIES.values()),
    mount="chest, left ankle, right lower arm",
    source="UCI 319 (Banos et al. 2014)",
)


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Read one person after another.

    The accelerometers are converted from m/s². The readme says that the gyroscopes are in deg/s,
    which their values at rest contradict: they are left as they are, and without a unit.
    """
    for path in paths:
        yield _read_file(members, path)


def _read_file(members: Members, path: str) -> Recording:
    """Read what one person did."""
    table = read_numbers(members, path, len(CARD.channels) + 1)
    is_acc = [channel.unit == "g" for channel in CARD.channels]
    signal = table[:, :-1] * np.where(is_acc, 1 / STANDARD_GRAVITY, 1.0)
    name = PurePosixPath(path).stem
    return Recording(
        signal=np.ascontiguousarray(signal.T, dtype=np.float32),
        subject=name.removeprefix("mHealth_subject"),
        session=name,
        labels=class_indices(f"{members.where}: {path}", table[:, -1], ACTIVITIES, null=0),
    )


SOURCE = Source(
    CARD,
    what="twelve activities of ten people, units at chest, ankle and lower arm",
    pattern=FILES,
    archives=ARCHIVES,
    read=_recordings,
    null_class="0, no activity",
    citation='Banos et al., "mHealthDroid: a novel framework for agile development of mobile '
    'health applications", IWAAL 2014',
)
"""One recording for each person; `session` is the name of the file."""
