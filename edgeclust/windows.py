"""Cut windows out of signals: all at once from a recording, or one by one from a stream."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from edgeclust.errors import ConfigError


def window_starts(n_samples: int, window: int, stride: int) -> NDArray[np.intp]:
    """First samples of all whole windows of a recording.

    Parameters
    ----------
    n_samples : int
        Length of the recording in samples, at least 0.
    window, stride : int
        Length of a window and the step between two, in samples, at least 1.

    Returns
    -------
    starts : intp array of shape (n_windows,)
        Ascending; empty when the recording is shorter than one window.

    Raises
    ------
    ConfigError
        If `window` or `stride` is below 1.

    Examples
    --------
    >>> from edgeclust.windows import window_starts
    >>> window_starts(10, window=4, stride=3).tolist()
    [0, 3, 6]
    """
    check_window(window, stride)
    if window > n_samples:
        return np.empty(0, np.intp)
    return np.arange(0, n_samples - window + 1, min(stride, n_samples), dtype=np.intp)


def check_window(window: int, stride: int) -> None:
    """Refuse window lengths and strides that no window can have."""
    for name, value in (("window", window), ("stride", stride)):
        if value < 1:
            raise ConfigError(f"{name} should be at least 1 sample, got {value}")


class WindowCutter:
    """Cut a stream into windows as its samples arrive, in fixed memory.

    However the samples are chunked, the windows are those of `window_starts`.

    Parameters
    ----------
    n_channels : int
        Channels of a sample.
    window, stride : int
        Length of a window and the step between two, in samples, at least 1.
    dtype : dtype
        Of the samples and the windows.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.windows import WindowCutter
    >>> cutter = WindowCutter(n_channels=1, window=4, stride=2)
    >>> [start for start, _ in cutter.push(np.zeros((5, 1), np.float32))]
    [0]
    >>> [start for start, _ in cutter.push(np.zeros((3, 1), np.float32))]
    [2, 4]
    """

    def __init__(
        self, n_channels: int, window: int, stride: int, dtype: DTypeLike = np.float32
    ) -> None:
        check_window(window, stride)
        self.window = window
        self.stride = stride
        self._kept = np.zeros((n_channels, window), dtype)  # what is there of the next window
        self._n_kept = 0  # how many samples; below 0 as many are left out first
        self._next = 0  # index in the stream of the next window's first sample

    def push(self, samples: NDArray[Any]) -> list[tuple[int, NDArray[Any]]]:
        """Take the next samples and return the windows they complete.

        Parameters
        ----------
        samples : float32 array of shape (n_samples, n_channels)
            Any number of samples, none included. Not modified.

        Returns
        -------
        windows : list of (start, float32 array of shape (n_channels, window))
            Index in the stream of each window's first sample, and the window: a copy, contiguous.
        """
        windows: list[tuple[int, NDArray[Any]]] = []
        start, n_samples = 0, len(samples)
        while start < n_samples:
            kept = self._n_kept
            own = start - kept  # where the next window begins in these samples, if in these
            if own >= 0 and n_samples - own >= self.window + self.stride:
                return windows + self._cut_at_once(samples[own:])
            if kept < 0:
                step = min(-kept, n_samples - start)
            else:
                step = min(self.window - kept, n_samples - start)
                self._kept[:, kept : kept + step] = samples[start : start + step].T
            start += step
            self._n_kept += step
            if self._n_kept == self.window:
                whole, self._kept = self._kept, np.empty_like(self._kept)
                windows.append((self._next, whole))
                self._next += self.stride
                self._n_kept = self.window - self.stride
                if self._n_kept > 0:
                    self._kept[:, : self._n_kept] = whole[:, self.stride :]
        return windows

    def _cut_at_once(self, samples: NDArray[Any]) -> list[tuple[int, NDArray[Any]]]:
        """Cut samples the first of which begins the next window, and keep what is left."""
        starts = window_starts(len(samples), self.window, self.stride)
        cut = sliding_window_view(samples, self.window, axis=0)[:: self.stride]
        windows = zip((self._next + starts).tolist(), np.ascontiguousarray(cut), strict=True)
        first = len(starts) * self.stride
        self._next += first
        self._n_kept = len(samples) - first
        if self._n_kept > 0:
            self._kept[:, : self._n_kept] = samples[first:].T
        return [*windows]


class BlockCutter:
    """Cut a stream into windows as `WindowCutter` does, those of a push in one array.

    Parameters
    ----------
    n_channels, window, stride, dtype
        As `WindowCutter` takes them.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.windows import BlockCutter
    >>> cutter = BlockCutter(n_channels=1, window=4, stride=2)
    >>> starts, windows = cutter.push(np.arange(7, dtype=np.float32)[:, None])
    >>> starts.tolist(), windows.tolist()
    ([0, 2], [[[0.0, 1.0, 2.0, 3.0]], [[2.0, 3.0, 4.0, 5.0]]])
    """

    def __init__(
        self, n_channels: int, window: int, stride: int, dtype: DTypeLike = np.float32
    ) -> None:
        check_window(window, stride)
        self.window = window
        self.stride = stride
        self._kept = np.zeros((n_channels, 0), dtype)  # what is there of the next window
        self._n_left_out = 0  # samples that come before it, where windows lie apart
        self._next = 0  # index in the stream of the next window's first sample

    def push(self, samples: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[Any]]:
        """Take the next samples and return the windows they complete.

        Parameters
        ----------
        samples : float array of shape (n_samples, n_channels)
            Any number of samples, none included. Not modified.

        Returns
        -------
        starts : intp array of shape (n_windows,)
            Index in the stream of each window's first sample.
        windows : float array of shape (n_windows, n_channels, window)
            A view of a copy: windows that overlap share their samples.
        """
        first = min(self._n_left_out, len(samples))
        self._n_left_out -= first
        there = np.concatenate([self._kept, samples[first:].T], axis=1, dtype=self._kept.dtype)
        starts = window_starts(there.shape[1], self.window, self.stride)
        windows = np.empty((0, len(there), self.window), there.dtype)
        if len(starts):
            windows = sliding_window_view(there.T, self.window, axis=0)[:: self.stride]
        stop = len(starts) * self.stride
        self._n_left_out += max(0, stop - there.shape[1])
        self._kept = there[:, stop:].copy()  # a view would hold on to all of it
        self._next += stop
        return self._next - stop + starts, windows
