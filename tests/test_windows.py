import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclust.errors import ConfigError
from edgeclust.windows import BlockCutter, WindowCutter, window_starts


def test_starts_worked_by_hand() -> None:
    assert window_starts(10, window=4, stride=3).tolist() == [0, 3, 6]
    assert window_starts(9, window=4, stride=3).tolist() == [0, 3]


def test_a_recording_shorter_than_a_window_has_none() -> None:
    assert window_starts(3, window=4, stride=1).tolist() == []
    assert window_starts(0, window=4, stride=1).tolist() == []


@given(
    n_samples=st.integers(0, 60),
    window=st.integers(1, 12),
    stride=st.integers(1, 20),
    cuts=st.lists(st.integers(0, 60), max_size=8),
)
def test_any_chunking_cuts_the_windows_of_the_whole(
    n_samples: int, window: int, stride: int, cuts: list[int]
) -> None:
    stream = np.arange(2.0 * n_samples, dtype=np.float32).reshape(n_samples, 2)
    cutter = WindowCutter(2, window, stride)
    got = [pair for chunk in np.split(stream, sorted(cuts)) for pair in cutter.push(chunk)]
    assert [start for start, _ in got] == window_starts(n_samples, window, stride).tolist()
    for start, cut in got:
        np.testing.assert_array_equal(cut, stream[start : start + window].T)
    blocks = BlockCutter(2, window, stride)
    starts, windows = zip(*map(blocks.push, np.split(stream, sorted(cuts))), strict=True)
    assert np.concatenate(starts).tolist() == [start for start, _ in got]
    np.testing.assert_array_equal(
        np.concatenate(windows), np.reshape([cut for _, cut in got], (-1, 2, window))
    )


def test_the_cutter_keeps_less_than_a_window_however_long_the_stream() -> None:
    cutter = WindowCutter(3, window=50, stride=25)
    for _ in range(200):
        cutter.push(np.zeros((7, 3), np.float32))
    assert cutter._kept.shape == (3, 50)
    assert cutter._kept.base is None  # a view would hold on to what it was cut from
    blocks = BlockCutter(3, window=50, stride=25)
    for _ in range(200):
        blocks.push(np.zeros((7, 3), np.float32))
    assert blocks._kept.shape[1] < 50
    assert blocks._kept.base is None


@pytest.mark.parametrize(("window", "stride", "name"), [(0, 1, "window"), (4, 0, "stride")])
def test_windows_and_strides_below_one_sample_are_refused(
    window: int, stride: int, name: str
) -> None:
    with pytest.raises(ConfigError, match=f"{name} should be at least 1 sample, got 0"):
        window_starts(10, window, stride)
    with pytest.raises(ConfigError, match=f"{name} should be at least 1 sample, got 0"):
        WindowCutter(1, window, stride)
    with pytest.raises(ConfigError, match=f"{name} should be at least 1 sample, got 0"):
        BlockCutter(1, window, stride)
