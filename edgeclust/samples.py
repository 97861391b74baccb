"""Read samples from CSV text as it arrives: a file, or a pipe that never ends."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from edgeclust.errors import DataError

RATE_TOLERANCE = 0.1
"""How far, relatively, the time stamps may be from the expected rate."""

Chunk = tuple[NDArray[np.float32], NDArray[np.float64] | None]


def read_samples(
    lines: Iterable[str],
    channels: Sequence[str],
    *,
    source: str,
    chunk: int = 1024,
    dry: Callable[[], bool] = lambda: False,
) -> Iterator[Chunk]:
    """Read the columns of some channels, a chunk of samples at a time.

    Parameters
    ----------
    lines : iterable of str
        Text lines of a CSV: first a header that names the columns, then one sample a line. Extra
        columns are ignored, blank lines skipped. An empty cell, ``nan``, or what a line that ends
        early leaves out is a missing value, and so is a blank line of a single column.
    channels : sequence of str
        Columns to read, in the order wanted.
    source : str
        What to call the text in messages: the file, or ``standard input``.
    chunk : int
        Most samples of a chunk, at least 1.
    dry : callable
        Says whether the next line has to be waited for: then a chunk is out before it is full.

    Yields
    ------
    samples : float32 array of shape (n_samples, n_channels)
        NaN where a value is missing.
    t : float64 array of shape (n_samples,) or None
        Seconds, from the column ``time``; None where the text has no such column.

    Raises
    ------
    DataError
        If the text is empty, a channel has no column, a line has more cells than the header, or a
        cell is no number; the message says which line and column. Samples before it are out.

    Examples
    --------
    >>> from edgeclust.samples import read_samples
    >>> text = ["time,az,ax", "0.00,1.0,0.1", "0.02,0.9,0.2"]
    >>> for samples, t in read_samples(text, ["ax", "az"], source="example"):
    ...     print(samples.tolist(), t.tolist())
    [[0.10000000149011612, 1.0], [0.20000000298023224, 0.8999999761581421]] [0.0, 0.02]
    """
    values: list[list[float]] = []
    try:
        for numbers, _ in _rows(lines, channels, source):
            values.append(numbers)
            if len(values) == chunk or dry():
                yield _as_chunk(values, len(channels))
                values = []
    except DataError:
        if values:  # what came before the line at fault is sound
            yield _as_chunk(values, len(channels))
        raise
    if values:
        yield _as_chunk(values, len(channels))


def read_labelled(
    lines: Iterable[str], channels: Sequence[str], *, source: str, chunk: int = 1024
) -> Iterator[tuple[str, Chunk]]:
    """Read samples with their labels, each chunk of one label.

    Parameters
    ----------
    lines, channels, source, chunk
        As `read_samples` takes them; a column ``label`` has to be there too.

    Yields
    ------
    label : str
        What the column says, white space around it taken off; empty where it says nothing or
        ``nan``, as tables write what is missing.
    chunk : tuple of arrays
        Samples in a row that have that label and their seconds, as `read_samples` yields them. A
        longer run of one label comes in several chunks.

    Raises
    ------
    DataError
        As `read_samples`.

    Examples
    --------
    >>> from edgeclust.samples import read_labelled
    >>> text = ["ax,label", "0.5,", "1.0,walking", "2.0,walking"]
    >>> for label, (samples, t) in read_labelled(text, ["ax"], source="example"):
    ...     print(repr(label), samples.ravel().tolist(), t)
    '' [0.5] None
    'walking' [1.0, 2.0] None
    """
    rows = _rows(lines, channels, source, label=True)
    for label, run in groupby(rows, key=itemgetter(1)):
        while some := [numbers for numbers, _ in islice(run, chunk)]:
            yield label, _as_chunk(some, len(channels))


def _rows(
    lines: Iterable[str], channels: Sequence[str], source: str, label: bool = False
) -> Iterator[tuple[list[float], str]]:
    """Read the channels of each row, the time where there is one, and its label if wanted."""
    number = 0
    try:
        # Line by line: a quote that is not closed is a fault of its own line.
        rows = (next(csv.reader([line], strict=True), []) for line in lines)
        columns = read_header(next(rows, []), [*channels, *(["label"] if label else [])], source)
        timed = ["time"] if "time" in columns else []
        wanted = [columns.index(name) for name in [*channels, *timed]]
        place = columns.index("label") if label else len(columns)
        number = 1
        for row in rows:
            number += 1
            if len(row) <= 1 < len(columns) and not "".join(row).strip():
                continue  # a blank line
            where = f"{source}, line {number}"
            if any(cell.strip() for cell in row[len(columns) :]):
                raise DataError(f"{where}: has {len(row)} columns, the header has {len(columns)}")
            said = row[place].strip() if place < len(row) else ""
            yield _numbers(row, wanted, columns, where), "" if said.lower() == "nan" else said
    except csv.Error as error:
        raise DataError(f"{source}, line {number + 1}: is no CSV: {error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: is no UTF-8 text: {error}") from error


def read_header(header: list[str], channels: Sequence[str], source: str) -> list[str]:
    """Return the column names of a CSV, white space around them taken off.

    Parameters
    ----------
    header : list of str
        Cells of the first line; none where there is no line.
    channels : sequence of str
        Columns that have to be there.
    source : str
        What to call the text in messages.

    Raises
    ------
    DataError
        If there is no header, a channel has no column, or a column that is read stands twice.

    Examples
    --------
    >>> from edgeclust.samples import read_header
    >>> read_header(["\ufefftime", " ax "], ["ax"], "walk.csv")
    ['time', 'ax']
    """
    columns = [name.removeprefix("\ufeff").strip() for name in header]
    if not any(columns):
        raise DataError(f"{source}: is empty; a header line with the channel names is expected")
    shown = _shorten(", ".join(columns))
    missing = [name for name in channels if name not in columns]
    if missing:
        raise DataError(f"{source}: has no column {', '.join(missing)}; its columns are {shown}")
    twice = [name for name in [*channels, "time", "label"] if columns.count(name) > 1]
    if twice:
        raise DataError(f"{source}: names the column {twice[0]} twice; its columns are {shown}")
    return columns


def to_number(cell: str) -> float:
    """Return the number that a cell of a CSV holds.

    Parameters
    ----------
    cell : str
        As `float` takes it, but for underscores between digits: in data they are mistakes.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> from edgeclust.samples import to_number
    >>> to_number(" 1.5e1")
    15.0
    >>> to_number("1_5")
    Traceback (most recent call last):
    ValueError: could not convert string to float: '1_5'
    """
    if "_" in cell:
        raise ValueError(f"could not convert string to float: {cell!r}")
    return float(cell)


def _numbers(row: list[str], wanted: list[int], columns: list[str], where: str) -> list[float]:
    """Turn the wanted cells of one row into numbers; an empty one is NaN."""
    numbers = []
    for column in wanted:
        cell = row[column].strip() if column < len(row) else ""
        try:
            numbers.append(to_number(cell) if cell else np.nan)
        except ValueError as error:
            raise DataError(
                f"{where}: column {columns[column]} holds {_shorten(cell)!r}, which is no number"
            ) from error
        if columns[column] == "time" and not np.isfinite(numbers[-1]):
            raise DataError(f"{where}: column time holds {cell!r}, seconds are expected")
    return numbers


def _shorten(text: str) -> str:
    """Cut a text that a message would drown in."""
    return text if len(text) <= 200 else text[:200] + "..."


def _as_chunk(values: list[list[float]], n_channels: int) -> Chunk:
    """Split rows of numbers into the samples and, where there is one more column, their times."""
    table = np.array(values)
    timed = table.shape[1] > n_channels
    # A value beyond float32 becomes infinity, which a window does not survive: as it should be.
    with np.errstate(over="ignore"):
        return (
            (table[:, :-1].astype(np.float32), table[:, -1])
            if timed
            else (table.astype(np.float32), None)
        )
