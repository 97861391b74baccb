"""Recordings from samples with time stamps: on a steady clock, and what was repaired counted."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgeclust.card import Card
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.time_columns import UNITS
from edgeclust.har_data.timeline import MOST_GAP_S, to_steady_rate

REPEATED = "samples of a repeated stamp left out"
SWAPPED = "samples out of order sorted"
GAPS = "gaps cut"
LONELY = "samples alone between gaps left out"
ALONE = "samples without one of the other sensor left out"
ONE_SENSOR = "streams of one of two sensors left out"


@dataclass(frozen=True)
class StampedRecording(Recording):
    """A recording whose samples had time stamps.

    Parameters
    ----------
    step_s : float
        Median of the steps from one stamp to the next, in seconds, as the sensor made them.
    start_s : float
        Stamp of the first sample, in seconds, as a rule from 1970; NaN where none is known.
    """

    step_s: float = math.nan
    start_s: float = math.nan


@dataclass(frozen=True)
class Bout:
    """Samples of one person as they were stamped.

    Parameters
    ----------
    times : float64 array of shape (n_samples,)
        Seconds, in the order of the file.
    samples : float64 array of shape (n_samples, n_channels)
        In the units of the card.
    labels : int array of shape (n_samples,)
        Index of the class, -1 where unknown.
    subject, session : str
        As of `edgeclust.dataset.Recording`.
    faults : Counter
        How often something was wrong with the stamps, by what `steady_recordings` says of it.
    origin_s : float
        What is to be added to `times` for seconds from 1970; NaN where that is not known.
    """

    times: NDArray[np.float64]
    samples: NDArray[np.float64]
    labels: NDArray[np.integer[Any]]
    subject: str
    session: str
    faults: Counter[str] = field(default_factory=Counter)
    origin_s: float = math.nan

    def __post_init__(self) -> None:
        """Refuse samples that cannot be put in order."""
        if not np.isfinite(self.times).all():
            raise DataError(f"{self.session} of {self.subject} has a sample with no time")


def steady_recordings(
    card: Card, bouts: Iterable[Bout], repairs: Counter[str]
) -> Iterator[StampedRecording]:
    """Bring bouts to the rate of the card, one at a time.

    Parameters
    ----------
    card : Card
        Says the rate.
    bouts : iterable of Bout
        Taken as recordings are.
    repairs : Counter
        What was repaired is added, by what is said of it.

    Yields
    ------
    recording : StampedRecording
        One for each stretch without a gap; all of a bout have its session.

    Examples
    --------
    >>> from collections import Counter
    >>> import numpy as np
    >>> from edgeclust import Card, Channel
    >>> from edgeclust.har_data.stamped import Bout, steady_recordings
    >>> card = Card("toy", 10.0, (Channel("x", "g"),), window=2, stride=2)
    >>> times = np.array([0.0, 0.1, 0.2, 9.0, 9.1])
    >>> bout = Bout(times, np.ones((5, 1)), np.zeros(5, int), subject="1", session="run")
    >>> repairs = Counter()
    >>> [(r.session, r.signal.shape) for r in steady_recordings(card, [bout], repairs)]
    [('run', (1, 3)), ('run', (1, 2))]
    >>> +repairs
    Counter({'gaps cut': 1})
    """
    for bout in bouts:
        stretches, mended = to_steady_rate(bout.times, bout.samples, bout.labels, card.rate_hz)
        repairs.update(bout.faults)
        repairs.update(
            {
                REPEATED: mended.n_repeated,
                SWAPPED: mended.n_out_of_order,
                GAPS: mended.n_gaps,
                LONELY: mended.n_lonely,
            }
        )
        step_s = median_step_s(bout.times)
        for stretch in stretches:
            signal = np.ascontiguousarray(stretch.samples.T, dtype=np.float32)
            yield StampedRecording(
                signal,
                bout.subject,
                bout.session,
                stretch.labels,
                step_s=step_s,
                start_s=bout.origin_s + stretch.start_s,
            )


def median_step_s(times: NDArray[np.float64]) -> float:
    """Return the median of the steps from one stamp to the next, those back left out.

    Parameters
    ----------
    times : float64 array of shape (n_samples,)
        Seconds, in the order of the file.

    Returns
    -------
    step_s : float
        In seconds; NaN where no stamp is later than the one before.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.har_data.stamped import median_step_s
    >>> median_step_s(np.array([0.0, 0.5, 1.0, 0.0, 0.5]))
    0.5
    """
    # np.diff and np.median spend more on a short bout than on its samples, and copy long ones.
    steps = times[1:] - times[:-1]
    rises = steps > 0
    ahead = steps if rises.all() else steps[rises]
    if not len(ahead):
        return math.nan
    below, above = (len(ahead) - 1) // 2, len(ahead) // 2
    ahead.partition((below, above))
    return float((ahead[below] + ahead[above]) / 2)


def join_in_time(
    bout: Bout, other_times: NDArray[np.float64], other_samples: NDArray[np.float64]
) -> Bout:
    """Put the samples of another sensor beside those of a bout, straight lines between its own.

    Samples of the bout stay where the other sensor has one before and one after them, a second
    apart at most; the others are left out, and counted as faults, as those of the other's are.

    Parameters
    ----------
    bout : Bout
        Not modified.
    other_times : float64 array of shape (n_others,)
        Seconds of the same clock, in the order of the file.
    other_samples : float64 array of shape (n_others, n_more)
        Not modified.

    Raises
    ------
    DataError
        If a stamp is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.har_data.stamped import Bout, join_in_time
    >>> times, others = np.array([0.0, 0.5, 1.0, 3.0]), np.array([0.25, 0.75, 1.25, 5.0])
    >>> bout = Bout(times, np.zeros((4, 1)), np.zeros(4, int), subject="1", session="run")
    >>> joined = join_in_time(bout, others, others[:, None])
    >>> joined.times.tolist(), joined.samples.tolist()
    ([0.5, 1.0], [[0.0, 0.5], [0.0, 1.0]])
    """
    if not (len(other_times) and np.isfinite(other_times).all()):
        raise DataError(f"{bout.session} of {bout.subject} has a sample with no time")
    times = bout.times
    clock, first = np.unique(other_times, return_index=True)
    after = np.clip(np.searchsorted(clock, times), 0, len(clock) - 1)
    before = np.clip(np.searchsorted(clock, times, side="right") - 1, 0, None)
    kept = (clock[0] <= times) & (times <= clock[-1])
    kept &= clock[after] - clock[before] <= MOST_GAP_S
    columns = [np.interp(times[kept], clock, column) for column in other_samples[first].T]
    faults = Counter(
        {
            ALONE: int((~kept).sum()),
            REPEATED: len(other_times) - len(clock),
            SWAPPED: int((np.diff(other_times) < 0).sum()),
        }
    )
    return replace(
        bout,
        times=times[kept],
        samples=np.column_stack([bout.samples[kept], *columns]),
        labels=bout.labels[kept],
        faults=bout.faults + faults,
    )


def seconds(where: str, stamps: pd.Series) -> NDArray[np.float64]:
    """Return the seconds from the first of some dates with times.

    Parameters
    ----------
    where : str
        The file, for the message.
    stamps : Series of str or of dates
        Texts as ISO 8601 has them, as in ``2019-01-12 00:00:00.020``.

    Raises
    ------
    DataError
        If a text is none; the message says which record is the first.

    Examples
    --------
    >>> import pandas as pd
    >>> from edgeclust.har_data.stamped import seconds
    >>> seconds("toy.csv", pd.Series(["2019-01-12 00:00:00", "2019-01-12 00:00:00.02"])).tolist()
    [0.0, 0.02]
    """
    times = pd.to_datetime(stamps, format="ISO8601", errors="coerce")
    wrong = times.isna().to_numpy()
    if wrong.any():
        first = int(wrong.argmax())
        raise DataError(f"{where}, record {first + 1}: {stamps.iloc[first]!r} is no time")
    parts = times.astype(np.int64).to_numpy()
    elapsed: NDArray[np.float64] = (parts - parts[0]) / UNITS[times.dt.unit]
    return elapsed
