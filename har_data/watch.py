"""The embedded default: seven shoulder exercises recorded by a smartwatch on either wrist.

The recordings travel in the wheel of seglearn (BSD-3-Clause), which is installed for them alone
and never imported.
"""

import hashlib
import io
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.source import WholeSet

SHA256 = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"

CARD = Card(
    name="watch",
    rate_hz=50.0,
    channels=(
        Channel("ax", "g"),
        Channel("ay", "g"),
        Channel("az", "g"),
        Channel("wx", "rad/s"),
        Channel("wy", "rad/s"),
        Channel("wz", "rad/s"),
    ),
    window=200,
    stride=100,
    classes=(
        "pendulum",
        "abduction",
        "forward elevation",
        "internal rotation",
        "external rotation",
        "trapezius extension",
        "upright row",
    ),
    mount="wrist",
    source="seglearn 1.2.5, seglearn/data/watch_dataset.npy (Burns et al. 2018, arXiv:1802.01489)",
    licence="BSD-3-Clause",
)


def read_watch(root: Path | None = None) -> tuple[Card, list[Recording]]:
    """Read the 140 recordings of 10 people, each one exercise at one wrist.

    Parameters
    ----------
    root : Path, optional
        Not used: the file is installed with its wheel.

    Returns
    -------
    card : Card
        50 Hz, accelerometer in g and gyroscope in rad/s.
    recordings : list of Recording
        In the order of the file; `session` is the position there.

    Raises
    ------
    DataError
        If the file is not installed, or is not the one whose checksum is known.

    Examples
    --------
    >>> from edgeclust.har_data.watch import read_watch
    >>> card, recordings = read_watch()
    >>> len(recordings), sum(r.signal.shape[1] for r in recordings)
    (140, 244102)
    """
    content = _find_file()
    # The file is a pickle: nothing of it is read before its checksum shows it is the known one.
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise DataError(
            f"watch_dataset.npy has SHA-256 {found}, expected {SHA256}: "
            "pip install --force-reinstall seglearn==1.2.5"
        )
    table: dict[str, Any] = np.load(io.BytesIO(content), allow_pickle=True).item()
    recordings = [
        Recording(
            signal=np.ascontiguousarray(signal.T, dtype=np.float32),
            subject=str(int(subject)),
            session=str(position),
            labels=np.full(len(signal), exercise, np.int8),
        )
        for position, (signal, exercise, subject) in enumerate(
            zip(table["X"], table["y"], table["subject"], strict=True)
        )
    ]
    return CARD, recordings


def _find_file() -> bytes:
    """Read the file out of the installed distribution, without importing it."""
    try:
        listed = files("seglearn") or []
    except PackageNotFoundError:
        listed = []
    for path in listed:
        found = Path(str(path.locate()))
        if path.as_posix() == "seglearn/data/watch_dataset.npy" and found.is_file():
            return found.read_bytes()
    raise DataError("the data 'watch' travel in seglearn: pip install seglearn==1.2.5")


SOURCE = WholeSet(
    CARD,
    what="seven shoulder exercises of ten people, a smartwatch at either wrist",
    read=read_watch,
    citation='Burns, Leung, Hardisty, Whyne, Henry and McLachlin, "Shoulder physiotherapy '
    'exercise recognition: machine learning the inertial signals from a smartwatch", 2018, '
    "arXiv:1802.01489",
    official={"watch_dataset.npy": f"sha256:{SHA256}"},
)
