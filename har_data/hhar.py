"""HHAR as published: each device of each person a stream, all at the lowest of their rates."""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import PurePosixPath

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

ARCHIVES = ("heterogeneity+activity+recognition.zip", "Activity recognition exp.zip")

FILES = "Activity recognition exp/{}_{}.csv"

CLASSES = {
    "bike": "cycling",
    "sit": "sitting",
    "stand": "standing",
    "walk": "walking",
    "stairsup": "upstairs",
    "stairsdown": "downstairs",
}
"""Names by the words of the files."""

CARD = Card(
    name="hhar",
    rate_hz=50.0,
    channels=(
        *(Channel(f"acc_{axis}", "g") for axis in "xyz"),
        *(Channel(f"gyro_{axis}", "rad/s") for axis in "xyz"),
    ),
    window=100,
    stride=50,
    classes=tuple(CLASSES.values()),
    mount="waist (phones), wrists (watches)",
    source="UCI 344, activity recognition (Stisen et al. 2015)",
)

Stream = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int8]]
"""Seconds, samples and labels of one sensor of a device worn by a person."""


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Join the two files of a kind of device after another.

    The devices sample at 50 to 200 Hz. Stamps are those of ``Creation_Time``; the gyroscope is
    put at those of the accelerometer.
    """
    for kind, sensor in product(("Phones", "Watch"), ("accelerometer", "gyroscope")):
        members.require(FILES.format(kind, sensor))
    return steady_recordings(CARD, _bouts(members, paths, repairs), repairs)


def _bouts(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Bout]:
    """Join the two files of a kind of device, and count what only one of them has."""
    for path in paths:
        kind = PurePosixPath(path).name.split("_")[0]
        acc, gyro = (
            _read_streams(members, FILES.format(kind, sensor))
            for sensor in ("accelerometer", "gyroscope")
        )
        repairs[ONE_SENSOR] += len(acc.keys() ^ gyro.keys())
        for person, device in sorted(acc.keys() & gyro.keys()):
            times, samples, labels = acc[person, device]
            bout = Bout(times, samples / STANDARD_GRAVITY, labels, person, device)
            yield join_in_time(bout, *gyro[person, device][:2])


def _read_streams(members: Members, file: str) -> dict[tuple[str, str], Stream]:
    """Return the streams of a file by person and device."""
    (path,) = members.require(file)
    table = read_columns(members, path, ["Creation_Time", *"xyz"], ["User", "Device", "gt"])
    table["gt"] = class_indices(f"{members.where}: {path}", table["gt"], CLASSES, "null")
    streams: dict[tuple[str, str], Stream] = {}
    for (person, device), own in table.groupby(["User", "Device"], observed=True):
        times = own["Creation_Time"].to_numpy() / 1e9
        streams[str(person), str(device)] = (times, own[[*"xyz"]].to_numpy(), own["gt"].to_numpy())
    return streams


SOURCE = Source(
    CARD,
    what="six activities of nine people, eight phones at the waist and four watches at once",
    pattern=FILES.format("[PW]*", "accelerometer"),
    archives=ARCHIVES,
    read=_recordings,
    null_class="null",
    citation='Stisen, Blunck, Bhattacharya, Prentow, Kjaergaard, Dey, Sonne and Jensen, "Smart '
    "devices are different: assessing and mitigating mobile sensing heterogeneities for "
    'activity recognition", SenSys 2015',
)
"""`session` is the device, as in ``nexus4_1``. The devices were worn at once: a person's recordings
are many views of the same minutes."""
