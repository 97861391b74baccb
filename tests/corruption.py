"""Damage model files from a seed, and hold the numpy backend to its promise on them."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeclust import ModelFileError
from edgeclust.numpy_encoder import NumpyEncoder

MOST_MEMORY = 400 * 2**20
"""Bytes that a damaged file may cost: the budget of a run, and the file a few times over."""

SPLICES = [b"", b"\x00", b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff\x0f", b"\x80" * 11, b"\x7f"]
"""Lengths that lie, numbers without an end, and nothing at all."""


def mutations(content: bytes, n_files: int, seed: int) -> Iterator[bytes]:
    """Yield damaged copies: flipped bits, other bytes, parts moved, cut out or put in."""
    rng = np.random.default_rng(seed)
    # Weights are most of a file; what describes them is where a reader can go wrong.
    telling = _telling(content)
    for n in range(n_files):
        damaged = bytearray(content)
        for _ in range(rng.integers(1, 5)):
            at = int(rng.choice(telling)) if n % 4 else int(rng.integers(len(damaged)))
            at = min(at, len(damaged) - 1)
            match rng.integers(5):
                case 0:
                    damaged[at] ^= 1 << int(rng.integers(8))
                case 1:
                    damaged[at] = int(rng.integers(256))
                case 2:
                    damaged[at : at + int(rng.integers(1, 16))] = b""
                case 3:
                    damaged[at:at] = SPLICES[int(rng.integers(len(SPLICES)))]
                case 4:
                    start = int(rng.integers(len(damaged)))
                    damaged[at:at] = damaged[start : start + int(rng.integers(1, 64))]
        yield bytes(damaged)


def _telling(content: bytes) -> NDArray[np.intp]:
    """Return the places within 24 bytes of a text, where names, shapes and settings stand."""
    text = np.frombuffer(content, np.uint8)
    printable = (text >= 32) & (text < 127)
    run = np.convolve(printable, np.ones(4), mode="same") == 4
    near = np.convolve(run, np.ones(49), mode="same") > 0
    return np.flatnonzero(near)


def truncations(content: bytes) -> Iterator[bytes]:
    """Yield what is left of a file that ends at every kilobyte."""
    for end in range(0, len(content), 1024):
        yield content[:end]


def opens(path: Path, content: bytes) -> bool:
    """Say whether a damaged file still is a model; anything but a ModelFileError is raised."""
    path.write_bytes(content)
    try:
        encoder = NumpyEncoder(path)
        encoder.embed(np.ones((3, *encoder.metadata.input_shape), np.float32))
    except ModelFileError as error:
        if not str(error).startswith(f"{path}: "):
            raise AssertionError("the message does not name the file") from error
        return False
    return True


def peak_of(path: Path, content: bytes) -> int:
    """Return the bytes that opening a damaged file took at most."""
    tracemalloc.start()
    try:
        opens(path, content)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
