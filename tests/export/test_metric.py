import numpy as np
import pytest

from edgeclust.export.metric import fit_metric


def test_whitened_residuals_are_alike_in_all_directions_and_one_long() -> None:
    rng = np.random.default_rng(0)
    mix = np.array([[3.0, 0, 0], [2, 1, 0], [0, 0.5, 0.8]])
    residuals = (rng.normal(size=(4000, 3)) @ mix.T).astype(np.float32)
    metric = fit_metric(residuals)
    assert metric is not None
    assert not np.triu(metric, 1).any()
    whitened = residuals @ metric.T
    assert np.square(whitened).sum(axis=1).mean() == pytest.approx(1, rel=1e-2)
    spread = np.linalg.eigvalsh(np.cov(whitened.T))
    assert spread.min() > spread.max() / 2  # but for the ridge


def test_a_direction_without_spread_does_not_count_no_end() -> None:
    residuals = np.array([[1, 0], [-1, 0], [1, 0], [-1, 0]], np.float32)
    metric = fit_metric(residuals)
    assert metric is not None
    assert 1 < metric[1, 1] / metric[0, 0] < 12


@pytest.mark.parametrize("value", [0, np.nan])
def test_windows_that_tell_nothing_have_no_metric(value: float) -> None:
    assert fit_metric(np.full((5, 2), value, np.float32)) is None
