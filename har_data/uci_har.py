"""UCI HAR as published: the streams that its windows of 128 were cut from."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.hapt import CARD as HAPT
from edgeclust.har_data.members import Members
from edgeclust.har_data.source import Source
from edgeclust.har_data.text_tables import read_numbers

ARCHIVES = ("human+activity+recognition+using+smartphones.zip", "UCI HAR Dataset.zip")

MARKER = "train/Inertial Signals/total_acc_x_train.txt"

CARD = Card(
    name="uci-har",
    rate_hz=50.0,
    channels=(
        *(Channel(f"total_acc_{axis}", "g") for axis in "xyz"),
        *(Channel(f"body_gyro_{axis}", "rad/s") for axis in "xyz"),
    ),
    window=128,
    stride=64,
    classes=HAPT.classes,
    mount="waist",
    source="UCI 240, inertial signals (Anguita et al. 2013); the people are those of hapt",
    licence="as is, not for commercial use",
)


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Read both parts: a recording for each stretch of windows that overlap by half.

    Each is of one activity of one subject, and gives the windows of the files when it is cut as
    the card says. ``body_acc`` is left out: it is ``total_acc`` less an estimate of gravity.
    """
    for part in ("train", "test"):
        yield from _read_part(members, part)


def _read_part(members: Members, part: str) -> list[Recording]:
    """Read one of the two parts."""
    activity, subject = (
        read_numbers(members, members.require(f"{part}/{kind}_{part}.txt")[0], 1)[:, 0].astype(int)
        for kind in ("y", "subject")
    )
    windows = np.stack(
        [
            read_numbers(
                members,
                members.require(f"{part}/Inertial Signals/{channel}_{part}.txt")[0],
                CARD.window,
            )
            for channel in CARD.channel_names
        ],
        axis=1,
        dtype=np.float32,
    )
    if not len(windows) == len(activity) == len(subject):
        raise DataError(
            f"{members.where}: {part} has {len(windows)} windows, {len(activity)} activities and "
            f"{len(subject)} subjects"
        )
    goes_on = (windows[1:, :, : CARD.stride] == windows[:-1, :, CARD.stride :]).all(axis=(1, 2))
    goes_on &= (activity[1:] == activity[:-1]) & (subject[1:] == subject[:-1])
    edges = [0, *(np.flatnonzero(~goes_on) + 1), len(windows)]
    return [
        Recording(
            signal=np.concatenate(
                [windows[start], *(w[:, CARD.stride :] for w in windows[start + 1 : stop])], axis=1
            ),
            subject=str(subject[start]),
            session=f"{part} {start}",
            labels=np.full(CARD.window + CARD.stride * (stop - start - 1), activity[start] - 1),
        )
        for start, stop in pairwise(edges)
    ]


SOURCE = Source(
    CARD,
    what="six activities, a phone at the waist of 30 people, filtered and cut by its authors",
    pattern=MARKER,
    archives=ARCHIVES,
    read=_recordings,
    citation='Anguita, Ghio, Oneto, Parra and Reyes-Ortiz, "A public domain dataset for human '
    'activity recognition using smartphones", ESANN 2013',
)
"""`session` is the part and the number of the first window."""
