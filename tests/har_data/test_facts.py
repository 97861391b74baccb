"""What was found in the files of a data set is counted as worked out by hand."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeclust import Card, Channel, WindowedDataset
from edgeclust.dataset import Recording
from edgeclust.har_data import READERS, open_dataset
from edgeclust.har_data.facts import describe_card, describe_recordings, measured_rate_hz
from edgeclust.har_data.plot import MOST_UNITS, draw_classes
from edgeclust.har_data.selection import resample, select_channels
from edgeclust.har_data.stamped import GAPS, Bout, StampedRecording, steady_recordings

CARD = Card("toy", 10.0, (Channel("x", "g"), Channel("y", "1")), 10, 10, ("walk", "run$", "rest"))


def toy(*channels: Channel, labelled: bool = True) -> WindowedDataset:
    """Return two recordings of subject 9 and one of 10, of 60, 30 and 30 seconds."""
    card = Card("toy", 10.0, channels or CARD.channels, 10, 10, CARD.classes)
    recordings: list[Recording] = []
    for subject, seconds in (("10", 30), ("9", 60), ("9", 30)):
        signal = np.zeros((len(card.channels), 10 * seconds), np.float32)
        labels = np.repeat([0, -1, 2], np.array([15, 5, seconds - 20]) * 10)
        session = str(len(recordings))
        recordings.append(Recording(signal, subject, session, labels if labelled else None))
    recordings[0].signal[-1, :24] = np.nan
    return WindowedDataset(card, recordings)


def test_minutes_are_those_of_each_activity_of_each_subject() -> None:
    found = describe_recordings(toy(), repairs={})
    assert found["minutes"] == 2
    assert [*found["minutes_by_activity"]] == ["9", "10"]
    assert found["minutes_by_activity"] == {
        "9": {"unlabelled": 0.1667, "walk": 0.5, "run$": 0, "rest": 0.8333},
        "10": {"unlabelled": 0.0833, "walk": 0.25, "run$": 0, "rest": 0.1667},
    }
    assert found["nan_share"] == 0.01  # 24 of 1200 samples of one of two channels
    assert (found["n_windows"], found["n_skipped"]) == (117, 3)
    unlabelled = describe_recordings(toy(labelled=False), repairs={})
    assert unlabelled["minutes_by_activity"]["9"]["unlabelled"] == 1.5


def test_what_is_bridged_was_missing_all_the_same() -> None:
    card, (used, *others) = CARD, toy().recordings
    recording = replace(used)  # which has not looked for its holes
    recording.signal[0, 100:102] = np.nan, np.inf
    plain = WindowedDataset(card, [recording, *others])
    bridged = WindowedDataset(card, [recording, *others], max_missing=0.3)
    assert bridged.n_bridged == 1
    assert np.isfinite(bridged.recordings[0].signal[:, 100:102]).all()
    assert plain.n_missing == bridged.n_missing == 26
    for dataset in (plain, bridged, bridged.select_recordings([0, 2])):
        n_values = 2 * sum(r.signal.shape[1] for r in dataset.recordings)
        assert describe_recordings(dataset, {})["nan_share"] == 26 / n_values
    assert bridged.select_recordings([1, 2]).n_missing == 0


def test_without_stamps_neither_rate_nor_gaps_are_known() -> None:
    found = describe_recordings(toy(), repairs={"lines left out": 2, "nothing": 0})
    assert (found["measured_rate_hz"], found["n_gaps"]) == (None, None)
    assert found["repairs"] == {"lines left out": 2}


def test_the_rate_is_that_of_the_median_step_of_the_stamps() -> None:
    # A minute at 8 Hz with a gap, a sample twice and one late; then half a minute at 10 Hz.
    slow = np.concatenate([np.arange(240), np.arange(300, 540)]) / 8
    slow[3], slow[9] = slow[2], slow[9] + 0.05
    bouts = [
        Bout(times, np.zeros((len(times), 2)), np.zeros(len(times), int), subject, "day")
        for subject, times in (("1", slow), ("2", np.arange(300) / 10))
    ]
    repairs: Counter[str] = Counter()
    recordings = [*steady_recordings(CARD, bouts, repairs)]
    assert [r.session for r in recordings] == ["day", "day", "day"]
    found = describe_recordings(WindowedDataset(CARD, recordings), repairs)
    assert found["measured_rate_hz"] == 8
    assert found["n_gaps"] == repairs[GAPS] == 1
    card, chosen = resample(*select_channels(CARD, recordings, ["y"]), 5.0)
    assert card.rate_hz == 5
    assert measured_rate_hz(chosen) == pytest.approx(8)


def test_a_recording_of_one_stamp_tells_no_rate() -> None:
    signals = np.zeros((2, 1), np.float32), np.zeros((2, 3), np.float32)
    lone, walk = (
        StampedRecording(s, "1", "1", step_s=0.1 if s.size > 2 else np.nan) for s in signals
    )
    assert measured_rate_hz([lone]) is None
    assert measured_rate_hz([lone] * 9 + [walk]) == pytest.approx(10)


def test_a_name_says_more_than_a_card() -> None:
    facts = describe_card(READERS["hapt"].card, "hapt")
    assert facts["channels"][0] == "acc_x (g)"
    assert facts["official"]["HAPT Data Set.zip"] is None
    assert "Neurocomputing" in facts["citation"]
    assert not {"citation", "official", "null_class"} & describe_card(READERS["hapt"].card).keys()
    images = describe_card(READERS["cifar10"].card, "cifar10")
    assert images["official"] == {"cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"}


def test_every_class_that_there_is_gets_a_row_and_every_unit_a_column(tmp_path: Path) -> None:
    dataset = open_dataset("watch")
    assert isinstance(dataset, WindowedDataset)
    figure = draw_classes(dataset)
    rows = [axes.get_ylabel() for axes in figure.axes[::2]]
    assert rows == list(dataset.card.classes)
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["g", "rad/s"]
    assert len(figure.axes[0].lines) == 3
    for axes in figure.axes:
        seconds = np.asarray(axes.lines[0].get_xdata(), np.float64)
        assert (seconds[0], seconds[-1]) == (0, 4.98)
    figure.savefig(tmp_path / "classes.png")


def test_of_many_channels_and_units_the_first_are_drawn() -> None:
    channels = [Channel(f"acc${number}", "g") for number in range(5)]
    channels += [Channel(unit, unit) for unit in ("rad/s", "uT", "mV")]
    figure = draw_classes(toy(*channels))
    assert len(figure.axes) == 2 * MOST_UNITS  # walk and rest
    assert figure.axes[0].get_title(loc="left") == "g, 3 of 5 channels"
    assert figure.axes[0].get_ylabel() == "walk"
    assert figure.axes[MOST_UNITS].get_ylabel() == "rest"
    unlabelled = draw_classes(toy(labelled=False))
    assert [axes.get_ylabel() for axes in unlabelled.axes] == ["unlabelled", ""]
    unlabelled.canvas.draw()
