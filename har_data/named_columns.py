"""Comma-separated files, their columns chosen by name and checked where they are wrong."""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, cast

import numpy as np
import pandas as pd

from edgeclust.errors import DataError
from edgeclust.har_data.members import Members
from edgeclust.har_data.quick_csv import NAME, STAMP, read_quickly

BEYOND = "\N{REPLACEMENT CHARACTER}"
"""Name of the column that holds what lines have beyond the others; no file calls one so."""


def read_columns(
    members: Members,
    name: str,
    numbers: Sequence[str],
    texts: Sequence[str] = (),
    *,
    stamps: Sequence[str] = (),
    header: Sequence[str] | None = None,
    end: str | None = None,
) -> pd.DataFrame:
    """Read some columns of a table, whatever else it has and in whatever order.

    Parameters
    ----------
    members : Members
        Holds the file.
    name : str
        Its path; what ends in ``.gz`` is unpacked on the way.
    numbers, texts, stamps : sequence of str
        Names of the columns: of numbers, of texts that stand many times, and of those that do not.
    header : sequence of str, optional
        Names of all columns of a file that does not name them in its first line.
    end : str, optional
        Character that ends a record before its line ends.

    Returns
    -------
    table : DataFrame
        float64 for `numbers`, NaN where a cell is empty; categories for `texts`; for `stamps` str,
        as they stand, or dates where all are as in ``2019-01-12 00:00:00.020``.

    Raises
    ------
    DataError
        If the file is empty or lacks a column, or if a line is longer or shorter than the
        header or has text for a number; the message says which line.
    """
    where, wanted = f"{members.where}: {name}", [*numbers, *texts, *stamps]
    with _open(members, name) as stream:
        first = None if header else stream.readline().decode("utf-8-sig", "replace")
        columns = list(header or next(csv.reader([first or ""]), []))
        if missing := [column for column in wanted if column not in columns]:
            raise DataError(f"{where}: has no column {missing[0]!r}, it has {', '.join(columns)}")
        kinds = {name: NAME for name in texts} | {name: STAMP for name in stamps}
        others = {columns.index(name): kind for name, kind in kinds.items()}
        places = [columns.index(name) for name in numbers]
        quick = None if end else read_quickly(stream, places, others, len(columns))
    if quick:
        table = pd.DataFrame(quick[0], columns=list(numbers), copy=False)
        return table.assign(**dict(zip(kinds, quick[1], strict=True)))
    with _open(members, name) as stream:
        if not header:
            stream.readline()
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
    if table[[*numbers]].isna().any(axis=None) or table[BEYOND].notna().any():
        _name_line(members, name, header, numbers, end)
    return table[wanted]


@contextmanager
def _open(members: Members, name: str) -> Iterator[IO[bytes]]:
    """Open a file, packed by itself or not."""
    with members.open(name) as stream:
        if not name.endswith(".gz"):
            yield stream
            return
        with gzip.GzipFile(fileobj=stream) as unpacked:
            yield cast(IO[bytes], unpacked)


def _name_line(
    members: Members,
    name: str,
    header: Sequence[str] | None,
    numbers: Sequence[str],
    end: str | None,
) -> None:
    """Say which line is the first that is wrong, if one is."""
    with _open(members, name) as stream:
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
