"""Clusters that are opened in the stream, and a labeler that opens them."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeclust import Clusters, ConfigError, DataError, Labeler, LabelEvent, StateError
from edgeclust.growth import RUN, ClusterGrowth
from edgeclust.state_fields import pack, restore

from toy import toy_recordings

Floats = NDArray[np.floating[Any]]


def f32(values: Any) -> NDArray[np.float32]:
    return np.array(values, np.float32)


CLUSTERS = Clusters(f32([[0, 0], [10, 0]]), sigma=2.0, log_prior=np.log([0.5, 0.5]))
RADII = (1.0, 1.0)
NEW = f32([5, 5])
KNOWN = f32([0, 0])

BOUT_S = 20
RATE = 25


def growing(n_slots: int = 2) -> ClusterGrowth:
    return ClusterGrowth(CLUSTERS, RADII, n_slots)


def feed(growth: ClusterGrowth, *windows: NDArray[np.float32]) -> list[int]:
    """Give it windows; return the clusters it opened."""
    return feed_of(CLUSTERS, growth, *windows)


def feed_of(exported: Clusters, growth: ClusterGrowth, *windows: NDArray[np.float32]) -> list[int]:
    """Do so for other clusters."""
    born = []
    for window in windows:
        clusters = growth.extend(exported)
        born.append(growth.update(window, clusters, label_of(exported, growth, window)))
    return [cluster for cluster in born if cluster is not None]


def label_of(exported: Clusters, growth: ClusterGrowth, window: NDArray[np.float32]) -> int:
    nearest = int(exported.predict(window[None])[0])
    return growth.label(window, growth.extend(exported), nearest)


def fresh_stream() -> Floats:
    """Two bouts of something that no cluster knows, between rest and walking, of shape (n, 3)."""
    rng = np.random.default_rng(5)
    t = np.arange(BOUT_S * RATE) / RATE
    known = toy_recordings(n_subjects=1, seconds=BOUT_S, seed=3)[0].signal.T[: 2 * len(t)]
    wave = 3 * np.sign(np.sin(2 * np.pi * 8 * t))[:, None] * np.array([1.0, -1.0, 0.5])
    new = wave + rng.normal(0, 0.02, wave.shape) - [2.0, 0, 0]
    return np.concatenate([known, new, known, new, known, new]).astype(np.float32)


def test_two_bouts_in_one_place_open_a_cluster() -> None:
    growth = growing()
    assert feed(growth, *[NEW] * 12, KNOWN, *[NEW + 0.5] * 11) == []
    assert feed(growth, NEW + 0.5) == [2]
    clusters = growth.extend(CLUSTERS)
    assert clusters.centroids[:2].tolist() == CLUSTERS.centroids.tolist()
    np.testing.assert_allclose(clusters.centroids[2], NEW + 0.25, atol=1e-6)
    np.testing.assert_allclose(np.exp(clusters.log_prior[2]), 0.5)
    assert growth.radii.tolist() == [1, 1, 1]
    assert clusters.predict(f32([NEW, KNOWN])).tolist() == [2, 0]


def test_one_bout_opens_nothing_though_its_mean_comes_and_goes() -> None:
    # Five windows off the cluster, five in it, without a window that ends the run.
    bout = ([KNOWN + f32([0, 1.7])] * 5 + [KNOWN + f32([0, 0.5])] * 5) * 20
    assert feed(growing(), *[KNOWN - f32([0, 0.5])] * 300, *bout) == []


def test_five_windows_belong_to_where_their_mean_lies() -> None:
    growth, beside = growing(), KNOWN + f32([4, 0])
    assert feed(growth, *[beside] * 12, KNOWN + f32([0, 9]), *[beside] * 12) == [2]
    opened = growth.extend(CLUSTERS).centroids[2].tolist()
    # The fifth is nearest to the new cluster, the mean of all five to an exported one.
    five = [KNOWN + f32([0.6, 0])] * 4 + [KNOWN + f32([2.3, 0])]
    feed(growth, *([KNOWN + f32([0, 9]), *five] * 20))
    assert growth.extend(CLUSTERS).centroids[2].tolist() == opened


def test_one_bout_opens_nothing_however_long() -> None:
    assert feed(growing(), *[NEW] * 10_000) == []


def test_outliers_open_nothing_however_many() -> None:
    growth = growing()
    for _ in range(200):
        assert feed(growth, *[NEW] * (RUN - 1), KNOWN) == []


def test_windows_that_do_not_agree_open_nothing() -> None:
    rng = np.random.default_rng(0)
    growth = growing()
    for _ in range(300):
        away = rng.normal(size=(RUN + 1, 2))
        away *= 20 / np.linalg.norm(away, axis=1, keepdims=True)
        assert feed(growth, *away.astype(np.float32), KNOWN) == []


def test_bouts_in_different_places_open_nothing() -> None:
    growth = growing()
    for angle in np.linspace(0, np.pi, 4, endpoint=False):
        place = f32([100 * np.cos(angle), 100 * np.sin(angle)])
        assert feed(growth, *[place] * 40, KNOWN) == []


def test_outliers_between_two_bouts_do_not_make_it_forget_the_first() -> None:
    growth = growing()
    feed(growth, *[NEW] * 12)
    for value in range(100):
        feed(growth, f32([0, 20 + 3 * value]), KNOWN)
    assert feed(growth, *[NEW] * 12) == [2]


def test_the_bouts_forgotten_are_those_of_longest_ago() -> None:
    growth = growing()
    feed(growth, *[NEW] * 12, KNOWN)
    for value in range(4):
        feed(growth, *[f32([0, 20 + 3 * value])] * 12, KNOWN)
    assert feed(growth, *[NEW] * 12) == []


NEAR = f32([0, 1.5])
"""Between one and two units from the first cluster."""


def test_near_a_cluster_that_was_not_seen_bouts_may_be_the_wearers_way_of_doing_it() -> None:
    growth = growing()
    for _ in range(10):
        assert feed(growth, *[NEAR] * 12, f32([10, 0])) == []


def test_near_a_cluster_that_was_seen_elsewhere_bouts_open_another() -> None:
    growth = growing()
    other = f32([10, 0])
    assert feed(growth, *[KNOWN] * 24, other, *[NEAR] * 12, other, *[NEAR] * 12) == [2]
    assert label_of(CLUSTERS, growth, NEAR) == 2
    assert label_of(CLUSTERS, growth, f32([0, 0.7])) == 0


def test_near_the_wearers_own_way_of_a_cluster_bouts_open_nothing() -> None:
    growth = growing()
    other = f32([10, 0])
    own = [f32([0, 0.9])] * 24
    assert feed(growth, *own, other, *[NEAR] * 12, other, *[NEAR] * 12) == []


def test_where_a_centroid_was_exported_nothing_is_new_however_far_it_went() -> None:
    growth = growing()
    moved = Clusters(f32([[0, 5], [10, 0]]), CLUSTERS.sigma, CLUSTERS.log_prior)
    for place in ([0, 0], [0, 5]):
        bout = [f32(place)] * 12
        assert feed_of(moved, growth, *bout, f32([10, 0]), *bout) == []


def test_windows_that_scatter_are_judged_by_their_mean() -> None:
    growth, apart = growing(), f32([0, 1.6])
    scattered = [KNOWN + apart, KNOWN - apart] * 12
    assert feed(growth, *scattered, f32([10, 0]), *scattered) == []
    scattered = [NEW + apart / 2, NEW - apart / 2] * 12
    assert feed(growth, *scattered, f32([10, 0]), *scattered) == [2]


def test_units_are_those_of_the_metric() -> None:
    # A tenth along the second axis is far beyond what training windows do.
    growth = ClusterGrowth(CLUSTERS, RADII, 1, np.diag([1.0, 30.0]))
    bout = [f32([0, 0.1])] * 12
    assert feed(growth, *bout, f32([10, 0]), *bout) == [2]
    assert feed(growing(1), *bout, f32([10, 0]), *bout) == []


def test_slots_are_taken_in_order_and_no_more_than_there_are() -> None:
    growth = growing(2)
    born = []
    for value in (20, 40, 60):
        place = f32([0, value])
        born += feed(growth, *[place] * 12, KNOWN, *[place] * 12, KNOWN)
    assert born == [2, 3]
    assert growth.extend(CLUSTERS).centroids[:, 1].tolist() == [0, 0, 20, 40]


def test_a_new_centroid_follows_its_windows_and_no_others() -> None:
    growth = growing()
    feed(growth, *[NEW] * 12, KNOWN, *[NEW] * 12)
    feed(growth, *[NEW + f32([0.5, 0])] * 24)
    np.testing.assert_allclose(
        growth.extend(CLUSTERS).centroids[2], NEW + f32([0.25, 0]), atol=1e-5
    )
    feed(growth, *[f32([5, 8])] * 100)  # nearest to it, and beyond a unit
    np.testing.assert_allclose(
        growth.extend(CLUSTERS).centroids[2], NEW + f32([0.25, 0]), atol=1e-5
    )


def test_overlaps_are_noted_for_the_user_to_decide() -> None:
    growth = growing()
    feed(growth, *[NEW] * 12, KNOWN, *[NEW] * 12)
    growth.note_overlaps(growth.extend(CLUSTERS))
    assert growth.fields()["overlaps"].tolist() == [-1, -1]
    moved = Clusters(f32([[5, 4.5], [10, 0]]), 2.0, CLUSTERS.log_prior)
    growth.note_overlaps(growth.extend(moved))
    assert growth.fields()["overlaps"].tolist() == [0, -1]
    assert growth.n_born == 1


@given(
    places=st.lists(
        st.sampled_from([(0, 0), (5, 5), (5.4, 5), (0, 20), (30, 0)]), min_size=1, max_size=150
    ),
    cut=st.integers(0, 150),
    repeat=st.integers(1, 14),
)
def test_a_restored_growth_goes_on_as_one_that_was_never_saved(
    places: list[tuple[float, float]], cut: int, repeat: int
) -> None:
    windows = [f32(place) for place in places for _ in range(repeat)]
    first, second = growing(), growing()
    feed(first, *windows[:cut])
    restore({"growth": second}, pack({"growth": first}))
    first.restart()  # a run under way is not kept
    assert feed(first, *windows[cut:]) == feed(second, *windows[cut:])
    assert pack({"growth": first}) == pack({"growth": second})
    assert len(pack({"growth": first})) == len(pack({"growth": growing()}))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("centroids", np.nan, "should be finite"),
        ("sizes", [0, 3], "in their order"),
        ("sizes", [300, 0], "in their order"),
        ("overlaps", [7, -1], "overlap others"),
        ("visited", 9, "spots are of later"),
        ("own", np.inf, "should be finite"),
    ],
)
def test_what_cannot_be_is_not_restored(field: str, value: object, said: str) -> None:
    fields = growing().fields()
    fields[field][:] = value
    with pytest.raises(DataError, match=said):
        growing().restore(fields)


@pytest.mark.parametrize("n_slots", [-1, 33])
def test_slots_are_between_one_and_many(n_slots: int, toy_model: Path) -> None:
    with pytest.raises(ConfigError, match=f"grow should be from 0 to 32 clusters, got {n_slots}"):
        Labeler.open(toy_model, grow=n_slots)


def label(labeler: Labeler, stream: Floats, cuts: Sequence[int] = ()) -> list[LabelEvent]:
    return [event for part in np.split(stream, [*cuts]) for event in labeler.push(part)]


def test_a_labeler_opens_a_cluster_tells_it_and_keeps_it(
    toy_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "edgeclust")
    stream = fresh_stream()
    with Labeler.open(toy_model, state=tmp_path, grow=2) as labeler:
        events = label(labeler, stream)
        (opening,) = [event for event in events if event.born is not None]
        assert opening.to_json()["born"] == 3
        assert caplog.messages == ["opened cluster 3"]
        assert opening.cluster in range(3)  # labelled first
        after = [event for event in events if event.t >= 8 * BOUT_S]
        assert {event.cluster for event in after[2:]} == {3}
        assert "born" not in events[0].to_json()
        assert labeler.name(stream[-50:].T[None], ["shaking"]).names == (
            None,
            None,
            None,
            "shaking",
        )
    with Labeler.open(toy_model, state=tmp_path) as labeler:
        assert labeler.grow == 2
        event = labeler.push(stream[-50:])[0]
        assert (event.cluster, event.name) == (3, "shaking")
        labeler.reset()
        event = labeler.push(stream[-50:])[0]
        assert (event.cluster in range(3), event.name) == (True, None)


def test_growth_does_not_depend_on_chunks(toy_model: Path) -> None:
    stream = fresh_stream()
    whole, parts = (Labeler.open(toy_model, grow=1) for _ in range(2))
    assert label(whole, stream) == label(parts, stream, (1, 7, 444, 1021, 2000))
    assert pack(whole._parts()) == pack(parts._parts())


def test_a_state_of_other_slots_is_refused_with_the_way_out(
    toy_model: Path, tmp_path: Path
) -> None:
    with Labeler.open(toy_model, state=tmp_path, grow=2) as labeler:
        labeler.save()
    with pytest.raises(StateError, match="reserves 2 new clusters, not 3: leave grow out to go on"):
        Labeler.open(toy_model, state=tmp_path, grow=3)
    with pytest.raises(StateError, match="reserves 2 new clusters, not 0"):
        Labeler.open(toy_model, state=tmp_path, grow=0)
    Labeler.open(toy_model, state=tmp_path, grow=2).close()  # what was refused lets go


def test_a_pause_of_learning_ends_a_run(toy_model: Path) -> None:
    labeler = Labeler.open(toy_model, grow=1)
    growth = labeler._growth
    assert growth is not None
    for window in np.split(fresh_stream(), 25):
        labeler.learning = growth._run < 3
        labeler.push(window)
        if not labeler.learning:
            break
    assert (labeler.learning, growth._run) == (False, 0)


def test_without_learning_nothing_grows(toy_model: Path) -> None:
    events = label(Labeler.open(toy_model, grow=1, learn="off"), fresh_stream())
    assert {event.born for event in events} == {None}


def test_images_do_not_grow(image_model: Path) -> None:
    with pytest.raises(ConfigError, match="do not persist: leave grow out"):
        Labeler.open(image_model, grow=1)
