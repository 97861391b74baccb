"""The six basic activities of HAPT, from one NPZ of its raw streams, for measurements."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from edgeclust import Card, Channel, Recording, WindowedDataset

CARD = Card(
    name="hapt",
    rate_hz=50.0,
    channels=(
        *(Channel(f"acc_{axis}", "g") for axis in "xyz"),
        *(Channel(f"gyro_{axis}", "rad/s") for axis in "xyz"),
    ),
    window=128,
    stride=64,
    classes=("walking", "upstairs", "downstairs", "sitting", "standing", "lying"),
    mount="waist",
)


def read_hapt(path: Path) -> WindowedDataset:
    """Cut each run of one basic activity into windows; transitions and gaps are left out.

    Parameters
    ----------
    path : Path
        NPZ with ``signal`` int16 (n_samples, 6), ``scale`` (6,), and for each sample ``label``
        (1 to 6 are the basic activities), ``subject`` and ``recording``.
    """
    with np.load(path, allow_pickle=False) as table:
        signal = (table["signal"] * table["scale"]).astype(np.float32)
        activity, recording = table["label"].astype(int) - 1, table["recording"]
        subject = table["subject"]
    changes = (np.diff(activity) != 0) | (np.diff(recording) != 0)
    edges = [0, *(np.flatnonzero(changes) + 1), len(activity)]
    runs = [
        Recording(
            signal=np.ascontiguousarray(signal[start:stop].T),
            subject=str(subject[start]),
            session=f"{recording[start]}-{start}",
            labels=activity[start:stop],
        )
        for start, stop in pairwise(edges)
        if 0 <= activity[start] < len(CARD.classes)
    ]
    return WindowedDataset(CARD, runs)
