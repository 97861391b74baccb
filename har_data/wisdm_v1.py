"""WISDM v1.1 as published: raw records, those that are broken left out and counted."""

import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members
from edgeclust.har_data.quick_csv import NAME, NUMBER, WHOLE, read_quickly
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

COLUMNS = ["user", "activity", "time", "x", "y", "z"]

BLOCK = 1 << 18
"""Bytes of lines that are looked at together."""

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
    table = _read_records(members, path, repairs)

    labels = class_indices(f"{members.where}: {path}", table["activity"], ACTIVITIES)
    users = table["user"].to_numpy()
    times = table["time"].to_numpy() / 1e9
    samples = table[["x", "y", "z"]].to_numpy() / STANDARD_GRAVITY
    edges = np.flatnonzero((np.diff(users) != 0) | (np.diff(labels) != 0)) + 1
    n_bouts: dict[int, int] = {}
    for start, stop in pairwise([0, *edges.tolist(), len(table)]):
        user, own = int(users[start]), slice(start, stop)
        n_bouts[user] = n_bouts.get(user, 0) + 1
        session = f"{CARD.classes[labels[start]]} {n_bouts[user]}"
        yield Bout(times[own], samples[own], labels[own], str(user), session)


def _read_records(members: Members, path: str, repairs: Counter[str]) -> pd.DataFrame:
    """Return the records that are whole and have a time, and count what else there was."""
    content, faults = members.read(path), Counter[str]()
    table = _read_at_once(content, faults)
    if table is None:
        faults.clear()
        text = b"".join(_whole_records(content, faults))
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
    repairs.update(faults)
    timed = table["time"] > 0
    repairs["records of time 0 left out"] += int((~timed).sum())
    return table if timed.all() else table[timed]


def _read_at_once(content: bytes, faults: Counter[str]) -> pd.DataFrame | None:
    """Read the records, looking closer only at blocks whose lines do not all end in a ``;``.

    None where a cell is other than that of a sound record, which the text as a whole then tells.
    """
    text: list[bytes] = []
    for block in _blocks(content):
        marks = np.frombuffer(block, np.uint8)
        ends, stops = marks == ord("\n"), marks == ord(";")
        both = np.count_nonzero(stops[:-1] & ends[1:])
        if both == np.count_nonzero(ends) == np.count_nonzero(stops) and b"\r" not in block:
            text.append((marks - (ord(";") - ord(" ")) * stops.view(np.uint8)).tobytes())
        else:
            text += [run.replace(b";", b" ") for run in _whole_records(block, faults)]
    kinds = dict(enumerate((WHOLE, NAME, WHOLE, NUMBER, NUMBER, NUMBER)))
    quick = read_quickly(io.BytesIO(b"".join(text)), kinds, len(kinds), missing=())
    if quick is None:
        return None
    columns = {c: q.to_pandas() for c, q in zip(COLUMNS, quick, strict=True)}
    table = pd.DataFrame(columns, copy=False)
    sound = (table[["user", "time"]].to_numpy() >= 0).all()
    sound &= np.isfinite(table[["x", "y", "z"]].to_numpy()).all()
    named = all(re.fullmatch(r"\w+", name) for name in table["activity"].cat.categories)
    return table if sound and named else None


def _blocks(content: bytes) -> Iterator[bytes]:
    """Cut a text behind some of its lines."""
    start = 0
    while start < len(content):
        end = content.rfind(b"\n", start, start + BLOCK) + 1 or len(content)
        yield content[start:end]
        start = end


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
