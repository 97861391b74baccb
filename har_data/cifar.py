"""CIFAR-10 and CIFAR-100: 60,000 colour pictures each, 32 x 32 pixels, the binary version."""

from pathlib import Path

import numpy as np

from edgeclust.card import Channel, ImageCard
from edgeclust.errors import DataError
from edgeclust.har_data.fetch import OFFICIAL
from edgeclust.har_data.official import check_size, find_file, read_members
from edgeclust.har_data.source import WholeSet
from edgeclust.images import ArrayDataset

SIDE = 32
RGB = (Channel("red", "0..1"), Channel("green", "0..1"), Channel("blue", "0..1"))
SOURCE = "https://www.cs.toronto.edu/~kriz/cifar.html (Krizhevsky 2009)"

CIFAR10 = ImageCard(
    name="cifar10",
    channels=RGB,
    height=SIDE,
    width=SIDE,
    classes=(
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
    source=SOURCE,
    licence="none stated",
)

FINE_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

CIFAR100 = ImageCard(
    name="cifar100",
    channels=RGB,
    height=SIDE,
    width=SIDE,
    classes=tuple(FINE_CLASSES.split()),
    source=SOURCE,
    licence="none stated",
)

CIFAR10_FILES = {f"data_batch_{n}.bin": 10_000 for n in range(1, 6)} | {"test_batch.bin": 10_000}
CIFAR100_FILES = {"train.bin": 50_000, "test.bin": 10_000}
"""Official files and the images in each."""

PLACES = {
    "cifar10": ("cifar-10-batches-bin", "cifar-10-binary.tar.gz"),
    "cifar100": ("cifar-100-binary", "cifar-100-binary.tar.gz"),
}
"""Folder of the files in the archive, and the archive."""


def read_cifar10(root: Path | None = None) -> ArrayDataset:
    """60,000 colour pictures of 10 kinds of things, 32 x 32, training and test files joined.

    Parameters
    ----------
    root : Path, optional
        Folder of ``cifar-10-binary.tar.gz``, or of the files in it; where
        ``edgeclust data fetch`` keeps it when left out.

    Raises
    ------
    DataError
        If a file is missing, or is not as it was published.
    """
    return _read(CIFAR10, root, CIFAR10_FILES, 1)


def read_cifar100(root: Path | None = None) -> ArrayDataset:
    """60,000 colour pictures of 100 kinds of things, 32 x 32, training and test files joined.

    Parameters
    ----------
    root : Path, optional
        Folder of ``cifar-100-binary.tar.gz``, or of the files in it; where
        ``edgeclust data fetch`` keeps it when left out.

    Raises
    ------
    DataError
        If a file is missing, or is not as it was published.
    """
    return _read(CIFAR100, root, CIFAR100_FILES, 2)


def _read(card: ImageCard, root: Path | None, files: dict[str, int], n_labels: int) -> ArrayDataset:
    """Read records of some labels, the last the one wanted, and the planes of an image."""
    first, *others = files
    *unpacked, archive = _candidates(card, first)
    found = find_file(card.name, root, *unpacked, archive)
    if found.name == archive:
        contents = read_members(found, [*files])
    else:
        paths = [found, *(find_file(card.name, found.parent, name) for name in others)]
        contents = {path.name: path.read_bytes() for path in paths}
    record = n_labels + len(RGB) * SIDE * SIDE
    images, labels = [], []
    for name, n_images in files.items():
        content = contents[name]
        where = f"{found}: {name}" if found.name == archive else str(found.with_name(name))
        check_size(where, len(content), n_images * record)
        records = np.frombuffer(content, np.uint8).reshape(n_images, record)
        labels.append(records[:, n_labels - 1])
        if (highest := labels[-1].max()) >= len(card.classes):
            raise DataError(
                f"{where}: has the label {highest}, {card.name} has {len(card.classes)}"
            )
        images.append(records[:, n_labels:].reshape(n_images, len(RGB), SIDE, SIDE))
    return ArrayDataset(card, images, np.concatenate(labels))


def _candidates(card: ImageCard, file: str) -> tuple[str, str, str]:
    """Return where an official file is looked for, at last in the archive."""
    folder, archive = PLACES[card.name]
    return file, f"{folder}/{file}", archive


SOURCES = tuple(
    WholeSet(
        card,
        what=f"60,000 colour pictures of {len(card.classes)} kinds of things, 32 x 32 pixels",
        read=read,
        citation='Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009',
        official=OFFICIAL[card.name].checksums,
        files=(_candidates(card, next(iter(files))),),
    )
    for card, read, files in (
        (CIFAR10, read_cifar10, CIFAR10_FILES),
        (CIFAR100, read_cifar100, CIFAR100_FILES),
    )
)
