"""USC-HAD as published; the gyroscope is converted from deg/s."""

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.mat_files import read_mat, take_matrix, take_variable
from edgeclust.har_data.members import Members
from edgeclust.har_data.source import Source

ARCHIVES = ("USC-HAD.zip",)

FILES = "Subject*/a*t*.mat"

ACTIVITIES = {
    1: "walking forward",
    2: "walking left",
    3: "walking right",
    4: "walking upstairs",
    5: "walking downstairs",
    6: "running forward",
    7: "jumping up",
    8: "sitting",
    9: "standing",
    10: "sleeping",
    11: "elevator up",
    12: "elevator down",
}
"""Classes by their number in the files."""

CARD = Card(
    name="usc-had",
    rate_hz=100.0,
    channels=(
        *(Channel(f"acc_{axis}", "g") for axis in "xyz"),
        *(Channel(f"gyro_{axis}", "rad/s") for axis in "xyz"),
    ),
    window=500,
    stride=250,
    classes=tuple(ACTIVITIES.values()),
    mount="front right hip",
    source="USC-HAD (Zhang and Sawchuk 2012)",
)


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Read one trial after another."""
    for path in paths:
        yield _read_trial(members, path)


def _read_trial(members: Members, path: str) -> Recording:
    """Read one file."""
    where = f"{members.where}: {path}"
    variables = read_mat(members, path)
    table = take_matrix(variables, "sensor_readings", len(CARD.channels), where)
    table[:, 3:] = np.deg2rad(table[:, 3:])
    (label,) = class_indices(where, [_read_activity(variables, where)], ACTIVITIES)
    name = PurePosixPath(path)
    return Recording(
        signal=np.ascontiguousarray(table.T, dtype=np.float32),
        subject=name.parent.name.removeprefix("Subject"),
        session=name.stem,
        labels=np.full(len(table), label),
    )


def _read_activity(variables: dict[str, Any], where: str) -> float:
    """Read the number of the activity, which is a text, under a key that some files misspell."""
    key = "activity_numbr" if "activity_numbr" in variables else "activity_number"
    value = np.ravel(take_variable(variables, key, where))
    try:
        return float(value[0])
    except (IndexError, TypeError, ValueError) as error:
        raise DataError(f"{where}: {key} should be a number, got {value.tolist()}") from error


SOURCE = Source(
    CARD,
    what="twelve activities of fourteen people, a motion sensor at the front right hip",
    pattern=FILES,
    archives=ARCHIVES,
    read=_recordings,
    citation='Zhang and Sawchuk, "USC-HAD: a daily activity dataset for ubiquitous activity '
    'recognition using wearable sensors", UbiComp workshops (SAGAware) 2012',
)
"""840 trials; `session` is the name of the file, as in ``a1t5``."""
