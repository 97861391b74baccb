"""STL-10: 13,000 labelled and 100,000 unlabelled colour pictures, 96 x 96 pixels."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeclust.card import Channel, ImageCard
from edgeclust.errors import DataError
from edgeclust.har_data.fetch import OFFICIAL
from edgeclust.har_data.official import check_size, default_root, find_file
from edgeclust.har_data.source import WholeSet
from edgeclust.images import ArrayDataset

SIDE = 96
RGB = (Channel("red", "0..1"), Channel("green", "0..1"), Channel("blue", "0..1"))
FOLDER, ARCHIVE = "stl10_binary", "stl10_binary.tar.gz"

CARD = ImageCard(
    name="stl10",
    channels=RGB,
    height=SIDE,
    width=SIDE,
    classes=(
        *("airplane", "bird", "car", "cat", "deer"),
        *("dog", "horse", "monkey", "ship", "truck"),
    ),
    source="https://cs.stanford.edu/~acoates/stl10/ (Coates, Lee and Ng 2011)",
    licence="none stated",
)

UNLABELLED_CARD = replace(CARD, name="stl10-unlabelled")

N_LABELLED = {"train": 5_000, "test": 8_000}
N_UNLABELLED = 100_000


def read_stl10(root: Path | None = None) -> ArrayDataset:
    """13,000 colour pictures of 10 kinds of things, 96 x 96, the labelled files joined.

    Parameters
    ----------
    root : Path, optional
        Folder of the files of ``stl10_binary.tar.gz``, unpacked; where ``edgeclust data fetch``
        keeps them when left out. They are mapped, not read.

    Raises
    ------
    DataError
        If a file is missing, or is not as it was published.
    """
    images = [_map_images(root, part, n) for part, n in N_LABELLED.items()]
    labels = [_read_labels(root, part, n) for part, n in N_LABELLED.items()]
    return ArrayDataset(CARD, images, np.concatenate(labels))


def read_stl10_unlabelled(root: Path | None = None) -> ArrayDataset:
    """113,000 colour pictures: those of stl10 and the 100,000 unlabelled ones after them.

    Parameters
    ----------
    root : Path, optional
        As of `read_stl10`; ``unlabeled_X.bin`` has to be there too.

    Raises
    ------
    DataError
        If a file is missing, or is not as it was published.
    """
    labels = [_read_labels(root, part, n) for part, n in N_LABELLED.items()]
    images = [_map_images(root, part, n) for part, n in N_LABELLED.items()]
    images.append(_map_images(root, "unlabeled", N_UNLABELLED))
    labels.append(np.full(N_UNLABELLED, -1, np.intp))
    return ArrayDataset(UNLABELLED_CARD, images, np.concatenate(labels))


def _map_images(root: Path | None, part: str, n_images: int) -> NDArray[np.uint8]:
    """Map an official file of images: no header, planes of red, green, blue, each by columns."""
    path = _find(root, f"{part}_X.bin")
    shape = (n_images, len(RGB), SIDE, SIDE)
    check_size(str(path), path.stat().st_size, int(np.prod(shape)))
    return np.memmap(path, np.uint8, mode="r", shape=shape).swapaxes(2, 3)


def _read_labels(root: Path | None, part: str, n_images: int) -> NDArray[np.intp]:
    """Read an official file of labels, from 1."""
    path = _find(root, f"{part}_y.bin")
    check_size(str(path), path.stat().st_size, n_images)
    labels = np.fromfile(path, np.uint8).astype(np.intp) - 1
    if not 0 <= labels.min() <= labels.max() < len(CARD.classes):
        raise DataError(f"{path}: should have labels from 1 to {len(CARD.classes)}")
    return labels


def _find(root: Path | None, name: str) -> Path:
    """Find an official file, in the folder of the archive or straight in the root."""
    archive = (root or default_root(CARD.name)) / ARCHIVE
    if archive.is_file() and not (archive.parent / FOLDER).is_dir():
        # Mapping takes files as they are, and unpacking 3 GB for each command would be no help.
        raise DataError(f"{archive}: is packed: tar -xzf {archive} -C {archive.parent}")
    return find_file(CARD.name, root, *_candidates(name))


def _candidates(name: str) -> tuple[str, str]:
    """Return where an official file is looked for."""
    return f"{FOLDER}/{name}", name


def _source(
    card: ImageCard, what: str, read: Callable[[Path | None], ArrayDataset], *more: str
) -> WholeSet:
    """Return the labelled images, or those and more."""
    labelled = [f"{part}_{kind}.bin" for part in N_LABELLED for kind in "Xy"]
    return WholeSet(
        card,
        what=what,
        read=read,
        citation="Coates, Lee and Ng, "
        '"An Analysis of Single-Layer Networks in Unsupervised Feature Learning", AISTATS 2011',
        official=OFFICIAL[CARD.name].checksums,
        files=tuple(map(_candidates, (*labelled, *more))),
        folder=CARD.name,
    )


SOURCES = (
    _source(CARD, "13,000 colour pictures of 10 kinds of things, 96 x 96 pixels", read_stl10),
    _source(
        UNLABELLED_CARD,
        "113,000 colour pictures: those of stl10 and 100,000 unlabelled ones after them",
        read_stl10_unlabelled,
        "unlabeled_X.bin",
    ),
)
