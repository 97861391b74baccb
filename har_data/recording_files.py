"""One recording in a file: CSV, Parquet or NPZ, read and written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from edgeclust.card import Card
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.members import MOST_RATIO
from edgeclust.har_data.quick_csv import copy_numbers
from edgeclust.har_data.recording_csv import EMPTY, read_csv
from edgeclust.har_data.time_columns import Place, to_seconds
from edgeclust.samples import read_header

LARGE = 256 * 2**20
"""Bytes from which on an array that was packed too well is taken for a trap."""


@dataclass(frozen=True)
class Content:
    """What the file of a recording holds.

    Parameters
    ----------
    samples : float32 array of shape (n_samples, n_channels)
        In the units of the card; NaN where one is missing, infinity beyond float32.
    times : float64 array of shape (n_samples,) or None
        Seconds from the first, in the order of the file.
    labels : intp array of shape (n_samples,) or None
        Index of the class, -1 where unknown.
    """

    samples: NDArray[np.float32]
    times: NDArray[np.float64] | None
    labels: NDArray[np.intp] | None


def read_content(
    path: Path, card: Card, time_kind: str | None, *, with_labels: bool = True
) -> Content:
    """Read the file of a recording.

    Parameters
    ----------
    path : Path
        Ends in one of `FORMATS`.
    card : Card
        Names the channels and the classes.
    time_kind : str or None
        As `edgeclust.har_data.time_columns.to_seconds` takes it.
    with_labels : bool
        Whether to read labels; where not, they may be any.

    Raises
    ------
    DataError
        If the file is damaged, has no samples, lacks a channel, or has a label that the card
        does not know; the message says where.
    """
    extras = EXTRAS if with_labels else EXTRAS[:1]
    content = FORMATS[path.suffix.lower()].read(path, card, time_kind, extras)
    if not len(content.samples):
        raise DataError(f"{path}: has no samples; take its line out of recordings.csv")
    return content


def recording_table(
    card: Card, recording: Recording, more: Mapping[str, NDArray[Any]] | None = None
) -> pd.DataFrame:
    """Return a recording as its CSV shows it: time, the channels, the label.

    Parameters
    ----------
    card : Card
        Names the channels and the classes.
    recording : Recording
        Of shape (n_channels, n_samples).
    more : mapping of str to array of shape (n_samples,), optional
        Further columns.

    Returns
    -------
    table : DataFrame of n_samples rows
        ``time`` in seconds, from 1970 where the recording knows its clock and else from 0, the
        channels, ``label`` where anything is labelled, and `more`.
    """
    table = pd.DataFrame(recording.signal.T, columns=card.channel_names)
    start_s = np.nan_to_num(getattr(recording, "start_s", 0.0))
    table.insert(0, "time", np.round(start_s + np.arange(len(table)) / card.rate_hz, 6))
    if recording.labels is not None:
        names = np.array([*card.classes, ""], dtype=object)
        table["label"] = names[recording.labels]
    return table.assign(**(more or {}))


def _read_csv(path: Path, card: Card, time_kind: str | None, extras: tuple[str, ...]) -> Content:
    """Read a CSV."""
    samples, others, text = read_csv(path, card.channel_names)
    others = {name: column for name, column in others.items() if name in extras}
    return _content(samples, others, card, time_kind, text.place)


def _write_csv(
    path: Path, card: Card, recording: Recording, more: Mapping[str, NDArray[Any]]
) -> None:
    """Write a CSV."""
    recording_table(card, recording, more).to_csv(path, index=False)


def _read_parquet(
    path: Path, card: Card, time_kind: str | None, extras: tuple[str, ...]
) -> Content:
    """Read the columns that are wanted of a Parquet file."""
    channels = card.channel_names
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            columns = read_header(file.schema_arrow.names, channels, str(path))
            # One by one: all at once, unpacked, they take as much memory again.
            for place, name in enumerate(channels):
                column = file.read(columns=[name], use_threads=False)[name]
                kind = column.type
                if not (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)):
                    raise DataError(f"{path}: column {name} holds {kind}, not numbers")
                if not place:
                    samples = np.empty((len(channels), len(column)), np.float32)
                _refuse_other_length(column, samples)
                copy_numbers(column, samples[place])
            wanted = [name for name in extras if name in columns]
            table = file.read(columns=wanted, use_threads=False)
            _refuse_other_length(table, samples)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: is no Parquet file, or is damaged or cut: {error}") from error
    others = {name: table[name].to_pandas() for name in wanted}
    return _content(samples.T, others, card, time_kind, _sample_of(path))


def _refuse_other_length(found: Any, samples: NDArray[np.float32]) -> None:
    """Refuse what has more or fewer rows than the first column, as in a damaged file."""
    if len(found) != samples.shape[1]:
        raise pyarrow.ArrowInvalid(f"columns of {samples.shape[1]} and of {len(found)} rows")


def _write_parquet(
    path: Path, card: Card, recording: Recording, more: Mapping[str, NDArray[Any]]
) -> None:
    """Write a Parquet file."""
    recording_table(card, recording, more).to_parquet(path, index=False, engine="pyarrow")


def _read_npz(path: Path, card: Card, time_kind: str | None, extras: tuple[str, ...]) -> Content:
    """Read the arrays that are wanted of an NPZ; nothing in it is ever run."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise DataError(f"{path}: is no NPZ")
            _refuse_bomb(path, arrays)
            found = {name: arrays[name] for name in ("signal", "scale", *extras) if name in arrays}
    except DataError:
        raise
    except Exception as error:  # numpy, zipfile and zlib raise whatever wrong bytes bring them to
        raise DataError(f"{path}: is no NPZ of plain arrays, or is damaged: {error}") from error
    if "signal" not in found:
        raise DataError(f"{path}: has no array signal of shape (n_samples, n_channels)")
    signal, scale = found["signal"], found.get("scale", np.ones(1))
    if signal.dtype.kind not in "iuf" or signal.shape[1:] != (len(card.channels),):
        raise DataError(
            f"{path}: signal is {signal.dtype} of shape {signal.shape}, numbers of shape "
            f"(n_samples, {len(card.channels)}) are expected, a column for each channel"
        )
    if scale.dtype.kind not in "iuf" or scale.shape not in ((), (1,), signal.shape[1:]):
        raise DataError(
            f"{path}: scale is {scale.dtype} of shape {scale.shape}, "
            f"{len(card.channels)} numbers are expected, one for each channel"
        )
    for name in extras:
        if name in found and found[name].shape != signal.shape[:1]:
            raise DataError(
                f"{path}: {name} is of shape {found[name].shape}, but there are "
                f"{len(signal)} samples"
            )
    with np.errstate(over="ignore"):
        if "scale" in found:  # in float64, for whole numbers would wrap around
            signal = np.multiply(signal, scale, dtype=np.float64)
        samples = signal.astype(np.float32)
    place = _sample_of(path)
    times = labels = None
    if "time" in found:
        times = to_seconds(pd.Series(found["time"]), time_kind, place)
    if "label" in found:
        labels = _known(found["label"], card, place)
    return Content(samples, times, labels)


def _write_npz(
    path: Path, card: Card, recording: Recording, more: Mapping[str, NDArray[Any]]
) -> None:
    """Write an NPZ."""
    labels = {} if recording.labels is None else {"label": recording.labels}
    np.savez(path, signal=recording.signal.T, **labels, **more)  # type: ignore[arg-type]


EXTRAS = ("time", "label")
"""What a file may hold beside its samples."""


@dataclass(frozen=True)
class Format:
    """How recordings of a kind of file are read and written."""

    read: Callable[[Path, Card, str | None, tuple[str, ...]], Content]
    write: Callable[[Path, Card, Recording, Mapping[str, NDArray[Any]]], None]


FORMATS = {
    ".csv": Format(_read_csv, _write_csv),
    ".parquet": Format(_read_parquet, _write_parquet),
    ".npz": Format(_read_npz, _write_npz),
}
"""By what the name of a file ends in."""


def _content(
    samples: NDArray[np.float32],
    others: "Mapping[str, pd.Series[Any]]",
    card: Card,
    time_kind: str | None,
    place: Place,
) -> Content:
    """Put samples together with what the columns ``time`` and ``label`` say, if they are there."""
    times = labels = None
    if "time" in others and len(samples):
        times = to_seconds(others["time"], time_kind, place)
    if "label" in others:
        labels = _indices(others["label"], card, place)
    return Content(samples, times, labels)


def _indices(names: "pd.Series[Any]", card: Card, place: Place) -> NDArray[np.intp]:
    """Turn class names into indices; an empty one is unlabelled."""
    known = dict.fromkeys(EMPTY, -1) | {name: index for index, name in enumerate(card.classes)}
    categories = pd.Categorical(names)
    texts = [str(category).strip() for category in categories.categories]
    # A missing one has the code -1, which takes the last.
    lookup = np.array([*(known.get(text, -2) for text in texts), -1], np.intp)
    indices: NDArray[np.intp] = lookup[categories.codes]
    wrong = indices == -2
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{place(row)}: label {texts[categories.codes[row]]!r} {_not_among(card)}")
    return indices


def _known(labels: NDArray[Any], card: Card, place: Place) -> NDArray[np.intp]:
    """Refuse an index that is of no class."""
    wrong = np.ones(len(labels), bool)
    if labels.dtype.kind in "iu":
        wrong = (labels < -1) | (labels >= len(card.classes))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{place(row)}: label {labels[row]}, counted from 0 and -1 for none, {_not_among(card)}"
        )
    return labels.astype(np.intp)


def _not_among(card: Card) -> str:
    """Say what labels there are, and what to do."""
    return (
        f"is not among the classes of dataset.json: {', '.join(card.classes) or 'none'}; "
        "add it there, or leave it out"
    )


def _sample_of(path: Path) -> Place:
    """Return what says where a sample stands in a file without lines."""
    return lambda row: f"{path}, sample {row + 1}"


def _refuse_bomb(path: Path, arrays: Any) -> None:
    """Refuse arrays that would grow beyond all measure when they are unpacked."""
    for member in arrays.zip.infolist():
        if member.file_size > max(LARGE, MOST_RATIO * member.compress_size):
            raise DataError(
                f"{path}: {member.filename} would grow from {member.compress_size} to "
                f"{member.file_size} bytes, more than recordings do: refused"
            )
