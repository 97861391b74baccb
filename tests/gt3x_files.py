"""Files as ActiGraph's devices write them, made in code."""

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

INFO = {
    "Serial Number": "TAS1H30182785",
    "Device Type": "Link",
    "Firmware": "1.7.2",
    "Battery Voltage": "4.18",
    "Sample Rate": "30",
    "Start Date": "637045344000000000",
    "Stop Date": "0",
    "TimeZone": "01:00:00",
    "Acceleration Scale": "256.0",
    "Acceleration Min": "-8.0",
    "Acceleration Max": "8.0",
    "Limb": "Wrist",
    "Subject Name": "P04",
}


def write_gt3x(
    path: Path, log: bytes, info: Mapping[str, str | None] = INFO, name: str = "log.bin"
) -> None:
    """Write a file; `info` is what info.txt says else than usually, None for nothing."""
    lines = {key: value for key, value in {**INFO, **info}.items() if value is not None}
    text = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("info.txt", text)
        archive.writestr(name, log)


def record(kind: int, second: int, payload: bytes) -> bytes:
    """Return a record with its checksum: the complement of the XOR of all before it."""
    content = struct.pack("<BBIH", 0x1E, kind, second, len(payload)) + payload
    checksum = 0
    for byte in content:
        checksum ^= byte
    return content + bytes([~checksum & 0xFF])


def plain_second(second: int, samples: NDArray[np.integer[Any]]) -> bytes:
    """Return a record of samples of shape (n, 3), x, y and z as int16."""
    return record(0x1A, second, samples.astype("<i2").tobytes())


def packed_second(second: int, samples: NDArray[np.integer[Any]]) -> bytes:
    """Return a record of samples of shape (n, 3): y, x, z in 12 bits each, a half byte over."""
    text = "".join(f"{int(v) & 0xFFF:03x}" for x, y, z in samples for v in (y, x, z))
    return record(0x00, second, bytes.fromhex(text + "0" * (len(text) % 2)))
