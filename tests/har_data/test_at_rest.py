"""Accelerometers are measured where they hold still, and doubted where they feel other than 1 g."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeclust import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.har_data.at_rest import find_at_rest

RATE_HZ = 20
AXES = tuple(Channel(f"acc_{axis}", "g") for axis in "xyz")
DOWN = np.array([0.48, -0.6, 0.64])  # of norm 1
RNG = np.random.default_rng(0)


def card(*channels: Channel) -> Card:
    return Card("toy", RATE_HZ, channels, window=20, stride=20)


def still(seconds: float, noise: float = 0.005) -> NDArray[np.float64]:
    """Return a sensor that lies: gravity and noise, of shape (3, n_samples)."""
    n_samples = round(seconds * RATE_HZ)
    return np.repeat(DOWN[:, None], n_samples, axis=1) + noise * RNG.normal(size=(3, n_samples))


def moved(seconds: float) -> NDArray[np.float64]:
    """Return a sensor that is shaken, in a way that feels more than gravity."""
    return 3 * still(seconds, noise=0.5)


def recording(*parts: NDArray[np.float64]) -> Recording:
    return Recording(np.concatenate(parts, axis=1).astype(np.float32), "1", "1")


def test_only_the_seconds_that_hold_still_are_measured() -> None:
    whole = recording(moved(30), still(5), moved(30))
    short = recording(still(0.5))
    (sensor,) = find_at_rest(card(*AXES), [whole, short])
    assert sensor.channels == ("acc_x", "acc_y", "acc_z")
    assert sensor.still_s == 5
    assert sensor.norm_g == pytest.approx(1, abs=0.005)
    assert not sensor.doubt


def test_one_that_never_holds_still_is_not_doubted() -> None:
    (sensor,) = find_at_rest(card(*AXES), [recording(moved(30))])
    assert (sensor.still_s, sensor.norm_g, sensor.doubt) == (0, None, "")


def test_seconds_with_missing_values_do_not_count() -> None:
    signal = still(4)
    signal[1, 25] = np.nan
    signal[2, 65] = np.inf
    (sensor,) = find_at_rest(card(*AXES), [recording(signal)])
    assert sensor.still_s == 2


@pytest.mark.parametrize(
    ("scale", "doubt"),
    [
        (9.80665, "9.81 g at rest, 1 g is expected: the values seem to be in m/s²"),
        (1000, "1000 g at rest, 1 g is expected: the values seem to be in mg"),
        (0.102, "gravity seems to be removed, or the values to be converted to g twice"),
        (0.001, "gravity seems to be removed, or the values to be converted to g twice"),
        (1.2, "1.2 g at rest, 1 g is expected: the values seem to be of another scale"),
        (0.8, "0.8 g at rest, 1 g is expected: the values seem to be of another scale"),
    ],
)
def test_the_likely_cause_of_another_norm_is_said(scale: float, doubt: str) -> None:
    (sensor,) = find_at_rest(card(*AXES), [recording(scale * still(60), scale * moved(10))])
    assert sensor.doubt.startswith("acc_x, acc_y, acc_z: ")
    assert sensor.doubt.endswith(doubt)


@pytest.mark.parametrize(("unit", "of_one_g"), [("m/s2", 9.80665), ("m/s^2", 9.80665), ("mg", 1e3)])
def test_other_units_of_acceleration_are_measured_in_g(unit: str, of_one_g: float) -> None:
    named = card(*(Channel(channel.name, unit) for channel in AXES))
    (right,) = find_at_rest(named, [recording(of_one_g * still(60))])
    assert right.norm_g == pytest.approx(1, abs=0.005)
    assert not right.doubt
    (wrong,) = find_at_rest(named, [recording(still(60))])
    assert wrong.doubt.endswith("the values seem to be in g")


@pytest.mark.parametrize("scale", [0.86, 1.0, 1.14])
def test_errors_of_offset_and_scale_are_not_doubted(scale: float) -> None:
    (sensor,) = find_at_rest(card(*AXES), [recording(scale * still(60))])
    assert not sensor.doubt


def test_each_accelerometer_in_g_is_measured_beside_other_channels() -> None:
    wrist = tuple(Channel(f"wrist_{axis}", "g") for axis in "xyz")
    turning = tuple(Channel(f"gyro_{axis}", "rad/s") for axis in "xyz")
    pulse = Channel("pulse", "1/min")
    parts = [still(9), 0 * still(9), 9.81 * still(9), 60 + 0 * still(9)[:1]]
    signal = np.concatenate(parts).astype(np.float32)
    sensors = find_at_rest(card(*AXES, *turning, *wrist, pulse), [Recording(signal, "1", "1")])
    assert [sensor.channels[0] for sensor in sensors] == ["acc_x", "wrist_x"]
    assert [bool(sensor.doubt) for sensor in sensors] == [False, True]


@pytest.mark.parametrize("channels", [AXES[:2], tuple(Channel(c.name, "furlong") for c in AXES)])
def test_what_is_no_accelerometer_by_its_units_is_left_alone(channels: tuple[Channel, ...]) -> None:
    signal = np.zeros((len(channels), 90), np.float32)
    assert not find_at_rest(card(*channels), [Recording(signal, "1", "1")])
