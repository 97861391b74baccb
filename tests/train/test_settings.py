import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeclust import ArrayDataset, ConfigError, DataError, Recording, WindowedDataset
from edgeclust.har_data import open_dataset
from edgeclust.train.settings import SETTINGS, name_held_out, pool_scores, split

from toy import TOY_CARD, TOY_IMAGE_CARD, toy_images, toy_recordings

Score = tuple[int, dict[str, Any]]


@pytest.fixture(scope="module")
def seven() -> WindowedDataset:
    return WindowedDataset(TOY_CARD, toy_recordings(n_subjects=7, seconds=4))


IMAGES = ArrayDataset(TOY_IMAGE_CARD, *toy_images(30))


def subjects_of(dataset: object) -> set[str]:
    assert isinstance(dataset, WindowedDataset)
    return set(dataset.groups.tolist())


def test_pooled_scores_what_it_trains_on(seven: WindowedDataset) -> None:
    (part,) = split(seven, "pooled")
    assert part.train is part.test is seven


@pytest.mark.parametrize(("share", "n"), [("0.3", 3), (".5", 4), ("0.01", 1), ("0.99", 6)])
def test_a_share_of_the_subjects_is_drawn_by_the_seed(
    seven: WindowedDataset, share: str, n: int
) -> None:
    drawn = name_held_out(seven, [share], seed=3)
    assert len(drawn) == n
    assert drawn == name_held_out(seven, [share], seed=3)
    assert len({name_held_out(seven, ["0.3"], seed) for seed in range(20)}) > 10
    rest, apart = seven.hold_out(drawn)
    assert apart is not None
    assert subjects_of(apart) == {*drawn} == {*"1234567"} - subjects_of(rest)


def test_names_are_held_out_as_they_are(seven: WindowedDataset) -> None:
    assert name_held_out(seven, ["3", "5"], seed=0) == ("3", "5")
    (part,) = split(seven, "hold-out", seed=4)
    assert ",".join(name_held_out(seven, [f"{1 / 3}"], seed=4)) == part.name
    called_so = [replace(r, subject=f".{r.subject}") for r in seven.recordings]
    assert name_held_out(seven.with_recordings(called_so), [".5"], seed=0) == (".5",)
    one = seven.select_recordings([0])
    with pytest.raises(ConfigError, match="has one recording: nothing can be held out"):
        name_held_out(one, ["0.5"], seed=0)


def test_per_subject_trains_a_model_for_each(seven: WindowedDataset) -> None:
    parts = split(seven, "per-subject")
    assert [part.name for part in parts] == [*"1234567"]
    assert all(part.train is part.test and subjects_of(part.test) == {part.name} for part in parts)


@pytest.mark.parametrize(("setting", "n_parts"), [("k-fold", 5), ("loso", 7)])
def test_unseen_subjects_are_scored_once_each(
    seven: WindowedDataset, setting: str, n_parts: int
) -> None:
    parts = split(seven, setting)
    assert len(parts) == n_parts
    scored = [subject for part in parts for subject in part.name.split(",")]
    assert sorted(scored) == [*"1234567"]
    for part in parts:
        assert subjects_of(part.test) == set(part.name.split(","))
        assert subjects_of(part.train) == set("1234567") - subjects_of(part.test)


def test_the_seed_deals_the_folds(seven: WindowedDataset) -> None:
    def names(seed: int) -> list[str]:
        return [part.name for part in split(seven, "k-fold", seed)]

    assert names(0) == names(0)
    assert len({tuple(names(seed)) for seed in range(5)}) > 1


def test_a_third_of_the_subjects_is_held_out(seven: WindowedDataset) -> None:
    drawn = set()
    for seed in range(5):
        (part,) = split(seven, "hold-out", seed)
        assert subjects_of(part.test) == set(part.name.split(","))
        assert len(subjects_of(part.test)) == 3
        assert subjects_of(part.train) == set("1234567") - subjects_of(part.test)
        drawn.add(part.name)
    assert len(drawn) > 1


def test_imbalance_makes_classes_rarer_and_hands_over_their_shares(seven: WindowedDataset) -> None:
    sizes = []
    for setting in (name for name in SETTINGS if name.startswith("imbalance")):
        (part,) = split(seven, setting, seed=3)
        assert part.train is part.test
        counts = np.bincount(part.train.labels, minlength=3)
        assert part.prior == pytest.approx(counts / counts.sum())
        sizes.append(len(part.train))
    assert sizes == sorted(sizes, reverse=True)
    (images,) = split(IMAGES, "imbalance-3")
    assert len(images.train) < len(IMAGES)


def test_few_subjects_make_few_folds() -> None:
    two = WindowedDataset(TOY_CARD, toy_recordings(n_subjects=2, seconds=4))
    assert [part.name for part in split(two, "k-fold")] == ["1", "2"]


def test_settings_that_do_not_fit_the_data_are_refused(seven: WindowedDataset) -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'pool': known are pooled, per-subject"):
        split(seven, "pool")
    one = seven.select_subjects(["3"])
    for setting in ("k-fold", "loso", "hold-out"):
        with pytest.raises(ConfigError, match=f"'toy' has one subject, {setting} needs two"):
            split(one, setting)
    assert len(split(one, "per-subject")) == 1
    for setting in ("per-subject", "k-fold", "loso", "hold-out"):
        with pytest.raises(ConfigError, match=r"'squares' has no subjects .* use the setting pool"):
            split(IMAGES, setting)
    assert len(split(IMAGES, "pooled")) == 1


def sessions_of_one(n_sessions: int, subject: str = "") -> WindowedDataset:
    """Recordings of nobody known, two pieces of each session."""
    recordings = [
        replace(recording, subject=subject, session=f"s{number}")
        for number in range(n_sessions)
        for recording in toy_recordings(2, seconds=4, seed=number)
    ]
    return WindowedDataset(TOY_CARD, recordings)


@pytest.mark.parametrize(
    ("setting", "n_parts", "n_scored"), [("k-fold", 5, 7), ("loso", 7, 7), ("hold-out", 1, 3)]
)
def test_without_subjects_sessions_are_split_and_said(
    setting: str, n_parts: int, n_scored: int
) -> None:
    parts = split(sessions_of_one(7), setting)
    assert len(parts) == n_parts
    assert {part.over for part in parts} == {"sessions"}
    scored = [name for part in parts for name in part.name.split(",")]
    assert len(set(scored)) == len(scored) == n_scored
    for part in parts:
        train, test = part.train, part.test
        assert isinstance(train, WindowedDataset)
        assert isinstance(test, WindowedDataset)
        assert {r.session for r in test.recordings} == set(part.name.split(","))
        assert not {r.session for r in test.recordings} & {r.session for r in train.recordings}


def folder_of_cut_sessions(folder: Path) -> WindowedDataset:
    """Seven sessions of one file each, cut in three: by a gap, and by a clock that was set back."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    names = [f"day {number}" for number in range(7)]
    (folder / "dataset.json").write_text(json.dumps(TOY_CARD.to_json()))
    lines = "".join(f"{name}.csv,{name}\n" for name in names)
    (folder / "recordings.csv").write_text(f"file,session\n{lines}")
    steps = np.concatenate([np.arange(100), np.arange(200, 400), np.arange(100, 250)])
    for name in names:
        rows = np.column_stack([steps / 25, rng.normal(size=(len(steps), 3))])
        np.savetxt(folder / f"{name}.csv", rows, "%.4f", ",", header="time,ax,ay,az", comments="")
    dataset = open_dataset(folder)
    assert isinstance(dataset, WindowedDataset)
    assert [r.session for r in dataset.recordings] == [name for name in names for _ in range(3)]
    return dataset


@pytest.mark.parametrize("setting", ["k-fold", "loso", "hold-out"])
def test_no_split_divides_a_session_that_a_gap_or_a_clock_set_back_cuts(
    setting: str, tmp_path: Path
) -> None:
    dataset = folder_of_cut_sessions(tmp_path / "mine")
    for part in split(dataset, setting):
        assert isinstance(part.train, WindowedDataset)
        assert isinstance(part.test, WindowedDataset)
        train, test = ({r.session for r in side.recordings} for side in (part.train, part.test))
        assert (part.over, test) == ("sessions", set(part.name.split(",")))
        assert not train & test
    rest, apart = dataset.hold_out(["day 3"])
    assert apart is not None
    assert (len(apart.recordings), len(rest.recordings)) == (3, 18)


def test_recordings_of_one_session_are_split_and_said() -> None:
    parts = split(sessions_of_one(1), "loso")
    assert [(part.name, part.over) for part in parts] == [("1", "recordings"), ("2", "recordings")]


def test_what_is_not_split_says_nothing_and_subjects_say_so(seven: WindowedDataset) -> None:
    for setting, over in (("pooled", ""), ("per-subject", ""), ("loso", "subjects")):
        assert {part.over for part in split(seven, setting)} == {over}


def test_sessions_that_overlap_are_refused() -> None:
    signal = toy_recordings(1)[0].signal
    twice = [Recording(signal[:, i : i + 500], "", f"s{i}") for i in (0, 400)]
    with pytest.raises(DataError, match="share samples of recording 's0'"):
        split(WindowedDataset(TOY_CARD, twice), "loso")
    copied = [Recording(signal.copy(), "", name) for name in "ab"]
    with pytest.raises(DataError, match="share samples of recording 'a'"):
        split(WindowedDataset(TOY_CARD, copied), "k-fold")


def test_subjects_without_a_whole_window_are_nobody() -> None:
    recordings = [*toy_recordings(2, seconds=4), Recording(np.zeros((3, 9), np.float32), "3", "1")]
    dataset = WindowedDataset(TOY_CARD, recordings)
    assert [part.name for part in split(dataset, "loso")] == ["1", "2"]


def test_subjects_that_are_views_of_one_recording_are_refused() -> None:
    one = toy_recordings(1)[0]
    twins = WindowedDataset(TOY_CARD, [one, replace(one, subject="2")])
    with pytest.raises(DataError, match="share samples"):
        split(twins, "loso")


def test_scores_are_weighted_by_windows() -> None:
    scores: list[Score] = [(3, {"acc": 0.5, "kl_star": 0.2}), (1, {"acc": 0.9, "kl_star": None})]
    assert pool_scores(scores) == {"acc": pytest.approx(0.6), "kl_star": None}


def test_a_single_part_keeps_its_scores_as_they_are() -> None:
    scores = {"n_windows": 4, "clusters_used": 3}
    pooled = pool_scores([(0, scores)])
    assert pooled == scores
    assert isinstance(pooled["clusters_used"], int)


def test_a_part_without_labels_has_no_say_in_scores_of_labels() -> None:
    scores: list[Score] = [(3, {"n_windows": 3, "acc": 0.5}), (0, {"n_windows": 2})]
    assert pool_scores(scores) == {"n_windows": 5, "acc": 0.5}
