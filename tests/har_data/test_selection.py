"""Channels are kept by name or kind, and rates are changed with windows and labels."""

from dataclasses import replace

import numpy as np
import pytest

from edgeclust import Channel, DataError, Recording, WindowedDataset
from edgeclust.har_data import open_dataset, open_recordings
from edgeclust.har_data.selection import resample, select_channels

from toy import TOY_CARD

CARD = replace(
    TOY_CARD,
    channels=(
        Channel("ax", "g"),
        Channel("wx", "rad/s"),
        Channel("az", "m/s2"),
        Channel("p", "hPa"),
    ),
    rate_hz=100.0,
    window=200,
    stride=50,
)
SIGNAL = np.arange(4000, dtype=np.float32).reshape(4, 1000)
RECORDING = Recording(SIGNAL, "1", "a", np.repeat([0, 1], 500))


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [(["acc"], [0, 2]), (["gyro"], [1]), (["p", "acc"], [0, 2, 3]), (["az", "az", "ax"], [0, 2])],
)
def test_channels_are_kept_in_the_order_of_the_card(wanted: list[str], rows: list[int]) -> None:
    card, (recording,) = select_channels(CARD, [RECORDING], wanted)
    assert card.channels == tuple(CARD.channels[row] for row in rows)
    np.testing.assert_array_equal(recording.signal, SIGNAL[rows])
    assert recording.labels is RECORDING.labels


def test_channels_are_converted_to_the_units_that_are_wanted() -> None:
    wanted = [Channel("az", "g"), Channel("wx", "deg/s"), Channel("ax", "mg"), Channel("p", "hPa")]
    card, (recording,) = select_channels(CARD, [RECORDING], wanted)
    assert [str(c) for c in card.channels] == ["ax (mg)", "wx (deg/s)", "az (g)", "p (hPa)"]
    factors = np.array([1000, 180 / np.pi, 1 / 9.80665, 1])[:, None]
    np.testing.assert_allclose(recording.signal, SIGNAL * factors, rtol=3e-7)
    assert recording.signal.dtype == np.float32
    np.testing.assert_array_equal(RECORDING.signal, np.arange(4000).reshape(4, 1000))


def test_a_channel_may_be_called_as_a_kind() -> None:
    card = replace(CARD, channels=(Channel("acc", "g"), *CARD.channels[1:]))
    assert select_channels(card, [RECORDING], card.channels)[0] == card


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Channel("p", "bar"), r"'toy' has the channel p \(hPa\), wanted is p \(bar\)"),
        (Channel("wx", "g"), r"has the channel wx \(rad/s\), wanted is wx \(g\)"),
        (Channel("ay", "g"), "no channel ay in 'toy'"),
        (Channel("acc", "g"), "no channel acc in 'toy'"),  # a name, not the kind
    ],
)
def test_what_cannot_be_converted_is_refused(wanted: Channel, said: str) -> None:
    with pytest.raises(DataError, match=said):
        select_channels(CARD, [RECORDING], [wanted])


@pytest.mark.parametrize("wanted", ["mag", "AX"])
def test_channels_that_are_not_there_are_named(wanted: str) -> None:
    message = rf"no channel {wanted} in 'toy'; there are ax, wx, az, p, and the kinds acc, gyro"
    with pytest.raises(DataError, match=message):
        select_channels(CARD, [RECORDING], ["ax", wanted])


@pytest.mark.parametrize("rate_hz", [50.0, 25.0, 20.0, 128.0])
def test_another_rate_keeps_seconds_values_and_labels(rate_hz: float) -> None:
    clock = np.arange(1000) / 100
    wave = np.stack([np.sin(2 * np.pi * f * clock) for f in (0.5, 1, 2, 3)]).astype(np.float32)
    card, (recording,) = resample(CARD, [replace(RECORDING, signal=wave)], rate_hz)
    assert (card.window / rate_hz, card.stride / rate_hz) == pytest.approx(
        (2.0, 0.5), abs=0.51 / rate_hz
    )
    there = np.arange(recording.signal.shape[1]) / rate_hz
    assert there[-1] <= clock[-1] + 0.02
    inner = slice(len(there) // 5, -len(there) // 5)
    for row, frequency in enumerate((0.5, 1, 2, 3)):
        expected = np.sin(2 * np.pi * frequency * there)
        np.testing.assert_allclose(recording.signal[row, inner], expected[inner], atol=0.01)
    assert recording.labels is not None
    assert (recording.labels == (there >= 5)).mean() > 0.99
    assert recording.signal.dtype == np.float32


def test_the_same_rate_changes_nothing() -> None:
    card, (recording,) = resample(CARD, [RECORDING], 100.0)
    assert card is CARD
    assert recording is RECORDING


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_out_of_range_is_refused(rate_hz: float) -> None:
    with pytest.raises(DataError, match="rate_hz should be above 0 Hz, got"):
        resample(CARD, [RECORDING], rate_hz)


def test_data_are_opened_so() -> None:
    dataset = open_recordings("watch", rate_hz=25, channels=["acc"])
    assert dataset.card.channel_names == ["ax", "ay", "az"]
    assert (dataset.card.rate_hz, dataset.card.window) == (25.0, 100)
    whole = open_recordings("watch")
    assert abs(len(dataset) - len(whole)) <= len(whole.recordings)


def test_windows_are_cut_in_seconds_at_the_rate_asked_for() -> None:
    dataset = open_dataset("watch", rate_hz=25, window_s=2.56, stride_s=1.0)
    assert isinstance(dataset, WindowedDataset)
    assert (dataset.card.window, dataset.card.stride) == (64, 25)
    with pytest.raises(DataError, match="window is given in samples and in seconds: leave one"):
        open_dataset("watch", 64, window_s=2.0)
    for seconds in (0.0, float("nan"), float("inf")):
        with pytest.raises(DataError, match=f"stride_s should be above 0 s, got {seconds}"):
            open_dataset("watch", stride_s=seconds)
    with pytest.raises(DataError, match="window and stride cut recordings, 'digits' holds images"):
        open_dataset("digits", window_s=1.0)


def test_images_have_neither() -> None:
    with pytest.raises(DataError, match="rate and channels are those of recordings, 'digits' hol"):
        open_dataset("digits", rate_hz=3.0)
