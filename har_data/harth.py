"""HARTH as published, its columns by name: three files have one more."""

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members
from edgeclust.har_data.named_columns import read_columns
from edgeclust.har_data.source import Source
from edgeclust.har_data.stamped import Bout, seconds, steady_recordings

ARCHIVES = ("harth.zip",)

CLASSES = {
    1: "walking",
    2: "running",
    3: "shuffling",
    4: "stairs up",
    5: "stairs down",
    6: "standing",
    7: "sitting",
    8: "lying",
    13: "cycling sitting",
    14: "cycling standing",
    130: "cycling sitting, inactive",
    140: "cycling standing, inactive",
}
"""Names by the numbers of the files."""

CARD = Card(
    name="harth",
    rate_hz=50.0,
    channels=tuple(
        Channel(f"{place}_{axis}", "g") for place in ("back", "thigh") for axis in "xyz"
    ),
    window=150,
    stride=75,
    classes=tuple(CLASSES.values()),
    mount="lower back, thigh",
    source="UCI 779 (Logacjov et al. 2021)",
    licence="CC BY 4.0",
)


def _bouts(members: Members, paths: list[str]) -> Iterator[Bout]:
    """Read one file after another."""
    for path in paths:
        where, name = f"{members.where}: {path}", PurePosixPath(path).stem
        table = read_columns(members, path, [*CARD.channel_names, "label"], stamps=["timestamp"])
        times = seconds(where, table["timestamp"])
        labels = class_indices(where, table["label"], CLASSES)
        samples = table.iloc[:, : len(CARD.channels)].to_numpy()  # a view, where by name is none
        yield Bout(times, samples, labels, name, name)


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Bring one file after another to a steady clock."""
    return steady_recordings(CARD, _bouts(members, paths), repairs)


SOURCE = Source(
    CARD,
    what="twelve activities of 22 people in free living, accelerometers at back and thigh",
    pattern="S0[0-2][0-9].csv",
    archives=ARCHIVES,
    read=_recordings,
    citation='Logacjov, Bach, Kongsvold, Bardstu and Mork, "HARTH: a human activity recognition '
    'dataset for machine learning", Sensors 21(23):7853, 2021',
)
"""A recording for each file, more where it has gaps; `session` is the file's name."""
