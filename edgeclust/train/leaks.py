"""Refuse an evaluation that has seen what it is scored on."""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from edgeclust.dataset import Recording, WindowedDataset
from edgeclust.errors import DataError

Covered = tuple[Recording, NDArray[np.bool_]]
"""A recording, and for each of its samples whether a window holds it."""


def check_disjoint(
    train: WindowedDataset,
    test: WindowedDataset,
    train_indices: NDArray[np.intp] | None = None,
    test_indices: NDArray[np.intp] | None = None,
) -> None:
    """Refuse windows to train on and windows to score that hold the same raw samples.

    Neighbouring windows overlap, so a random split of them scores what was trained on. Samples
    are the same where they lie at the same place in memory, to the byte, through whatever views
    of it the two data sets see them; and where two recordings hold the same values throughout, as
    after reading a file twice or copying it under another name. Recordings in which nothing ever
    changes are copies only under the same name: two people can lie as still as each other. A copy
    that was changed or cut elsewhere is not recognised.

    Parameters
    ----------
    train, test : WindowedDataset
        May be the same object. Their recordings are read, nothing is modified.
    train_indices, test_indices : intp arrays, optional
        Windows of each that are meant; all when left out.

    Raises
    ------
    DataError
        If they share samples; the message names a recording that both have windows of.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust import Card, Channel, Recording, WindowedDataset
    >>> from edgeclust.train.leaks import check_disjoint
    >>> card = Card("toy", 50.0, (Channel("ax", "g"),), window=4, stride=2)
    >>> recording = Recording(np.zeros((1, 10), np.float32), subject="1", session="a")
    >>> data = WindowedDataset(card, [recording])  # windows start at 0, 2, 4 and 6
    >>> check_disjoint(data, data, np.array([0]), np.array([2, 3]))
    >>> check_disjoint(data, data, np.array([0]), np.array([1]))
    Traceback (most recent call last):
    ...
    edgeclust.errors.DataError: windows to train on and windows to score share samples of \
recording 'a' of subject '1': split by subject, or leave a gap of a window's length
    """
    seen, scored = _covered(train, train_indices), _covered(test, test_indices)
    shared = _shared_memory(seen, scored) or _shared_copy(seen, scored)
    if shared:
        raise DataError(
            "windows to train on and windows to score share samples of recording "
            f"{shared.session!r} of subject {shared.subject!r}: "
            "split by subject, or leave a gap of a window's length"
        )


def _covered(dataset: WindowedDataset, indices: NDArray[np.intp] | None) -> list[Covered]:
    """Find which samples of each recording some windows hold; recordings without any are out."""
    everything = slice(None) if indices is None else indices
    starts, sources = dataset.starts[everything], dataset.recording_indices[everything]
    order = np.argsort(sources, kind="stable")
    used, first = np.unique(sources[order], return_index=True)
    found = []
    for source, mine in zip(used.tolist(), np.split(starts[order], first[1:]), strict=True):
        recording = dataset.recordings[source]
        steps = np.zeros(recording.signal.shape[1] + 1, np.intp)
        np.add.at(steps, mine, 1)
        np.add.at(steps, mine + dataset.card.window, -1)
        found.append((recording, np.cumsum(steps[:-1]) > 0))
    return found


def _shared_memory(seen: list[Covered], scored: list[Covered]) -> Recording | None:
    """Return a scored recording of which a seen one holds a covered byte, if there is one."""
    for low, high, train, test in _regions(seen, scored):
        held = np.zeros(high - low, np.bool_)
        for recording, covered in train:
            _bytes_of(recording, held, low)[:, covered] = True
        for recording, covered in test:
            if _bytes_of(recording, held, low)[:, covered].any():
                return recording
    return None


def _regions(
    seen: Iterable[Covered], scored: Iterable[Covered]
) -> Iterator[tuple[int, int, list[Covered], list[Covered]]]:
    """Yield stretches of memory in which both have recordings, with these recordings."""
    spans = [(*_bounds(covered[0].signal), 0, covered) for covered in seen]
    spans += [(*_bounds(covered[0].signal), 1, covered) for covered in scored]
    spans.sort(key=lambda span: span[0])
    low = high = 0
    sides: tuple[list[Covered], list[Covered]] = ([], [])
    for start, stop, side, covered in spans:
        if start >= high:
            if all(sides):
                yield low, high, *sides
            low, sides = start, ([], [])
        high = max(high, stop)
        sides[side].append(covered)
    if all(sides):
        yield low, high, *sides


def _bounds(signal: NDArray[np.float32]) -> tuple[int, int]:
    """Return the addresses of a signal's lowest byte and of the one behind its highest."""
    reach = [(n - 1) * stride for n, stride in zip(signal.shape, signal.strides, strict=True)]
    address = _address(signal)
    low = address + sum(step for step in reach if step < 0)
    return low, address + sum(step for step in reach if step > 0) + signal.itemsize


def _address(signal: NDArray[np.float32]) -> int:
    """Return where the first sample lies in memory."""
    address: int = signal.__array_interface__["data"][0]
    return address


def _bytes_of(recording: Recording, held: NDArray[np.bool_], low: int) -> NDArray[np.bool_]:
    """View a stretch of memory, a flag a byte, as the bytes of a signal's samples in it.

    Of shape (n_channels, n_samples, bytes of a sample).
    """
    signal = recording.signal
    shape, strides = (*signal.shape, signal.itemsize), (*signal.strides, 1)
    return as_strided(held[_address(signal) - low :], shape, strides)


def _shared_copy(seen: list[Covered], scored: list[Covered]) -> Recording | None:
    """Return a scored recording that a seen one is a copy of, windows on the same samples."""
    originals: dict[tuple[int, bytes], list[Covered]] = {}
    for recording, covered in seen:
        originals.setdefault(_glance(recording.signal), []).append((recording, covered))
    for recording, covered in scored:
        for original, held in originals.get(_glance(recording.signal), []):
            named_alike = (original.subject, original.session) == (
                recording.subject,
                recording.session,
            )
            if (
                (held & covered).any()
                and (named_alike or _changes(recording.signal))
                and _digest(original.signal) == _digest(recording.signal)
            ):
                return recording
    return None


def _glance(signal: NDArray[np.float32]) -> tuple[int, bytes]:
    """Return what copies of a signal have alike and others hardly ever: a look at few samples."""
    n_samples = signal.shape[1]
    evenly = np.linspace(0, n_samples - 1, 16).astype(np.intp)
    return n_samples, signal[:, evenly].tobytes()


def _changes(signal: NDArray[np.float32]) -> bool:
    """Tell whether any channel has two values."""
    return bool((signal != signal[:, :1]).any())


def _digest(signal: NDArray[np.float32]) -> bytes:
    """Hash the values of a signal."""
    return hashlib.sha256(signal.tobytes()).digest()
