"""The cache that whar-datasets writes: the sessions of any of its sets, read without it.

References
----------
whar-datasets, https://github.com/teco-kit/whar-datasets, the files of its parsing step as of
June 2026.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.source import counted_repairs
from edgeclust.har_data.stamped import Bout, steady_recordings
from edgeclust.har_data.timeline import MOST_GAP_S

logger = logging.getLogger(__name__)

SESSIONS = "sessions/sessions.parquet"
SESSION_TABLE = "metadata/session_df.csv"
ACTIVITY_TABLE = "metadata/activity_df.csv"

WINDOW_S = 2.56
"""Seconds of a window, the most usual of those sets; half of it is the stride."""


def is_session_cache(folder: Path) -> bool:
    """Tell whether a folder is the cache of a data set, by the files in it."""
    return (folder / SESSIONS).is_file() and (folder / SESSION_TABLE).is_file()


def read_session_cache(
    folder: Path, repairs: Counter[str] | None = None
) -> tuple[Card, list[Recording]]:
    """Read the sessions of a cache, as they were before windows were cut.

    A cache does not say the units, nor where the sensors were worn, nor the rate: a warning says
    so, and ``edgeclust data convert`` makes a recordings folder of it, in whose ``dataset.json``
    they can be said. The rate is that of the usual session's stamps. Its names of activities may
    be those of others in some sets, for they were given in another order: they group the samples
    rightly, but are better checked.

    Parameters
    ----------
    folder : Path
        That of one data set: holds ``sessions/sessions.parquet`` and ``metadata``.
    repairs : Counter, optional
        What was repaired is added; left out, one line warns of it.

    Returns
    -------
    card : Card
        Named as the folder; channels in the order of the file, their unit ``unknown``.
    recordings : list of Recording
        One a session, each of one activity, `session` is its number; more where stamps have gaps.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the files do not fit together.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from edgeclust.har_data.session_cache import read_session_cache
    >>> times = pd.date_range("2026-01-01", periods=50, freq="20ms").as_unit("ms")
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name) / "toy"
    ...     (folder / "sessions").mkdir(parents=True)
    ...     (folder / "metadata").mkdir()
    ...     pd.DataFrame({"timestamp": times, "acc_x": 1.0, "session_id": 0}).to_parquet(
    ...         folder / "sessions" / "sessions.parquet", index=False
    ...     )
    ...     sessions = pd.DataFrame({"session_id": [0], "subject_id": [3], "activity_id": [7]})
    ...     sessions.to_csv(folder / "metadata" / "session_df.csv")
    ...     activities = pd.DataFrame({"activity_id": [7], "activity_name": ["Walking"]})
    ...     activities.to_csv(folder / "metadata" / "activity_df.csv")
    ...     card, (recording,) = read_session_cache(folder)
    >>> card.rate_hz, card.classes, recording.subject, recording.signal.shape
    (50.0, ('Walking',), '3', (1, 50))
    """
    activities = _read_csv(folder / ACTIVITY_TABLE, ["activity_id", "activity_name"])
    activities = activities.sort_values("activity_id")
    sessions = _read_csv(folder / SESSION_TABLE, ["session_id", "subject_id", "activity_id"])
    samples = _read_samples(folder / SESSIONS)
    known = {number: place for place, number in enumerate(activities["activity_id"])}
    if unknown := set(sessions["activity_id"]) - set(known):
        raise DataError(
            f"{folder / SESSION_TABLE}: activity {min(unknown)} is not in {ACTIVITY_TABLE}"
        )
    if unknown := set(samples["session_id"].unique()) - set(sessions["session_id"]):
        raise DataError(f"{folder / SESSIONS}: session {min(unknown)} is not in {SESSION_TABLE}")
    rate_hz = _usual_rate(samples, folder / SESSIONS)
    window = max(2, round(WINDOW_S * rate_hz))
    channels = [name for name in samples.columns if name not in ("session_id", "timestamp")]
    card = Card(
        name=folder.resolve().name,
        rate_hz=rate_hz,
        channels=tuple(Channel(name, "unknown") for name in channels),
        window=window,
        stride=window // 2,
        classes=tuple(map(str, activities["activity_name"])),
        source="a cache of whar-datasets",
    )
    logger.warning(
        "%s: a cache says no units, no mount and no rate: %g Hz is what its stamps show; "
        "data convert makes a folder of it, in whose dataset.json you can say them",
        *(folder, rate_hz),
    )
    bouts = _bouts(samples, sessions, channels, known)
    with counted_repairs(folder, repairs) as counted:
        return card, [*steady_recordings(card, bouts, counted)]


def _read_csv(path: Path, columns: list[str]) -> pd.DataFrame:
    """Read a table of the cache, which has a column of row numbers beside those that count."""
    try:
        return pd.read_csv(path, usecols=columns)
    except FileNotFoundError as error:
        raise DataError(f"{path}: is not there, so this is no cache of whar-datasets") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is no table with {', '.join(columns)}: {error}") from error


def _read_samples(path: Path) -> pd.DataFrame:
    """Read the samples of all sessions, in time order; the cache does not keep one."""
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            samples: pd.DataFrame = file.read(use_threads=False).to_pandas()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: is no Parquet file, or is damaged or cut: {error}") from error
    kinds = {str(name): column.dtype.kind for name, column in samples.items()}
    if kinds.get("timestamp") != "M" or kinds.get("session_id") not in ("i", "u"):
        raise DataError(f"{path}: has no columns timestamp and session_id as whar-datasets writes")
    for name, kind in kinds.items():
        if kind not in "iuf" and name != "timestamp":
            raise DataError(f"{path}: column {name} holds {samples[str(name)].dtype}, not numbers")
    return samples.sort_values(["session_id", "timestamp"], kind="stable")


def _usual_rate(samples: pd.DataFrame, path: Path) -> float:
    """Return the rate of the session in the middle, to four digits."""
    seconds = _seconds(samples["timestamp"])
    own = np.diff(samples["session_id"].to_numpy()) == 0
    steps = np.diff(seconds)
    own &= (steps > 0) & (steps <= MOST_GAP_S)
    means = pd.Series(steps[own]).groupby(samples["session_id"].to_numpy()[1:][own]).mean()
    if means.empty:
        raise DataError(f"{path}: no session has two samples within {MOST_GAP_S:g} s")
    return float(f"{1 / means.median():.4g}")


def _bouts(
    samples: pd.DataFrame, sessions: pd.DataFrame, channels: list[str], known: dict[int, int]
) -> Iterator[Bout]:
    """Yield the sessions, each with the class of its activity."""
    subjects = dict(zip(sessions["session_id"], sessions["subject_id"], strict=True))
    activities = dict(zip(sessions["session_id"], sessions["activity_id"], strict=True))
    for number, own in samples.groupby("session_id"):
        yield Bout(
            times=_seconds(own["timestamp"]),
            samples=own[channels].to_numpy(np.float64),
            labels=np.full(len(own), known[activities[number]]),
            subject=str(subjects[number]),
            session=str(number),
        )


def _seconds(stamps: "pd.Series[pd.Timestamp]") -> NDArray[np.float64]:
    """Return the seconds since the first stamp."""
    return np.asarray((stamps - stamps.iloc[0]).dt.total_seconds(), np.float64)
