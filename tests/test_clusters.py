import numpy as np
import pytest

from edgeclust import Clusters

CENTROIDS = np.array([[0.0, 0.0], [4.0, 0.0]], dtype=np.float32)


def test_squared_distances_worked_by_hand() -> None:
    clusters = Clusters(CENTROIDS, sigma=1.0, log_prior=np.log([0.5, 0.5]))
    squared = clusters.squared_distances(np.array([[1.0, 2.0]], dtype=np.float32))
    np.testing.assert_array_equal(squared, [[5.0, 13.0]])


def test_distances_near_a_far_centroid_do_not_cancel() -> None:
    clusters = Clusters(np.full((1, 1), 4096.0, np.float32), sigma=1.0, log_prior=np.zeros(1))
    step = np.spacing(np.float32(4096.0))
    squared = clusters.squared_distances(np.array([[np.float32(4096.0) + step]]))
    assert squared[0, 0] == float(step) ** 2


def test_the_prior_moves_the_border() -> None:
    middle = np.array([[2.0, 0.0]], dtype=np.float32)
    left = Clusters(CENTROIDS, sigma=1.0, log_prior=np.log([0.6, 0.4]))
    right = Clusters(CENTROIDS, sigma=1.0, log_prior=np.log([0.4, 0.6]))
    assert left.predict(middle).tolist() == [0]
    assert right.predict(middle).tolist() == [1]


def test_of_equal_costs_the_lower_cluster_wins() -> None:
    clusters = Clusters(CENTROIDS, sigma=1.0, log_prior=np.log([0.5, 0.5]))
    assert clusters.predict(np.array([[2.0, 1.0]], dtype=np.float32)).tolist() == [0]


def test_posterior_worked_by_hand() -> None:
    clusters = Clusters(CENTROIDS, sigma=8.0, log_prior=np.log([0.5, 0.5]))
    # Squared distances 1 and 9, so costs 1/8 and 9/8: one nat apart.
    posterior = clusters.posterior(np.array([[1.0, 9.0]]))
    assert posterior[0, 0] == pytest.approx(1 / (1 + np.exp(-1)))
    assert posterior.sum() == pytest.approx(1.0)


def test_posterior_of_a_window_far_from_everything_is_no_nan() -> None:
    clusters = Clusters(CENTROIDS, sigma=1e-6, log_prior=np.log([0.5, 0.5]))
    posterior = clusters.posterior(np.array([[1e12, 1e12 + 1e9]]))
    np.testing.assert_array_equal(posterior, [[1.0, 0.0]])


def test_one_window_alone_is_as_far_and_as_surely_of_a_cluster_as_among_others() -> None:
    rng = np.random.default_rng(0)
    centroids = rng.normal(size=(5, 16)).astype(np.float32)
    clusters = Clusters(centroids, sigma=0.7, log_prior=np.log(np.full(5, 0.2)))
    embedding = rng.normal(size=(9, 16)).astype(np.float32)
    squared = clusters.squared_distances(embedding)
    posterior = clusters.posterior(squared, temperature=3.0)
    for row, window in enumerate(embedding):
        alone = clusters.squared_distances(window[None])
        np.testing.assert_allclose(alone[0], squared[row], rtol=1e-12)
        shares = [clusters.share(clusters.costs_of(alone[0]), k, temperature=3.0) for k in range(5)]
        np.testing.assert_allclose(shares, posterior[row], rtol=1e-12)
