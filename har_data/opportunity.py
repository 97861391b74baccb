"""Opportunity as published: the inertial units of the body, and locomotion."""

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

ARCHIVES = ("opportunity+activity+recognition.zip", "OpportunityUCIDataset.zip")

FILES = "S?-[AD]*.dat"

LOCOMOTION = {1: "stand", 2: "walk", 4: "sit", 5: "lie"}
"""Classes by their number in the track of locomotion; there is no 3."""

N_COLUMNS = 250

FIRST_COLUMNS = {"back": 37, "rua": 50, "rla": 63, "lua": 76, "lla": 89}
"""Where x of the accelerometer of each unit is: of the back, and of right and left, upper and
lower arm; the gyroscope follows, both in thousandths of their unit."""

LABEL_COLUMN = 243

CARD = Card(
    name="opportunity",
    rate_hz=30.0,
    channels=tuple(
        Channel(f"{place}_{sensor}_{axis}", unit)
        for place in FIRST_COLUMNS
        for sensor, unit in (("acc", "g"), ("gyro", "rad/s"))
        for axis in "xyz"
    ),
    window=30,
    stride=15,
    classes=tuple(LOCOMOTION.values()),
    mount="back, upper and lower arms",
    source="UCI 226, units of the body, locomotion (Roggen et al. 2010, Chavarriaga et al. 2013)",
)


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Read one run after another.

    Accelerometers are converted from thousandths of g, gyroscopes from thousandths of rad/s. All
    else is left out: single accelerometers, shoes, magnetometers, orientations, objects. NaN
    where the radio lost samples, for minutes at times while the labels go on; -1 where the person
    neither stands, walks, sits nor lies.
    """
    for path in paths:
        yield _read_file(members, path)


def _read_file(members: Members, path: str) -> Recording:
    """Read one run of one person."""
    table = read_numbers(members, path, N_COLUMNS)
    columns = (np.array(list(FIRST_COLUMNS.values()))[:, None] + np.arange(6)).ravel()
    track = table[:, LABEL_COLUMN]
    known = np.where(np.isin(track, list(LOCOMOTION)), track, 0)
    subject, session = PurePosixPath(path).stem.split("-")
    return Recording(
        signal=np.ascontiguousarray(table[:, columns].T / 1000, dtype=np.float32),
        subject=subject.removeprefix("S"),
        session=session,
        labels=class_indices(f"{members.where}: {path}", known, LOCOMOTION, null=0),
    )


SOURCE = Source(
    CARD,
    what="four modes of locomotion of four people at breakfast, five units on the body",
    pattern=FILES,
    archives=ARCHIVES,
    read=_recordings,
    null_class="0, neither of the four",
    citation='Roggen et al., "Collecting complex activity datasets in highly rich networked sensor '
    'environments", INSS 2010; Chavarriaga et al., "The Opportunity challenge: a '
    'benchmark database for on-body sensor-based activity recognition", Pattern '
    "Recognition Letters 34, 2013",
)
"""24 runs; `session` is ``ADL1`` to ``ADL5`` or ``Drill``."""
