"""The numbers of classes in published files, turned into indices into a card's classes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgeclust.errors import DataError


def class_indices(
    ids: NDArray[np.float64], classes: Mapping[int, str], where: str
) -> NDArray[np.int8]:
    """Turn the labels of a file into those of a recording.

    Parameters
    ----------
    ids : float64 array of shape (n_rows,)
        Labels as the file holds them; 0 is none of the classes.
    classes : mapping of int to str
        The card's classes in their order, by their number in the file.
    where : str
        The file, for the message.

    Returns
    -------
    labels : int8 array of shape (n_rows,)
        Index of the class of each row, -1 where the file says 0.

    Raises
    ------
    DataError
        If a label is no number of a class.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.har_data.class_ids import class_indices
    >>> class_indices(np.array([0.0, 4.0, 1.0]), {1: "lying", 4: "walking"}, "walk.dat").tolist()
    [-1, 1, 0]
    """
    labels = np.full(len(ids), -1, np.int8)
    for index, number in enumerate(classes):
        labels[ids == number] = index
    unknown = np.flatnonzero((labels < 0) & (ids != 0))
    if len(unknown):
        row, known = unknown[0], ", ".join(map(str, classes))
        raise DataError(
            f"{where}: row {row + 1} has the label {ids[row]:g}, known are 0 for none, {known}"
        )
    return labels
