"""Stamps are repaired, gaps cut, and rates changed without what does not belong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclust import DataError, stamps
from edgeclust.har_data import timeline
from edgeclust.har_data.timeline import Repairs, change_rate, to_steady_rate
from edgeclust.resampling import StreamResampler


def amplitude(from_hz: float, to_hz: float, frequency: float) -> float:
    """How much of a sine is left, away from the ends."""
    clock = np.arange(int(40 * from_hz)) / from_hz
    out = change_rate(np.sin(2 * np.pi * frequency * clock)[:, None], from_hz, to_hz)[:, 0]
    inner = out[len(out) // 4 : -len(out) // 4]
    return float(np.sqrt(2 * np.mean(np.square(inner))))


@pytest.mark.parametrize(("from_hz", "to_hz"), [(100, 50), (50, 20), (200, 50), (31.25, 25)])
def test_the_pass_band_stays_and_the_stop_band_goes(from_hz: float, to_hz: float) -> None:
    for share in (0.05, 0.3, 0.6, 0.75):
        assert amplitude(from_hz, to_hz, share * to_hz / 2) == pytest.approx(1, abs=0.01)
    for frequency in (1.1 * to_hz / 2, 1.2 * to_hz / 2, 0.98 * from_hz / 2):
        if frequency < from_hz / 2:
            assert amplitude(from_hz, to_hz, frequency) < 0.01  # 40 dB


def test_a_higher_rate_adds_nothing() -> None:
    for share in (0.05, 0.3, 0.75):
        assert amplitude(20, 50, share * 10) == pytest.approx(1, abs=0.01)


@given(st.integers(2, 400), st.sampled_from([(100.0, 50.0), (50.0, 20.0), (20.0, 50.0)]))
def test_a_line_stays_a_line(n: int, rates: tuple[float, float]) -> None:
    from_hz, to_hz = rates
    line = np.arange(n)[:, None] / from_hz
    out = change_rate(line, from_hz, to_hz)[:, 0]
    inner = slice(20, -20)
    np.testing.assert_allclose(
        out[inner], (np.arange(len(out)) / to_hz)[inner], rtol=1e-3, atol=2e-3
    )


def test_a_steady_clock_is_left_as_it_is() -> None:
    rng = np.random.default_rng(0)
    times = np.arange(100) / 50 + rng.uniform(-4e-4, 4e-4, 100)
    samples = rng.normal(size=(100, 2))
    (stretch,), repairs = to_steady_rate(times, samples, np.arange(100), 50.0)
    np.testing.assert_array_equal(stretch.samples, samples)
    np.testing.assert_array_equal(stretch.labels, np.arange(100))
    assert repairs == Repairs(0, 0, 0, 0)


def test_a_clock_that_is_off_its_rate_is_resampled() -> None:
    times = np.linspace(0, 1999 * 0.050354, 2000)  # 19.86 Hz, said to be 20
    (stretch,), _ = to_steady_rate(times, times[:, None], np.zeros(2000, int), 20.0)
    clock = np.arange(len(stretch.samples)) / 20
    np.testing.assert_allclose(stretch.samples[:, 0], clock, atol=1e-9)
    assert abs(len(clock) / 20 - times[-1]) < 0.1


def test_an_unsteady_clock_is_interpolated() -> None:
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.01, 0.03, 400))
    (stretch,), _ = to_steady_rate(times, times[:, None] * [1.0, -2.0], times.astype(int), 50.0)
    clock = times[0] + np.arange(len(stretch.samples)) / 50
    np.testing.assert_allclose(stretch.samples, clock[:, None] * [1.0, -2.0], atol=1e-9)
    assert (stretch.labels == clock.astype(int)).mean() > 0.95
    assert clock[-1] <= times[-1] < clock[-1] + 1 / 50


def test_twice_the_rate_is_halved_with_its_labels() -> None:
    times = np.arange(1000) / 100
    samples = np.sin(2 * np.pi * 2 * times)[:, None]
    (stretch,), _ = to_steady_rate(times, samples, (times >= 5).astype(int), 50.0)
    clock = np.arange(500) / 50
    assert len(stretch.samples) == 500
    np.testing.assert_allclose(
        stretch.samples[40:-40, 0], np.sin(2 * np.pi * 2 * clock)[40:-40], atol=0.01
    )
    np.testing.assert_array_equal(stretch.labels, (clock >= 5).astype(int))


def test_clocks_that_jump_either_way_cut_the_recording() -> None:
    times = np.concatenate([np.arange(50), 200 + np.arange(50), 7 + np.arange(50)]) / 10.0
    samples = np.arange(150.0)[:, None]
    stretches, repairs = to_steady_rate(times, samples, np.zeros(150, int), 10.0)
    assert [stretch.samples[0, 0] for stretch in stretches] == [0, 50, 100]
    assert [stretch.start_s for stretch in stretches] == [0.0, 20.0, 0.7]
    assert repairs == Repairs(0, 0, 2, 0)


def test_repeated_and_swapped_stamps_are_repaired_and_counted() -> None:
    times = np.array([0, 1, 2, 2, 4, 3, 5, 5, 5]) / 10
    samples = np.array([0, 1, 2, 77, 4, 3, 5, 78, 79.0])[:, None]
    (stretch,), repairs = to_steady_rate(times, samples, np.zeros(9, int), 10.0)
    assert stretch.samples[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert repairs == Repairs(n_repeated=3, n_out_of_order=1, n_gaps=0, n_lonely=0)


def test_samples_in_bursts_come_at_their_mean_rate() -> None:
    # Packets of 5 samples, a microsecond apart, ten times a second; and one after a gap.
    times = np.add.outer(np.append(np.arange(200), 250) / 10, np.arange(5) * 1e-6).ravel()
    (stretch, lone), repairs = to_steady_rate(times, times[:, None], np.arange(1005), 50.0)
    assert repairs.n_gaps == 1
    assert len(stretch.samples) == 996  # 19.9 s
    np.testing.assert_allclose(stretch.samples[:, 0], np.arange(996) / 50, atol=1e-9)
    assert len(lone.samples) == 1
    (twice,), _ = to_steady_rate(np.arange(200) / 100, np.ones((200, 1)), np.zeros(200, int), 50.0)
    assert len(twice.samples) == 100


def test_stamps_of_an_absurd_rate_are_refused_before_memory_is_asked_for() -> None:
    times = np.add.outer(np.arange(20_000) / 2, np.arange(5) * 1e-9).ravel()  # 1e13 steps
    with pytest.raises(DataError, match=r"Hz cannot be resampled to 50 Hz: .* factor of 100"):
        to_steady_rate(times, np.zeros((100_000, 1)), np.zeros(100_000, int), 50.0)


def test_a_lonely_sample_is_no_stretch_and_counted() -> None:
    times = np.array([0.0, 9.0, 9.1, 20.0, 20.0])
    stretches, repairs = to_steady_rate(times, np.zeros((5, 1)), np.zeros(5, int), 10.0)
    assert [len(stretch.samples) for stretch in stretches] == [2]
    assert repairs == Repairs(n_repeated=1, n_out_of_order=0, n_gaps=2, n_lonely=2)


RATES = [(100.0, 50.0), (64.0, 50.0), (31.25, 50.0), (20.0, 25.0), (52.1, 31.7), (50.0, 50.0)]


@pytest.mark.parametrize("rates", [*RATES, (100.0, 1.0), (1.0, 100.0), (50.0, 50.01)])
def test_around_what_is_missing_a_recording_and_a_stream_lose_the_same(
    rates: tuple[float, float],
) -> None:
    n_samples = max(150, round(40 * rates[0] / min(rates)))
    middle = n_samples // 2
    places = np.r_[:10, middle - 20 : middle + 20, n_samples - 10 : n_samples]
    whole = np.random.default_rng(0).normal(size=(n_samples, len(places)))
    whole[places, np.arange(len(places))] = np.nan  # a channel for each place
    whole[3, 0] = whole[70, 30] = np.inf
    stream = StreamResampler(len(places), *rates)
    as_it_came = np.concatenate([stream.push(whole), stream.finish()])
    resampled = change_rate(whole, *rates)
    np.testing.assert_array_equal(np.isfinite(resampled), np.isfinite(as_it_came))
    kept = np.isfinite(resampled)
    np.testing.assert_allclose(resampled[kept], as_it_came[kept], rtol=1e-9, atol=1e-12)


@given(
    rates=st.sampled_from([(100.0, 50.0), (31.25, 50.0), (20.0, 25.0), (52.1, 31.7)]),
    n_samples=st.integers(1, 300),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_recording_is_resampled_as_a_stream_is(
    rates: tuple[float, float], n_samples: int, seed: int
) -> None:
    samples = np.random.default_rng(seed).normal(3, 1, size=(n_samples, 2))
    stream = StreamResampler(2, *rates)
    as_it_came = [stream.push(samples[:40]), stream.push(samples[40:]), stream.finish()]
    np.testing.assert_allclose(
        change_rate(samples, *rates), np.concatenate(as_it_came), rtol=1e-9, atol=1e-12
    )


def test_a_gap_of_a_recording_is_one_of_a_stream() -> None:
    assert timeline.MOST_GAP_S == stamps.MOST_GAP_S
