"""Text tables with nothing unusual in them, read quickly; readers look closer at all others."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

MISSING = ("", "nan", "NaN")
"""Cells that are a missing number, unless a reader says otherwise."""

NUMBER, WHOLE, STAMP = pa.float64(), pa.int64(), pa.timestamp("ns")
NAME = pa.dictionary(pa.int32(), pa.string())
"""What a column may hold; a name is a text that stands many times."""


def read_quickly(
    stream: IO[bytes],
    columns: Mapping[int, Any],
    n_columns: int,
    separator: str = ",",
    *,
    missing: Sequence[str] = MISSING,
) -> list[pa.ChunkedArray] | None:
    r"""Read some columns of a table, if all of it is as expected.

    Parameters
    ----------
    stream : binary stream
        Read from where it stands.
    columns : mapping of int to a type of Arrow
        Places of the columns that are wanted, counted from 0, and what they hold.
    n_columns : int
        Of each line.
    separator : str
        Between two cells, one character.
    missing : sequence of str
        Cells that are a missing number.

    Returns
    -------
    found : list of ChunkedArray or None
        Of the columns wanted, in their order. None where a line has more or fewer cells or a cell
        is other than expected, where there is no line, and where anything is not in ASCII or
        between quotes. Blank lines are left out.

    Examples
    --------
    >>> import io
    >>> from edgeclust.har_data.quick_csv import NUMBER, read_quickly
    >>> read_quickly(io.BytesIO(b"1,2\n3,4\n"), {1: NUMBER}, n_columns=2)[0].to_pylist()
    [2.0, 4.0]
    >>> read_quickly(io.BytesIO(b"1,2\n3\n"), {1: NUMBER}, n_columns=2) is None
    True
    """
    names = [str(place) for place in range(n_columns)]
    wanted = [names[place] for place in columns]
    try:
        table = pyarrow.csv.read_csv(
            _Plain(stream, hexadecimal=WHOLE in columns.values()),
            pyarrow.csv.ReadOptions(column_names=names),
            pyarrow.csv.ParseOptions(delimiter=separator, quote_char=False),
            pyarrow.csv.ConvertOptions(
                column_types={
                    names[place]: pa.string() if kind == NAME else kind
                    for place, kind in columns.items()
                },
                include_columns=wanted,
                null_values=missing,
                strings_can_be_null=False,
            ),
            pa.system_memory_pool(),  # quicker here than those that Arrow prefers
        )
    except ValueError:  # those of Arrow are such
        return None
    numbers = [column for column in table.columns if column.type == NUMBER]
    if not len(table) or any(map(_has_nan, numbers)):
        return None
    return [
        _run_by_run(table[names[place]]) if kind == NAME else table[names[place]]
        for place, kind in columns.items()
    ]


def _has_nan(numbers: pa.ChunkedArray) -> bool:
    """Tell whether Arrow took nan(1) or the like for a number; missing ones are none."""
    total = pc.sum(numbers).as_py()  # quicker than to look at each; infinities may add up to NaN
    return total is not None and math.isnan(total) and pc.any(pc.is_nan(numbers)).as_py()


def _run_by_run(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Encode texts as names; quicker than Arrow, for one mostly stands on line after line."""
    runs = [pc.run_end_encode(chunk) for chunk in texts.chunks]
    names = pa.chunked_array([run.values for run in runs]).combine_chunks().dictionary_encode()
    lengths = np.concatenate([np.diff(run.run_ends, prepend=0) for run in runs])
    codes = np.repeat(names.indices, lengths)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(codes, names.dictionary)])


class _Plain(io.RawIOBase):
    """A stream that fails where something unusual comes by.

    In whole numbers Arrow takes 0x10 for 16: such a one is unusual too where `hexadecimal` says so.
    """

    def __init__(self, stream: IO[bytes], hexadecimal: bool) -> None:
        self._stream, self._hexadecimal, self._last = stream, hexadecimal, b""

    def readable(self) -> bool:
        """Tell that it is read from."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        block = self._stream.read(size)
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
