"""Prepared recordings: a folder of raw numbers that opens by mapping it into memory.

``header.jsonl`` is two lines of JSON: the SHA-256 of the second, and there the card, what was
repaired, and for each part its size, its CRC-32 and its recordings. A part, ``0000.bin`` and so
on, holds for each of its recordings one after another: the signal, float32, a channel after the
other; the labels, int16; the runs of labels and the holes of `edgeclust.dataset.Recording`, int64.
All is little-endian, and each begins at a multiple of 8 bytes. Where in a part something lies
follows from the counts alone, so no header can point elsewhere.
"""

import hashlib
import json
import mmap
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.card import Card
from edgeclust.dataset import Recording, check_recording
from edgeclust.errors import DataError
from edgeclust.files import write_atomically
from edgeclust.har_data.stamped import StampedRecording

FORMAT = 1
"""Raised whenever what is written changes."""

HEADER = "header.jsonl"

CHUNK = 1 << 22  # bytes

ALIGNMENT = 8  # bytes


def write_part(card: Card, recordings: Iterable[Recording], path: Path) -> dict[str, Any]:
    """Write some recordings as one file, whole or not at all.

    Parameters
    ----------
    card : Card
        What the recordings are.
    recordings : iterable of Recording
        Taken and written one at a time.
    path : Path
        The file; its folder has to exist.

    Returns
    -------
    part : dict
        What the header has to say of it.

    Raises
    ------
    DataError
        If a recording is other than the card says, or if the file cannot be written: the message
        says the way out.
    """
    if len(card.classes) > np.iinfo(np.int16).max:
        raise DataError(f"{card.name!r} has {len(card.classes):,} classes, too many to prepare")
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    listed, size, checksum = [], 0, 0
    try:
        with errors_say(path.parent), temporary.open("wb") as stream:
            for recording in recordings:
                check_recording(recording, card)
                listed.append(_describe(recording))
                for numbers in _sections(recording):
                    content = numbers.reshape(-1).view(np.uint8)
                    padding = bytes(-len(content) % ALIGNMENT)
                    for piece in (content.data, padding):
                        stream.write(piece)
                        checksum = zlib.crc32(piece, checksum)
                        size += len(piece)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return {"size": size, "crc32": checksum, "recordings": listed}


def write_header(
    folder: Path, card: Card, parts: Sequence[Mapping[str, Any]], repairs: Mapping[str, int]
) -> None:
    """Write what makes a folder of parts one that opens.

    Parameters
    ----------
    folder : Path
        Holds the parts.
    card : Card
        What the recordings are.
    parts : sequence of dict
        What `write_part` returned of ``0000.bin``, ``0001.bin`` and so on.
    repairs : dict of str to int
        What was repaired on reading, and how often.
    """
    content = {"format": FORMAT, "card": card.to_json(), "repairs": {**repairs}, "parts": [*parts]}
    text = json.dumps(content)
    checksum = json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest()})
    with errors_say(folder):
        write_atomically(folder / HEADER, f"{checksum}\n{text}\n".encode())


def write_prepared(card: Card, recordings: Iterable[Recording], folder: Path) -> None:
    """Write recordings as one part, in a folder that has to exist.

    Parameters
    ----------
    card : Card
        What the recordings are.
    recordings : iterable of Recording
        Taken and written one at a time.
    folder : Path
        Without a header until all is written.

    Raises
    ------
    DataError
        As `write_part`.
    """
    write_header(folder, card, [write_part(card, recordings, part_path(folder, 0))], {})


def open_prepared(
    folder: Path, repairs: Counter[str] | None = None
) -> tuple[Card, list[Recording]]:
    """Open prepared recordings by their header alone; signals and labels are read when used.

    Checked are the header by its checksum and the parts by their sizes; `check_prepared` reads
    every byte.

    Parameters
    ----------
    folder : Path
        What `write_header` has made whole.
    repairs : Counter, optional
        What was repaired when the recordings were read is added.

    Returns
    -------
    card : Card
    recordings : list of Recording
        Their signals and labels are views of the files, read-only; processes share the pages.

    Raises
    ------
    DataError
        If a file is missing, cut or changed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from edgeclust.har_data.prepared import open_prepared, write_prepared
    >>> from edgeclust.har_data.watch import read_watch
    >>> card, recordings = read_watch()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_prepared(card, recordings, Path(folder))
    ...     same_card, same = open_prepared(Path(folder))
    >>> same_card == card, bool((same[1].signal == recordings[1].signal).all())
    (True, True)
    """
    card, parts, repaired = _read_header(folder)
    if repairs is not None:
        repairs.update(repaired)
    recordings = []
    for number, part in enumerate(parts):
        recordings += _map_part(part_path(folder, number), part, len(card.channels))
    return card, recordings


def check_prepared(folder: Path) -> None:
    """Read all of a folder and compare the checksums.

    Raises
    ------
    DataError
        If a file is missing, cut or changed.
    """
    open_prepared(folder)
    for number, part in enumerate(_read_header(folder)[1]):
        if not is_whole(part_path(folder, number), part):
            raise _damaged(part_path(folder, number), "its checksum is another")


def is_whole(path: Path, part: Mapping[str, Any]) -> bool:
    """Tell whether all bytes of a part are those that were written.

    Parameters
    ----------
    path : Path
        The file.
    part : dict
        What `write_part` returned.
    """
    checksum = size = 0
    try:
        with path.open("rb") as stream:
            while piece := stream.read(CHUNK):
                checksum = zlib.crc32(piece, checksum)
                size += len(piece)
    except OSError:
        return False
    return (checksum, size) == (part["crc32"], part["size"])


def part_path(folder: Path, number: int) -> Path:
    """Return the file of a part."""
    return folder / f"{number:04d}.bin"


@contextmanager
def errors_say(folder: Path) -> Iterator[None]:
    """Turn a failure to write into an error that names the folder and the way out."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written: {error.strerror or error}; what is finished is kept "
            "there, and the same command goes on: make room on that disk, or name a folder on "
            "another as XDG_CACHE_HOME"
        ) from error


def _sections(recording: Recording) -> list[NDArray[Any]]:
    """Return what a part holds of a recording."""
    labels = np.empty(0) if recording.labels is None else recording.labels
    arrays = [recording.signal, labels, recording.label_runs, recording.holes]
    kinds = ["<f4", "<i2", "<i8", "<i8"]
    return [np.ascontiguousarray(a, kind) for a, kind in zip(arrays, kinds, strict=True)]


def _describe(recording: Recording) -> list[Any]:
    """Return what a header says of a recording."""
    counts = [recording.signal.shape[1], 0 if recording.labels is None else len(recording.labels)]
    counts += [len(recording.label_runs), len(recording.holes)]
    step_s = recording.step_s if isinstance(recording, StampedRecording) else None
    return [recording.subject, recording.session, recording.labels is not None, step_s, *counts]


def _read_header(folder: Path) -> tuple[Card, list[dict[str, Any]], dict[str, int]]:
    """Read the card, what is said of the parts, and what was repaired."""
    path = folder / HEADER
    try:
        first, _, text = path.read_bytes().partition(b"\n")
        if json.loads(first) != {"sha256": hashlib.sha256(text.removesuffix(b"\n")).hexdigest()}:
            raise ValueError("its checksum is another")
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']}, not {FORMAT}")
        repairs = {str(what): int(count) for what, count in content["repairs"].items()}
        parts = [dict(part) for part in content["parts"]]
        return Card.from_json(content["card"], str(path)), parts, repairs
    except OSError as error:
        raise _cannot_open(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, str(error)) from error


def _map_part(path: Path, part: Mapping[str, Any], n_channels: int) -> list[Recording]:
    """Return the recordings of a part as views of its file."""
    recordings = []
    try:
        listed = part["recordings"]
        counts = np.array([entry[4:] for entry in listed], np.int64).reshape(-1, 4)
        size = path.stat().st_size
        widths = counts * [4 * n_channels, 2, 16, 16]
        ends = [*accumulate((widths + -widths % ALIGNMENT).ravel().tolist(), initial=0)]
        if counts.min(initial=0) < 0 or ends[-1] != part["size"]:
            raise _damaged(path, "its header contradicts itself")
        if size != part["size"]:
            raise _damaged(path, f"has {size:,} bytes, its header says {part['size']:,}")
        content = _map(path, size)
        shapes = [(n_channels, -1), (-1,), (-1, 2), (-1, 2)]
        for row, (subject, session, labelled, step_s, *_) in enumerate(listed):
            signal, labels, runs, holes = (
                content[start : start + width].view(kind).reshape(shape)
                for start, width, kind, shape in zip(
                    ends[4 * row :], widths[row], ["<f4", "<i2", "<i8", "<i8"], shapes, strict=False
                )
            )
            parts = signal, str(subject), str(session), labels if labelled else None
            recording = Recording(*parts) if step_s is None else StampedRecording(*parts, step_s)
            vars(recording).update(label_runs=runs, holes=holes)
            recordings.append(recording)
    except OSError as error:
        raise _cannot_open(path, error) from error
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise error if isinstance(error, DataError) else _damaged(path, str(error)) from error
    return recordings


def _map(path: Path, size: int) -> NDArray[np.uint8]:
    """Map a file into memory, read-only; it stays mapped as long as a view of it lives."""
    if not size:
        return np.empty(0, np.uint8)
    with path.open("rb") as stream:
        return np.frombuffer(mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ), np.uint8)


def _cannot_open(path: Path, error: OSError) -> DataError:
    """Return the error of a file that is not there, or that the system does not open."""
    if isinstance(error, FileNotFoundError):
        return _damaged(path, "is not there")
    return DataError(f"{path}: cannot be opened: {error.strerror or error}")


def _damaged(path: Path, why: str) -> DataError:
    """Return the error of prepared recordings that cannot be used."""
    return DataError(
        f"{path}: {why}: what was prepared is damaged; 'edgeclust data prepare' makes it anew, and "
        f"without the folder {path.parent} the data are read as they were published"
    )
