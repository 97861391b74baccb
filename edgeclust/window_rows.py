"""Copy many windows out of many signals in one step of numpy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGEST = 1 << 16
"""Samples of windows that are copied in one step; longer ones gain nothing by it."""


class WindowRows:
    """The windows of signals, to gather at random.

    Windows lie in a signal as a row of samples for each channel, and a loop over them spends more
    time in Python than in copying. Here all rows of all signals are items of one array, so that
    one fancy index copies them: the memory from the first signal to the last, an item beginning
    at every sample. Most of it belongs to others and is never touched: a row is asked for by
    the signal it lies in.

    Parameters
    ----------
    signals : sequence of float32 arrays of shape (n_channels, n_samples)
        Kept, and not copied where the samples of a channel follow one another. Not modified.
    window : int
        Samples of a window.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.window_rows import WindowRows
    >>> signals = [np.arange(8, dtype=np.float32).reshape(2, 4) + shift for shift in (0, 100)]
    >>> rows = WindowRows(signals, window=3)
    >>> rows.gather(np.array([1, 0]), np.array([0, 1])).tolist()
    [[[100.0, 101.0, 102.0], [104.0, 105.0, 106.0]], [[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]]]
    """

    def __init__(self, signals: Sequence[NDArray[np.float32]], window: int) -> None:
        self._window = window
        self._signals = [_with_rows(signal) for signal in signals]
        addresses = np.array([s.__array_interface__["data"][0] for s in self._signals])
        steps = np.array([s.strides[0] // 4 for s in self._signals])
        self._last_starts = np.array([s.shape[1] - window for s in self._signals])
        used = self._last_starts >= 0
        first = int(addresses[used].min())
        # Where each channel of each signal begins, in samples from the first.
        channels = np.arange(len(self._signals[0]))
        self._places = ((addresses - first) // 4)[:, None] + steps[:, None] * channels
        last = (self._places[:, -1] + self._last_starts)[used].max()
        self._rows = (
            np.asarray(_Memory(first, int(last) + 1, window)) if window <= LONGEST else None
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy the signals alone: addresses are those of this process."""
        return WindowRows, (self._signals, self._window)

    def gather(self, sources: NDArray[np.intp], starts: NDArray[np.intp]) -> NDArray[np.float32]:
        """Copy windows.

        Parameters
        ----------
        sources : intp array of shape (n,)
            Which signal each is of.
        starts : intp array of shape (n,)
            Its first sample there.

        Returns
        -------
        windows : float32 array of shape (n, n_channels, window)

        Raises
        ------
        IndexError
            If a window does not lie within its signal.
        """
        if (starts < 0).any() or (starts > self._last_starts.take(sources)).any():
            raise IndexError("a window lies beyond its signal")
        shape = len(starts), self._places.shape[1], self._window
        if self._rows is not None:
            places = self._places.take(sources, axis=0)
            places += starts[:, None]
            found: NDArray[np.float32] = self._rows[places].view(np.float32).reshape(shape)
            return found
        windows = np.empty(shape, np.float32)
        for row, (source, start) in enumerate(zip(sources.tolist(), starts.tolist(), strict=True)):
            windows[row] = self._signals[source][:, start : start + self._window]
        return windows


class _Memory:
    """Memory as an array: an item of `window` samples begins at every sample."""

    def __init__(self, address: int, n_items: int, window: int) -> None:
        self.__array_interface__ = {
            "version": 3,
            "data": (address, True),  # read-only
            "shape": (n_items,),
            "strides": (4,),
            "typestr": f"|V{4 * window}",
        }


def _with_rows(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a signal whose channels are rows of float32 in memory, one behind the other."""
    plain = signal.dtype == np.float32 and signal.flags.aligned
    if plain and signal.strides[1] == 4 and signal.strides[0] >= 0 and signal.strides[0] % 4 == 0:
        return signal
    return np.array(signal, np.float32, order="C")
