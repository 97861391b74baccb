"""Turn the NPZ files of two public data sets into recordings folders, to measure on.

    .venv/bin/python benchmarks/recordings.py hapt hapt.npz OUT
    .venv/bin/python benchmarks/recordings.py dsads dsads.npz OUT

HAPT (UCI id 341): ``signal`` int16 (n_samples, 6) and ``scale`` (6,) make g and rad/s; for each
sample ``label`` (1 to 6 are the basic activities), ``subject`` and ``recording``. Each run of one
basic activity becomes a recording; those of one uninterrupted stream share their session.

DSADS (UCI id 256), its accelerometers: ``window`` int16 (n, 15, 125) and ``scale`` (15,) make
m/s2; for each segment of 5 s ``label``, ``subject`` and its place ``segment``. The 60 segments of a
subject's activity follow one another and become one recording.
"""

import argparse
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from edgeclust import Recording
from edgeclust.har_data import write_recordings_folder
from edgeclust.har_data.dsads import CARD as DSADS
from edgeclust.har_data.hapt import CARD as HAPT
from edgeclust.units import STANDARD_GRAVITY


def read_hapt(path: Path) -> list[Recording]:
    """Cut the streams into runs of one basic activity; transitions and gaps are left out."""
    with np.load(path, allow_pickle=False) as table:
        signal = (table["signal"] * table["scale"]).astype(np.float32)
        activity, stream = table["label"].astype(int) - 1, table["recording"]
        subject = table["subject"]
    changes = (np.diff(activity) != 0) | (np.diff(stream) != 0)
    edges = [0, *(np.flatnonzero(changes) + 1), len(activity)]
    return [
        Recording(
            signal=np.ascontiguousarray(signal[start:stop].T),
            subject=str(subject[start]),
            session=str(stream[start]),
            labels=activity[start:stop],
        )
        for start, stop in pairwise(edges)
        if 0 <= activity[start] < len(HAPT.classes)
    ]


def read_dsads(path: Path) -> list[Recording]:
    """Join the segments of each subject's activity in their order."""
    with np.load(path, allow_pickle=False) as table:
        windows = table["window"] * (table["scale"][:, None] / STANDARD_GRAVITY)
        subject, activity, place = table["subject"], table["label"], table["segment"]
    recordings = []
    for who in np.unique(subject):
        for what in np.unique(activity):
            found = np.flatnonzero((subject == who) & (activity == what))
            signal = np.concatenate([*windows[found[np.argsort(place[found])]]], axis=1)
            recordings.append(
                Recording(
                    signal=signal.astype(np.float32),
                    subject=str(who),
                    session=str(what),
                    labels=np.full(signal.shape[1], what),
                )
            )
    return recordings


def main() -> None:
    """Write one recordings folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", choices=["hapt", "dsads"])
    parser.add_argument("npz", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    if arguments.data == "hapt":
        write_recordings_folder(HAPT, read_hapt(arguments.npz), arguments.out)
    else:
        channels = tuple(channel for channel in DSADS.channels if channel.unit == "g")
        card = replace(DSADS, channels=channels)
        write_recordings_folder(card, read_dsads(arguments.npz), arguments.out)


if __name__ == "__main__":
    main()
