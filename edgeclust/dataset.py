"""What the training core sees, whatever the data: recordings kept whole, windows cut as views."""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from edgeclust.card import AnyCard, Card
from edgeclust.errors import ConfigError, DataError
from edgeclust.holes import bridge_short_holes
from edgeclust.window_labels import check_label_policy, find_runs, label_windows
from edgeclust.window_rows import WindowRows
from edgeclust.windows import window_starts


@dataclass(frozen=True)
class Recording:
    """One uninterrupted recording of one person.

    Parameters
    ----------
    signal : float32 array of shape (n_channels, n_samples)
        Samples in the card's units; NaN where a sample is missing.
    subject : str
        Who wore the sensor.
    session : str
        Which of the subject's recordings it is.
    labels : int array of shape (n_samples,), optional
        Index of the class at each sample, -1 where unknown. Left out: all unknown.
    """

    signal: NDArray[np.float32]
    subject: str
    session: str
    labels: NDArray[np.integer[Any]] | None = None

    @cached_property
    def label_runs(self) -> NDArray[np.intp]:
        """First sample and label of each run of one label, of shape (n_runs, 2).

        Worked out once. Recordings that are memory-mapped have it beforehand: nothing that asks
        here for labels reads all samples of all recordings.
        """
        return np.empty((0, 2), np.intp) if self.labels is None else find_runs(self.labels)

    @cached_property
    def holes(self) -> NDArray[np.intp]:
        """First sample and end of each run that is NaN or infinite in a channel, (n_holes, 2).

        Worked out once, or known beforehand, as `label_runs`.

        Examples
        --------
        >>> import numpy as np
        >>> from edgeclust import Recording
        >>> signal = np.array([[0, 1, 2, np.nan, 4], [0, 1, np.inf, 3, 4]], np.float32)
        >>> Recording(signal, "1", "1").holes.tolist()
        [[2, 4]]
        """
        bad = np.zeros(self.signal.shape[1] + 2, np.int8)
        for channel in self.signal:
            bad[1:-1] |= ~np.isfinite(channel)
        return np.flatnonzero(np.diff(bad)).reshape(-1, 2)


class Dataset(Protocol):
    """What training needs of any data."""

    @property
    def card(self) -> AnyCard:
        """What the windows, or the images, are."""

    @property
    def labels(self) -> NDArray[np.intp]:
        """Class of each window, -1 where unknown."""

    @property
    def groups(self) -> NDArray[np.str_]:
        """Subject of each window; one value for all where there are none."""

    @property
    def followers(self) -> NDArray[np.intp]:
        """Pairs of windows, one and the next in time, of shape (n_pairs, 2)."""

    @property
    def n_skipped(self) -> int:
        """Windows that were left out."""

    def __len__(self) -> int:
        """Return how many windows there are."""

    def gather(self, indices: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the windows of some indices, of shape (n, n_channels, *shape)."""

    def select(self, indices: NDArray[np.intp]) -> Self:
        """Return the data set of the windows of some indices."""


class WindowedDataset:
    """Windows over whole recordings, cut when they are gathered.

    Windows never cross recordings. Windows of unknown class are there to learn from and have no
    part in scores. Windows that lack more samples than allowed are left out and counted.

    Parameters
    ----------
    card : Card
        What the recordings are.
    recordings : sequence of Recording
        Kept as they are, not copied; may be read-only memory maps. Never modified.
    window, stride : int, optional
        Length of a window and the step between two in samples; the card's when left out.
    label_policy : str
        How a window gets its label from those of its samples: ``pure``, inside one run of one
        known class; ``majority``; or ``none``. See `edgeclust.window_labels.label_windows`.
    max_missing : float
        Share of a window's samples, from 0 to below 1, that may be missing: NaN or infinity in
        any channel. They are bridged by straight lines, each channel by its own. A hole longer
        than that share of a window, or one that begins or ends its recording, is not bridged, and
        windows that hold a part of it are left out. A stream on the device is never bridged.

    Attributes
    ----------
    card : Card
        With the window and the stride in use.
    recordings : sequence of Recording
        As given; those of which holes are bridged are copies, in memory.
    label_policy, max_missing
        As given.
    labels : intp array of shape (n_windows,)
        Class of each window, -1 where unknown.
    label_shares : float32 array of shape (n_windows,)
        Share of a window's samples that have its label, in [0, 1]; 0 where that is unknown.
    missing_shares : float32 array of shape (n_windows,)
        Share of a window's samples that were missing and are bridged.
    groups : str array of shape (n_windows,)
        Subject of each window.

    Raises
    ------
    ConfigError
        If the policy is unknown, or `max_missing` out of range.
    DataError
        If a recording is of other shape than the card says, or if none holds a whole window that
        lacks nothing, or no more than allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust import Card, Channel, Recording, WindowedDataset
    >>> card = Card("toy", 50.0, (Channel("ax", "g"),), window=4, stride=2)
    >>> signal = np.arange(10, dtype=np.float32)[None]
    >>> dataset = WindowedDataset(card, [Recording(signal, subject="1", session="a")])
    >>> dataset.gather(np.array([0, 3]))[:, 0].tolist()
    [[0.0, 1.0, 2.0, 3.0], [6.0, 7.0, 8.0, 9.0]]
    """

    def __init__(
        self,
        card: Card,
        recordings: Sequence[Recording],
        window: int | None = None,
        stride: int | None = None,
        label_policy: str = "pure",
        max_missing: float = 0.0,
    ) -> None:
        check_label_policy(label_policy)
        if not 0 <= max_missing < 1:
            raise ConfigError(f"max_missing should be from 0 to below 1, got {max_missing}")
        self.label_policy = label_policy
        self.max_missing = max_missing
        self.card = replace(
            card,
            window=card.window if window is None else window,
            stride=card.stride if stride is None else stride,
        )
        length = self.card.window
        most = int(max_missing * length + 1e-9)  # 0.29 of 100 are 29
        self.recordings: Sequence[Recording] = []
        kept, shares, skipped, filled = [], [], [], []
        for recording in recordings:
            check_recording(recording, self.card)
            starts = window_starts(recording.signal.shape[1], length, self.card.stride)
            bridged, n_missing, n_lost = _bridge(recording, starts, length, most)
            usable = (n_lost == 0) & (n_missing <= most)
            self.recordings.append(bridged)
            filled.append(
                0 if bridged is recording else _n_missing(recording) - _n_missing(bridged)
            )
            kept.append(starts[usable])
            shares.append((n_missing[usable] / float(length)).astype(np.float32))
            skipped.append(np.count_nonzero(~usable))
        self._skipped, self._filled = np.array(skipped, np.intp), np.array(filled, np.intp)
        if not any(len(starts) for starts in kept):
            raise DataError(self._why_empty())
        self.missing_shares = np.concatenate(shares)
        self.starts = np.concatenate(kept)
        self.recording_indices = np.repeat(np.arange(len(recordings)), [len(s) for s in kept])
        named = [
            label_windows(recording.label_runs, starts, length, label_policy)
            for recording, starts in zip(recordings, kept, strict=True)
        ]
        self.labels = np.concatenate([labels for labels, _ in named])
        self.label_shares = np.concatenate([shares for _, shares in named])

    def __len__(self) -> int:
        """Return how many windows there are."""
        return len(self.starts)

    @property
    def n_skipped(self) -> int:
        """Windows that were left out for NaN or infinity."""
        return int(self._skipped.sum())

    @property
    def n_bridged(self) -> int:
        """Windows that hold bridged samples."""
        return int(np.count_nonzero(self.missing_shares))

    @property
    def n_missing(self) -> int:
        """Values of the recordings as given, by sample and channel, that are NaN or infinite.

        Of recordings that know their `holes`, nothing else is read.
        """
        return int(self._filled.sum()) + sum(map(_n_missing, self.recordings))

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """Subject of each window."""
        subjects = np.array([recording.subject for recording in self.recordings])
        return subjects[self.recording_indices]

    @cached_property
    def followers(self) -> NDArray[np.intp]:
        """Pairs of windows, one and the next of a recording, of shape (n_pairs, 2).

        What a session was cut into are several recordings: between two nobody knows what was.
        """
        recording = self.recording_indices
        first = np.flatnonzero(recording[:-1] == recording[1:])
        return np.stack([first, first + 1], axis=1)

    @property
    def subjects(self) -> list[str]:
        """All subjects, sorted, numbers by their value."""
        return sort_names(r.subject for r in self.recordings)

    def gather(self, indices: NDArray[np.intp]) -> NDArray[np.float32]:
        """Copy the windows of some indices out of their recordings.

        Parameters
        ----------
        indices : intp array of shape (n,)
            Window indices in [0, len(self)), in any order.

        Returns
        -------
        windows : float32 array of shape (n, n_channels, window)
        """
        return self._rows.gather(self.recording_indices.take(indices), self.starts.take(indices))

    @cached_property
    def _rows(self) -> WindowRows:
        """What windows are gathered from."""
        return WindowRows([recording.signal for recording in self.recordings], self.card.window)

    def select(self, indices: NDArray[np.intp]) -> "WindowedDataset":
        """Return the data set of some windows; the recordings stay whole and are shared.

        Parameters
        ----------
        indices : intp array of shape (n,)
            Window indices in [0, len(self)).

        Raises
        ------
        DataError
            If there are none.
        """
        if not len(indices):
            raise DataError(f"no window of {self.card.name!r} is selected")
        part = copy(self)
        for worked_out in ("groups", "followers"):
            vars(part).pop(worked_out, None)
        part.starts = self.starts[indices]
        part.recording_indices = self.recording_indices[indices]
        part.labels = self.labels[indices]
        part.label_shares = self.label_shares[indices]
        part.missing_shares = self.missing_shares[indices]
        return part

    def with_recordings(self, recordings: Sequence[Recording]) -> "WindowedDataset":
        """Return the same windows of other recordings, as of recordings that were aligned.

        Parameters
        ----------
        recordings : sequence of Recording
            One for each, in their order and of the same length, finite where they were.
        """
        other = copy(self)
        vars(other).pop("_rows", None)
        other.recordings = recordings
        return other

    def select_recordings(self, recordings: Sequence[int] | NDArray[np.intp]) -> "WindowedDataset":
        """Return the data set of some recordings and the windows that are of them.

        Parameters
        ----------
        recordings : sequence of int
            Indices of recordings, ascending.

        Raises
        ------
        DataError
            If none of them has a window.
        """
        part = copy(self)
        vars(part).pop("_rows", None)
        part.recordings = [self.recordings[i] for i in recordings]
        part._skipped, part._filled = self._skipped[recordings], self._filled[recordings]
        mine = np.flatnonzero(np.isin(self.recording_indices, recordings))
        if not len(mine):
            raise DataError(part._why_empty())
        part.recording_indices = np.searchsorted(recordings, self.recording_indices)
        return part.select(mine)

    def select_subjects(self, subjects: Sequence[str]) -> "WindowedDataset":
        """Return the data set of some subjects' recordings and the windows that are of them.

        Parameters
        ----------
        subjects : sequence of str
            Subjects to keep.

        Raises
        ------
        DataError
            If a subject is not in the data, or none of their recordings has a window.
        """
        return self._select_units("subjects", [r.subject for r in self.recordings], subjects)

    def units(self) -> tuple[str, list[str]]:
        """Return what splits keep whole, and the name of the one that each recording is of.

        Returns
        -------
        over : str
            ``subjects``; where all windows are of one subject, as where nobody wrote down whose
            they are, ``sessions``; where these too are one, ``recordings``.
        names : list of str
            The subject, the session, or the number from 1, of each recording.

        Examples
        --------
        >>> import numpy as np
        >>> from edgeclust import Card, Channel, Recording, WindowedDataset
        >>> card = Card("toy", 50.0, (Channel("ax", "g"),), window=4, stride=2)
        >>> signals = np.zeros((2, 1, 10), np.float32)
        >>> walks = [Recording(signals[i], "", session) for i, session in enumerate("ab")]
        >>> WindowedDataset(card, walks).units()
        ('sessions', ['a', 'b'])
        """
        used = np.unique(self.recording_indices).tolist()
        subjects = [recording.subject for recording in self.recordings]
        sessions = [recording.session for recording in self.recordings]
        for over, names in (("subjects", subjects), ("sessions", sessions)):
            if len({names[i] for i in used}) > 1:
                return over, names
        return "recordings", [str(i + 1) for i in range(len(self.recordings))]

    def select_units(self, names: Sequence[str]) -> "WindowedDataset":
        """Return the data set of some of the `units` and the windows that are of them.

        Parameters
        ----------
        names : sequence of str
            Subjects, or sessions or recordings where there is one subject.

        Raises
        ------
        DataError
            If one of them is not in the data, or none of them has a window.
        """
        return self._select_units(*self.units(), names)

    def hold_out(self, names: Sequence[str]) -> "tuple[WindowedDataset, WindowedDataset | None]":
        """Return the data of all others, and those of the subjects held out.

        Parameters
        ----------
        names : sequence of str
            Subjects to keep apart, or other `units` where there is one subject; none leaves
            nothing for the second part.

        Raises
        ------
        DataError
            If one of them is not in the data, or if nobody else is.
        """
        if not names:
            return self, None
        apart = self.select_units(names)
        over, all_names = self.units()
        others = [name for name in all_names if name not in names]
        if not others:
            raise DataError(f"held out are all {over} of {self.card.name!r}: leave at least one")
        return self.select_units(others), apart

    def _select_units(
        self, over: str, names: Sequence[str], wanted: Sequence[str]
    ) -> "WindowedDataset":
        """Return the data set of the recordings that are called so."""
        if unknown := sorted(set(wanted) - set(names)):
            raise DataError(
                f"no {over.removesuffix('s')} {', '.join(unknown)} in {self.card.name!r}; "
                f"there are {', '.join(sort_names(names))}"
            )
        return self.select_recordings(np.flatnonzero([name in wanted for name in names]))

    def _why_empty(self) -> str:
        """Say why there is not one window."""
        name = self.card.name
        if self.n_skipped:
            too_much = f" in more than {self.max_missing:g} of it" if self.max_missing else ""
            return (
                f"every window of {name!r} holds NaN or infinity{too_much} "
                f"({self.n_skipped} windows)"
            )
        longest = max((r.signal.shape[1] for r in self.recordings), default=0)
        return (
            f"no recording of {name!r} holds a whole window of {self.card.window} samples: "
            f"the longest of {len(self.recordings)} has {longest}"
        )


def sort_names(names: Iterable[str]) -> list[str]:
    """Return each name once, numbers by their value.

    Examples
    --------
    >>> from edgeclust.dataset import sort_names
    >>> sort_names(["10", "9", "1", "9"])
    ['1', '9', '10']
    """
    return sorted(set(names), key=lambda name: (len(name), name))


def check_recording(recording: Recording, card: Card) -> None:
    """Refuse a recording whose shape or labels are other than the card's.

    Parameters
    ----------
    recording : Recording
        What is to be used.
    card : Card
        What it should be.

    Raises
    ------
    DataError
        If it is not; the message says which recording, and what was expected.
    """
    which = f"recording {recording.session!r} of subject {recording.subject!r}"
    n_channels, shape = len(card.channels), recording.signal.shape
    if len(shape) != 2 or shape[0] != n_channels:
        raise DataError(f"{which} should have shape ({n_channels}, n_samples), got {shape}")
    if recording.labels is None:
        return
    if recording.labels.shape != shape[1:]:
        raise DataError(
            f"{which} should have a label for each of {shape[1]} samples, "
            f"got {recording.labels.shape}"
        )
    labels = recording.label_runs[:, 1]
    if labels.size and not -1 <= labels.min() <= labels.max() < len(card.classes):
        raise DataError(
            f"{which} should have labels from -1 to {len(card.classes) - 1}, "
            f"got {labels.min()} to {labels.max()}"
        )


def _bridge(
    recording: Recording, starts: NDArray[np.intp], window: int, most: int
) -> tuple[Recording, NDArray[np.intp], NDArray[np.intp]]:
    """Bridge a recording's holes of some length, and count in each window what was missing.

    The second count is of samples that still are.
    """
    if not len(starts):
        return recording, starts, starts
    missing = lost = _missing(recording)
    if most and len(missing):
        # The transposes are views: the copy lies in memory as the signal does.
        signal = bridge_short_holes(recording.signal.T, most).T
        bridged = replace(recording, signal=signal)
        lost = _missing(bridged)
        if len(lost) < len(missing):
            recording = bridged
    n_missing, n_lost = (
        np.searchsorted(found, starts + window) - np.searchsorted(found, starts)
        for found in (missing, lost)
    )
    return recording, n_missing, n_lost


def _n_missing(recording: Recording) -> int:
    """Count the values that are NaN or infinite."""
    return int(np.count_nonzero(~np.isfinite(recording.signal[:, _missing(recording)])))


def _missing(recording: Recording) -> NDArray[np.intp]:
    """Find the samples that are NaN or infinite in any channel."""
    firsts, ends = recording.holes.T
    n_samples = ends - firsts
    steps = np.arange(n_samples.sum()) - np.repeat(np.cumsum(n_samples) - n_samples, n_samples)
    missing: NDArray[np.intp] = np.repeat(firsts, n_samples) + steps
    return missing
