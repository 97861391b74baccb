import numpy as np
import pytest

from edgeclust.train.sigma import CalibratedSigma, target_gap


def test_the_first_batch_sets_the_scale() -> None:
    # Gaps: mean 5 - min 0, mean 2 - min 1; their mean is 3; three nats over 1.5 asked for.
    squared = np.array([[0.0, 10.0], [1.0, 3.0]])
    assert CalibratedSigma().update(squared, target=1.5) == pytest.approx(2.0)


def test_the_gap_stays_at_the_target_whatever_the_scale_of_the_embedding() -> None:
    squared = np.random.default_rng(0).gamma(2, 2, (64, 5))
    for scale in (1e-6, 1.0, 1e6):
        sigma = CalibratedSigma().update(squared * scale, target=2.0)
        gap = (squared.mean(axis=1) - squared.min(axis=1)).mean() * scale / sigma
        assert gap == pytest.approx(2.0)


def test_it_follows_with_the_momentum() -> None:
    sigma = CalibratedSigma(momentum=0.75)
    sigma.update(np.array([[0.0, 8.0]]), target=1.0)
    assert sigma.update(np.array([[0.0, 16.0]]), target=1.0) == pytest.approx(0.75 * 4 + 0.25 * 8)


def test_centroids_in_one_place_leave_something_to_divide_by() -> None:
    assert CalibratedSigma().update(np.ones((4, 3)), target=2.0) > 0


def test_the_target_falls_with_the_windows_that_a_cluster_gets() -> None:
    # An even share of 64 windows over 20 clusters is 3.2; the next one costs log(4.2).
    assert target_gap(64, 20) == pytest.approx(np.log(4.2) / 2)
    targets = [target_gap(64, n_clusters) for n_clusters in (2, 7, 20, 50, 500)]
    assert targets == sorted(targets, reverse=True)
    assert targets[0] == pytest.approx(np.log(33) / 2)
    assert targets[-1] > 0
