"""Recordings of your own: a folder with dataset.json, recordings.csv and one CSV a recording."""

import csv
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgeclust.card import Card
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.samples import check_rate, read_header, read_samples

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
    card = read_card(folder)
    return card, [
        read_recording(path, card, subject, session)
        for path, subject, session in read_index(folder)
    ]


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
    folder = folder.resolve()
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


def read_card(folder: Path) -> Card:
    """Read ``dataset.json``."""
    path = folder / CARD_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DataError(
            f"{folder}: is no recordings folder, it has no {CARD_FILE}; the README shows one"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON: {error}") from error
    return Card.from_json(content, str(path))


def read_index(folder: Path) -> list[tuple[Path, str, str]]:
    """Read ``recordings.csv``: file, subject and session of each recording."""
    path = folder / INDEX_FILE
    if not path.is_file():
        raise DataError(f"{path}: is not there")
    found = []
    for line, (file, subject, session) in _read_rows(path, INDEX_COLUMNS):
        recording = folder / file
        if not recording.is_file():
            raise DataError(f"{path}, line {line}: the file {recording} is not there")
        if recording.suffix.lower() != ".csv":
            raise DataError(
                f"{path}, line {line}: recordings are read from .csv files, not {file!r}"
            )
        found.append((recording, subject, session))
    if not found:
        raise DataError(f"{path}: lists no recording")
    return found


def _read_rows(path: Path, names: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of some columns of a CSV, white space taken off."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.reader(lines)
        try:
            columns = read_header(next(rows, []), names, str(path))
            for row in rows:
                cells = [*(cell.strip() for cell in row), *[""] * len(columns)]
                if any(cells):
                    yield rows.line_num, [cells[columns.index(name)] for name in names]
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path}, line {rows.line_num + 1}: is no CSV: {error}") from error


def read_recording(path: Path, card: Card, subject: str, session: str) -> Recording:
    """Read one CSV; pandas is quick, and where it finds other than numbers the lines are read."""
    channels = card.channel_names
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            columns = read_header(next(csv.reader(lines), []), channels, str(path))
        table = _read_quickly(path, columns, [*channels, "time", "label"])
    except (csv.Error, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is no CSV in UTF-8: {str(error).strip()}") from error
    if table.drop(columns="label", errors="ignore").dtypes.map(lambda t: t.kind in "fiu").all():
        with np.errstate(over="ignore"):  # beyond float32 is infinity, and left out as such
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


def _read_quickly(path: Path, columns: list[str], wanted: list[str]) -> pd.DataFrame:
    """Read the wanted columns that are there; those that hold other than numbers stay text."""
    names = {position: name for position, name in enumerate(columns) if name in wanted}
    table = pd.read_csv(
        path,
        header=None,
        names=range(len(columns)),
        skiprows=1,
        usecols=list(names),
        index_col=False,  # or a comma at the end of each line would shift the columns
        dtype={position: str for position, name in names.items() if name == "label"},
        keep_default_na=False,
        na_values=["", "nan", "NaN"],
        encoding="utf-8-sig",
        skipinitialspace=True,
        low_memory=False,
    )
    return table.rename(columns=names)


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
    indices = column.fillna("").str.strip().map(known)
    if indices.isna().any():
        line, name = next(
            (line, name) for line, (name,) in _read_rows(path, ["label"]) if name not in known
        )
        raise DataError(
            f"{path}, line {line}: label {name!r} is not among the classes of "
            f"{CARD_FILE}: {', '.join(card.classes) or 'none'}"
        )
    return indices.to_numpy().astype(np.intp)
