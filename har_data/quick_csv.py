"""Text tables with nothing unusual in them, read quickly; readers look closer at all others."""

import io
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

MISSING = ("", "nan", "NaN")
"""Cells that are a missing number, unless a reader says otherwise."""

NUMBER, WHOLE, STAMP = pa.float64(), pa.int64(), pa.timestamp("ns")
NAME = pa.dictionary(pa.int32(), pa.string())
"""What a column may hold; a name is a text that stands many times."""

BLOCK = 2 << 20
"""Bytes of text that a core parses at once; half of it takes longer to hand over,
twice of it leaves the caches."""


def read_quickly(
    stream: IO[bytes] | io.RawIOBase,
    numbers: Sequence[int],
    others: Mapping[int, Any],
    n_columns: int,
    separator: str = ",",
    *,
    missing: Sequence[str] = MISSING,
    dtype: Any = np.float64,
) -> tuple[NDArray[Any], list[pa.ChunkedArray]] | None:
    r"""Read some columns of a table, if all of it is as expected.

    Parameters
    ----------
    stream : binary stream
        Read from where it stands.
    numbers : sequence of int
        Places of the columns of numbers that are wanted side by side, counted from 0.
    others : mapping of int to a type of Arrow
        Places of the other columns that are wanted, and what they hold.
    n_columns : int
        Of each line.
    separator : str
        Between two cells, one character.
    missing : sequence of str
        Cells that are a missing number.
    dtype : dtype of floats
        Of the numbers that are returned.

    Returns
    -------
    found : (array of shape (n_lines, n_numbers), list of ChunkedArray) or None
        The numbers as `to_numbers` returns them, and the other columns in their order. None where
        a line has more or fewer cells or a cell is other than expected, where there is no line,
        and where anything is not in ASCII or between quotes. Blank lines are left out.

    Examples
    --------
    >>> import io
    >>> from edgeclust.har_data.quick_csv import WHOLE, read_quickly
    >>> found = read_quickly(io.BytesIO(b"1,2\n3,4\n"), [0], {1: WHOLE}, n_columns=2)
    >>> found[0].tolist(), found[1][0].to_pylist()
    ([[1.0], [3.0]], [2, 4])
    >>> read_quickly(io.BytesIO(b"1,2\n3\n"), [0], {1: WHOLE}, n_columns=2) is None
    True
    """
    names = [str(place) for place in range(n_columns)]
    kinds = dict.fromkeys(numbers, NUMBER) | dict(others)
    try:
        table = pyarrow.csv.read_csv(
            _Plain(stream, hexadecimal=WHOLE in kinds.values()),
            pyarrow.csv.ReadOptions(column_names=names, block_size=BLOCK),
            pyarrow.csv.ParseOptions(delimiter=separator, quote_char=False),
            pyarrow.csv.ConvertOptions(
                column_types={names[place]: kind for place, kind in kinds.items()},
                include_columns=[names[place] for place in kinds],
                null_values=missing,
                strings_can_be_null=False,
                check_utf8=False,  # it is ASCII
            ),
            pa.system_memory_pool(),  # quicker here than those that Arrow prefers
        )
    except ValueError:  # those of Arrow are such
        return None
    columns = [table[names[place]] for place in numbers]
    more = [table[names[place]] for place in others]
    if not len(table) or any(_has_nan(column) for column in more if column.type == NUMBER):
        return None
    found = to_numbers(columns, dtype) if columns else np.empty((len(table), 0), dtype)
    # Arrow takes nan(1) and the like for numbers; those that are missing are none to it.
    with np.errstate(over="ignore", invalid="ignore"):
        total = found.sum()  # quicker than to look at each; infinities may add up to NaN
    if np.isnan(total):
        n_missing = sum(column.null_count for column in columns)
        if np.count_nonzero(np.isnan(found)) > n_missing:
            return None
    return found, more


def _has_nan(numbers: pa.ChunkedArray) -> bool:
    """Tell whether Arrow took nan(1) or the like for a number; missing ones are none."""
    return bool(pc.any(pc.is_nan(numbers)).as_py())


class _Plain(io.RawIOBase):
    """A stream that fails where something unusual comes by.

    In whole numbers Arrow takes 0x10 for 16: such a one is unusual too where `hexadecimal` says so.
    """

    def __init__(self, stream: IO[bytes] | io.RawIOBase, hexadecimal: bool) -> None:
        self._stream, self._hexadecimal, self._last = stream, hexadecimal, b""

    def readable(self) -> bool:
        """Tell that it is read from."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        block = self._stream.read(size) or b""
        unusual = not block.isascii() or b'"' in block
        if self._hexadecimal:
            # Two letters are found at a fiftieth of the speed of one.
            around = self._last + block if b"x" in block or b"X" in block else b""
            unusual |= b"0x" in around or b"0X" in around
            self._last = block[-1:]
        if unusual:
            raise ValueError("something unusual")
        return block


def to_numbers(columns: list[pa.ChunkedArray], dtype: Any = np.float64) -> NDArray[Any]:
    """Return columns of numbers side by side, the numbers of each in a row in memory.

    Parameters
    ----------
    columns : list of ChunkedArray
        Of one length.
    dtype : dtype of floats
        Of what is returned.

    Returns
    -------
    numbers : array of shape (n_lines, n_columns)
        NaN where one is missing, infinity where one is beyond the dtype.
    """
    numbers = np.empty((len(columns), len(columns[0])), dtype)
    for row, column in zip(numbers, columns, strict=True):
        copy_numbers(column, row)
    return numbers.T


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


def to_series(column: pa.ChunkedArray) -> "pd.Series[Any]":
    """Return a column as pandas has it, names as categories."""
    if column.type != NAME:
        series: pd.Series[Any] = column.to_pandas()
        return series
    names = column.unify_dictionaries().combine_chunks()
    categories = pd.Categorical.from_codes(
        names.indices.to_numpy(), names.dictionary.to_pylist(), validate=False
    )
    return pd.Series(categories, copy=False)
