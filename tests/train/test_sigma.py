import numpy as np
import pytest

from edgeclust.train.sigma import CalibratedSigma


def test_the_first_batch_sets_the_scale() -> None:
    # Gaps: mean 5 - min 0, mean 2 - min 1; their mean is 3; three nats over 1.5 asked for.
    squared = np.array([[0.0, 10.0], [1.0, 3.0]])
    assert CalibratedSigma(target=1.5).update(squared) == pytest.approx(2.0)


def test_the_gap_stays_at_the_target_whatever_the_scale_of_the_embedding() -> None:
    squared = np.random.default_rng(0).gamma(2, 2, (64, 5))
    for scale in (1e-6, 1.0, 1e6):
        sigma = CalibratedSigma(target=2.0).update(squared * scale)
        gap = (squared.mean(axis=1) - squared.min(axis=1)).mean() * scale / sigma
        assert gap == pytest.approx(2.0)


def test_it_follows_with_the_momentum() -> None:
    sigma = CalibratedSigma(target=1.0, momentum=0.75)
    sigma.update(np.array([[0.0, 8.0]]))
    assert sigma.update(np.array([[0.0, 16.0]])) == pytest.approx(0.75 * 4 + 0.25 * 8)


def test_centroids_in_one_place_leave_something_to_divide_by() -> None:
    assert CalibratedSigma(target=2.0).update(np.ones((4, 3))) > 0
