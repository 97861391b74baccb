import numpy as np
import pandas as pd
import pytest

from edgeclust import DataError
from edgeclust.har_data.class_ids import class_indices


@pytest.mark.parametrize("n_known", [126, 127, 128, 206])
def test_all_classes_are_told_apart_however_many_there_are(n_known: int) -> None:
    known = [f"a{number}" for number in range(n_known)]
    ids = pd.Series(known, dtype="category")
    np.testing.assert_array_equal(class_indices("toy.csv", ids, known), np.arange(n_known))


@pytest.mark.parametrize("kind", [list, np.array, pd.Series, pd.Categorical])
def test_runs_of_labels_become_indices(kind: type) -> None:
    ids = kind(["b", "b", "", "a", "a", "a", "b"])
    assert class_indices("toy.csv", ids, ("a", "b"), "").tolist() == [1, 1, -1, 0, 0, 0, 1]


@pytest.mark.parametrize("label", [np.nan, 3.0, 1.5])
def test_the_first_record_of_an_unknown_label_is_named(label: float) -> None:
    message = f"toy.csv, record 3: unknown label {label:g}: known are 1, 2"
    with pytest.raises(DataError, match=message):
        class_indices("toy.csv", np.array([1.0, 2.0, label, label]), (1, 2))
