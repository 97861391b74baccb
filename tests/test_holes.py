"""Short holes of recordings are bridged, windows that lack too much are left out."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeclust import ConfigError, DataError, Recording, WindowedDataset
from edgeclust.holes import bridge_short_holes

from toy import TOY_CARD

CARD = replace(TOY_CARD, channels=TOY_CARD.channels[:2], window=10, stride=3)


def signal_with_holes(
    holes: list[tuple[int, int, int]], n_samples: int = 60
) -> NDArray[np.float32]:
    """Two channels that rise, and holes of channel, first sample and length."""
    signal = np.stack([np.arange(n_samples), -10.0 * np.arange(n_samples)]).astype(np.float32)
    for channel, start, length in holes:
        signal[channel, start : start + length] = np.nan
    return signal


def cut(signal: NDArray[np.float32], max_missing: float) -> WindowedDataset:
    return WindowedDataset(CARD, [Recording(signal, "1", "a")], max_missing=max_missing)


def test_lines_are_drawn_through_short_holes_alone() -> None:
    table = np.array([[0, 5], [np.nan, 5], [np.inf, np.nan], [3, np.nan], [4, np.nan], [5, 9]])
    before = table.copy()
    bridged = bridge_short_holes(table, most=2)
    np.testing.assert_array_equal(bridged[:, 0], [0, 1, 2, 3, 4, 5])
    np.testing.assert_array_equal(bridged[:, 1], before[:, 1])
    np.testing.assert_array_equal(table, before)


def test_holes_at_the_ends_stay() -> None:
    table = np.array([np.nan, 1, np.nan])[:, None]
    np.testing.assert_array_equal(bridge_short_holes(table, most=3), table)
    nothing = np.full((4, 1), np.nan)
    np.testing.assert_array_equal(bridge_short_holes(nothing, most=9), nothing)
    assert bridge_short_holes(np.empty((0, 1)), most=9).shape == (0, 1)


def test_bridged_windows_are_kept_and_flagged() -> None:
    signal = signal_with_holes([(0, 11, 2), (1, 12, 2)])  # 11 to 13: three samples of ten
    found = [(d.n_skipped, d.n_bridged) for d in (cut(signal, share) for share in (0, 0.1, 0.2))]
    assert found == [(4, 0), (4, 0), (2, 2)]
    dataset = cut(signal, 0.3)
    assert (dataset.n_skipped, dataset.n_bridged) == (0, 4)
    held = [len({11, 12, 13} & {*range(start, start + 10)}) / 10 for start in dataset.starts]
    np.testing.assert_allclose(dataset.missing_shares, held)
    np.testing.assert_array_equal(
        dataset.gather(np.arange(len(dataset))),
        cut(signal_with_holes([]), 0.0).gather(np.arange(len(dataset))),
    )
    part = dataset.select(np.array([0, 3]))
    assert (part.n_bridged, part.missing_shares.tolist()) == (1, pytest.approx([0, 0.3]))


def test_windows_with_a_piece_of_a_long_hole_are_left_out() -> None:
    dataset = cut(signal_with_holes([(0, 20, 4)]), 0.3)
    assert all(start + 10 <= 20 or start >= 24 for start in dataset.starts)
    assert dataset.n_bridged == 0
    # Nor is one of those that begin or end the recording.
    ends = cut(signal_with_holes([(0, 0, 1), (1, 59, 1)]), 0.3)
    assert (ends.starts[0], ends.starts[-1]) == (3, 48)


@given(
    holes=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 59), st.integers(1, 5)), max_size=8),
    max_missing=st.sampled_from([0.0, 0.1, 0.29, 0.5, 0.99]),
)
def test_what_is_kept_is_what_the_rule_says(
    holes: list[tuple[int, int, int]], max_missing: float
) -> None:
    signal = signal_with_holes(holes)
    before = signal.copy()
    bad = ~np.isfinite(signal)
    most = int(max_missing * 10)
    long = np.zeros(60, np.bool_)
    for channel in bad:
        for missing, run in groupby(range(60), channel.__getitem__):
            samples = [*run]
            if missing and (len(samples) > most or samples[0] == 0 or samples[-1] == 59):
                long[samples] = True
    wanted = [
        start
        for start in range(0, 51, 3)
        if not long[start : start + 10].any()
        and bad[:, start : start + 10].any(axis=0).sum() <= most
    ]
    if not wanted:
        with pytest.raises(DataError, match="every window of 'toy' holds NaN or infinity"):
            cut(signal, max_missing)
        return
    dataset = cut(signal, max_missing)
    assert dataset.starts.tolist() == wanted
    assert dataset.n_skipped == 17 - len(wanted)
    whole = signal_with_holes([])
    for window, start in zip(dataset.gather(np.arange(len(dataset))), wanted, strict=True):
        np.testing.assert_allclose(window, whole[:, start : start + 10], rtol=1e-6)
    np.testing.assert_array_equal(signal, before)


def test_memory_maps_are_read_alone_and_copied_only_where_they_have_holes(tmp_path: Path) -> None:
    for name, holes in (("whole", []), ("holed", [(0, 20, 2)])):
        np.save(tmp_path / f"{name}.npy", signal_with_holes(holes))
    whole, holed = (np.load(tmp_path / f"{n}.npy", mmap_mode="r") for n in ("whole", "holed"))
    recordings = [Recording(whole, "1", "a"), Recording(holed, "2", "b")]
    dataset = WindowedDataset(CARD, recordings, max_missing=0.2)
    assert dataset.recordings[0] is recordings[0]
    copied = dataset.recordings[1].signal
    assert copied.flags.c_contiguous
    assert not isinstance(copied, np.memmap)
    np.testing.assert_allclose(copied, whole, rtol=1e-6)
    assert np.isnan(holed[0, 20:22]).all()


@pytest.mark.parametrize("share", [-0.1, 1.0, 5.0, float("nan")])
def test_shares_out_of_range_are_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="max_missing should be from 0 to below 1, got"):
        cut(signal_with_holes([]), share)
