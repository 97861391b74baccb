"""WISDM v1.1 as published: raw records, those that are broken left out and counted."""

import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import IO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members
from edgeclust.har_data.quick_csv import NAME, WHOLE, read_quickly
from edgeclust.har_data.source import Source
from edgeclust.har_data.stamped import Bout, steady_recordings
from edgeclust.units import STANDARD_GRAVITY

ARCHIVES = ("WISDM_ar_latest.tar.gz",)

FILE = "WISDM_ar_v1.1_raw.txt"

ACTIVITIES = ("Walking", "Jogging", "Upstairs", "Downstairs", "Sitting", "Standing")

REAL = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"

RECORD = re.compile(rf"^\d+,\w+,\d+,{REAL},{REAL},{REAL}(?=,?$)", re.MULTILINE)
"""A whole record on a line of its own; a comma more is let pass."""

SOUND_REAL = rb"[-+]?+(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?+\d++)?+"

SOUND_LINES = re.compile(
    rb"^(?:\d++,\w++,\d++,%b,%b,%b;\r?+\n)++" % ((SOUND_REAL,) * 3), re.MULTILINE
)
"""Lines that follow one another with nothing wrong, which are nearly all; it never goes back."""

FAULTS = {
    "blank lines": re.compile(r"^$\n", re.MULTILINE),
    "lines ending in ',;'": re.compile(r",;$", re.MULTILINE),
    "lines without ';'": re.compile(r"[^;\n]$", re.MULTILINE),
    "records behind another on a line": re.compile(r";(?=[^;\n])"),
}
"""What is wrong with the lines, and is read nonetheless where the record is whole."""

BLOCK = 1 << 18
"""Bytes looked at at once, which stay in the caches."""

LINE = 1 << 10
"""Bytes that a line has at most, as a rule: one more than a block of them is still one block."""

COLUMNS = ["user", "activity", "time", "x", "y", "z"]

CARD = Card(
    name="wisdm-v1",
    rate_hz=20.0,
    channels=tuple(Channel(f"acc_{axis}", "g") for axis in "xyz"),
    window=200,
    stride=200,
    classes=tuple(map(str.lower, ACTIVITIES)),
    mount="trouser pocket",
    source="WISDM v1.1, raw (Kwapisz et al. 2010)",
    licence="free; shared with its readme.txt, and the paper cited",
)


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Read the bouts of each activity, brought from m/s²; more where a bout has gaps."""
    return steady_recordings(CARD, _bouts(members, paths, repairs), repairs)


def _bouts(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Bout]:
    """Cut the records where the person or the activity changes."""
    (path,) = paths
    table, samples = _read_records(members, path, repairs)

    labels = class_indices(f"{members.where}: {path}", table["activity"], ACTIVITIES)
    users = table["user"].to_numpy()
    times = table["time"].to_numpy() / 1e9
    samples /= STANDARD_GRAVITY
    edges = np.flatnonzero((np.diff(users) != 0) | (np.diff(labels) != 0)) + 1
    n_bouts: dict[int, int] = {}
    for start, stop in pairwise([0, *edges.tolist(), len(table)]):
        user, own = int(users[start]), slice(start, stop)
        n_bouts[user] = n_bouts.get(user, 0) + 1
        session = f"{CARD.classes[labels[start]]} {n_bouts[user]}"
        yield Bout(times[own], samples[own], labels[own], str(user), session)


def _read_records(
    members: Members, path: str, repairs: Counter[str]
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Return the records that are whole and have a time, and count what else there was.

    They are user, activity and time of each, and the samples.
    """
    faults = Counter[str]()
    with members.open(path) as stream:
        quick = _read_at_once(stream, faults)
    if quick:
        table, samples = quick
    else:
        faults.clear()
        text = b"".join(_whole_records(members.read(path), faults))
        if not text:
            raise DataError(f"{members.where}: {path} holds no record user,activity,time,x,y,z;")
        table = pd.read_csv(
            io.BytesIO(text),
            header=None,
            names=COLUMNS,
            dtype={"activity": "category"} | dict.fromkeys("xyz", "float64"),
            keep_default_na=False,
            comment=";",
        )
        samples = table[[*"xyz"]].to_numpy()
    repairs.update(faults)
    timed = table["time"].to_numpy() > 0
    repairs["records of time 0 left out"] += int((~timed).sum())
    return (table, samples) if timed.all() else (table[timed], samples[timed])


def _read_at_once(
    stream: IO[bytes], faults: Counter[str]
) -> tuple[pd.DataFrame, NDArray[np.float64]] | None:
    """Read the records, looking closer only at blocks whose lines do not all end in a ``;``.

    None where a cell is other than that of a sound record, which the text as a whole then tells.
    """
    others = dict(enumerate((WHOLE, NAME, WHOLE)))
    records = _Records(stream, faults)
    found = read_quickly(records, range(3, 6), others, 6, missing=(), end=";")
    if found is None:
        return None
    samples, columns = found
    table = pd.DataFrame(dict(zip(COLUMNS, columns, strict=False)), copy=False)
    sound = table["user"].min() >= 0 and table["time"].min() >= 0 and np.isfinite(samples).all()
    sound &= all(re.fullmatch(r"\w+", name) for name in table["activity"].cat.categories)
    return (table, samples) if sound else None


class _Records(io.RawIOBase):
    """The whole records of a stream, a line each that may end in a ``;``, and a count of faults."""

    def __init__(self, stream: IO[bytes], faults: Counter[str]) -> None:
        self._stream, self._faults, self._left = stream, faults, b""

    def read(self, size: int = -1) -> bytes:
        """Return the next of them, some bytes at most."""
        while not self._left:
            block = self._stream.read(BLOCK - LINE) + self._stream.readline()
            if not block:
                return b""
            if not _is_sound(block):
                block = b"".join(_whole_records(block, self._faults))
            self._left = block
        found, self._left = self._left[:size], self._left[size:]
        return found


def _is_sound(block: bytes) -> bool:
    """Tell whether all lines end in a ``;``, and have no other; a plus may stand before users."""
    marks = np.frombuffer(block, np.uint8)
    stops, ends = marks == ord(";"), marks == ord("\n")
    if b"+" in block:
        return False
    return bool(ends[-1]) and not ends[0] and np.array_equal(stops[:-1], ends[1:])


def _whole_records(content: bytes, faults: Counter[str]) -> Iterator[bytes]:
    """Yield the lines of the records that are whole, and count what else there was."""
    end = 0
    for run in SOUND_LINES.finditer(content):
        yield _mend(content[end : run.start()], faults)
        yield run[0]
        end = run.end()
    yield _mend(content[end:], faults)


def _mend(lines: bytes, faults: Counter[str]) -> bytes:
    """Return the whole records of lines that are not all sound, a line each, and count faults."""
    text = re.sub(r"[ \t\r]+", "", lines.decode("utf-8", "replace"))
    for fault, pattern in FAULTS.items():
        faults[fault] += len(pattern.findall(text))
    text = text.replace(";", "\n")
    whole = RECORD.findall(text)
    n_records = len(re.findall(r"^.", text, re.MULTILINE))
    faults["broken records left out"] += n_records - len(whole)
    return "".join(f"{record}\n" for record in whole).encode()


SOURCE = Source(
    CARD,
    what="six activities of 36 people, a phone in the front pocket of the trousers",
    pattern=FILE,
    archives=ARCHIVES,
    read=_recordings,
    citation='Kwapisz, Weiss and Moore, "Activity recognition using cell phone accelerometers", '
    "SensorKDD 2010",
)
"""`session` is the activity and the number of the person's bout."""
