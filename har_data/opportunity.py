"""Opportunity: four people at breakfast with five units on the back and the arms.

References
----------
Roggen et al., "Collecting complex activity datasets in highly rich networked sensor
environments", INSS 2010.

Chavarriaga et al., "The Opportunity challenge: a benchmark database for on-body sensor-based
activity recognition", Pattern Recognition Letters 34, 2013.
"""

from pathlib import Path, PurePosixPath

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members, find_members
from edgeclust.har_data.text_tables import read_numbers

ARCHIVES = ("opportunity+activity+recognition.zip", "OpportunityUCIDataset.zip")

FILES = ("S?-ADL?.dat", "S?-Drill.dat")

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


def read_opportunity(root: Path | None = None) -> tuple[Card, list[Recording]]:
    """Read the five inertial units of the body and the labels of locomotion.

    Accelerometers are converted from thousandths of g, gyroscopes from thousandths of rad/s. All
    else is left out: single accelerometers, shoes, magnetometers, orientations, objects.

    Parameters
    ----------
    root : Path, optional
        As `edgeclust.har_data.members.find_members` takes it.

    Returns
    -------
    card : Card
        30 Hz, accelerometers in g and gyroscopes in rad/s.
    recordings : list of Recording
        One for each file, 24 in all; `session` is ``ADL1`` to ``ADL5`` or ``Drill``. NaN where
        the radio lost samples, for minutes at times while the labels go on; -1 where the person
        neither stands, walks, sits nor lies.

    Raises
    ------
    DataError
        If the files are not there, or are other than the official ones.
    """
    with find_members("opportunity", root, FILES[0], ARCHIVES) as members:
        paths = sorted(path for pattern in FILES for path in members.matching(pattern))
        return CARD, [_read_file(members, path) for path in paths]


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
