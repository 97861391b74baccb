"""Recordings of your own: a folder with dataset.json, recordings.csv and a file a recording."""

import json
import logging
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgeclust.card import Card
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.recording_csv import CsvText
from edgeclust.har_data.recording_files import FORMATS, read_content, recording_table
from edgeclust.har_data.source import counted_repairs
from edgeclust.har_data.stamped import (
    GAPS,
    LONELY,
    REPEATED,
    SWAPPED,
    StampedRecording,
    median_step_s,
)
from edgeclust.har_data.time_columns import TIME_KINDS, check_clock, longest_gap
from edgeclust.har_data.timeline import is_steady, to_steady_rate
from edgeclust.samples import read_header

__all__ = [
    "Entry",
    "FolderCard",
    "read_folder_card",
    "read_index",
    "read_recording",
    "read_recordings_folder",
    "recording_table",
    "write_recordings_folder",
]

logger = logging.getLogger(__name__)

CARD_FILE, INDEX_FILE = "dataset.json", "recordings.csv"
INDEX_COLUMNS = ["file", "subject", "session"]

RESAMPLED = "stretches brought to a steady rate"


@dataclass(frozen=True)
class FolderCard:
    """What ``dataset.json`` says.

    Parameters
    ----------
    card : Card
    time_kind : str or None
        What columns ``time`` hold, as `edgeclust.har_data.time_columns.to_seconds` takes it.
    """

    card: Card
    time_kind: str | None = None


@dataclass(frozen=True)
class Entry:
    """A line of ``recordings.csv``: the file, and whose it is."""

    path: Path
    subject: str
    session: str


def read_recordings_folder(
    folder: Path, repairs: Counter[str] | None = None
) -> tuple[Card, list[Recording]]:
    """Read a recordings folder.

    Parameters
    ----------
    folder : Path
        Holds ``dataset.json`` (the card: name, rate_hz, channels with name and unit, window,
        stride; classes, mount, source and licence are optional, and so is time: what columns of
        that name hold, "s", "ms", "us", "ns" or "iso8601"), ``recordings.csv`` (columns file,
        subject, session; the subject may be left out of all) and the files it lists. In a CSV or
        Parquet file: a column for each channel, an optional ``time``, an optional ``label``
        (class name, empty = unlabelled); other columns are ignored. In an NPZ: ``signal``
        (n_samples, n_channels), an optional ``scale`` (n_channels,) to multiply it by, and
        optional ``time`` and ``label`` (index of the class, -1 = unlabelled).
    repairs : Counter, optional
        What was repaired is added; left out, one line warns of it.

    Returns
    -------
    card : Card
    recordings : list of Recording
        In the order of ``recordings.csv``; missing values are NaN. What has no steady ``time``
        is sorted, cut at gaps of more than a second (five samples, where that is longer) and
        resampled; a warning says how often. All pieces of a recording that is cut have its session.

    Raises
    ------
    DataError
        If a file is missing, empty, malformed, or of another rate; the message names file, line
        and column.

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
    folder_card = read_folder_card(folder)
    recordings: list[Recording] = []
    with counted_repairs(folder, repairs) as counted:
        for entry in read_index(folder):
            found, repaired = read_recording(entry, folder_card)
            recordings += found
            counted.update(repaired)
    return folder_card.card, recordings


def read_folder_card(folder: Path) -> FolderCard:
    """Read ``dataset.json``.

    Parameters
    ----------
    folder : Path
        A recordings folder.

    Raises
    ------
    DataError
        If it is not there or says what cannot be.
    """
    path = folder / CARD_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DataError(
            f"{folder}: is no recordings folder, it has no {CARD_FILE}; the README shows one"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON: {error}") from error
    card = Card.from_json(content, str(path))
    time_kind = content.get("time")
    if time_kind not in (None, *TIME_KINDS):
        raise DataError(f"{path}: time should be {', '.join(TIME_KINDS)}, got {time_kind!r}")
    return FolderCard(card, time_kind)


def read_index(folder: Path) -> list[Entry]:
    """Read ``recordings.csv``.

    Parameters
    ----------
    folder : Path
        A recordings folder.

    Returns
    -------
    entries : list of Entry
        In its order; `subject` is empty where none is named at all. Columns may be in capitals;
        where none is called so, a warning names those that are not known.

    Raises
    ------
    DataError
        If it lists no file, one that is not there, lies elsewhere, also by a link, is listed
        twice or is of no kind that is read, if it names the subjects of some files only, or if a
        line has more cells than the header.
    """
    path = folder / INDEX_FILE
    if not path.is_file():
        raise DataError(f"{path}: is not there")
    text = CsvText.open(path, [])
    columns = [name.lower() if name.lower() in INDEX_COLUMNS else name for name in text.columns]
    named = "subject" in columns
    read_header(columns, INDEX_COLUMNS if named else ["file", "session"], str(path))
    others = [name for name in columns if name and name not in INDEX_COLUMNS]
    if others and not named:
        _warn_of_columns(path, ", ".join(others))
    entries: list[Entry] = []
    lines: dict[Path, int] = {}
    for line, cells in text.rows():
        if not any(cells):
            continue
        if any(cells[len(columns) :]):
            raise DataError(
                f"{path}, line {line}: has {len(cells)} columns, the header has {len(columns)}; "
                f"put a cell that holds {text.separator} into quotes"
            )
        row = dict(zip(columns, [*cells, *[""] * len(columns)], strict=False))
        file = _inside(folder, row["file"], f"{path}, line {line}")
        first = lines.setdefault(file.resolve(), line)
        if first != line:
            raise DataError(
                f"{path}, line {line}: {row['file']} is the file of line {first} too; "
                "a recording may be listed once"
            )
        entries.append(Entry(file, row.get("subject", ""), row["session"]))
    if not entries:
        raise DataError(f"{path}: lists no recording")
    unnamed = [line for line, e in zip(lines.values(), entries, strict=True) if not e.subject]
    if unnamed and len(unnamed) < len(entries):
        raise DataError(
            f"{path}, line {unnamed[0]}: has no subject, others have; name all of them or none"
        )
    return entries


@cache
def _warn_of_columns(path: Path, others: str) -> None:
    """Warn once, however often the index is read."""
    logger.warning(
        "%s: has no column subject, so nobody is told apart, and does not know %s", path, others
    )


def read_recording(entry: Entry, folder_card: FolderCard) -> tuple[list[Recording], Counter[str]]:
    """Read one recording of a folder, on a steady clock.

    Parameters
    ----------
    entry : Entry
        As `read_index` returns it.
    folder_card : FolderCard
        As `read_folder_card` returns it.

    Returns
    -------
    recordings : list of Recording
        One, or as many as gaps cut it into, each of the session of the entry. Where there is no
        ``time``, or it is steady, the samples are to the bit those of the file.
    faults : Counter
        What was repaired, as `edgeclust.har_data.source.describe_repairs` says it.

    Raises
    ------
    DataError
        As `read_recordings_folder`.
    """
    card, time_kind = folder_card.card, folder_card.time_kind
    content = read_content(entry.path, card, time_kind)
    samples, times, labels = content.samples, content.times, content.labels
    if times is None:
        signal = np.ascontiguousarray(samples.T)
        return [Recording(signal, entry.subject, entry.session, labels)], Counter()
    step_s = median_step_s(times)
    if is_steady(times, card.rate_hz):
        signal = np.ascontiguousarray(samples.T)
        return [StampedRecording(signal, entry.subject, entry.session, labels, step_s)], Counter()
    check_clock(times, card.rate_hz, time_kind, str(entry.path))
    stretches, repairs = to_steady_rate(
        times,
        samples.astype(np.float64),
        np.full(len(samples), -1) if labels is None else labels,
        card.rate_hz,
        longest_gap(card.rate_hz),
    )
    if not stretches:
        raise DataError(
            f"{entry.path}: no two samples have different time stamps, "
            f"{longest_gap(card.rate_hz):g} s apart at most"
        )
    faults = Counter(
        {
            REPEATED: repairs.n_repeated,
            SWAPPED: repairs.n_out_of_order,
            GAPS: repairs.n_gaps,
            LONELY: repairs.n_lonely,
            RESAMPLED: sum(stretch.resampled for stretch in stretches),
        }
    )
    recordings: list[Recording] = [
        StampedRecording(
            np.ascontiguousarray(stretch.samples.T, dtype=np.float32),
            entry.subject,
            entry.session,
            None if labels is None else stretch.labels,
            step_s,
        )
        for stretch in stretches
    ]
    return recordings, faults


def write_recordings_folder(
    card: Card,
    recordings: Sequence[Recording],
    folder: Path,
    kind: str = "csv",
    more: Sequence[Mapping[str, NDArray[Any]]] = (),
) -> None:
    """Write recordings as a folder that `read_recordings_folder` reads back the same.

    Parameters
    ----------
    card : Card
        What the recordings are.
    recordings : sequence of Recording
        A file each, called by its number, subject and session; tables have the time as
        `recording_table` has it.
    folder : Path
        Made here; may exist only when it is empty.
    kind : str
        Of the files: ``csv``, ``parquet`` or ``npz``.
    more : sequence of mappings, optional
        Further columns of each recording, by name: arrays of shape (n_samples,).

    Raises
    ------
    DataError
        If the folder exists and is not empty, or if there is no such kind, or if what is written
        would not read back the same: a name in the card or of a subject or session cannot stand
        in such a folder, some recordings have a subject and others none, or one has no samples.
    """
    if f".{kind}" not in FORMATS:
        raise DataError(f"format should be {', '.join(f[1:] for f in FORMATS)}, got {kind!r}")
    _refuse_names(card, recordings, kind)
    for recording in recordings:
        if not recording.signal.shape[1]:
            raise DataError(f"session {recording.session!r} has no samples: leave it out")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: exists and is not empty")
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and renamed, so that nobody ever sees half a folder.
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        rows = []
        for number, recording in enumerate(recordings):
            name = f"{_stem(number, recording)}.{kind}"
            columns = more[number] if more else {}
            FORMATS[f".{kind}"].write(partial / name, card, recording, columns)
            rows.append((name, recording.subject, recording.session))
        pd.DataFrame(rows, columns=INDEX_COLUMNS).to_csv(partial / INDEX_FILE, index=False)
        (partial / CARD_FILE).write_text(json.dumps(card.to_json(), indent=1) + "\n")
        partial.chmod(0o755)
        partial.replace(folder)
    except BaseException:
        shutil.rmtree(partial)
        raise


def _stem(number: int, recording: Recording) -> str:
    """Return what to call a file: its number, so that it is unique, and what is safe of the rest.

    As in ``0007_3_jogging_2``: no system minds such a name, however subject and session are called.
    """
    said = re.sub(r"\W+", "_", f"{recording.subject}_{recording.session}", flags=re.ASCII)
    return f"{number:04d}_{said.strip('_')[:60]}".rstrip("_")


def _refuse_names(card: Card, recordings: Sequence[Recording], kind: str) -> None:
    """Refuse names that would not read back from a folder of some kind of files."""
    for name in (*card.channel_names, *card.classes):
        if _is_torn(name) or name in ({"time", "label"} & set(card.channel_names)):
            raise DataError(f"{name!r} of {card.name!r} cannot be a column or a label: rename it")
    for name in card.channel_names:
        if kind == "csv" and ";" in name:  # which is told from a comma by the header alone
            raise DataError(
                f"{name!r} of {card.name!r} cannot be a column of a CSV, where ; may separate "
                "them: rename it, or write another format"
            )
    for name in {name for r in recordings for name in (r.subject, r.session)}:
        if _is_torn(name):
            raise DataError(f"{name!r} cannot be a subject or a session in a CSV: rename it")
    if len({recording.subject == "" for recording in recordings}) > 1:
        raise DataError("some recordings have a subject, others none: name all of them or none")


def _is_torn(name: str) -> bool:
    """Tell whether a name would lose white space around it or be torn where a line ends."""
    return name != name.strip() or "\n" in name or "\r" in name


def _inside(folder: Path, file: str, where: str) -> Path:
    """Return the path of a file that is named, if it is there, within, and of a kind read."""
    name = PureWindowsPath(file)  # which knows the separators of all systems
    if name.anchor or ".." in name.parts:
        raise DataError(f"{where}: {file!r} leads out of the folder; put the recording into it")
    path = folder / file
    if not path.is_file():
        raise DataError(f"{where}: the file {path} is not there")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{where}: {file!r} is a link out of the folder; put the recording into it")
    if path.suffix.lower() not in FORMATS:
        raise DataError(
            f"{where}: recordings are read from {', '.join(FORMATS)} files, not {file!r}"
        )
    return path
