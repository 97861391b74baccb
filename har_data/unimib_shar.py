"""UniMiB-SHAR as published: windows of 3 s around peaks."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.mat_files import read_mat, take_matrix
from edgeclust.har_data.members import Members
from edgeclust.har_data.source import Source
from edgeclust.units import STANDARD_GRAVITY

ARCHIVES = ("UniMiB-SHAR.zip",)

ACTIVITIES = {
    1: "standing up from sitting",
    2: "standing up from lying",
    3: "walking",
    4: "running",
    5: "going upstairs",
    6: "jumping",
    7: "going downstairs",
    8: "lying down from standing",
    9: "sitting down",
    10: "falling forward",
    11: "falling right",
    12: "falling back",
    13: "hitting an obstacle",
    14: "falling with protection strategies",
    15: "falling back from a chair",
    16: "syncope",
    17: "falling left",
}
"""Classes by their number in the files, those that the authors call AF-17."""

CARD = Card(
    name="unimib-shar",
    rate_hz=50.0,
    channels=tuple(Channel(f"acc_{axis}", "g") for axis in "xyz"),
    window=151,
    stride=151,
    classes=tuple(ACTIVITIES.values()),
    mount="trouser pocket",
    source="UniMiB-SHAR, AF-17 (Micucci et al. 2017)",
)


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Make a recording of each window, which are no stretches of one stream; from m/s²."""
    tables = {}
    for variable, n_columns in (("acc_data", 3 * CARD.window), ("acc_labels", 3)):
        (path,) = members.require(f"{variable}.mat")
        where = f"{members.where}: {path}"
        tables[variable] = take_matrix(read_mat(members, path), variable, n_columns, where)
    rows, labels = tables["acc_data"], tables["acc_labels"]
    if len(rows) != len(labels):
        raise DataError(f"{where}: has labels of {len(labels)} windows, acc_data has {len(rows)}")
    classes = class_indices(where, labels[:, 0], ACTIVITIES)
    windows = (rows / STANDARD_GRAVITY).astype(np.float32).reshape(-1, 3, CARD.window)
    for row, (window, label, (subject, trial)) in enumerate(
        zip(windows, classes, labels[:, 1:].tolist(), strict=True), start=1
    ):
        yield Recording(
            signal=window,
            subject=f"{subject:g}",
            session=f"trial {trial:g} row {row}",
            labels=np.full(CARD.window, label),
        )


SOURCE = Source(
    CARD,
    what="nine activities and eight kinds of fall, a phone in the trouser pocket of 30 people",
    pattern="acc_data.mat",
    archives=ARCHIVES,
    read=_recordings,
    citation='Micucci, Mobilio and Napoletano, "UniMiB SHAR: a dataset for human activity '
    'recognition using acceleration data from smartphones", Applied Sciences 7(10):1101, '
    "2017",
)
"""11 771 windows of 151; `session` is the number of the trial and of the row, counted from 1."""
