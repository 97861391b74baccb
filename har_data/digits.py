"""Handwritten digits that come with scikit-learn: the set to try things on."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from edgeclust.card import Channel, ImageCard
from edgeclust.har_data.source import WholeSet
from edgeclust.images import ArrayDataset

CARD = ImageCard(
    name="digits",
    channels=(Channel("grey", "0..1"),),
    height=8,
    width=8,
    classes=tuple("0123456789"),
    source="scikit-learn, load_digits (Alpaydin and Kaynak 1998, the test set of UCI id 80)",
    licence="comes with scikit-learn (BSD-3-Clause)",
)

BRIGHTEST = 16


def read_digits(root: Path | None = None) -> ArrayDataset:
    """1,797 handwritten digits, 8 x 8 grey pixels; they come with scikit-learn.

    Parameters
    ----------
    root : Path, optional
        Not used: there are no files.

    Examples
    --------
    >>> from edgeclust.har_data.digits import read_digits
    >>> len(read_digits())
    1797
    """
    table = load_digits()
    return ArrayDataset(CARD, (table.images / BRIGHTEST).astype(np.float32), table.target)


SOURCE = WholeSet(
    CARD,
    what="1,797 handwritten digits, 8 x 8 grey pixels; they come with scikit-learn",
    read=read_digits,
    citation='Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998',
)
