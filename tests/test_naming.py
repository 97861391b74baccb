"""Clusters named after examples, and a labeler that does it."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeclust import DataError, GravityAlignment, Labeler
from edgeclust.alignment import Unit
from edgeclust.model_file import ModelMetadata
from edgeclust.naming import name_clusters

from toy import TOY_CARD, toy_images, toy_recordings

Samples = NDArray[np.float32]

RECORDING = toy_recordings(n_subjects=1, seconds=20, seed=3)[0]
ACTIVITIES = TOY_CARD.classes
SAMPLES = RECORDING.signal.T


def examples(n_each: int) -> tuple[Samples, list[str]]:
    """The first windows of each activity."""
    starts = [20 * 25 * k + 50 * i for k in range(3) for i in range(n_each)]
    windows = np.stack([RECORDING.signal[:, start : start + 50] for start in starts])
    return windows, [activity for activity in ACTIVITIES for _ in range(n_each)]


def runs(unlabelled: int = 0) -> list[tuple[str, tuple[Samples, None]]]:
    """The recording as labelled runs, the first samples of each without a label."""
    parts = [(name, SAMPLES[500 * k : 500 * k + 500]) for k, name in enumerate(ACTIVITIES)]
    cut = [[("", part[:unlabelled]), (name, part[unlabelled:])] for name, part in parts]
    return [(name, (part, None)) for pair in cut for name, part in pair if len(part)]


@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_the_naming_is_the_best_of_all_one_to_one(
    n_clusters: int, n_activities: int, data: st.DataObject
) -> None:
    some = st.tuples(st.integers(0, n_clusters - 1), st.integers(0, n_activities - 1))
    pairs = data.draw(st.lists(some, min_size=1, max_size=12))
    clusters = np.array([cluster for cluster, _ in pairs])
    naming = name_clusters(clusters, [f"a{activity}" for _, activity in pairs], n_clusters)
    counts = naming.counts
    assert counts.sum() == len(pairs)
    wide = np.zeros((4, 4), int)
    wide[: counts.shape[0], : counts.shape[1]] = counts
    best = max(sum(wide[k, order[k]] for k in range(4)) for order in permutations(range(4)))
    own: dict[str, int] = {}  # the most that each activity has in a cluster called after it
    for cluster, name in enumerate(naming.names):
        assert (name is None) == (not counts[cluster].any())
        if name is not None:
            here = counts[cluster, naming.activities.index(name)]
            assert here > 0
            own[name] = max(own.get(name, 0), here)
    assert sum(own.values()) >= best


def test_an_activity_keeps_a_cluster_of_its_own_where_another_has_more_examples() -> None:
    # By most examples alone both clusters would be walking, and running nowhere.
    naming = name_clusters(
        np.array([0, 0, 0, 0, 0, 1, 1, 1]), ["walking"] * 3 + ["running"] * 2 + ["walking"] * 3, 2
    )
    assert naming.names == ("running", "walking")
    assert naming.conflicts() == [
        "examples of walking lie in clusters 0 (3), 1 (3)",
        "cluster 0 holds examples of walking (3), running (2)",
    ]


def test_more_clusters_than_activities_share_names() -> None:
    naming = name_clusters(np.array([0, 0, 1, 2, 2]), ["sit", "sit", "sit", "lie", "lie"], 5)
    assert naming.names == ("sit", "sit", "lie", None, None)


def test_an_activity_without_a_cluster_is_said() -> None:
    naming = name_clusters(np.array([0, 0, 0]), ["sit", "sit", "stand"], 2)
    assert naming.names == ("sit", None)
    assert naming.conflicts() == [
        "no cluster is named stand: others have as many examples there or more",
        "cluster 0 holds examples of sit (2), stand (1)",
    ]
    assert naming.to_json()["clusters"][0] == {
        "cluster": 0,
        "name": "sit",
        "examples": {"sit": 2, "stand": 1},
    }


def test_no_examples_name_nothing() -> None:
    with pytest.raises(DataError, match="got 0 examples and 0 activities"):
        name_clusters(np.array([], int), [], 3)
    with pytest.raises(DataError, match="got 1 examples and 2 activities"):
        name_clusters(np.array([0]), ["sit", "stand"], 3)


def test_names_show_in_events_and_travel_in_the_state(toy_model: Path, tmp_path: Path) -> None:
    with Labeler.open(toy_model, state=tmp_path) as labeler:
        naming = labeler.name(*examples(2))
        assert sorted(filter(None, naming.names)) == sorted(ACTIVITIES)
        assert labeler.tally.n_windows == 0
    with Labeler.open(toy_model, state=tmp_path) as labeler:
        events = labeler.push(SAMPLES)
        right = [ACTIVITIES[int(event.t // 20)] == event.name for event in events]
        assert np.mean(right) > 0.9
        # Three more names later: what no example touches keeps its own.
        windows, activities = examples(1)
        naming = labeler.name(windows[:1], ["idle"])
        idle = naming.names.index("idle")
        assert [name for name in naming.names if name] == ["idle"]
        assert labeler.tally.names[idle] == "idle"
        assert set(labeler.tally.names) == {"idle", *activities[1:]}


def test_a_recording_names_as_its_windows_do(toy_model: Path) -> None:
    labeler = Labeler.open(toy_model)
    naming = labeler.name_runs(runs())
    assert naming.names == Labeler.open(toy_model).name(*examples(2)).names
    assert naming.counts.sum() == 3 * 19  # windows of 2 s every second of 20 s
    assert labeler.name_runs(runs(unlabelled=400)).counts.sum() == 3 * 3
    assert (labeler.n_windows, labeler.tally.n_windows) == (0, 0)


def test_pieces_of_a_run_name_as_the_run_does(toy_model: Path) -> None:
    pieces = [
        (name, (piece, None))
        for name, (samples, _) in runs(unlabelled=400)
        for piece in np.array_split(samples, 7)
    ]
    whole, parts = (Labeler.open(toy_model) for _ in range(2))
    expected, naming = whole.name_runs(runs(unlabelled=400)), parts.name_runs(iter(pieces))
    assert naming.names == expected.names
    np.testing.assert_array_equal(naming.counts, expected.counts)


def test_a_recording_of_another_rate_is_resampled(toy_model: Path) -> None:
    labeler = Labeler.open(toy_model, rate_hz=50)
    twice = [(name, (np.repeat(samples, 2, axis=0), t)) for name, (samples, t) in runs()]
    assert labeler.name_runs(twice).names == Labeler.open(toy_model).name(*examples(2)).names


def test_a_recording_tells_where_gravity_points(
    toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alignment = GravityAlignment((Unit((0, 1, 2), ()),), ((0.0, 0.0, 1.0),))
    read = ModelMetadata.from_json
    monkeypatch.setattr(
        ModelMetadata, "from_json", lambda text: replace(read(text), alignment=alignment)
    )
    down = np.array([1, -1, -1], np.float32)
    labeler = Labeler.open(toy_model)
    upside_down = [(name, (samples * down, t)) for name, (samples, t) in runs()]
    assert labeler.name_runs(upside_down).names == Labeler.open(toy_model).name_runs(runs()).names
    assert labeler._gravity is not None
    assert not any(labeler._gravity.count)  # naming is no part of the stream


def test_images_are_named_too(image_model: Path) -> None:
    images, labels = toy_images(6)
    labeler = Labeler.open(image_model)
    naming = labeler.name(images, [str(label) for label in labels])
    assert sorted(filter(None, naming.names)) == ["0", "1", "2"]
    with pytest.raises(DataError, match="takes images, not a stream"):
        labeler.name_runs([])


@pytest.mark.parametrize(
    ("activity", "said"),
    [
        ("ä" * 17, "32 bytes of UTF-8 at most"),
        ("", "got an empty one"),
        ("a\0", "all of it printable"),
    ],
)
def test_a_name_that_cannot_be_kept_names_nothing(
    toy_model: Path, activity: str, said: str
) -> None:
    labeler = Labeler.open(toy_model)
    with pytest.raises(DataError, match=said):
        labeler.name(examples(1)[0], ["rest", "walk", activity])
    assert labeler.tally.names == [None] * 3


def test_samples_too_few_for_a_window_are_said(toy_model: Path) -> None:
    with pytest.raises(DataError, match="no window lies within one label: it needs 2 s of samples"):
        Labeler.open(toy_model).name_runs([("walk", (SAMPLES[:49], None)), ("", (SAMPLES, None))])
