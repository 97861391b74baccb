"""Columns of numbers in text files, read quickly and checked line by line where they are wrong."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgeclust.errors import DataError
from edgeclust.har_data.members import Members
from edgeclust.har_data.quick_csv import MISSING, read_quickly


def read_numbers(
    members: Members, name: str, n_columns: int, separator: str | None = None
) -> NDArray[np.float64]:
    """Read a table of numbers without a header.

    Parameters
    ----------
    members : Members
        Holds the file.
    name : str
        Its path.
    n_columns : int
        Numbers of each line.
    separator : str, optional
        Between two numbers; any white space when left out.

    Returns
    -------
    table : float64 array of shape (n_lines, n_columns)
        NaN where the text says so.

    Raises
    ------
    DataError
        If the file is empty, or a line has other than `n_columns` numbers; the message says
        which line.
    """
    with members.open(name) as stream:
        # Between spaces there may be nothing else: more than one are one.
        missing = MISSING if separator else MISSING[1:]
        places = range(n_columns)
        quick = read_quickly(stream, places, {}, n_columns, separator or " ", missing=missing)
        if quick:
            return quick[0]
    where = f"{members.where}: {name}"
    try:
        with members.open(name) as stream:
            table = pd.read_csv(
                stream,
                header=None,
                names=range(n_columns + 1),  # one more, so that a longer line shows
                sep=separator or r"\s+",
                dtype=np.float64,
                na_values=["", "NaN", "nan"],
                keep_default_na=False,
                skip_blank_lines=True,
                index_col=False,
            ).to_numpy()
    except (ValueError, UnicodeDecodeError) as error:
        _name_line(members, name, n_columns, separator, suspects=None)
        raise DataError(f"{where}: is no table of numbers: {error}") from error
    if not len(table):
        raise DataError(f"{where} is empty")
    numbers: NDArray[np.float64] = table[:, :n_columns]
    # A line that is too short ends in NaN; so may one that is not.
    suspects = np.flatnonzero(np.isnan(numbers[:, -1]) | ~np.isnan(table[:, n_columns]))
    if len(suspects):
        _name_line(members, name, n_columns, separator, set(suspects.tolist()))
    return numbers


def _name_line(
    members: Members, name: str, n_columns: int, separator: str | None, suspects: set[int] | None
) -> None:
    """Say which line is the first that is wrong, if one of the suspected rows is."""
    row = -1
    with members.open(name) as stream:
        for line, text in enumerate(stream, start=1):
            row += bool(text.strip())  # blank lines are no rows
            if not text.strip() or (suspects is not None and row not in suspects):
                continue
            cells = text.decode("utf-8", "replace").strip().split(separator)
            where = f"{members.where}: {name}, line {line}"
            if len(cells) != n_columns:
                raise DataError(f"{where}: has {len(cells)} columns, expected {n_columns}")
            for cell in cells:
                try:
                    float(cell)
                except ValueError as error:
                    raise DataError(f"{where}: {cell!r} is no number") from error
