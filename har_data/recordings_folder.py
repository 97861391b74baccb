"""Recordings of your own: a folder with dataset.json, recordings.csv and one CSV a recording."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgeclust.dataset import Card, Recording
from edgeclust.errors import DataError
from edgeclust.samples import check_rate, read_samples

CARD_FILE, INDEX_FILE = "dataset.json", "recordings.csv"
INDEX_COLUMNS = ["file", "subject", "session"]


def read_recordings_folder(folder: Path) -> tuple[Card, list[Recording]]:
    """Read a recordings folder.

    Parameters
    ----------
    folder : Path
        Holds ``dataset.json`` (the card: name, rate_hz, channels with name and unit, window,
        stride; classes, mount, source and licence are optional), ``recordings.csv`` (columns
        file, subject, session) and the CSV files it lists: a column for each channel, an
        optional ``time`` in seconds, an optional ``label`` (class name, empty = unlabelled).
        Other columns are ignored.

    Returns
    -------
    card : Card
    recordings : list of Recording
        In the order of ``recordings.csv``; missing values are NaN.

    Raises
    ------
    DataError
        If a file is missing, empty or malformed; the message names file, line and column.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from edgeclust.har_data import read_recordings_folder, write_recordings_folder
    >>> from edgeclust.har_data.watch import read_watch
    >>> card, recordings = read_watch()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_recordings_folder(card, recordings[:2], Path(folder) / "mine")
    ...     same_card, same = read_recordings_folder(Path(folder) / "mine")
    >>> same_card == card, bool((same[1].signal == recordings[1].signal).all())
    (True, True)
    """
    card = _read_card(folder)
    index_path = folder / INDEX_FILE
    index = _read_table(index_path, INDEX_COLUMNS)
    if index.empty:
        raise DataError(f"{index_path}: lists no recording")
    recordings = []
    for row, (file, subject, session) in enumerate(index[INDEX_COLUMNS].itertuples(index=False)):
        path = folder / str(file)
        if not path.is_file():
            raise DataError(f"{index_path}, line {row + 2}: the file {path} is not there")
        if path.suffix.lower() != ".csv":
            raise DataError(f"{path}: recordings are read from .csv files, not {path.suffix!r}")
        recordings.append(_read_recording(path, card, str(subject), str(session)))
    return card, recordings


def write_recordings_folder(card: Card, recordings: Sequence[Recording], folder: Path) -> None:
    """Write recordings as a folder that `read_recordings_folder` reads back the same.

    Parameters
    ----------
    card : Card
        What the recordings are.
    recordings : sequence of Recording
        One CSV each, with the time in seconds from its start.
    folder : Path
        Made here; may exist only when it is empty.

    Raises
    ------
    DataError
        If the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: exists and is not empty")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and renamed, so that nobody ever sees half a folder.
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        names = [f"{number:04d}.csv" for number in range(len(recordings))]
        for name, recording in zip(names, recordings, strict=True):
            recording_table(card, recording).to_csv(partial / name, index=False)
        rows = [(n, r.subject, r.session) for n, r in zip(names, recordings, strict=True)]
        pd.DataFrame(rows, columns=INDEX_COLUMNS).to_csv(partial / INDEX_FILE, index=False)
        (partial / CARD_FILE).write_text(json.dumps(card.to_json(), indent=1) + "\n")
        partial.chmod(0o755)
        partial.replace(folder)
    except BaseException:
        shutil.rmtree(partial)
        raise


def recording_table(card: Card, recording: Recording) -> pd.DataFrame:
    """Return a recording as its CSV shows it: time, the channels, the label.

    Parameters
    ----------
    card : Card
        Names the channels and the classes.
    recording : Recording
        Of shape (n_channels, n_samples).

    Returns
    -------
    table : DataFrame of n_samples rows
        ``time`` in seconds from 0, the channels, and ``label`` where anything is labelled.
    """
    table = pd.DataFrame(recording.signal.T, columns=card.channel_names)
    table.insert(0, "time", np.round(np.arange(len(table)) / card.rate_hz, 6))
    if recording.labels is not None:
        names = np.array([*card.classes, ""], dtype=object)
        table["label"] = names[recording.labels]
    return table


def _read_card(folder: Path) -> Card:
    """Read ``dataset.json``."""
    path = folder / CARD_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DataError(
            f"{folder}: is no recordings folder, it has no {CARD_FILE}; the README shows one"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: is no JSON: {error}") from error
    return Card.from_json(content, str(path))


def _read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    """Read a small table of text, all of whose columns are needed."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: is not there") from error
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(f"{path}: {str(error).strip()}") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise DataError(f"{path}: has no column {', '.join(missing)}")
    return table


def _read_recording(path: Path, card: Card, subject: str, session: str) -> Recording:
    """Read one CSV; pandas is quick, and where it finds other than numbers the lines are read."""
    channels = card.channel_names
    try:
        table = pd.read_csv(
            path,
            usecols=lambda name: name.strip() in {*channels, "time", "label"},
            dtype={"label": str},
            keep_default_na=False,
            na_values={name: ["", "nan", "NaN"] for name in [*channels, "time"]},
            encoding="utf-8-sig",
            skipinitialspace=True,
        )
        table.columns = table.columns.str.strip()
    except (ValueError, UnicodeDecodeError):
        table = pd.DataFrame()
    numeric = all(name in table and table[name].dtype.kind in "fiu" for name in channels)
    if numeric and ("time" not in table or table["time"].dtype.kind in "fiu"):
        samples = table[channels].to_numpy(np.float32)
        times = table["time"].to_numpy(np.float64) if "time" in table else None
    else:
        samples, times = _read_lines(path, channels)
    if not len(samples):
        raise DataError(f"{path}: has a header and no samples")
    if times is not None:
        check_rate(times, card.rate_hz, str(path))
    labels = _class_indices(table["label"], card, path) if "label" in table else None
    return Recording(np.ascontiguousarray(samples.T), subject, session, labels)


def _read_lines(
    path: Path, channels: list[str]
) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
    """Read a CSV line by line, which says where one is wrong."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        chunks = list(read_samples(lines, channels, source=str(path)))
    samples = np.concatenate([np.empty((0, len(channels)), np.float32), *(s for s, _ in chunks)])
    times = [t for _, t in chunks if t is not None]
    return samples, np.concatenate(times) if times else None


def _class_indices(column: "pd.Series[str]", card: Card, path: Path) -> NDArray[np.intp]:
    """Turn class names into indices; an empty one is unlabelled."""
    known = {name: index for index, name in enumerate(card.classes)} | {"": -1}
    indices = column.map(known)
    unknown = indices.isna()
    if unknown.any():
        row = int(unknown.to_numpy().argmax())
        raise DataError(
            f"{path}, line {row + 2}: label {column[row]!r} is not among the classes of "
            f"{CARD_FILE}: {', '.join(card.classes) or 'none'}"
        )
    return indices.to_numpy().astype(np.intp)
