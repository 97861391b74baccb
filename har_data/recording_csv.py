"""One recording in a CSV: read quickly, and line by line where something is wrong."""

import csv
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgeclust.errors import DataError
from edgeclust.har_data.quick_csv import ANY, CODE, NAME, read_quickly
from edgeclust.samples import read_header, to_number

EMPTY = ["", "nan", "NaN"]
"""Cells that are a missing value; those of labels only where no class is called so."""

BLOCK = 1 << 20
"""Bytes read at once to look for separators."""


@dataclass(frozen=True)
class CsvText:
    """A CSV and how it is written.

    Parameters
    ----------
    path : Path
    separator : str
        A comma; a semicolon where the header has more of those, as spreadsheets write where the
        comma is for decimals.
    columns : tuple of str
        Names in the header, white space and byte order mark taken off.
    """

    path: Path
    separator: str
    columns: tuple[str, ...]

    @classmethod
    def open(cls, path: Path, wanted: Sequence[str]) -> "CsvText":
        """Read the header of a file.

        Parameters
        ----------
        path : Path
        wanted : sequence of str
            Columns that have to be there.

        Raises
        ------
        DataError
            If there is no header, it lacks a column, or names one twice that is read.
        """
        try:
            with path.open(encoding="utf-8-sig", newline="") as lines:
                first = next(lines, "")
            separator = ";" if first.count(";") > first.count(",") else ","
            header = next(csv.reader([first], delimiter=separator), [])
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path}: is no CSV in UTF-8: {error}") from error
        return cls(path, separator, tuple(read_header(header, wanted, str(path))))

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line number and the cells of each line but the header and blank ones.

        In a single column a blank line is an empty cell. A cell that goes on over a line is
        refused: its quote is hardly ever meant to, and what it swallows would be lost.
        """
        with self.path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.reader(lines, delimiter=self.separator)
            try:
                for line, row in enumerate(rows, start=1):
                    if rows.line_num != line:
                        raise DataError(
                            f"{self.path}, line {line}: a quote is opened, and not closed in the "
                            "line"
                        )
                    blank = len(row) <= 1 < len(self.columns) and not "".join(row).strip()
                    if line > 1 and not blank:
                        yield line, [cell.strip() for cell in row]
            except (csv.Error, UnicodeDecodeError) as error:
                raise DataError(
                    f"{self.path}, line {rows.line_num + 1}: is no CSV: {error}"
                ) from error

    def place(self, row: int) -> str:
        """Return the words that say where a sample stands: the file and the line."""
        line = next((line for n, (line, _) in enumerate(self.rows()) if n == row), None)
        return f"{self.path}, line {line}"


def read_csv(
    path: Path, channels: Sequence[str]
) -> tuple[NDArray[np.float32], "dict[str, pd.Series[Any]]", CsvText]:
    """Read the channels of a recording, and ``time`` and ``label`` where they are there.

    Parameters
    ----------
    path : Path
        In UTF-8, with or without a byte order mark, lines ended in any way. Columns are separated
        by commas, or by semicolons; with those a decimal may be a point or a comma, the same in
        all of the file.
    channels : sequence of str
        Columns that have to be there.

    Returns
    -------
    samples : float32 array of shape (n_samples, n_channels)
        NaN where a cell is empty, infinity beyond float32; those of a channel in a row in memory.
    others : dict of str to Series
        ``time`` as numbers or as it stands, ``label`` as it stands, empty or NaN where there
        is none; where they are there.
    text : CsvText
        Says on which line a sample stands.

    Raises
    ------
    DataError
        If the file is no CSV, a line has too few or too many columns (only the last may be cut
        short) or a cell that goes on in the next, or a channel holds other than numbers; the
        message says which line and column.
    """
    text = CsvText.open(path, channels)
    if (quick := _read_at_once(text, channels)) is not None:
        return *quick, text
    try:
        table, decimal = _read_quickly(text, [*channels, "time", "label"])
    except (ValueError, UnicodeDecodeError) as error:  # pandas' ParserError is a ValueError
        _check_widths(text)
        raise DataError(f"{path}: is no CSV in UTF-8: {str(error).strip()}") from error
    if not _is_regular(text, len(table) + 1):
        _check_widths(text)
    for name in channels:
        if table[name].dtype.kind not in "iuf":
            table[name] = _slowly(table[name], decimal, text)
    samples = np.empty((len(channels), len(table)), np.float32)
    with np.errstate(over="ignore"):
        for row, name in zip(samples, channels, strict=True):
            row[:] = table[name]
    return samples.T, {name: table[name] for name in ("time", "label") if name in table}, text


def _read_at_once(
    text: CsvText, channels: Sequence[str]
) -> "tuple[NDArray[np.float32], dict[str, pd.Series[Any]]] | None":
    """Read a file in which nothing is unusual; None for others, which are looked at closer.

    Such a one is in ASCII, without quotes and decimal commas.
    """
    if text.separator != "," or len(text.columns) < 2:
        return None
    names = [name for name in ("time", "label") if name in text.columns]
    others = {text.columns.index(name): ANY if name == "time" else NAME for name in names}
    places = [text.columns.index(name) for name in channels]
    with text.path.open("rb") as stream:
        stream.readline()  # the header
        start = stream.tell()
        first = dict(enumerate(stream.readline().strip().split(b",")))
        stream.seek(start)
        for place, kind in others.items():
            if kind == NAME and first.get(place, b"")[:1].isdigit():
                others[place] = CODE
        found = read_quickly(stream, places, others, len(text.columns), dtype=np.float32)
    return found and (found[0], dict(zip(names, found[1], strict=True)))


def _read_quickly(text: CsvText, wanted: list[str]) -> tuple[pd.DataFrame, str]:
    """Read the wanted columns that are there, and say what stands before decimals.

    Columns that hold other than numbers stay text.
    """
    names = {place: name for place, name in enumerate(text.columns) if name in wanted}
    # Any: the stubs know columns by text alone.
    missing: Any = {place: [""] if name == "label" else EMPTY for place, name in names.items()}

    def read(decimal: str) -> pd.DataFrame:
        with warnings.catch_warnings():  # of columns that are not all numbers: text, on purpose
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            table = pd.read_csv(
                text.path,
                sep=text.separator,
                decimal=decimal,
                header=None,
                names=range(len(text.columns)),
                skiprows=1,
                usecols=list(names),
                index_col=False,  # or a separator at the end of each line would shift the columns
                dtype={place: object for place, name in names.items() if name == "label"},
                keep_default_na=False,
                na_values=missing,
                skip_blank_lines=len(text.columns) > 1,
                encoding="utf-8-sig",
            )
        return table.rename(columns=names)

    table = read(".")
    if text.separator == ";" and _n_numeric(table) < len(
        table.columns.drop("label", errors="ignore")
    ):
        with_commas = read(",")
        if _n_numeric(with_commas) > _n_numeric(table):
            return with_commas, ","
    return table, "."


def _n_numeric(table: pd.DataFrame) -> int:
    """Return how many columns hold numbers alone."""
    return sum(dtype.kind in "iuf" for dtype in table.dtypes)


def _slowly(column: "pd.Series[Any]", decimal: str, text: CsvText) -> "pd.Series[float]":
    """Turn cells into numbers one by one, and say which is none."""
    numbers = np.empty(len(column))
    for row, cell in enumerate(map(str, column)):
        # Beside decimal commas a point may be that of thousands: not to be guessed.
        number = cell.replace(".", "?").replace(",", ".") if decimal == "," else cell
        try:
            numbers[row] = to_number(number if number.strip() else "nan")
        except ValueError as error:
            held = cell if len(cell) <= 200 else cell[:200] + "..."
            hint = ""
            if "," in decimal + cell:
                hint = "; decimal commas are read where ; separates columns and there is no point"
            raise DataError(
                f"{text.place(row)}: column {column.name} holds {held!r}, which is no number{hint}"
            ) from error
    return pd.Series(numbers)


def _is_regular(text: CsvText, n_rows: int) -> bool:
    """Tell whether all lines have the columns of the header, for sure: none holds a separator."""
    separator, n_separators = text.separator.encode(), len(text.columns) - 1
    others = bytes(set(range(256)) - {*separator, *b'"\r\n'})
    with text.path.open("rb") as stream:
        blocks = iter(lambda: stream.read(BLOCK), b"")
        marks = b"".join(block.translate(None, others) for block in blocks)
    marks = marks.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    marks = marks if marks.endswith(b"\n") else marks + b"\n"
    if b'"' in marks:
        marks = marks.replace(b'"', b"")
        if marks.count(b"\n") != n_rows:  # blank lines, or a quote that goes on over one
            return False
    # So many lines have enough, and all together have no more than that.
    enough = marks.count(separator * n_separators + b"\n") >= n_rows
    return enough and marks.count(separator) == n_rows * n_separators


def _check_widths(text: CsvText) -> None:
    """Refuse the first line that has more cells than the header, or fewer and is not the last."""
    expected = len(text.columns)
    short = ""
    for line, row in text.rows():
        if short:
            raise DataError(short)
        if any(row[expected:]):
            raise DataError(_width_message(text, line, len(row)))
        if len(row) < expected:
            short = _width_message(text, line, len(row))


def _width_message(text: CsvText, line: int, n_found: int) -> str:
    """Say that a line has other than the columns of the header."""
    hint = ""
    if text.separator == "," and n_found > len(text.columns):
        hint = "; where a comma is for decimals, separate the columns by ;"
    return (
        f"{text.path}, line {line}: has {n_found} columns, the header has {len(text.columns)}{hint}"
    )
