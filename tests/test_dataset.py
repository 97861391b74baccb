from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclust import Card, ConfigError, DataError, Recording, WindowedDataset
from edgeclust.windows import window_starts

from toy import TOY_CARD, toy_recordings

CARD = replace(TOY_CARD, channels=TOY_CARD.channels[:1], window=4, stride=2)


def ramp(n_samples: int, subject: str = "1", labels: list[int] | None = None) -> Recording:
    signal = np.arange(n_samples, dtype=np.float32)[None]
    return Recording(signal, subject, "1", None if labels is None else np.array(labels))


def test_windows_never_cross_recordings() -> None:
    dataset = WindowedDataset(CARD, [ramp(7, "a"), ramp(3, "b"), ramp(6, "c")])
    windows = dataset.gather(np.arange(len(dataset)))
    assert windows[:, 0, 0].tolist() == [0, 2, 0, 2]
    assert dataset.groups.tolist() == ["a", "a", "c", "c"]


def test_gather_keeps_the_order_asked_for() -> None:
    dataset = WindowedDataset(CARD, [ramp(8)])
    assert dataset.gather(np.array([2, 0, 2]))[:, 0, 0].tolist() == [4, 0, 4]


def test_recordings_are_kept_as_they_are() -> None:
    recordings = [ramp(1000)]
    dataset = WindowedDataset(replace(CARD, stride=1), recordings)
    assert len(dataset) == 997
    assert dataset.recordings[0].signal is recordings[0].signal


def test_a_window_is_labelled_inside_one_run_of_one_class_only() -> None:
    labels = [0, 0, 0, 0, 1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1]
    dataset = WindowedDataset(CARD, [ramp(16, labels=labels)])
    assert dataset.labels.tolist() == [0, -1, 1, -1, -1, -1, 1]


def test_a_run_that_comes_back_within_a_window_is_not_pure() -> None:
    dataset = WindowedDataset(replace(CARD, stride=1), [ramp(4, labels=[0, 1, 1, 0])])
    assert dataset.labels.tolist() == [-1]


def test_a_majority_labels_windows_across_a_transition_and_says_its_share() -> None:
    labels = [0, 0, 0, 0, 0, 1, 1, 1, -1, -1, -1, -1]
    dataset = WindowedDataset(CARD, [ramp(12, labels=labels)], label_policy="majority")
    assert dataset.labels.tolist() == [0, 0, 1, -1, -1]
    assert dataset.label_shares.tolist() == [1, 0.75, 0.75, 0, 0]
    part = dataset.select(np.array([4, 2]))
    assert (part.labels.tolist(), part.label_shares.tolist()) == ([-1, 1], [0, 0.75])


def test_no_policy_changes_which_windows_there_are() -> None:
    recordings = [ramp(16, labels=[0] * 7 + [-1] * 3 + [1] * 6)]
    cut = {
        policy: WindowedDataset(CARD, recordings, label_policy=policy)
        for policy in ("pure", "majority", "none")
    }
    for dataset in cut.values():
        np.testing.assert_array_equal(dataset.starts, cut["pure"].starts)
    assert [(dataset.labels >= 0).sum() for dataset in cut.values()] == [4, 5, 0]
    with pytest.raises(ConfigError, match="labels should be pure, majority or none, got 'all'"):
        WindowedDataset(CARD, recordings, label_policy="all")


def test_unlabelled_recordings_have_unknown_windows() -> None:
    assert WindowedDataset(CARD, [ramp(8)]).labels.tolist() == [-1, -1, -1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_windows_with_nan_or_infinity_are_left_out_and_counted(bad: float) -> None:
    recording = ramp(12)
    recording.signal[0, 5] = bad
    dataset = WindowedDataset(CARD, [recording])
    assert dataset.starts.tolist() == [0, 6, 8]
    assert dataset.n_skipped == 2
    assert np.isfinite(dataset.gather(np.arange(len(dataset)))).all()


def test_data_without_a_whole_window_say_so() -> None:
    with pytest.raises(DataError, match=r"window of 4 samples: the longest of 2 has 3"):
        WindowedDataset(CARD, [ramp(3), ramp(2)])
    with pytest.raises(DataError, match=r"the longest of 0 has 0"):
        WindowedDataset(CARD, [])
    with pytest.raises(DataError, match=r"every window of 'toy' holds NaN or infinity \(1 windows"):
        WindowedDataset(CARD, [Recording(np.full((1, 4), np.nan, np.float32), "1", "1")])


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (
            Recording(np.zeros((2, 9), np.float32), "1", "a"),
            r"'a' of subject '1' should have shape",
        ),
        (Recording(np.zeros(9, np.float32), "1", "a"), r"shape \(1, n_samples\), got \(9,\)"),
        (ramp(9, labels=[0] * 8), r"a label for each of 9 samples, got \(8,\)"),
        (ramp(9, labels=[3] * 9), r"labels from -1 to 2, got 3 to 3"),
        (ramp(9, labels=[-2] * 9), r"labels from -1 to 2, got -2 to -2"),
    ],
)
def test_recordings_of_another_shape_than_the_card_are_refused(
    recording: Recording, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        WindowedDataset(CARD, [recording])


def test_a_window_of_any_length_is_refused_without_a_traceback() -> None:
    with pytest.raises(DataError, match=r"the longest of 1 has 9"):
        WindowedDataset(CARD, [ramp(9)], window=10**20)
    assert len(WindowedDataset(CARD, [ramp(9)], stride=10**20)) == 1


def test_subjects_are_selected_with_the_same_windows() -> None:
    dataset = WindowedDataset(TOY_CARD, toy_recordings(), window=20, stride=10)
    part = dataset.select_subjects(["2"])
    assert set(part.groups) == {"2"}
    assert (part.card.window, part.card.stride) == (20, 10)
    with pytest.raises(DataError, match=r"no subject 9 in 'toy'; there are 1, 2, 3"):
        dataset.select_subjects(["2", "9"])


def test_subjects_of_a_selection_have_its_windows_alone() -> None:
    dataset = WindowedDataset(TOY_CARD, toy_recordings(), window=20, stride=10)
    indices = np.arange(1, len(dataset), 3)
    part = dataset.select(indices).select_subjects(["1", "3"])
    mine = indices[np.isin(dataset.groups[indices], ["1", "3"])]
    np.testing.assert_array_equal(part.groups, dataset.groups[mine])
    np.testing.assert_array_equal(part.labels, dataset.labels[mine])
    np.testing.assert_array_equal(part.gather(np.arange(len(part))), dataset.gather(mine))


def test_skipped_windows_go_with_their_subjects() -> None:
    broken = ramp(40, "1")
    broken.signal[0, 5] = np.nan
    dataset = WindowedDataset(CARD, [broken, ramp(40, "2")])
    assert dataset.n_skipped == dataset.select_subjects(["1"]).n_skipped > 0
    assert dataset.select_subjects(["2"]).n_skipped == 0


def named(*who: str) -> WindowedDataset:
    return WindowedDataset(CARD, [replace(ramp(8), subject=w[0], session=w[1:]) for w in who])


def test_splits_keep_subjects_whole_or_sessions_or_recordings() -> None:
    assert named("ax", "ay", "bx").units() == ("subjects", ["a", "a", "b"])
    assert named("ax", "ay", "ax").units() == ("sessions", ["x", "y", "x"])
    assert named(" x", " y").units() == ("sessions", ["x", "y"])
    assert named("ax", "ax").units() == ("recordings", ["1", "2"])
    assert named("ax").units() == ("recordings", ["1"])


def test_a_subject_without_a_window_does_not_count() -> None:
    dataset = WindowedDataset(CARD, [ramp(8, "a"), ramp(8, "a"), ramp(2, "b")])
    assert dataset.units() == ("recordings", ["1", "2", "3"])
    assert dataset.select_units(["2"]).recordings == [dataset.recordings[1]]


def test_sessions_are_held_out_where_there_is_one_subject() -> None:
    dataset = named("ax", "ay", "ax", "az")
    others, apart = dataset.hold_out(["x"])
    assert apart is not None
    assert [r.session for r in apart.recordings] == ["x", "x"]
    assert [r.session for r in others.recordings] == ["y", "z"]
    assert (len(apart), len(others)) == (6, 6)
    with pytest.raises(DataError, match="no session 9 in 'toy'; there are x, y, z"):
        dataset.hold_out(["9"])
    with pytest.raises(DataError, match="held out are all sessions of 'toy': leave at least one"):
        dataset.hold_out(["x", "y", "z"])


def test_recordings_are_selected_with_their_windows() -> None:
    dataset = WindowedDataset(CARD, [ramp(8, "a"), ramp(2, "b"), ramp(6, "c")])
    part = dataset.select_recordings([1, 2])
    assert part.groups.tolist() == ["c", "c"]
    assert part.gather(np.arange(2))[:, 0, 0].tolist() == [0, 2]
    with pytest.raises(DataError, match="no recording of 'toy' holds a whole window"):
        dataset.select_recordings([1])


@given(
    lengths=st.lists(st.integers(0, 20), min_size=1, max_size=6),
    window=st.integers(1, 8),
    stride=st.integers(1, 8),
)
def test_every_window_is_a_piece_of_one_recording(
    lengths: list[int], window: int, stride: int
) -> None:
    memory = np.arange(sum(lengths), dtype=np.float32)[None]  # one recording behind the other
    signals = np.split(memory, np.cumsum(lengths)[:-1], axis=1)
    recordings = [Recording(signal, str(i), "1") for i, signal in enumerate(signals)]
    if max(lengths) < window:
        return
    dataset = WindowedDataset(CARD, recordings, window, stride)
    expected = [
        signal[:, start : start + window]
        for signal in signals
        for start in window_starts(signal.shape[1], window, stride)
    ]
    np.testing.assert_array_equal(dataset.gather(np.arange(len(dataset))), expected)


def test_subjects_are_sorted_as_numbers() -> None:
    recordings = [ramp(8, subject) for subject in ("10", "9", "1")]
    assert WindowedDataset(CARD, recordings).subjects == ["1", "9", "10"]


def test_a_card_survives_json() -> None:
    assert Card.from_json(TOY_CARD.to_json(), "here") == TOY_CARD


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate_hz": None}, "dataset.json: "),
        ({"rate_hz": 0}, "rate_hz of 'toy' should be above 0 Hz, got 0.0"),
        ({"channels": []}, "channels of 'toy' should be named"),
        ({"channels": [{"name": "ax", "unit": "g"}] * 2}, "each once, got"),
        ({"channels": ["ax"]}, "dataset.json: "),
        ({"window": 0}, "window should be at least 1"),
        ({"window": 2.7}, r"window should be a whole number, got 2.7"),
        ({"stride": True}, r"stride should be a whole number, got True"),
        ({"classes": "walk"}, r"classes should be a list, got 'walk'"),
        ({"classes": ["walk", "walk"]}, r"classes of 'toy' should each have a name"),
        ({"classes": [1, 2]}, r"should be texts"),
        ({"mount": None}, r"should be texts"),
        ({"name": "../evil"}, r"a word that can name a file, got '../evil'"),
        ({"window": "wide"}, "dataset.json: "),
    ],
)
def test_cards_that_cannot_be_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Card.from_json(TOY_CARD.to_json() | change, "dataset.json")


def test_a_card_without_a_key_names_it() -> None:
    content = TOY_CARD.to_json()
    del content["rate_hz"]
    with pytest.raises(DataError, match=r"dataset.json: the key 'rate_hz' is missing"):
        Card.from_json(content, "dataset.json")
    with pytest.raises(DataError, match=r"dataset.json: "):
        Card.from_json(["a list"], "dataset.json")


def test_runs_of_labels_and_holes_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        signal = rng.choice([1, 2, np.nan, np.inf], (2, 12), p=[0.4, 0.4, 0.1, 0.1])
        of_samples = rng.integers(-1, 1, 12)
        recording = Recording(signal.astype(np.float32), "1", "1", of_samples)
        inside = np.zeros(12, np.bool_)
        for first, end in recording.holes:
            inside[first:end] = True
        assert inside.tolist() == [not np.isfinite(sample).all() for sample in signal.T]
        runs = [*recording.label_runs.tolist(), [12, None]]
        labels = [a[1] for a, b in pairwise(runs) for _ in range(a[0], b[0])]
        assert labels == of_samples.tolist()
        assert all(a[1] != b[1] for a, b in pairwise(runs))
