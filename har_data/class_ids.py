"""The labels of published files, turned into indices into a card's classes."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgeclust.errors import DataError


def class_indices(
    where: str, ids: Any, known: Collection[int | str], null: int | str | None = None
) -> NDArray[np.int8]:
    """Return the place of each label among those that are known.

    Parameters
    ----------
    where : str
        The file, for the message.
    ids : array of shape (n_samples,)
        Numbers or texts.
    known : collection
        Labels of the classes, in the order of the card.
    null : int or str, optional
        Label of what belongs to no class.

    Returns
    -------
    labels : int8 array of shape (n_samples,)
        Index of the class, -1 for `null`.

    Raises
    ------
    DataError
        If a label is none of these; the message says which record is the first.

    Examples
    --------
    >>> from edgeclust.har_data.class_ids import class_indices
    >>> class_indices("toy.csv", [13, 0, 7], known=(7, 13), null=0).tolist()
    [1, -1, 0]
    """
    places = {label: place for place, label in enumerate(known)}
    values = pd.Series(ids)
    labels = values.map(places if null is None else places | {null: -1})  # once per category
    unknown = labels.isna().to_numpy()
    if unknown.any():
        first = int(unknown.argmax())
        raise DataError(
            f"{where}, record {first + 1}: unknown label {_shown(values.iloc[first])}: known are "
            f"{', '.join(map(str, known))}"
        )
    indices: NDArray[np.int8] = np.asarray(labels, np.int8)
    return indices


def _shown(label: Any) -> str:
    """Return a label as the file has it: whole numbers without a point."""
    return f"{label:g}" if isinstance(label, float) else repr(str(label))
