"""The raw files of ActiGraph's devices, ``.gt3x``: a zip of what one logged, second by second.

``info.txt`` says the rate and the scale. ``log.bin`` is one record behind another: 0x1E, the kind,
the second as uint32, the size as uint16, so many bytes, and a checksum that makes the XOR of all
of them 0xFF; zeros may stand between two. A record of acceleration is a whole second of samples.

References
----------
ActiGraph, "GT3X-File-Format", https://github.com/actigraph/GT3X-File-Format.
"""

import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgeclust.errors import DataError
from edgeclust.har_data.members import open_archive
from edgeclust.har_data.stamped import GAPS, REPEATED, SWAPPED

SEPARATOR, N_HEADER, N_FRAME = 0x1E, 8, 9
"""What a record begins with; the bytes before what it holds, and those around it together."""

PACKED, PLAIN, PARAMETERS = 0x00, 0x1A, 0x15
"""Kinds of records: acceleration in 12 bits as y, x, z; in int16 as x, y, z; settings."""

SCALE_KEY = 55 << 16
"""Of the scale among the settings: number 55 of address 0."""

SCALES = {"NEO": 341.0, "CLE": 341.0, "MOS": 256.0}
"""Counts of one g by what a serial number begins with, where nothing else says them."""

LARGEST = 1 << 32
"""Bytes of a log: more than a device has room for."""

MOST_HZ = 1000

BLOCK = 4096
"""Seconds that are unpacked at once, so that what lies between takes little memory."""

DAMAGED = "places of the log that are damaged or cut left out"
ODD = "seconds that hold other than a second's samples left out"


@dataclass(frozen=True)
class Stretch:
    """Acceleration second by second, without a gap.

    Parameters
    ----------
    start_s : float
        Seconds from 1970 to the first sample by the clock of the device, which is the local time
        of where it was set up.
    acceleration : float32 array of shape (3, n_samples)
        Along x, y and z, in g; not rounded.
    """

    start_s: float
    acceleration: NDArray[np.float32]


def read_gt3x(path: Path, repairs: Counter[str]) -> tuple[float, list[Stretch]]:
    """Read the acceleration of a ``.gt3x``.

    Parameters
    ----------
    path : Path
        The file.
    repairs : Counter
        What was left out or put in order is added, by what is said of it.

    Returns
    -------
    rate_hz : float
        A whole number.
    stretches : list of Stretch
        In order of time. Between two lie seconds that the device did not record, as it sleeps
        where nothing moves if set up so, or that are damaged; nothing stands in for them.

    Raises
    ------
    DataError
        If the file is no such zip, or one of old firmware, says no rate or scale that can be, or
        holds no acceleration.
    """
    with open_archive(path, "info.txt") as members:
        info = _parse_info(members.read("info.txt"))
        if "log.bin" not in members.names:
            raise DataError(f"{path}: {_why_no_log(members.names)}")
        with members.open("log.bin") as stream:
            log = stream.read(LARGEST + 1)
    if len(log) > LARGEST:
        raise DataError(f"{path}: its log.bin is larger than any device's: refused")
    rate = _number(path, info, "Sample Rate")
    if not (2 <= rate <= MOST_HZ and rate == int(rate)):
        raise DataError(
            f"{path}: info.txt says a Sample Rate of {rate:g}, a whole number from 2 to {MOST_HZ} "
            "is expected"
        )
    content = np.frombuffer(log, np.uint8)
    starts = find_records(log, repairs)
    seconds, samples = _read_seconds(content, starts, int(rate), repairs)
    if not len(seconds):
        raise DataError(f"{path}: its log.bin holds no second of {rate:g} samples of acceleration")
    scale = _find_scale(path, info, content, starts)
    return rate, _cut(seconds, samples, scale, repairs)


def find_records(log: bytes, repairs: Counter[str]) -> NDArray[np.intp]:
    r"""Find the records of a log that are whole, whatever lies between them.

    Parameters
    ----------
    log : bytes
        What ``log.bin`` holds.
    repairs : Counter
        Places that are no record, cut, or of another checksum are added, one for each run.

    Returns
    -------
    starts : intp array of shape (n_records,)
        First byte of each.

    Examples
    --------
    The second record has a wrong checksum.

    >>> from collections import Counter
    >>> from edgeclust.har_data.gt3x import find_records
    >>> battery = bytes.fromhex("1e02 71e8b454 0200 3410")
    >>> right, wrong = bytes([0xE1 ^ 0x02 ^ 0x71 ^ 0xE8 ^ 0xB4 ^ 0x54 ^ 0x02 ^ 0x34 ^ 0x10]), b"-"
    >>> repairs = Counter()
    >>> find_records(battery + right + b"\0\0" + battery + wrong + battery + right, repairs)
    array([ 0, 24])
    >>> sum(repairs.values())
    1
    """
    # Of all bytes before each, so that the checksum of a record is one step whatever its size.
    before = b"\0" + np.bitwise_xor.accumulate(np.frombuffer(log, np.uint8)).tobytes()
    starts, place, n_bytes, lost = [], 0, len(log), False
    while place < n_bytes:
        if not lost and not log[place]:
            place += 1
            continue
        stop = place + N_FRAME
        if log[place] == SEPARATOR and stop <= n_bytes:
            stop += log[place + 6] | log[place + 7] << 8
            if (
                stop <= n_bytes
                and before[place] ^ before[stop] == 0xFF
                # What looks like a record within one that is damaged has hardly one behind it.
                and (not lost or stop == n_bytes or log[stop] in (SEPARATOR, 0))
            ):
                starts.append(place)
                place, lost = stop, False
                continue
        repairs[DAMAGED] += not lost
        lost = True
        place = log.find(SEPARATOR, place + 1)
        if place < 0:
            break
    return np.array(starts, np.intp)


def unpack(packed: NDArray[np.uint8], n_samples: int) -> NDArray[np.int16]:
    """Unpack samples of 12 bits.

    Parameters
    ----------
    packed : uint8 array of shape (n_seconds, (9 * n_samples + 1) // 2)
        The most significant bits first, three values a sample.
    n_samples : int
        Of a second.

    Returns
    -------
    samples : int16 array of shape (n_seconds, n_samples, 3)
        In [-2048, 2047], in the order of the file: y, x, z.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.har_data.gt3x import unpack
    >>> unpack(np.frombuffer(bytes.fromhex("006008ebd0"), np.uint8)[None], n_samples=1).tolist()
    [[[6, 8, -323]]]
    """
    n_values = 3 * n_samples
    values = np.empty((len(packed), n_values), np.int16)
    first, middle, last = (packed[:, offset::3].astype(np.int16) for offset in range(3))
    # To the left end of 16 bits and back: the sign comes along.
    values[:, ::2] = (first << 8 | middle[:, : first.shape[1]] & 0xF0) >> 4
    values[:, 1::2] = (middle[:, : n_values // 2] << 12 | last << 4) >> 4
    return values.reshape(-1, n_samples, 3)


def _parse_info(content: bytes) -> dict[str, str]:
    """Return what ``info.txt`` says, by its names."""
    lines = content.decode("utf-8-sig", "replace").splitlines()
    parts = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in parts}


def _why_no_log(names: list[str]) -> str:
    """Say what a zip without ``log.bin`` is."""
    if "activity.bin" not in names:
        return "is no file of an ActiGraph, it has no log.bin"
    return (
        "is of firmware 2.5.0 or older (it has activity.bin, no log.bin), which is not read: "
        "export raw CSV from ActiLife and put that into a recordings folder"
    )


def _number(path: Path, info: dict[str, str], name: str) -> float:
    """Return a number above 0 that ``info.txt`` says; some computers write it with a comma."""
    text = info.get(name, "")
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise DataError(f"{path}: info.txt should say {name} as a number above 0, got {text!r}")
    return number


def _find_scale(
    path: Path, info: dict[str, str], content: NDArray[np.uint8], starts: NDArray[np.intp]
) -> float:
    """Return the counts of one g: as ``info.txt`` has them, the settings, or the kind of device."""
    if "Acceleration Scale" in info:
        return _number(path, info, "Acceleration Scale")
    for start in starts[content[starts + 1] == PARAMETERS].tolist():
        n_pairs = int(content[start + 6 : start + N_HEADER].view("<u2")[0]) // 8
        first = start + N_HEADER
        pairs = content[first : first + 8 * n_pairs].view("<u4").reshape(-1, 2)
        for value in pairs[pairs[:, 0] == SCALE_KEY, 1].tolist():
            # 24 bits of a fraction and 8 of an exponent, both with a sign.
            fraction, exponent = (value & 0xFFFFFF ^ 1 << 23) - (1 << 23), (value >> 24 ^ 128) - 128
            if fraction > 0:
                return math.ldexp(fraction, exponent - 23)
    serial = info.get("Serial Number", "")
    if serial[:3] in SCALES:
        return SCALES[serial[:3]]
    raise DataError(f"{path}: info.txt says no Acceleration Scale for the device {serial!r}")


def _read_seconds(
    content: NDArray[np.uint8], starts: NDArray[np.intp], rate: int, repairs: Counter[str]
) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Return the whole seconds of acceleration, and their samples of shape (n, rate, 3)."""
    kinds, sizes = content[starts + 1], _read_field(content, starts + 6, "<u2")
    n_bytes = {PACKED: (9 * rate + 1) // 2, PLAIN: 6 * rate}
    packed, plain = ((kinds == kind) & (sizes == size) for kind, size in n_bytes.items())
    whole = packed | plain
    # One byte stands for a cable that was plugged in.
    repairs[ODD] += int(np.count_nonzero(np.isin(kinds, [*n_bytes]) & (sizes > 1) & ~whole))
    starts, kinds = starts[whole], kinds[whole]
    samples = np.empty((len(starts), rate, 3), np.int16)
    for kind, size in n_bytes.items():
        mine = np.flatnonzero(kinds == kind)
        for first in range(0, len(mine), BLOCK):
            block = mine[first : first + BLOCK]
            found = sliding_window_view(content, size)[starts[block] + N_HEADER]
            samples[block] = (
                unpack(found, rate)[:, :, [1, 0, 2]]
                if kind == PACKED
                else found.view("<i2").reshape(-1, rate, 3)
            )
    return _read_field(content, starts + 2, "<u4"), samples


def _read_field(
    content: NDArray[np.uint8], places: NDArray[np.intp], kind: str
) -> NDArray[np.int64]:
    """Return the whole numbers that stand at some places."""
    size = np.dtype(kind).itemsize
    found = sliding_window_view(content, size)[places].view(kind)
    return found.reshape(len(places)).astype(np.int64)


def _cut(
    seconds: NDArray[np.int64], samples: NDArray[Any], scale: float, repairs: Counter[str]
) -> list[Stretch]:
    """Put seconds in order, and cut where one is missing."""
    repairs[SWAPPED] += samples.shape[1] * int((np.diff(seconds) < 0).sum())
    times, places = np.unique(seconds, return_index=True)  # the first of each
    repairs[REPEATED] += samples.shape[1] * (len(seconds) - len(times))
    cuts = np.flatnonzero(np.diff(times) > 1) + 1
    repairs[GAPS] += len(cuts)
    stretches = []
    for start, stop in pairwise([0, *cuts.tolist(), len(times)]):
        counts = samples[places[start:stop]].reshape(-1, 3)
        acceleration = np.empty(counts.T.shape, np.float32)
        np.divide(counts.T, scale, out=acceleration, casting="same_kind")  # rounded once
        stretches.append(Stretch(float(times[start]), acceleration))
    return stretches
