"""Capture-24 as published; what nobody annotated, a third, is unlabelled."""

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members
from edgeclust.har_data.named_columns import read_columns
from edgeclust.har_data.source import Source
from edgeclust.har_data.stamped import Bout, seconds, steady_recordings

ARCHIVES = ("capture24.zip",)

FILES = "P[01][0-9][0-9].csv.gz"

DICTIONARY = "annotation-label-dictionary.csv"

SCHEME = "label:WillettsSpecific2018"
"""Column of the dictionary that the classes are taken from; of its six the finest."""

CARD = Card(
    name="capture-24",
    rate_hz=100.0,
    channels=tuple(Channel(axis, "g") for axis in "xyz"),
    window=1000,
    stride=1000,
    classes=(
        "sleep",
        "sitting",
        "standing",
        "walking",
        "vehicle",
        "bicycling",
        "household-chores",
        "manual-work",
        "mixed-activity",
        "sports",
    ),
    mount="dominant wrist",
    source="Capture-24 (Chan et al. 2024), labels WillettsSpecific2018",
    licence="CC BY 4.0",
)


def _bouts(members: Members, paths: list[str]) -> Iterator[Bout]:
    """Read one person after another."""
    (path,) = members.require(DICTIONARY)
    dictionary = read_columns(members, path, [], ["annotation", SCHEME]).astype(str)
    place = class_indices(f"{members.where}: {path}", dictionary[SCHEME], CARD.classes)
    annotations = dictionary["annotation"].tolist()
    for path in paths:
        where, name = f"{members.where}: {path}", PurePosixPath(path).name.split(".")[0]
        table = read_columns(members, path, CARD.channel_names, ["annotation"], stamps=["time"])
        annotation = class_indices(where, table["annotation"], annotations, null="")
        labels = np.append(place, np.int8(-1))[annotation]
        samples = table[CARD.channel_names].to_numpy()
        yield Bout(seconds(where, table["time"]), samples, labels, name, name)


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Bring one file after another to a steady clock."""
    return steady_recordings(CARD, _bouts(members, paths), repairs)


SOURCE = Source(
    CARD,
    what="the daily life of 151 people, a day each, an accelerometer at the wrist",
    pattern=FILES,
    archives=ARCHIVES,
    read=_recordings,
    null_class="what nobody annotated",
    version=2,
    citation='Chan, Hang, Tong, Acquah, Schonfeldt, Gershuny and Doherty, "CAPTURE-24: a large '
    "dataset of wrist-worn activity tracker data collected in the wild for human activity "
    'recognition", Scientific Data 11, 2024',
)
"""A recording for each person, more where there are gaps; `session` is the file's name."""
