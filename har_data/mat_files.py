"""MATLAB files of numbers and texts, read from bytes and checked."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from edgeclust.errors import DataError
from edgeclust.har_data.members import Members


def read_mat(members: Members, name: str) -> dict[str, Any]:
    """Read the variables of a MATLAB file.

    Nothing in it is ever run, but scipy's reader is not hardened: bytes changed on purpose can
    crash the process. Archives catch bytes changed by accident, by their checksums.

    Parameters
    ----------
    members : Members
        Holds the file.
    name : str
        Its path.

    Returns
    -------
    variables : dict
        Arrays by their name.

    Raises
    ------
    DataError
        If it is no MATLAB file of version 4 to 7.2, or is damaged.
    """
    content = members.read(name)
    try:
        return dict(loadmat(io.BytesIO(content)))
    except Exception as error:  # damaged bytes break scipy's reader in many ways
        raise DataError(f"{members.where}: {name} is no MATLAB file: {error}") from error


def take_matrix(
    variables: dict[str, Any], variable: str, n_columns: int, where: str
) -> NDArray[np.float64]:
    """Return a variable that is a table of numbers.

    Parameters
    ----------
    variables : dict
        As `read_mat` returns it.
    variable : str
        Its name.
    n_columns : int
        Numbers of each row.
    where : str
        The file, for the messages.

    Raises
    ------
    DataError
        If it is not there, is empty, or is of another kind or shape.
    """
    matrix = np.asarray(take_variable(variables, variable, where))
    if matrix.dtype.kind not in "iuf" or matrix.ndim != 2 or matrix.shape[1] != n_columns:
        raise DataError(
            f"{where}: {variable} has shape {matrix.shape} and type {matrix.dtype}, "
            f"expected numbers in {n_columns} columns"
        )
    if not len(matrix):
        raise DataError(f"{where}: {variable} is empty")
    return matrix.astype(np.float64)


def take_variable(variables: dict[str, Any], variable: str, where: str) -> Any:
    """Return a variable by its name.

    Raises
    ------
    DataError
        If it is not there.
    """
    if variable not in variables:
        there = ", ".join(name for name in variables if not name.startswith("__")) or "nothing"
        raise DataError(f"{where}: has no {variable}, it has {there}")
    return variables[variable]
