"""FashionMNIST: 70,000 grey pictures of clothes, 28 x 28 pixels, in 10 classes.

The format is that of MNIST ("IDX").
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeclust.card import Channel, ImageCard
from edgeclust.errors import DataError
from edgeclust.har_data.fetch import OFFICIAL
from edgeclust.har_data.official import find_file
from edgeclust.har_data.source import WholeSet
from edgeclust.images import ArrayDataset

CARD = ImageCard(
    name="fashion-mnist",
    channels=(Channel("grey", "0..1"),),
    height=28,
    width=28,
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    source="https://github.com/zalandoresearch/fashion-mnist (Xiao et al. 2017, arXiv:1708.07747)",
    licence="MIT",
)

PARTS = ("train", "t10k")


def read_fashion_mnist(root: Path | None = None) -> ArrayDataset:
    """70,000 grey pictures of clothes, 28 x 28, training and test files joined.

    Parameters
    ----------
    root : Path, optional
        Folder of the four official files, as ``.gz`` or unpacked; where
        ``edgeclust data fetch`` keeps them when left out.

    Raises
    ------
    DataError
        If a file is missing, cut, of another format, or has other than one label an image.
    """
    images, labels = [], []
    for part in PARTS:
        images_file = _find(root, f"{part}-images-idx3-ubyte")
        labels_file = _find(root, f"{part}-labels-idx1-ubyte")
        images.append(read_idx(images_file, n_axes=3))
        labels.append(read_idx(labels_file, n_axes=1))
        if len(images[-1]) != len(labels[-1]):
            raise DataError(
                f"{labels_file}: has {len(labels[-1]):,} labels for the {len(images[-1]):,} "
                f"images of {images_file.name}"
            )
    return ArrayDataset(CARD, images, np.concatenate(labels))


def read_idx(path: Path, n_axes: int) -> NDArray[np.uint8]:
    """Read an IDX file of bytes, packed with gzip or not.

    Parameters
    ----------
    path : Path
        Two zero bytes, the type (8: unsigned bytes), the number of axes, the length of each as
        a big-endian 32-bit number, then the values, the last axis quickest.
    n_axes : int
        How many are expected.

    Returns
    -------
    array : uint8 array of `n_axes` axes

    Raises
    ------
    DataError
        If the file is of another format or cut.
    """
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{path}: is damaged or cut: {error}") from error
    magic = bytes([0, 0, 8, n_axes])
    if content[:4] != magic:
        raise DataError(
            f"{path}: is no IDX file of bytes with {n_axes} axes: it starts with "
            f"{content[:4].hex(' ') or 'nothing'}, {magic.hex(' ')} is expected"
        )
    header = 4 + 4 * n_axes
    if len(content) < header:
        raise DataError(f"{path}: is cut in its header")
    shape = struct.unpack(f">{n_axes}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise DataError(
            f"{path}: should have {math.prod(shape):,} values for its shape {shape}, "
            f"has {len(content) - header:,}"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _find(root: Path | None, name: str) -> Path:
    """Find an official file, packed or not."""
    return find_file(CARD.name, root, *_candidates(name))


def _candidates(name: str) -> tuple[str, str]:
    """Return what an official file is called, packed or not."""
    return f"{name}.gz", name


SOURCE = WholeSet(
    CARD,
    what="70,000 grey pictures of clothes, 28 x 28 pixels, in 10 classes",
    read=read_fashion_mnist,
    citation='Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking '
    'Machine Learning Algorithms", 2017, arXiv:1708.07747',
    official=OFFICIAL[CARD.name].checksums,
    files=tuple(
        _candidates(f"{part}-{kind}-ubyte")
        for part in PARTS
        for kind in ("images-idx3", "labels-idx1")
    ),
)
