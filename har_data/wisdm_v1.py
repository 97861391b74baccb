"""WISDM v1.1: six activities of 36 people, a phone in the front pocket of the trousers.

References
----------
Kwapisz, Weiss and Moore, "Activity recognition using cell phone accelerometers", SensorKDD 2010.
"""

import io
import logging
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members, find_members
from edgeclust.har_data.stamped import Bout, steady_recordings
from edgeclust.har_data.units import STANDARD_GRAVITY

logger = logging.getLogger(__name__)

ARCHIVES = ("WISDM_ar_latest.tar.gz",)

FILE = "WISDM_ar_v1.1_raw.txt"

ACTIVITIES = ("Walking", "Jogging", "Upstairs", "Downstairs", "Sitting", "Standing")

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"

RECORD = re.compile(rf"^\d+,\w+,\d+,{NUMBER},{NUMBER},{NUMBER}(?=,?$)", re.MULTILINE)
"""A whole record on a line of its own; a comma more is let pass."""

FAULTS = {
    "blank lines": re.compile(r"^$\n", re.MULTILINE),
    "lines ending in ',;'": re.compile(r",;$", re.MULTILINE),
    "lines without ';'": re.compile(r"[^;\n]$", re.MULTILINE),
    "records behind another on a line": re.compile(r";(?=[^;\n])"),
}
"""What is wrong with the lines, and is read nonetheless where the record is whole."""

CARD = Card(
    name="wisdm-v1",
    rate_hz=20.0,
    channels=tuple(Channel(f"acc_{axis}", "g") for axis in "xyz"),
    window=200,
    stride=200,
    classes=tuple(map(str.lower, ACTIVITIES)),
    mount="trouser pocket",
    source="WISDM v1.1, raw (Kwapisz et al. 2010)",
    licence="free; shared with its readme.txt, and the paper cited",
)


def read_wisdm_v1(root: Path | None = None) -> tuple[Card, list[Recording]]:
    """Read the raw records; those that are broken are left out, counted and said.

    Parameters
    ----------
    root : Path, optional
        As `edgeclust.har_data.members.find_members` takes it.

    Returns
    -------
    card : Card
        20 Hz, accelerometer in g, brought from m/s^2.
    recordings : list of Recording
        One for each bout of an activity, more where it has gaps; `session` is the activity and
        the number of the person's bout.

    Raises
    ------
    DataError
        If the file is not there, or is other than the official one.
    """
    with find_members("wisdm-v1", root, FILE, ARCHIVES) as members:
        (path,) = members.require(FILE)
        return CARD, steady_recordings(CARD, members.where, _bouts(members, path))


def _bouts(members: Members, path: str) -> Iterator[Bout]:
    """Cut the records where the person or the activity changes."""
    table = _read_records(members, path)
    labels = class_indices(f"{members.where}: {path}", table["activity"], ACTIVITIES)
    users = table["user"].to_numpy()
    times = table["time"].to_numpy() / 1e9
    samples = table[["x", "y", "z"]].to_numpy() / STANDARD_GRAVITY
    edges = np.flatnonzero((np.diff(users) != 0) | (np.diff(labels) != 0)) + 1
    n_bouts: dict[int, int] = {}
    for start, stop in pairwise([0, *edges.tolist(), len(table)]):
        user, own = int(users[start]), slice(start, stop)
        n_bouts[user] = n_bouts.get(user, 0) + 1
        session = f"{CARD.classes[labels[start]]} {n_bouts[user]}"
        yield Bout(times[own], samples[own], labels[own], str(user), session)


def _read_records(members: Members, path: str) -> pd.DataFrame:
    """Return the records that are whole and have a time, and say what else there was."""
    text = re.sub(r"[ \t\r]+", "", members.read(path).decode("utf-8", "replace"))
    counts = {fault: len(pattern.findall(text)) for fault, pattern in FAULTS.items()}
    text = text.replace(";", "\n")
    whole = RECORD.findall(text)
    counts["broken records left out"] = len(re.findall(r"^.", text, re.MULTILINE)) - len(whole)
    if not whole:
        raise DataError(f"{members.where}: {path} holds no record user,activity,time,x,y,z;")
    table = pd.read_csv(
        io.StringIO("\n".join(whole)),
        header=None,
        names=["user", "activity", "time", "x", "y", "z"],
        dtype={"activity": "category"} | dict.fromkeys("xyz", "float64"),
    )
    counts["records of time 0 left out"] = int((table["time"] == 0).sum())
    if any(counts.values()):
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        logger.warning("%s: %s: %s", members.where, path, said)
    return table[table["time"] > 0]
