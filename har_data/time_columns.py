"""Time columns: seconds, epochs, and dates with zones, turned into seconds from the first."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgeclust.errors import DataError
from edgeclust.har_data.timeline import MOST_GAP_S, is_near, shown_rates

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Parts of a second that a number may count."""

ISO = "iso8601"

TIME_KINDS = (*UNITS, ISO)
"""What ``"time"`` in a ``dataset.json`` may say."""

ZONE = re.compile(r"\d[T ]\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$", re.IGNORECASE)

Place = Callable[[int], str]
"""From the number of a sample to the words that say where it stands, as in ``a.csv, line 7``."""


def to_seconds(column: "pd.Series[float]", kind: str | None, place: Place) -> NDArray[np.float64]:
    """Return the seconds from the first stamp of a time column.

    Parameters
    ----------
    column : Series
        Numbers, texts as ISO 8601 has them, or dates. Whole numbers are subtracted as such, so
        that an epoch in nanoseconds loses nothing.
    kind : str or None
        One of `TIME_KINDS`; None for numbers that are seconds and texts that are ISO 8601.
    place : callable
        Says where a sample stands, for the message.

    Returns
    -------
    times : float64 array of shape (n_samples,)
        In the order of the file. A text with a zone is brought to UTC, so that the hour that a
        clock is changed neither lacks nor comes twice; one without is taken as it is.

    Raises
    ------
    DataError
        If a stamp is missing or is not what `kind` says, or if only some texts have a zone.

    Examples
    --------
    >>> import pandas as pd
    >>> from edgeclust.har_data.time_columns import to_seconds
    >>> to_seconds(pd.Series([1700000000000, 1700000000040]), "ms", str).tolist()
    [0.0, 0.04]
    >>> fall_back = pd.Series(["2025-10-26T02:59:59+02:00", "2025-10-26T02:00:00+01:00"])
    >>> to_seconds(fall_back, None, str).tolist()
    [0.0, 1.0]
    """
    column = column.reset_index(drop=True)
    if column.dtype.kind == "M":  # Parquet has dates as such
        dates = pd.to_datetime(column, utc=True)
    elif kind in UNITS or (kind is None and column.dtype.kind in "iuf"):
        numbers = column
        if column.dtype.kind not in "iuf":
            numbers = pd.to_numeric(column, errors="coerce")
            expected = f'a number is expected, as dataset.json says "time": "{kind}"'
            _refuse_first(numbers.isna() & column.notna(), column, expected, place)
        return _from_numbers(numbers.to_numpy(), UNITS[kind or "s"], place)
    else:
        dates = _from_texts(column.astype("str").str.strip(), kind, place)
    if dates.isna().any():
        raise DataError(f"{place(int(dates.isna().to_numpy().argmax()))}: column time is empty")
    return np.asarray((dates - dates.iloc[0]).dt.total_seconds(), np.float64)


def check_clock(times: NDArray[np.float64], rate_hz: float, kind: str | None, where: str) -> None:
    """Refuse stamps that show a rate far from the expected, and say what would be right.

    Parameters
    ----------
    times : float64 array of shape (n_samples,)
        Seconds, in the order of the file. Gaps, repeated stamps and wrong order do no harm; of
        the usual step and the mean one, the better counts.
    rate_hz : float
        The rate expected, above 0.
    kind : str or None
        What the stamps were taken for, as of `to_seconds`.
    where : str
        The file, for the message.

    Raises
    ------
    DataError
        If the rate is off by more than a tenth.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.har_data.time_columns import check_clock
    >>> check_clock(np.arange(9) * 40.0, 25.0, None, "walk.csv")
    Traceback (most recent call last):
    edgeclust.errors.DataError: walk.csv: its time stamps show 0.025 Hz, 25 Hz is expected: they \
look like ms, so say "time": "ms" in dataset.json
    """
    shown, mean = shown_rates(times, longest_gap(rate_hz))
    if math.isnan(shown) or is_near(shown, rate_hz) or is_near(mean, rate_hz):
        return
    said = f"{where}: its time stamps show {shown:.4g} Hz, {rate_hz:g} Hz is expected"
    if kind != ISO:
        for other, parts in UNITS.items():
            if is_near(shown * parts / UNITS[kind or "s"], rate_hz):
                raise DataError(
                    f'{said}: they look like {other}, so say "time": "{other}" in dataset.json'
                )
    raise DataError(
        f"{said}: put recordings of another rate into a folder of their own with that rate_hz, "
        f"and bring it here by data convert --rate-hz {rate_hz:g}"
    )


def longest_gap(rate_hz: float) -> float:
    """Return how long a step may be, in seconds, before a recording is cut there.

    Examples
    --------
    >>> from edgeclust.har_data.time_columns import longest_gap
    >>> longest_gap(50.0), longest_gap(1.0)
    (1.0, 5.0)
    """
    return max(MOST_GAP_S, 5 / rate_hz)


def _from_numbers(numbers: NDArray[Any], parts: int, place: Place) -> NDArray[np.float64]:
    """Return the seconds that numbers count in some parts of a second."""
    sound = np.isfinite(numbers)
    if not sound.all():
        row = int(sound.argmin())
        held = "is empty" if np.isnan(numbers[row]) else f"holds {numbers[row]}"
        raise DataError(f"{place(row)}: column time {held}, a time is expected")
    if numbers.dtype.kind == "u":
        numbers = numbers.astype(np.int64)  # or a step back would be a giant one forward
    elapsed: NDArray[np.float64] = (numbers - numbers[:1]).astype(np.float64, copy=False)
    elapsed /= parts
    return elapsed


def _from_texts(texts: "pd.Series[str]", kind: str | None, place: Place) -> "pd.Series[Any]":
    """Return dates in UTC; where a text is empty, none."""
    points = texts.str.replace(",", ".", regex=False)  # ISO 8601 has both before parts of a second
    dates = pd.to_datetime(points, format="ISO8601", errors="coerce", utc=True)
    expected = "a date with time is expected, as in 2025-10-26T02:59:59.040+02:00"
    expected += "" if kind == ISO else ", or seconds throughout"
    _refuse_first(dates.isna() & texts.notna(), texts, expected, place)
    zoned = texts.str.contains(ZONE)
    if zoned.any() and texts.notna().all():
        _refuse_first(zoned != zoned.iloc[0], texts, "unlike those before it as to a zone", place)
    return dates


def _refuse_first(
    wrong: "pd.Series[bool]", column: "pd.Series[Any]", expected: str, place: Place
) -> None:
    """Name the first cell that is wrong, if one is."""
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise DataError(f"{place(row)}: column time holds {str(column[row])!r}, {expected}")
