"""HAPT as published: its raw streams."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.members import Members
from edgeclust.har_data.source import Source
from edgeclust.har_data.text_tables import read_numbers

ARCHIVES = (
    "smartphone+based+recognition+of+human+activities+and+postural+transitions.zip",
    "HAPT Data Set.zip",
)

CARD = Card(
    name="hapt",
    rate_hz=50.0,
    channels=(
        *(Channel(f"acc_{axis}", "g") for axis in "xyz"),
        *(Channel(f"gyro_{axis}", "rad/s") for axis in "xyz"),
    ),
    window=128,
    stride=64,
    classes=("walking", "upstairs", "downstairs", "sitting", "standing", "lying"),
    mount="waist",
    source="UCI 341, RawData (Reyes-Ortiz et al. 2016)",
    licence="CC BY 4.0",
)


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Read one experiment after another; transitions and what lies between are unlabelled."""
    (index,) = members.require("RawData/labels.txt")
    bouts = read_numbers(members, index, 5).astype(np.intp)
    for path in paths:
        yield _read_experiment(members, path, bouts)


def _read_experiment(members: Members, path: str, bouts: NDArray[np.intp]) -> Recording:
    """Read the two files of an experiment and label what lies within a bout."""
    experiment, user = map(int, re.findall(r"\d+", PurePosixPath(path).name))
    acc = read_numbers(members, path, 3)
    gyro = read_numbers(members, path.replace("acc_exp", "gyro_exp"), 3)
    if len(acc) != len(gyro):
        raise DataError(
            f"{members.where}: {path} has {len(acc)} samples, the gyroscope's file {len(gyro)}"
        )
    labels = np.full(len(acc), -1, np.int8)
    mine = bouts[(bouts[:, 0] == experiment) & (bouts[:, 1] == user)]
    for activity, first, last in mine[:, 2:].tolist():  # both counted from 1, both within
        if activity <= len(CARD.classes):
            labels[first - 1 : last] = activity - 1
    signal = np.concatenate([acc, gyro], axis=1, dtype=np.float32).T
    return Recording(np.ascontiguousarray(signal), str(user), str(experiment), labels)


SOURCE = Source(
    CARD,
    what="six activities and the transitions between postures, a phone at the waist of 30 people",
    pattern="RawData/acc_exp*_user*.txt",
    archives=ARCHIVES,
    read=_recordings,
    null_class="transitions, and what lies between activities",
    citation='Reyes-Ortiz, Oneto, Sama, Parra and Anguita, "Transition-aware human activity '
    'recognition using smartphones", Neurocomputing 171:754-767, 2016',
)
"""61 experiments; `session` is their number."""
