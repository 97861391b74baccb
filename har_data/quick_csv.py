"""Text tables with nothing unusual in them, read quickly; readers look closer at all others."""

import csv
import io
import warnings
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

MISSING = ("", "nan", "NaN")
"""Cells that are a missing number, unless a reader says otherwise."""

ANY, WHOLE, NAME, CODE, STAMP = "any", "whole", "name", "code", "stamp"
"""What a column may hold: what pandas finds there, some numbers missing; whole numbers; texts that
stand many times; such texts that may all look like numbers, which takes longer; dates with times.
"""


def read_quickly(
    stream: IO[bytes] | io.RawIOBase,
    numbers: Sequence[int],
    others: Mapping[int, str],
    n_columns: int,
    separator: str = ",",
    *,
    missing: Sequence[str] = MISSING,
    end: str | None = None,
    dtype: Any = np.float64,
) -> "tuple[NDArray[Any], list[pd.Series[Any]]] | None":
    r"""Read some columns of a table, if all of it is as expected.

    Parameters
    ----------
    stream : binary stream
        Read from where it stands.
    numbers : sequence of int
        Places of the columns of numbers that are wanted side by side, counted from 0.
    others : mapping of int to str
        Places of the other columns that are wanted, and what they hold: `ANY`, `WHOLE`, `NAME`,
        `CODE` or `STAMP`.
    n_columns : int
        Of each line.
    separator : str
        Between two cells, one character.
    missing : sequence of str
        Cells that are a missing number.
    end : str, optional
        Character that may end a line; what follows it on the line is left out.
    dtype : dtype of floats
        Of the numbers that are returned.

    Returns
    -------
    found : (array of shape (n_lines, n_numbers), list of Series) or None
        The numbers, those of a column in a row in memory, NaN where one is missing, infinity where
        one is beyond the dtype. The other columns in their order: int64 of `WHOLE`, categories of
        `NAME` and `CODE`, dates of `STAMP`. None where a line has more or fewer cells or a cell is
        other than expected, where there is no line, and where anything is not in ASCII or between
        quotes. Blank lines are left out; one at the start, or a single line not ended, gives None.

    Examples
    --------
    >>> import io
    >>> from edgeclust.har_data.quick_csv import WHOLE, read_quickly
    >>> found = read_quickly(io.BytesIO(b"1,2\n3,4\n"), [0], {1: WHOLE}, n_columns=2)
    >>> found[0].tolist(), found[1][0].tolist()
    ([[1.0], [3.0]], [2, 4])
    >>> read_quickly(io.BytesIO(b"1,2\n3\n"), [0], {1: WHOLE}, n_columns=2) is None
    True
    """
    plain = _Plain(stream, separator, n_columns)
    # Any: the stubs know columns by text alone.
    may_miss: Any = {place: list(missing) for place in numbers}
    may_miss |= {place: list(missing) for place, kind in others.items() if kind == ANY}
    # pandas refuses longer lines only where it reads all columns: a byte of each other does.
    beside = set(range(n_columns)).difference(numbers, others)
    codes = [place for place, kind in others.items() if kind == CODE]
    # What can be found is found sooner than told.
    dtypes: Any = dict.fromkeys(beside, "S1") | dict.fromkeys(codes, str)
    try:
        with warnings.catch_warnings():
            # A column that is all numbers in some lines alone is found by its type below.
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            table = pd.read_csv(
                plain,
                sep=separator,
                header=None,
                names=range(n_columns),
                index_col=False,
                dtype=dtypes,
                keep_default_na=False,
                na_values=may_miss,
                quoting=csv.QUOTE_NONE,
                comment=end,
            )
        if not plain.has_lines(len(table)):
            return None
        if any(table.dtypes[place].kind not in "iuf" for place in numbers):
            return None
        more = [_held(table[place], kind) for place, kind in others.items()]
    except ValueError:  # those of pandas and of Arrow are such
        return None
    found = np.empty((len(numbers), len(table)), dtype)
    with np.errstate(over="ignore"):
        for row, place in zip(found, numbers, strict=True):
            row[:] = table[place]
    return found.T, more


def _held(column: "pd.Series[Any]", kind: str) -> "pd.Series[Any]":
    """Return a column as what it holds, and refuse it if that is something else."""
    if kind == ANY:
        return column
    if kind == WHOLE:
        if column.dtype != np.int64:
            raise ValueError("not all are whole numbers")
        return column
    if not pd.api.types.is_string_dtype(column):
        raise ValueError("some are numbers")
    texts = pa.chunked_array(pa.array(column, from_pandas=False))
    if kind == STAMP:
        dates: pd.Series[Any] = texts.cast(pa.timestamp("ns")).to_pandas()
        return dates
    names = texts.dictionary_encode().unify_dictionaries().combine_chunks()
    categories = pd.Categorical.from_codes(
        names.indices.to_numpy(), names.dictionary.to_pylist(), validate=False
    )
    return pd.Series(categories, copy=False)


class _Plain(io.TextIOBase):
    """The text of a stream, which fails where something unusual comes by.

    pandas refuses lines that are longer than the first, and fills up those that are shorter: of
    the first the separators are looked at, of all they are counted.
    """

    def __init__(self, stream: IO[bytes] | io.RawIOBase, separator: str, n_columns: int) -> None:
        self._stream, self._separator, self._n_between = stream, separator.encode(), n_columns - 1
        self._n_separators, self._begun = 0, False

    def readable(self) -> bool:
        """Tell that it is read from."""
        return True

    def read(self, size: int | None = -1) -> str:
        """Return the next text."""
        block = self._stream.read(-1 if size is None else size) or b""
        if not self._begun:
            first, end, _ = block.partition(b"\n")
            if not end or first.count(self._separator) != self._n_between:
                raise ValueError("the first line is unusual")
            self._begun = True
        if b'"' in block:
            raise ValueError("something is between quotes")
        is_separator = np.frombuffer(block, np.uint8) == ord(self._separator)
        self._n_separators += int(np.count_nonzero(is_separator))  # quicker than bytes.count
        return block.decode("ascii")

    def has_lines(self, n_lines: int) -> bool:
        """Tell whether what has come by is so many lines, and one at least, and none is short."""
        return n_lines > 0 and self._n_separators == n_lines * self._n_between


def copy_numbers(column: pa.ChunkedArray, row: NDArray[Any]) -> None:
    """Copy a column of numbers.

    Parameters
    ----------
    column : ChunkedArray
        Of numbers.
    row : array of floats, of its length
        Filled: NaN where one is missing, infinity where one is beyond the dtype.
    """
    start = 0
    with np.errstate(over="ignore"):
        for chunk in column.chunks:  # all at once they would be copied twice
            row[start : start + len(chunk)] = chunk.to_numpy(zero_copy_only=False)
            start += len(chunk)
