"""Capture-24: the daily life of 151 people, a day each, an accelerometer at the wrist.

References
----------
Chan, Hang, Tong, Acquah, Schonfeldt, Gershuny and Doherty, "CAPTURE-24: a large dataset of
wrist-worn activity tracker data collected in the wild for human activity recognition", Scientific
Data 11, 2024.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members, find_members
from edgeclust.har_data.named_columns import read_columns
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


def read_capture24(root: Path | None = None) -> tuple[Card, list[Recording]]:
    """Read the days of all people; what nobody annotated, a third, is unlabelled.

    All 3883 hours take 18 GB of memory; a folder of fewer people is read as well.

    Parameters
    ----------
    root : Path, optional
        As `edgeclust.har_data.members.find_members` takes it.

    Returns
    -------
    card : Card
        100 Hz, accelerometer in g, as the files have it.
    recordings : list of Recording
        One for each person, more where there are gaps; `session` is the file's name.

    Raises
    ------
    DataError
        If the files are not there, or are other than the official ones.
    """
    with find_members("capture-24", root, FILES, ARCHIVES) as members:
        return CARD, steady_recordings(CARD, members.where, _bouts(members))


def _bouts(members: Members) -> Iterator[Bout]:
    """Read one person after another."""
    (path,) = members.require(DICTIONARY)
    dictionary = read_columns(members, path, [], ["annotation", SCHEME]).astype(str)
    place = class_indices(f"{members.where}: {path}", dictionary[SCHEME], CARD.classes)
    annotations = dictionary["annotation"].tolist()
    for path in members.require(FILES):
        where, name = f"{members.where}: {path}", PurePosixPath(path).name.split(".")[0]
        table = read_columns(members, path, CARD.channel_names, ["annotation"], stamps=["time"])
        annotation = class_indices(where, table["annotation"], annotations, null="")
        labels = np.append(place, np.int8(-1))[annotation]
        samples = table[CARD.channel_names].to_numpy()
        yield Bout(seconds(where, table["time"]), samples, labels, name, name)
