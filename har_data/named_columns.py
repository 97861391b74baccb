"""Columns of a comma-separated file chosen by their names, and checked where they are wrong."""

import csv
import io
from collections.abc import Sequence

import numpy as np
import pandas as pd

from edgeclust.errors import DataError
from edgeclust.har_data.members import Members

BEYOND = "\N{REPLACEMENT CHARACTER}"
"""Name of the column that holds what lines have beyond the others; no file calls one so."""


def read_columns(
    members: Members,
    name: str,
    numbers: Sequence[str],
    texts: Sequence[str] = (),
    *,
    header: Sequence[str] | None = None,
    end: str | None = None,
) -> pd.DataFrame:
    """Read some columns of a table, whatever else it has and in whatever order.

    Parameters
    ----------
    members : Members
        Holds the file.
    name : str
        Its path.
    numbers, texts : sequence of str
        Names of the columns.
    header : sequence of str, optional
        Names of all columns of a file that does not name them in its first line.
    end : str, optional
        Character that ends a record before its line ends.

    Returns
    -------
    table : DataFrame
        float64 for `numbers`, NaN where a cell is empty; categories for `texts`, as they stand.

    Raises
    ------
    DataError
        If the file is empty or lacks a column, or if a line is longer or shorter than the
        header or has text for a number; the message says which line.
    """
    where = f"{members.where}: {name}"
    with members.open(name) as stream:
        first = None if header else stream.readline().decode("utf-8-sig", "replace")
        columns = list(header or next(csv.reader([first or ""]), []))
        if missing := [column for column in (*numbers, *texts) if column not in columns]:
            raise DataError(f"{where}: has no column {missing[0]!r}, it has {', '.join(columns)}")
        try:
            table = pd.read_csv(
                stream,
                header=None,
                names=[*columns, BEYOND],
                dtype=dict.fromkeys(numbers, np.float64)
                | dict.fromkeys(texts, "category")
                | {BEYOND: str},
                na_values={column: ["", "NaN", "nan"] for column in (*numbers, BEYOND)},
                keep_default_na=False,
                index_col=False,
                comment=end,
            )
        except (ValueError, UnicodeDecodeError) as error:  # the line is found below
            _name_line(members, name, header, numbers, end)
            raise DataError(f"{where}: is no table: {error}") from error
    if not len(table):
        raise DataError(f"{where} is empty")
    # A line that is too short ends in nothing; so may one that is not.
    suspect = bool(table[[*numbers]].isna().any(axis=None) or table[BEYOND].notna().any())
    if suspect or any("" in table[column].cat.categories for column in texts):
        _name_line(members, name, header, numbers, end)
    return table[[*numbers, *texts]]


def _name_line(
    members: Members,
    name: str,
    header: Sequence[str] | None,
    numbers: Sequence[str],
    end: str | None,
) -> None:
    """Say which line is the first that is wrong, if one is."""
    with members.open(name) as stream:
        lines = io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="")
        rows = csv.reader(line.partition(end)[0] if end else line for line in lines)
        columns = list(header or next(rows))
        for cells in rows:
            if not cells:
                continue
            where = f"{members.where}: {name}, line {rows.line_num}"
            if len(cells) != len(columns):
                raise DataError(f"{where}: has {len(cells)} columns, expected {len(columns)}")
            for column in numbers:
                cell = cells[columns.index(column)]
                try:
                    float(cell or "nan")
                except ValueError as error:
                    raise DataError(f"{where}: {cell!r} is no number") from error
