from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeclust import Card, Channel, DataError, Recording, WindowedDataset
from edgeclust.train.leaks import check_disjoint

CARD = Card("leaky", 25.0, (Channel("ax", "g"), Channel("ay", "g")), window=10, stride=10)


def cut(signal: NDArray[np.float32], subject: str = "1", stride: int = 10) -> WindowedDataset:
    return WindowedDataset(CARD, [Recording(signal, subject, "s")], stride=stride)


def some_signal(n_samples: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(2, n_samples)).astype(np.float32)


def test_the_same_windows_are_refused() -> None:
    data = cut(some_signal(100))
    with pytest.raises(DataError, match=r"share samples of recording 's' of subject '1': split by"):
        check_disjoint(data, data)


def test_one_shared_sample_is_refused_and_none_is_not() -> None:
    signal = some_signal(100)
    # The same person under another name: memory tells. Windows cover 0-49 and 50-99, or 49-98.
    check_disjoint(cut(signal[:, :50]), cut(signal[:, 50:], "2"))
    with pytest.raises(DataError, match=r"of subject '2'"):
        check_disjoint(cut(signal[:, :50]), cut(signal[:, 49:], "2"))


def test_samples_that_no_window_holds_may_be_shared() -> None:
    signal = some_signal(100)
    # One window of 10 in the first 19 samples; the second set begins right behind it.
    check_disjoint(cut(signal[:, :19]), cut(signal[:, 10:], "2"))


def test_other_channels_of_the_same_stretch_are_other_samples() -> None:
    signal = np.random.default_rng(0).normal(size=(4, 60)).astype(np.float32)
    check_disjoint(cut(signal[:2]), cut(signal[2:], "2"))
    with pytest.raises(DataError, match="share samples"):
        check_disjoint(cut(signal[:2]), cut(signal[1:3], "2"))


def test_views_of_every_kind_are_seen_through() -> None:
    samples_first = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    view = samples_first.T
    for other in (view[:, 20:], view[::-1], view[:, ::-1], view[:, ::2]):
        with pytest.raises(DataError, match="share samples"):
            check_disjoint(cut(view), cut(other, "2"))
    check_disjoint(cut(view[:, ::2]), cut(view[:, 1::2], "2"))  # interleaved, nothing shared
    check_disjoint(cut(view[:, :30]), cut(view[:, 30:][:, ::-1], "2"))


def test_random_splits_of_windows_that_overlap_by_99_percent_are_refused() -> None:
    card = replace(CARD, window=100, stride=1)
    data = WindowedDataset(card, [Recording(some_signal(600, s), str(s), "s") for s in range(3)])
    rng = np.random.default_rng(0)
    for _ in range(5):
        train, test = np.array_split(rng.permutation(len(data)), [len(data) * 4 // 5])
        with pytest.raises(DataError, match="share samples"):
            check_disjoint(data, data, train, test)
    # By subject, and in one recording with a gap of a window's length, they may be told apart.
    check_disjoint(data, data, *(np.flatnonzero(data.groups == s) for s in ("0", "1")))
    check_disjoint(data, data, np.arange(200), np.arange(299, 501))
    with pytest.raises(DataError, match="recording 's' of subject '0'"):
        check_disjoint(data, data, np.arange(200), np.arange(298, 501))


def test_a_recording_read_twice_is_refused_by_its_content() -> None:
    signal = some_signal(100)
    twice = cut(signal.copy())
    with pytest.raises(DataError, match="share samples"):
        check_disjoint(cut(signal), twice)
    check_disjoint(cut(signal), twice, np.array([0, 1]), np.array([2, 3]))
    check_disjoint(cut(signal), cut(signal + 1))  # the same name, other values


def test_bridged_copies_of_one_recording_are_one_recording_still() -> None:
    signal = some_signal(100)
    signal[0, 20:22] = np.nan
    train, test = (
        WindowedDataset(CARD, [Recording(signal, "1", "s")], max_missing=0.2) for _ in range(2)
    )
    with pytest.raises(DataError, match="share samples"):
        check_disjoint(train, test)


def test_a_copy_under_another_name_is_refused() -> None:
    signal = some_signal(100)
    for subject, session in (("2", "s"), ("1", "t"), ("", "copy of s")):
        renamed = WindowedDataset(CARD, [Recording(signal.copy(), subject, session)])
        with pytest.raises(DataError, match=f"recording '{session}' of subject '{subject}'"):
            check_disjoint(cut(signal), renamed)
        check_disjoint(cut(signal), renamed, np.array([0, 1]), np.array([2, 3]))
    # Alike where the first look is, at 16 samples, and different elsewhere.
    other = signal.copy()
    other[:, 1] += 1
    check_disjoint(cut(signal), cut(other, "2"))


def test_pieces_of_one_session_are_told_apart_by_their_samples() -> None:
    signal = some_signal(100)
    first, second, across = signal[:, :50], signal[:, 50:], signal[:, 40:60]
    check_disjoint(cut(first), cut(second))
    for piece in (first, second):
        with pytest.raises(DataError, match="share samples"):
            check_disjoint(cut(piece), cut(across))


def test_people_who_lay_as_still_as_each_other_are_no_leak() -> None:
    check_disjoint(cut(np.zeros((2, 50), np.float32), "1"), cut(np.zeros((2, 50), np.float32), "2"))


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_it_agrees_with_numpy_window_by_window(seed: int, stride: int) -> None:
    rng = np.random.default_rng(seed)
    memory = rng.normal(size=(3, 80)).astype(np.float32)
    views = []
    for _ in range(2):
        channel, start = rng.integers(2), rng.integers(60)
        view = memory[channel : channel + 2, start : start + rng.integers(10, 40)]
        views.append(view if view.shape[1] >= 10 else memory[:2])
    train, test = cut(views[0], "1", stride), cut(views[1], "2", stride)
    shared = any(
        np.shares_memory(views[0][:, a : a + 10], views[1][:, b : b + 10])
        for a in train.starts
        for b in test.starts
    )
    if shared:
        with pytest.raises(DataError, match="share samples"):
            check_disjoint(train, test)
    else:
        check_disjoint(train, test)
