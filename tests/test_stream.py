import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeclust import DataError
from edgeclust.stream import WindowStream
from edgeclust.windows import window_starts


def ramp(n_samples: int) -> NDArray[np.float32]:
    """Samples whose value is their index."""
    return np.arange(n_samples, dtype=np.float32)[:, None]


def stream(told_hz: float | None = None) -> WindowStream:
    return WindowStream(["ax"], rate_hz=50.0, window=20, stride=10, told_hz=told_hz)


def test_without_stamps_time_is_counted() -> None:
    windows = stream().push(ramp(100))
    assert [window.t for window in windows] == [start / 50 for start in window_starts(100, 20, 10)]
    assert [window.starts_segment for window in windows[:3]] == [True, False, False]
    assert {window.fault for window in windows} == {None}


def test_no_window_reaches_across_a_gap() -> None:
    t = np.arange(100) / 50
    t[35:] += 1.5
    t[70:] -= 30
    source = stream()
    windows = source.push(ramp(100), t)
    assert [window.samples[0, 0] for window in windows] == [0, 10, 35, 45, 70, 80]
    assert [window.starts_segment for window in windows] == [True, False] * 3
    assert source.n_gaps == 2


def test_the_resampler_starts_anew_behind_a_gap() -> None:
    t = np.arange(200) / 100
    t[101:] += 5
    source = stream()
    windows = source.push(ramp(200), t) + source.finish()
    parts = [stream(100.0), stream(100.0)]
    expected = parts[0].push(ramp(200)[:101], t[:101]) + parts[0].finish()
    expected += parts[1].push(ramp(200)[101:], t[101:]) + parts[1].finish()
    assert len(windows) == len(expected) == 8
    for window, other in zip(windows, expected, strict=True):
        assert (window.t, window.starts_segment) == (other.t, other.starts_segment)
        np.testing.assert_array_equal(window.samples, other.samples)


def test_finish_ends_a_segment_of_a_stream_without_stamps() -> None:
    source = stream()
    source.push(ramp(25))
    assert source.finish() == []
    (window,) = source.push(ramp(20))
    assert (window.t, window.starts_segment) == (0.5, True)


def test_a_window_that_lacks_a_tenth_of_its_samples_has_a_fault() -> None:
    t = np.arange(90) / 50
    t[55:] += 3 / 50  # three lost samples
    faults = [window.fault for window in stream().push(ramp(90), t)]
    assert faults == [None] * 4 + ["time stamps more than a tenth off"] * 2 + [None] * 2
    t[55:] -= 1 / 50  # two of twenty are borne
    assert {window.fault for window in stream().push(ramp(90), t)} == {None}


def test_late_samples_are_left_out_and_counted() -> None:
    t = np.arange(100) / 50
    t[[40, 41]] = t[[39, 39]]
    source = stream()
    windows = source.push(ramp(100), t)
    assert [window.samples[0, 0] for window in windows] == [0, 10, 20, 30, 42, 52, 62, 72]
    assert source.n_late == 2


def test_the_first_window_is_out_with_its_last_sample() -> None:
    source, t = stream(), np.arange(20) / 50
    assert source.push(ramp(19), t[:19]) == []
    assert len(source.push(ramp(1), t[19:])) == 1


def test_a_rate_is_found_before_memory_grows() -> None:
    source, t = stream(), np.linspace(0, 2e-3, 2001)
    assert source.push(ramp(2000), t[:2000]) == []
    with pytest.raises(DataError, match=r"1e\+06 Hz cannot be resampled to 50 Hz"):
        source.push(ramp(1), t[2000:])


def test_a_slow_stream_is_no_row_of_gaps() -> None:
    source = stream(told_hz=0.5)
    windows = source.push(ramp(60), np.arange(60) / 0.5)
    assert source.n_gaps == 0
    assert windows[1].t == pytest.approx(0.2)
    with pytest.raises(DataError, match=r"are 2 s apart, and 1 s without a sample are a gap"):
        stream().push(ramp(60), np.arange(60) / 0.5)


def test_a_stream_keeps_the_same_however_long_it_is() -> None:
    source, kept = stream(), set()
    for second in range(300):
        t = second + np.arange(100) / 100 + 2.5 * (second // 50)
        source.push(ramp(100), t)
        kept.add(len(source._samples._kept) + len(source._stamps._kept))
    assert max(kept) < 60
    assert source.n_gaps == 5
    assert source._pending == []


def test_large_values_are_no_missing_ones() -> None:
    samples = np.full((20, 1), 3e38, np.float32)  # whose squares are beyond float32
    (window,) = stream().push(samples)
    assert window.fault is None
    samples[7] = np.inf
    (window,) = stream().push(samples)
    assert window.fault == "missing or infinite samples"


@given(
    bad=st.sets(st.integers(0, 79), max_size=5),
    cuts=st.lists(st.integers(0, 80), max_size=6),
    stride=st.integers(1, 12),
)
def test_windows_that_hold_a_bad_sample_and_no_others_have_a_fault(
    bad: set[int], cuts: list[int], stride: int
) -> None:
    samples = np.ones((80, 2), np.float32)
    samples[sorted(bad), 1] = np.nan
    source = WindowStream(["ax", "ay"], 10.0, window=9, stride=stride)
    chunks = np.split(samples, sorted(cuts))
    for number, window in enumerate(w for chunk in chunks for w in source.push(chunk)):
        held = bad & {*range(number * stride, number * stride + 9)}
        assert (window.fault is not None) == bool(held)
