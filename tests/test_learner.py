from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeclust import Clusters, ConfigError, DataError
from edgeclust.learner import N_PLACES, CentroidLearner

CLUSTERS = Clusters(
    np.array([[0, 0], [10, 0], [0, 10]], np.float32), 20.0, np.log(np.full(3, 1 / 3))
)


def walk(n_windows: int, seed: int = 0, offset: float = 1.0) -> NDArray[np.float32]:
    """Bouts of 20 windows around each centroid in turn, all of them moved along the first axis."""
    rng = np.random.default_rng(seed)
    centres = CLUSTERS.centroids[np.arange(n_windows) // 20 % 3] + np.array([offset, 0], np.float32)
    return (centres + 0.5 * rng.normal(size=(n_windows, 2))).astype(np.float32)


def learn(learner: CentroidLearner, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    for window in windows:
        learner.update(window)
    return learner.clusters.centroids


def test_centroids_follow_a_wearer_who_differs() -> None:
    gated, free = (
        learn(CentroidLearner(CLUSTERS, mode), walk(600)) - CLUSTERS.centroids
        for mode in ("gated", "free")
    )
    assert (np.abs(gated - [1, 0]).max(axis=1) < 0.8).all()
    assert (gated[:, 0] < free[:, 0]).all()


def test_four_visits_to_places_that_count_move_a_centroid_once() -> None:
    learner = CentroidLearner(CLUSTERS)
    # Visits 2, 3 and 4 of the first place are admitted, 2 of the second, those between are not.
    learn(learner, np.repeat(np.array([[1, 0], [10, 1]], np.float32), [7, 1], axis=0))
    np.testing.assert_array_equal(learner.clusters.centroids, CLUSTERS.centroids)
    learner.update(np.array([10, 1], np.float32))
    # .4 of the way; 4 and 2 visits against the 3 that the exported place counts for.
    expected = np.array([[0.4 * 4 / 7, 0], [10, 0.4 * 2 / 5], [0, 10]])
    np.testing.assert_allclose(learner.clusters.centroids, expected, atol=1e-6)


def test_hours_of_one_activity_leave_the_others_where_they_are() -> None:
    learner = CentroidLearner(CLUSTERS)
    before = learn(learner, walk(600)).copy()
    rng = np.random.default_rng(1)
    after = learn(learner, (0.5 * rng.normal(size=(20_000, 2))).astype(np.float32))
    np.testing.assert_allclose(after[1:], before[1:], atol=0.5)
    assert learner.clusters.predict(CLUSTERS.centroids).tolist() == [0, 1, 2]


def test_a_window_that_comes_once_teaches_nothing() -> None:
    learner = CentroidLearner(CLUSTERS)
    far = np.array([[1000 * k, 0] for k in range(200)], np.float32)
    np.testing.assert_array_equal(learn(learner, far), CLUSTERS.centroids)


@settings(max_examples=20)
@given(seed=st.integers(0, 99), offset=st.floats(-50, 50), share=st.floats(0, 0.5))
def test_no_centroid_goes_further_than_it_may(seed: int, offset: float, share: float) -> None:
    learner = CentroidLearner(CLUSTERS, "free", max_shift=share)
    moved = learn(learner, walk(200, seed, offset)).astype(np.float64) - CLUSTERS.centroids
    assert np.linalg.norm(moved, axis=1).max() <= 10 * share + 1e-5


@settings(max_examples=20)
@given(cut=st.integers(0, 300))
def test_what_is_restored_goes_on_as_if_nothing_had_happened(cut: int) -> None:
    windows = walk(300)
    whole, first, second = (CentroidLearner(CLUSTERS) for _ in range(3))
    learn(whole, windows)
    learn(first, windows[:cut])
    second.restore(first.fields())
    learn(second, windows[cut:])
    for name, values in whole.fields().items():
        np.testing.assert_array_equal(values, second.fields()[name])


def test_a_reset_goes_back_to_the_export() -> None:
    learner = CentroidLearner(CLUSTERS)
    learn(learner, walk(300))
    learner.reset()
    np.testing.assert_array_equal(learner.clusters.centroids, CLUSTERS.centroids)
    for name, values in CentroidLearner(CLUSTERS).fields().items():
        np.testing.assert_array_equal(learner.fields()[name], values)


def test_the_state_is_small_and_little_endian_and_a_copy() -> None:
    clusters = Clusters(np.eye(12, 32, dtype=np.float32), 1.0, np.log(np.full(12, 1 / 12)))
    learner = CentroidLearner(clusters)
    fields = learner.fields()
    assert sum(array.nbytes for array in fields.values()) == 10_512
    assert all(array.dtype.str[0] == "<" for array in fields.values())
    assert fields["places"].shape == (N_PLACES, 32)
    fields["centroids"][:] = 7
    np.testing.assert_array_equal(learner.clusters.centroids, clusters.centroids)


def test_one_cluster_has_nothing_to_learn() -> None:
    one = Clusters(np.array([[3, 3]], np.float32), 1.0, np.zeros(1))
    np.testing.assert_array_equal(learn(CentroidLearner(one), walk(100)), [[3, 3]])


def test_huge_embeddings_are_borne() -> None:
    learner = CentroidLearner(CLUSTERS)
    moved = learn(learner, np.full((50, 2), 3e38, np.float32)) - CLUSTERS.centroids
    assert np.linalg.norm(moved, axis=1).max() <= 5 + 1e-5


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("centroids", np.full((3, 2), np.nan, np.float32), "centroids .* finite .* shape"),
        ("centroids", np.full((3, 2), 9, np.float32), "further from the exported"),
        ("places", np.zeros((N_PLACES, 3), np.float32), r"places .* shape \(64, 2\), got"),
        ("visited", np.full(N_PLACES, 9, np.uint64), "after its last window, 0"),
    ],
)
def test_fields_that_cannot_be_are_refused(name: str, value: NDArray[Any], message: str) -> None:
    learner = CentroidLearner(CLUSTERS)
    with pytest.raises(DataError, match=message):
        learner.restore(learner.fields() | {name: value})


def test_unknown_modes_and_shifts_are_refused() -> None:
    with pytest.raises(ConfigError, match="unknown mode 'wild' of learning: known are gated, free"):
        CentroidLearner(CLUSTERS, "wild")
    with pytest.raises(ConfigError, match=r"max_shift should be from 0 to 0\.5, got 0\.6"):
        CentroidLearner(CLUSTERS, max_shift=0.6)
