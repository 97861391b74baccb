from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeclust import DataError
from edgeclust.resampling import MOST_CHANGE, StreamResampler, rate_ratio
from edgeclust.windows import WindowCutter, window_starts

RATES = [(100.0, 50.0), (31.25, 50.0), (20.0, 25.0), (50.0, 20.0), (25.0, 25.0), (100.0, 99.7)]


def resample_whole(
    samples: NDArray[np.floating[Any]], rates: tuple[float, float]
) -> NDArray[np.float64]:
    resampler = StreamResampler(samples.shape[1], *rates)
    return np.concatenate([resampler.push(samples), resampler.finish()])


def amplitude(from_hz: float, to_hz: float, frequency: float) -> float:
    """How much of a sine is left, away from the ends."""
    clock = np.arange(int(40 * from_hz)) / from_hz
    out = resample_whole(np.sin(2 * np.pi * frequency * clock)[:, None], (from_hz, to_hz))[:, 0]
    inner = out[len(out) // 4 : -len(out) // 4]
    return float(np.sqrt(2 * np.mean(np.square(inner))))


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(100, 50), (31.25, 50), (20, 25), (50, 20), (31.25, 25), (500, 20)]
)
def test_the_pass_band_stays_and_the_stop_band_goes(from_hz: float, to_hz: float) -> None:
    lower = min(from_hz, to_hz)
    for share in (0.05, 0.3, 0.6, 0.78):
        assert amplitude(from_hz, to_hz, share * lower / 2) == pytest.approx(1, abs=0.01)
    for frequency in (1.001 * to_hz / 2, 1.2 * to_hz / 2, 0.98 * from_hz / 2):
        if to_hz / 2 < frequency < from_hz / 2:
            assert amplitude(from_hz, to_hz, frequency) < 0.01  # 40 dB


def test_a_higher_rate_adds_no_image() -> None:
    """Of a sine at 20 Hz brought to 50 Hz, nothing is left but the sine."""
    clock = np.arange(2000) / 20
    out = resample_whole(np.sin(2 * np.pi * 7 * clock)[:, None], (20.0, 50.0))[:, 0]
    expected = np.sin(2 * np.pi * 7 * np.arange(len(out)) / 50)
    np.testing.assert_allclose(out[200:-200], expected[200:-200], atol=0.01)


@given(
    rates=st.sampled_from(RATES),
    n_samples=st.integers(0, 300),
    cuts=st.lists(st.integers(0, 300), max_size=8),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_chunking_gives_the_same_bits(
    rates: tuple[float, float], n_samples: int, cuts: list[int], seed: int
) -> None:
    stream = np.random.default_rng(seed).normal(size=(n_samples, 2))
    whole = resample_whole(stream, rates)
    resampler = StreamResampler(2, *rates)
    chunks = [resampler.push(chunk) for chunk in np.split(stream, sorted(cuts))]
    np.testing.assert_array_equal(np.concatenate([*chunks, resampler.finish()]), whole)
    up, down = rate_ratio(*rates)
    assert len(whole) == -(-n_samples * up // down)


@given(
    rates=st.sampled_from(RATES),
    window=st.integers(1, 40),
    stride=st.integers(1, 40),
    cuts=st.lists(st.integers(0, 250), max_size=6),
)
def test_windows_of_a_resampled_stream_are_those_of_the_whole(
    rates: tuple[float, float], window: int, stride: int, cuts: list[int]
) -> None:
    stream = np.random.default_rng(0).normal(size=(250, 2)).astype(np.float32)
    whole = resample_whole(stream, rates).astype(np.float32)
    resampler, cutter = StreamResampler(2, *rates), WindowCutter(2, window, stride)
    parts = [resampler.push(chunk) for chunk in np.split(stream, sorted(cuts))]
    parts.append(resampler.finish())
    got = [pair for part in parts for pair in cutter.push(part.astype(np.float32))]
    assert [start for start, _ in got] == window_starts(len(whole), window, stride).tolist()
    for start, cut in got:
        np.testing.assert_array_equal(cut, whole[start : start + window].T)


@pytest.mark.parametrize("rates", RATES)
def test_a_constant_stays_as_it_is(rates: tuple[float, float]) -> None:
    np.testing.assert_allclose(resample_whole(np.full((70, 1), 9.81), rates), 9.81, rtol=1e-12)


@pytest.mark.parametrize("rates", RATES)
def test_a_sample_comes_out_after_the_delay_that_is_stated(rates: tuple[float, float]) -> None:
    resampler = StreamResampler(1, *rates)
    lobes_s = 16 / min(rates) if rates[0] != rates[1] else 0.0
    assert lobes_s - 1e-9 <= resampler.delay_s < lobes_s + 1 / rates[0]
    n_out = 0
    for index in range(200):
        n_out += len(resampler.push(np.zeros((1, 1))))
        newest_due = index / rates[0] - resampler.delay_s
        assert n_out * resampler.step_s > newest_due - 1e-9  # the next one is not due yet
        assert (n_out - 1) * resampler.step_s < max(0, newest_due) + 1 / rates[0] + 1e-9


@pytest.mark.parametrize("rates", RATES)
def test_nothing_is_shifted_in_time(rates: tuple[float, float]) -> None:
    # A slow bump of which the middle is at 5 s.
    clock = np.arange(int(10 * rates[0])) / rates[0]
    out = resample_whole(np.exp(-((clock - 5) ** 2))[:, None], rates)[:, 0]
    times = np.arange(len(out)) * StreamResampler(1, *rates).step_s
    np.testing.assert_allclose(out, np.exp(-((times - 5) ** 2)), atol=2e-3)


@pytest.mark.parametrize("rates", RATES)
def test_stamps_are_drawn_along_lines_as_the_samples_come(rates: tuple[float, float]) -> None:
    rng = np.random.default_rng(1)
    t = 1.7e9 + np.cumsum(rng.uniform(0.5, 1.5, 300)) / rates[0]
    stamps, samples = StreamResampler(1, *rates, interpolate=True), StreamResampler(3, *rates)
    chunks = np.split(t, [1, 50, 51, 200])
    out = np.concatenate([stamps.push(chunk[:, None]) for chunk in chunks])[:, 0]
    assert len(out) == sum(len(samples.push(np.zeros((len(chunk), 3)))) for chunk in chunks)
    up, down = rate_ratio(*rates)
    expected = np.interp(np.arange(len(out)) * down / up, np.arange(300), t)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-6)


def test_a_missing_sample_takes_those_near_it_with_it() -> None:
    stream = np.ones((300, 1))
    stream[150] = np.nan
    out = resample_whole(stream, (100.0, 50.0))[:, 0]
    assert np.flatnonzero(np.isnan(out)).tolist() == [*range(59, 92)]
    np.testing.assert_allclose(out[~np.isnan(out)], 1)
    stream[150] = np.inf
    assert (~np.isfinite(resample_whole(stream, (20.0, 25.0)))).sum() < 50


def test_the_resampler_keeps_the_same_however_long_the_stream() -> None:
    resampler = StreamResampler(3, 100.0, 48.0)
    sizes = set()
    for _ in range(500):
        resampler.push(np.zeros((7, 3)))
        sizes.add(len(resampler._kept))
    assert max(sizes) < 100
    assert resampler._kept.base is None


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ((0.0, 50.0), r"from_hz should be above 0 Hz, got 0.0"),
        ((50.0, float("nan")), r"to_hz should be above 0 Hz, got nan"),
        ((50.0, float("inf")), r"to_hz should be above 0 Hz, got inf"),
        ((6000.0, 50.0), r"6000 Hz cannot be resampled to 50 Hz: .* factor of 100 at most"),
        ((0.1, 50.0), r"0.1 Hz cannot be resampled to 50 Hz"),
    ],
)
def test_absurd_rates_are_refused(rates: tuple[float, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        StreamResampler(1, *rates)


@given(st.floats(1e-3, 1e5), st.floats(1 / MOST_CHANGE, MOST_CHANGE))
def test_rates_are_met_to_half_in_a_thousand(from_hz: float, ratio: float) -> None:
    to_hz = from_hz * ratio
    if max(from_hz, to_hz) > MOST_CHANGE * min(from_hz, to_hz):
        return  # rounded beyond
    up, down = rate_ratio(from_hz, to_hz)
    assert max(up, down) <= 1000
    assert up / down == pytest.approx(ratio, rel=6e-4)


def test_other_channels_are_refused() -> None:
    with pytest.raises(DataError, match=r"shape \(n_samples, 2\), got \(5, 3\)"):
        StreamResampler(2, 100.0, 50.0).push(np.zeros((5, 3)))
