import json

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeclust import Channel, DataError, Recording, WindowedDataset
from edgeclust.alignment import (
    GravityAlignment,
    GravityEstimate,
    Unit,
    align,
    find_units,
    fit_alignment,
    session_gravity,
)

from toy import TOY_CARD, toy_recordings

ONE_UNIT = (Unit((0, 1, 2), ()),)


def channels(names: str, unit: str) -> list[Channel]:
    return [Channel(name, unit) for name in names.split()]


def turned(recording: Recording, matrix: NDArray[np.float64]) -> Recording:
    signal = (matrix @ recording.signal).astype(np.float32)
    return Recording(signal, recording.subject, recording.session, recording.labels)


def tilt(degrees: float) -> NDArray[np.float64]:
    """A rotation about x, which is across gravity (z)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def test_every_accelerometer_is_found_with_its_gyroscope() -> None:
    names = [
        *channels("hip_acc_x hip_acc_y hip_acc_z", "g"),
        *channels("hip_gyro_x hip_gyro_y hip_gyro_z", "rad/s"),
        Channel("temperature", "K"),
        *channels("foot_acc_x foot_acc_y foot_acc_z", "g"),
        *channels("foot_gyro_x foot_gyro_y foot_gyro_z", "rad/s"),
    ]
    assert find_units(names) == (
        Unit((0, 1, 2), (3, 4, 5)),
        Unit((7, 8, 9), (10, 11, 12)),
    )


def test_axes_may_come_in_any_order_and_any_unit() -> None:
    assert find_units(channels("Z-acc Y-acc X-acc", "mg")) == (Unit((2, 1, 0), ()),)


def test_channels_without_three_axes_are_refused() -> None:
    with pytest.raises(DataError, match=r"needs x, y and z .* ax \(g\), ay \(g\): use --align no"):
        find_units(channels("ax ay", "g"))


def test_a_gyroscope_too_few_is_refused() -> None:
    names = [*channels("ax ay az bx by bz", "g"), *channels("wx wy wz", "rad/s")]
    with pytest.raises(DataError, match="which of 2 accelerometers each of 1 gyroscopes"):
        find_units(names)


def test_a_tilted_sensor_is_turned_back() -> None:
    alignment = GravityAlignment(ONE_UNIT, ((0.0, 0.0, 1.0),))
    for degrees in (0, 10, 90, 179, 180, 270):
        gravity = 1.1 * tilt(degrees) @ [0, 0, 1]
        matrix = alignment.matrix(gravity[None], n_channels=3)
        np.testing.assert_allclose(matrix @ gravity, [0, 0, 1], atol=1e-6)
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3) / 1.1**2, atol=1e-6)
        assert np.linalg.det(matrix) > 0  # a rotation, no mirror


def test_a_gyroscope_is_turned_and_not_scaled() -> None:
    alignment = GravityAlignment((Unit((0, 1, 2), (3, 4, 5)),), ((0.0, 0.0, 1.0),))
    matrix = alignment.matrix(np.array([[0.0, 2.0, 0.0]]), n_channels=7)
    np.testing.assert_allclose(matrix[:3, :3], matrix[3:6, 3:6] / 2, atol=1e-6)
    np.testing.assert_allclose(matrix[3:6, 3:6] @ [0, 1, 0], [0, 0, 1], atol=1e-6)
    assert matrix[6, 6] == 1.0


def test_a_unit_of_which_nothing_is_known_stays_as_it_is() -> None:
    alignment = GravityAlignment(ONE_UNIT, ((0.0, 0.0, 1.0),))
    assert (alignment.matrix(np.full((1, 3), np.nan), 3) == np.eye(3)).all()


def test_gravity_comes_from_sustained_movement_alone() -> None:
    rng = np.random.default_rng(0)
    still, moving = np.zeros((3, 100), np.float32), np.zeros((3, 100), np.float32)
    still[0] = 1.0  # lying
    moving[2] = 1.0 + 0.5 * rng.normal(size=100)  # walking upright
    estimate = GravityEstimate(ONE_UNIT, rate_hz=50.0, window=100, stride=100)  # 3 make 6 s
    assert estimate.n_in_a_row == 3
    changes = [estimate.update(w) for w in (still, moving, moving, still, *[moving] * 4, still)]
    assert changes == [False] * 6 + [True, True, False]
    assert estimate.gravity()[0].round(1).tolist() == [0.0, 0.0, 1.0]
    estimate.restart()
    assert not estimate.update(moving)


def test_recordings_tilted_by_hand_come_back_as_they_were() -> None:
    straight = toy_recordings(n_subjects=3)
    changes = [np.eye(3), tilt(30), 1.2 * tilt(-50)]
    bent = [turned(r, change) for r, change in zip(straight, changes, strict=True)]
    dataset = WindowedDataset(TOY_CARD, straight)
    alignment = fit_alignment(dataset)
    restored = align(WindowedDataset(TOY_CARD, bent), alignment)
    expected = align(dataset, alignment)
    everything = np.arange(len(dataset))
    np.testing.assert_allclose(restored.gather(everything), expected.gather(everything), atol=0.05)
    for gravity in session_gravity(restored, alignment.units).values():
        np.testing.assert_allclose(gravity[0], alignment.reference[0], atol=1e-5)


def test_sessions_without_movement_stay_and_data_without_any_are_refused() -> None:
    moving, other = toy_recordings(n_subjects=2)
    still = Recording(other.signal[:, :1000], other.subject, other.session)
    dataset = WindowedDataset(TOY_CARD, [moving, still])
    aligned = align(dataset, fit_alignment(dataset))
    assert (aligned.recordings[1].signal == still.signal).all()
    with pytest.raises(DataError, match="needs 6 s of movement at a time, and no recording of 'to"):
        fit_alignment(WindowedDataset(TOY_CARD, [still]))


def test_an_alignment_survives_its_json() -> None:
    alignment = fit_alignment(WindowedDataset(TOY_CARD, toy_recordings()))
    assert GravityAlignment.from_json(json.loads(json.dumps(alignment.to_json()))) == alignment


@pytest.mark.parametrize("reference", [((0.0, 0.0, 0.0),), ((1.0, 0.0),), ()])
def test_references_that_point_nowhere_are_refused(
    reference: tuple[tuple[float, ...], ...],
) -> None:
    with pytest.raises(ValueError, match="reference"):
        GravityAlignment(ONE_UNIT, reference)


def test_a_session_too_short_for_a_window_stays_as_it_is(toy_dataset: WindowedDataset) -> None:
    short = Recording(np.ones((3, 9), np.float32), "9", "short")
    dataset = WindowedDataset(TOY_CARD, [*toy_dataset.recordings, short])
    aligned = align(dataset, fit_alignment(dataset))
    np.testing.assert_array_equal(aligned.recordings[-1].signal, short.signal)
    assert len(aligned) == len(toy_dataset)


def test_a_device_that_was_put_on_anew_finds_gravity_again() -> None:
    rng = np.random.default_rng(0)
    up, down = (
        (g + 0.5 * rng.normal(size=(100, 3, 128))).astype(np.float32)
        for g in (np.array([[0], [0], [1]]), np.array([[0], [0], [-1]]))
    )
    device = GravityEstimate(ONE_UNIT, 50, 128, 64, memory_s=25.6)  # 20 windows
    for window in (*up, *down):
        device.update(window)
    assert device.count == [20]
    np.testing.assert_allclose(device.gravity(), [[0, 0, -1]], atol=0.1)
    device.reset()
    assert np.isnan(device.gravity()).all()


def test_gravity_comes_back_from_its_fields() -> None:
    rng = np.random.default_rng(0)
    estimate, other = (GravityEstimate(ONE_UNIT, 50, 128, 64) for _ in range(2))
    for window in rng.normal(size=(10, 3, 128)).astype(np.float32):
        estimate.update(window)
    other.restore(estimate.fields())
    np.testing.assert_array_equal(other.gravity(), estimate.gravity())
    with pytest.raises(DataError, match="gravity should be finite sums of 0 windows or more"):
        other.restore(estimate.fields() | {"total": np.array([[np.nan, 0, 0]])})


def test_channels_that_lie_apart_are_the_same_sensor() -> None:
    windows = np.random.default_rng(0).normal(size=(8, 3, 128)).astype(np.float32)
    in_a_row = GravityEstimate(ONE_UNIT, 50, 128, 64)
    apart = GravityEstimate((Unit((4, 0, 2), ()),), 50, 128, 64)
    for window in windows:
        spread = np.zeros((5, 128), np.float32)
        spread[[4, 0, 2]] = window
        assert in_a_row.update(window) == apart.update(spread)
    np.testing.assert_array_equal(apart.gravity(), in_a_row.gravity())
