"""The labels of published files, turned into indices into a card's classes."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgeclust.errors import DataError


def class_indices(
    where: str, ids: Any, known: Collection[int | str], null: int | str | None = None
) -> NDArray[np.integer[Any]]:
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
        Index of the class, -1 for `null`; int16 where there are more classes than int8 counts.

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
    places |= {} if null is None else {null: -1}
    values = pd.Series(ids)
    plain = values.cat.codes if isinstance(values.dtype, pd.CategoricalDtype) else values
    # One label mostly stands on record after record: looked up once for each run.
    begins = np.ones(len(plain), bool)
    begins[1:] = plain.to_numpy()[1:] != plain.to_numpy()[:-1]
    firsts = np.flatnonzero(begins)
    found = values.iloc[firsts].tolist()
    for first, label in zip(firsts.tolist(), found, strict=True):
        if label not in places:
            raise DataError(
                f"{where}, record {first + 1}: unknown label {_shown(label)}: known are "
                f"{', '.join(map(str, known))}"
            )
    dtype = np.int8 if len(known) <= np.iinfo(np.int8).max else np.int16
    labels = np.array([places[label] for label in found], dtype)
    return np.repeat(labels, np.diff(firsts, append=len(plain)))


def _shown(label: Any) -> str:
    """Return a label as the file has it: whole numbers without a point."""
    return f"{label:g}" if isinstance(label, float) else repr(str(label))
