"""Cut a live stream into windows: any chunks, any rate, with gaps, holes and imperfect stamps."""

import math
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeclust.errors import DataError
from edgeclust.resampling import MOST_CHANGE, StreamResampler, rate_ratio
from edgeclust.samples import RATE_TOLERANCE
from edgeclust.stamps import MOST_GAP_S, StampOrder, find_rate
from edgeclust.windows import BlockCutter, WindowCutter

MOST_GAP_STEPS = 3
"""Steps of a slow stream that are no gap, however long."""

ENOUGH = 0.9
"""Part of a window that the first stamps have to span before they tell a rate."""

MISSING = "missing or infinite samples"
UNEVEN = "time stamps more than a tenth off"


class StreamWindow(NamedTuple):
    """A window of a stream.

    Parameters
    ----------
    t : float
        Seconds of its first sample.
    samples : float32 array of shape (n_channels, window)
        At the model's rate.
    starts_segment : bool
        Whether nothing came before it, or a gap.
    fault : str or None
        Why it cannot be labelled; None where it can.
    """

    t: float
    samples: NDArray[np.float32]
    starts_segment: bool
    fault: str | None


class WindowBlock(NamedTuple):
    """Windows of a stream that came together.

    Parameters
    ----------
    t : float64 array of shape (n_windows,)
        Seconds of the first sample of each.
    samples : float32 array of shape (n_windows, n_channels, window)
        At the model's rate; a view of what came, in which windows overlap.
    starts_segment : bool
        Whether nothing came before the first of them, or a gap.
    fault : object array of shape (n_windows,)
        Why one cannot be labelled; None where it can.
    """

    t: NDArray[np.float64]
    samples: NDArray[np.float32]
    starts_segment: bool
    fault: NDArray[np.object_]


Cut = TypeVar("Cut", StreamWindow, WindowBlock)


class _Stream(Generic[Cut]):
    """Samples of a stream sorted out and brought to the model's rate; how they are cut is open.

    Parameters and errors are those of `WindowStream`.
    """

    def __init__(
        self,
        channels: Sequence[str],
        rate_hz: float,
        window: int,
        stride: int,
        told_hz: float | None = None,
    ) -> None:
        self._channels = channels
        self._model_hz = rate_hz
        self._window, self._stride = window, stride
        self._told_hz = told_hz
        self._rate_hz: float | None = None  # of the stream; None until it is known
        expected_hz = rate_hz if told_hz is None else told_hz
        rate_ratio(expected_hz, rate_hz)
        self._order = StampOrder(max(MOST_GAP_S, MOST_GAP_STEPS / expected_hz))
        self._stamped: bool | None = None
        self._n_samples = 0
        self._pending: list[tuple[NDArray[np.float32], NDArray[np.float64]]] = []
        self._restart()

    @property
    def n_gaps(self) -> int:
        """Segments after the first."""
        return max(0, self._order.n_gaps)

    @property
    def n_late(self) -> int:
        """Samples left out, for their stamp is that of one before or earlier."""
        return self._order.n_late

    def push(
        self, samples: NDArray[np.floating[Any]], t: NDArray[np.float64] | None = None
    ) -> list[Cut]:
        """Take the next samples and return the windows they complete.

        Parameters
        ----------
        samples : float array of shape (n_samples, n_channels)
            Any number of samples. Not modified.
        t : float64 array of shape (n_samples,), optional
            Seconds of each sample, given with every call or with none.

        Returns
        -------
        windows : list of StreamWindow, or of WindowBlock where they come in blocks
            In the order they came.

        Raises
        ------
        DataError
            If a shape is wrong, `t` comes with some calls only or is not finite, or the stamps
            show no rate or another than was told.
        """
        samples = _as_float32(samples)
        if samples.ndim != 2 or samples.shape[1] != len(self._channels):
            raise DataError(
                f"samples should have shape (n_samples, {len(self._channels)}) for the channels "
                f"{', '.join(self._channels)}, got shape {samples.shape}"
            )
        if t is not None and np.shape(t) != (len(samples),):
            raise DataError(f"t should have shape ({len(samples)},), got {np.shape(t)}")
        if not len(samples):
            return []
        if self._stamped is not None and self._stamped != (t is not None):
            raise DataError("t should be given with every call of push or with none")
        self._stamped = t is not None
        if t is None:
            return self._count(samples)
        t = np.asarray(t, dtype=np.float64)
        going_on, *others = self._order.take(t)
        windows = self._take(samples[going_on], t[going_on])
        for segment in others:
            windows += self.finish()
            windows += self._take(samples[segment], t[segment])
        return windows

    def finish(self) -> list[Cut]:
        """End the segment under way; return what the resampler's filter held back of it.

        Returns
        -------
        windows : list of StreamWindow, or of WindowBlock where they come in blocks
            None where the stream is not resampled. What is pushed next starts another segment.
        """
        windows: list[Cut] = []
        if self._resample is not None:
            filtered, lines = self._resample
            windows = self._cut(filtered.finish(), lines.finish())
        self._restart()
        return windows

    def _restart(self) -> None:
        """Start a segment: nothing that came before counts."""
        self._pending = []
        self._starts = True
        self._first = self._n_samples  # index in the stream of the segment's first sample
        self._resample: tuple[StreamResampler, StreamResampler] | None = None
        if self._rate_hz is not None and self._rate_hz != self._model_hz:
            rates = self._rate_hz, self._model_hz
            self._resample = (
                StreamResampler(len(self._channels), *rates),
                StreamResampler(1, *rates, interpolate=True),
            )
        self._start_cutting()

    def _start_cutting(self) -> None:
        """Let the next sample be the first of a window."""
        raise NotImplementedError

    def _count(self, samples: NDArray[np.float32]) -> list[Cut]:
        """Take samples without stamps."""
        if self._rate_hz is None:
            self._rate_hz = self._model_hz if self._told_hz is None else self._told_hz
            self._restart()
        first = self._n_samples
        self._n_samples += len(samples)
        if self._resample is None:
            return self._cut(samples, None)
        return self._take(samples, np.arange(first, self._n_samples) / self._rate_hz)

    def _take(self, samples: NDArray[np.float32], stamps: NDArray[np.float64]) -> list[Cut]:
        """Take samples of the segment under way, each with its stamp."""
        if self._rate_hz is None:
            self._pending.append((samples, stamps))
            samples, stamps = map(np.concatenate, zip(*self._pending, strict=True))
            n_first = self._n_enough(stamps)
            if n_first is None:
                self._pending = [(samples, stamps)]
                return []
            self._rate_hz = find_rate(stamps[:n_first], self._told_hz, self._model_hz)
            self._restart()
        if self._resample is None:
            return self._cut(samples, stamps[:, None])
        filtered, lines = self._resample
        return self._cut(filtered.push(samples), lines.push(stamps[:, None]))

    def _n_enough(self, stamps: NDArray[np.float64]) -> int | None:
        """Return how many stamps tell the rate; None while there are too few."""
        # More than this in a window's time is a rate that is refused.
        most = MOST_CHANGE * self._window + 1
        span = ENOUGH * (self._window - 1) / self._model_hz
        far = np.flatnonzero(stamps[1:most] - stamps[:1] >= span)
        if len(far):
            return int(far[0]) + 2
        return most if len(stamps) >= most else None

    def _cut(
        self, samples: NDArray[np.floating[Any]], stamps: NDArray[np.float64] | None
    ) -> list[Cut]:
        """Cut samples that have the model's rate; None for stamps that only count them."""
        raise NotImplementedError

    def _even(self, span: Any) -> Any:
        """Say whether stamps of a window's first and last sample, or of many, are so far apart."""
        expected = (self._window - 1) / self._model_hz
        tolerance = RATE_TOLERANCE * expected + 1 / self._model_hz
        return abs(span - expected) <= tolerance


class WindowStream(_Stream[StreamWindow]):
    """Cut a stream into windows at the model's rate as its samples arrive, in fixed memory.

    However the samples are chunked, the windows are the same to the last bit.

    Parameters
    ----------
    channels : sequence of str
        Names of the channels of a sample.
    rate_hz : float
        The model's rate, which the windows have.
    window, stride : int
        Length of a window and the step between two, in samples of that rate.
    told_hz : float, optional
        Rate of the stream. Left out: what its stamps show, or the model's where it has none.

    Attributes
    ----------
    n_gaps, n_late : int
        As `StampOrder` counts them.

    Raises
    ------
    DataError
        If the rate is out of range.

    Notes
    -----
    Samples are taken to be evenly spaced; stamps say at which rate, where a segment ends, and
    whether a window holds what it should: the stamps of its first and last sample have to be as
    far apart as expected, to a tenth and a step. So jitter and clocks that drift do no harm, and
    a window that lacks a tenth of its samples is faulty.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.stream import WindowStream
    >>> stream = WindowStream(["ax"], rate_hz=10.0, window=4, stride=2)
    >>> t = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 7.0, 7.1, 7.2, 7.3])
    >>> [(window.t, window.starts_segment) for window in stream.push(np.ones((9, 1)), t)]
    [(0.0, True), (7.0, True)]
    """

    def _start_cutting(self) -> None:
        """Let the next sample be the first of a window."""
        self._samples = WindowCutter(len(self._channels), self._window, self._stride)
        # Time stamps are cut alike; float32 could not tell samples apart after a few days.
        self._stamps = WindowCutter(1, self._window, self._stride, dtype=np.float64)

    def _cut(
        self, samples: NDArray[np.floating[Any]], stamps: NDArray[np.float64] | None
    ) -> list[StreamWindow]:
        """Cut samples that have the model's rate; None for stamps that only count them."""
        cut = self._samples.push(_as_float32(samples))
        if not cut and stamps is None:
            return []
        faults = [None if all_finite(window) else MISSING for _, window in cut]
        if stamps is None:
            times = [(self._first + i) / self._model_hz for i, _ in cut]
        else:
            own = [stamps for _, stamps in self._stamps.push(stamps)]
            times = [stamps.item(0) for stamps in own]
            if self._stamped:
                spans = [stamps.item(-1) - t for stamps, t in zip(own, times, strict=True)]
                uneven = [None if self._even(span) else UNEVEN for span in spans]
                faults = [a or b for a, b in zip(faults, uneven, strict=True)]
        found = [
            StreamWindow(t, window, False, fault)
            for t, (_, window), fault in zip(times, cut, faults, strict=True)
        ]
        if found and self._starts:
            found[0] = found[0]._replace(starts_segment=True)
            self._starts = False
        return found


class BlockStream(_Stream[WindowBlock]):
    """Cut a stream as `WindowStream` does, all windows that a push completes in one array.

    For recordings, of which much is at hand at once: nothing is done window by window.

    Parameters and errors are those of `WindowStream`.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.stream import BlockStream
    >>> stream = BlockStream(["ax"], rate_hz=10.0, window=4, stride=2)
    >>> (block,) = stream.push(np.ones((9, 1), np.float32))
    >>> block.t.tolist(), block.samples.shape
    ([0.0, 0.2, 0.4], (3, 1, 4))
    """

    def _start_cutting(self) -> None:
        """Let the next sample be the first of a window."""
        self._samples = BlockCutter(len(self._channels), self._window, self._stride)
        self._stamps = BlockCutter(1, self._window, self._stride, dtype=np.float64)
        self._n_cut = 0  # samples of the segment, at the model's rate
        self._last_bad = -1  # index among these of the last that is missing or infinite

    def _cut(
        self, samples: NDArray[np.floating[Any]], stamps: NDArray[np.float64] | None
    ) -> list[WindowBlock]:
        """Cut samples that have the model's rate; None for stamps that only count them."""
        samples = _as_float32(samples)
        self._note_bad(samples)
        starts, cut = self._samples.push(samples)
        fault = np.full(len(starts), None, object)
        if stamps is None:
            times = (self._first + starts) / self._model_hz
        else:
            _, own = self._stamps.push(stamps)
            times = own[:, 0, 0].copy()
            if self._stamped:
                fault[~self._even(own[:, 0, -1] - times)] = UNEVEN
        touched = np.flatnonzero(starts <= self._last_bad)  # by a bad sample, or before it
        fault[touched[~np.isfinite(cut[touched]).all(axis=(1, 2))]] = MISSING
        if not len(starts):
            return []
        block = WindowBlock(times, cut, self._starts, fault)
        self._starts = False
        return [block]

    def _note_bad(self, samples: NDArray[np.float32]) -> None:
        """Count samples, and remember the last that is missing or infinite."""
        if not all_finite(samples):
            bad = np.flatnonzero(~np.isfinite(samples).all(axis=1))
            self._last_bad = self._n_cut + int(bad[-1])
        self._n_cut += len(samples)


def all_finite(values: NDArray[np.float32]) -> bool:
    """Say whether an array holds neither NaN nor infinity."""
    # The squares sum to NaN or infinity if one is there, at a fraction of the cost of looking;
    # taken as they lie in memory, as nothing is copied then that lies there in a row.
    values = values.ravel(order="K")
    return math.isfinite(np.vdot(values, values)) or bool(np.isfinite(values).all())


def _as_float32(samples: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return samples as the network takes them."""
    samples = np.asarray(samples)
    if samples.dtype == np.float32:
        return samples
    with np.errstate(over="ignore"):  # infinity, which a window does not survive
        return samples.astype(np.float32)
