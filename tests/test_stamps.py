import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeclust import DataError
from edgeclust.stamps import StampOrder, find_rate

rng = np.random.default_rng(0)


def take(t: list[float]) -> tuple[list[list[int]], int, int]:
    order = StampOrder(1.0)
    pieces = [np.arange(len(t))[piece].tolist() for piece in order.take(np.array(t))]
    return pieces, order.n_gaps, order.n_late


def test_repeated_and_earlier_samples_are_left_out() -> None:
    assert take([5.0, 5.1, 5.1, 5.05, 5.2]) == ([[], [0, 1, 4]], 0, 2)


def test_a_long_step_and_a_clock_set_back_start_a_segment() -> None:
    assert take([5.0, 5.9, 7.0, 7.5, 3.0]) == ([[], [0, 1], [2, 3], [4]], 2, 0)


def test_a_step_as_long_as_the_limit_is_none() -> None:
    assert take([5.0, 6.0, 7.0]) == ([[], [0, 1, 2]], 0, 0)


def test_a_single_wild_stamp_is_a_segment_of_its_own() -> None:
    assert take([5.0, 5.1, 0.0, 5.2, 5.3]) == ([[], [0, 1], [2], [3, 4]], 2, 0)


@given(
    steps=st.lists(st.sampled_from([0.1, 0.2, 0.0, -0.1, 3.0, -3.0]), max_size=9),
    cuts=st.lists(st.integers(0, 9), max_size=4),
)
def test_any_chunking_keeps_the_same_samples(steps: list[float], cuts: list[int]) -> None:
    t = np.cumsum(steps)
    whole, parts = StampOrder(1.0), StampOrder(1.0)
    expected = [t[piece].tolist() for piece in whole.take(t)]
    found: list[list[float]] = [[]]
    for chunk in np.split(t, sorted(cuts)):
        going_on, *others = [chunk[piece].tolist() for piece in parts.take(chunk)]
        found[-1] += going_on
        found += others
    assert found == expected
    assert (parts.n_gaps, parts.n_late) == (whole.n_gaps, whole.n_late)


def test_stamps_of_which_none_goes_with_the_next_are_refused() -> None:
    order = StampOrder(1.0)
    with pytest.raises(DataError, match=r"are 20 s apart, and 1 s without a sample are a gap"):
        order.take(np.arange(0, 400, 20.0))  # milliseconds
    with pytest.raises(DataError, match="t should be finite, got NaN or infinity"):
        order.take(np.array([0.0, np.nan]))


def test_a_sensor_that_is_often_off_is_no_such_stream() -> None:
    order = StampOrder(1.0)
    for pause in range(100):
        order.take(pause * 60 + np.arange(3) / 10)
    assert order.n_gaps == 99


STEADY = np.arange(64) / 50


@pytest.mark.parametrize(
    ("t", "rate_hz"),
    [
        (STEADY, 50.0),
        (STEADY * 1.009, 50.0),  # a clock that drifts
        (np.round(STEADY, 3), 50.0),
        (STEADY / 2, 100.0),
        (STEADY * 1.6, 31.25),
        (STEADY + rng.uniform(-0.004, 0.004, 64), 50.0),  # a fifth of a step
        (np.repeat(STEADY[::4], 4) + np.tile(np.arange(4) * 1e-6, 16), 50.0),  # packets
    ],
)
def test_the_rate_is_what_stamps_show(t: NDArray[np.float64], rate_hz: float) -> None:
    found = find_rate(t, None, 50.0)
    assert found == pytest.approx(rate_hz, rel=1e-9)
    assert find_rate(t, rate_hz, 50.0) == rate_hz
    assert found == 50.0 or rate_hz != 50.0  # to the bit, so that nothing is resampled


def test_holes_do_not_bend_the_rate() -> None:
    t = np.delete(np.arange(200) / 100, rng.integers(1, 199, 12))
    assert find_rate(t, None, 50.0) == pytest.approx(100.0)


def test_stamps_without_a_rate_are_refused_unless_it_is_said() -> None:
    t = np.cumsum(rng.exponential(0.01, 200))
    t *= 2 / t[-1]
    with pytest.raises(DataError, match=r"are irregular, usually 0.00\d+ s apart and 0.0\d+ s on"):
        find_rate(t, None, 50.0)
    assert find_rate(t, 100.0, 50.0) == 100.0
    with pytest.raises(DataError, match=r"time stamps show .* Hz, 50 Hz is expected: say its"):
        find_rate(t, 50.0, 50.0)
