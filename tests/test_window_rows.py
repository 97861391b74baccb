import copy
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeclust import window_rows
from edgeclust.window_rows import WindowRows

RNG = np.random.default_rng(0)


def by_slices(
    signals: list[NDArray[np.float32]], sources: NDArray[np.intp], starts: NDArray[np.intp], n: int
) -> NDArray[np.float32]:
    """Cut one window after another."""
    pairs = zip(sources.tolist(), starts.tolist(), strict=True)
    return np.array([signals[source][:, start : start + n] for source, start in pairs], np.float32)


@pytest.mark.parametrize("longest", [window_rows.LONGEST, 0])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_windows_are_those_cut_one_by_one(
    n_channels: int, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_rows, "LONGEST", longest)
    wide = RNG.normal(size=(2 * n_channels, 90)).astype(np.float32)
    signals: list[NDArray[Any]] = [
        wide[:n_channels],
        wide[::2, 5:80],  # channels further apart
        wide[:n_channels, ::-1],  # samples backwards
        wide[n_channels - 1 :: -1],  # channels backwards
        wide.astype(np.float64)[:n_channels],
        wide.astype(">f4")[:n_channels],
        np.asfortranarray(wide[:n_channels]),
        wide[:n_channels, :7],  # too short for a window
        np.frombuffer(wide[:n_channels].tobytes(), np.float32).reshape(n_channels, 90),  # read-only
        RNG.normal(size=(n_channels, 100_000)).astype(np.float32),
        wide[:n_channels, :8],  # just one window
    ]
    fitting = [source for source, signal in enumerate(signals) if signal.shape[1] >= 8]
    sources = RNG.choice(fitting, 500)
    starts = np.array([RNG.integers(0, signals[s].shape[1] - 7) for s in sources])
    rows = WindowRows(signals, 8)
    found = rows.gather(sources, starts)
    np.testing.assert_array_equal(found, by_slices(signals, sources, starts, 8))
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert found.flags.writeable
    assert rows.gather(sources[:0], starts[:0]).shape == (0, n_channels, 8)


@pytest.mark.parametrize("start", [-1, 43])
def test_a_window_beyond_its_signal_is_refused(start: int) -> None:
    signals = [RNG.normal(size=(2, 50)).astype(np.float32) for _ in range(2)]
    with pytest.raises(IndexError, match="beyond its signal"):
        WindowRows(signals, 8).gather(np.array([0]), np.array([start]))


def test_the_whole_of_every_signal_can_be_gathered() -> None:
    signals = [RNG.normal(size=(2, 50)).astype(np.float32) for _ in range(5)]
    found = WindowRows(signals, 50).gather(np.arange(5), np.zeros(5, np.intp))
    np.testing.assert_array_equal(found, np.array(signals))


def test_what_is_gathered_is_a_copy() -> None:
    signal = np.zeros((1, 9), np.float32)
    rows = WindowRows([signal], 4)
    rows.gather(np.array([0]), np.array([0]))[:] = 1
    assert not signal.any()


def test_signals_live_as_long_as_their_rows() -> None:
    rows = WindowRows([np.full((2, 100_000), number, np.float32) for number in range(3)], 5)
    assert rows.gather(np.array([2, 0]), np.array([99_995, 7]))[:, 1, 4].tolist() == [2, 0]


def test_copies_in_other_memory_are_small_and_the_same() -> None:
    signals = [RNG.normal(size=(2, 1000)).astype(np.float32) for _ in range(3)]
    rows, at = WindowRows(signals, 200), (np.array([2, 0]), np.array([0, 800]))
    content = pickle.dumps(rows)
    assert len(content) < 30_000
    for other in (pickle.loads(content), copy.deepcopy(rows)):
        np.testing.assert_array_equal(other.gather(*at), rows.gather(*at))


def test_windows_longer_than_one_step_takes_are_cut_too() -> None:
    signal = np.arange(200_000, dtype=np.float32)[None]
    window = window_rows.LONGEST + 1
    found = WindowRows([signal, signal + 1], window).gather(np.array([1]), np.array([5]))
    np.testing.assert_array_equal(found[0, 0], np.arange(6, 6 + window))
