"""The imbalanced settings keep of each class what they say."""

import numpy as np
import pytest

from edgeclust import ConfigError, DataError, WindowedDataset
from edgeclust.train.imbalance import class_shares, keep_probabilities, make_imbalanced

from toy import TOY_CARD, toy_recordings


def test_the_settings_of_ten_classes_are_worked_out_by_hand() -> None:
    np.testing.assert_allclose(
        keep_probabilities(1, 10), [1, 1, 1, 1, 1, 0.96, 0.92, 0.88, 0.84, 0.8]
    )
    np.testing.assert_allclose(keep_probabilities(2, 10), 1 - 0.05 * np.arange(10))
    assert keep_probabilities(2, 10)[-1] == pytest.approx(1 - 0.5 * (1 - 1 / 10))
    np.testing.assert_allclose(keep_probabilities(3, 10), 1 - 0.1 * np.arange(10))


@pytest.mark.parametrize("setting", [1, 2, 3])
def test_each_class_keeps_its_part(setting: int) -> None:
    whole = WindowedDataset(TOY_CARD, toy_recordings(8, seconds=120))
    part = make_imbalanced(whole, setting)
    before = np.bincount(whole.labels[whole.labels >= 0], minlength=3)
    kept = np.bincount(part.labels, minlength=3) / before
    np.testing.assert_allclose(kept, keep_probabilities(setting, 3), atol=0.06)
    assert class_shares(part) == pytest.approx(np.bincount(part.labels) / len(part))


def test_the_same_seed_takes_the_same_windows(toy_dataset: WindowedDataset) -> None:
    one, two = make_imbalanced(toy_dataset, 3), make_imbalanced(toy_dataset, 3)
    np.testing.assert_array_equal(one.starts, two.starts)
    other = make_imbalanced(toy_dataset, 3, seed=1)
    assert not np.array_equal(one.starts, other.starts)


def test_selected_windows_are_those_of_the_whole(toy_dataset: WindowedDataset) -> None:
    indices = np.array([200, 3, 60])
    part = toy_dataset.select(indices)
    assert len(part) == 3
    np.testing.assert_array_equal(part.labels, toy_dataset.labels[indices])
    np.testing.assert_array_equal(part.groups, toy_dataset.groups[indices])
    np.testing.assert_array_equal(part.gather(np.arange(3)), toy_dataset.gather(indices))
    with pytest.raises(DataError, match="no window of 'toy' is selected"):
        toy_dataset.select(np.array([], np.intp))


def test_data_without_classes_cannot_be_imbalanced(toy_dataset: WindowedDataset) -> None:
    with pytest.raises(ConfigError, match="imbalance should be 1, 2 or 3, got 4"):
        make_imbalanced(toy_dataset, 4)
    unknown = toy_dataset.select(np.arange(9))
    unknown.labels = np.full(9, -1)
    with pytest.raises(DataError, match="needs windows of two known classes"):
        make_imbalanced(unknown, 1)
