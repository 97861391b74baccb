from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclust.errors import ConfigError
from edgeclust.window_labels import check_label_policy, find_runs, label_windows
from edgeclust.windows import window_starts

RUNS = st.lists(st.tuples(st.integers(-1, 3), st.integers(1, 9)), min_size=1, max_size=12)


def by_counting(labels: list[int], policy: str) -> tuple[int, float]:
    """What one window is called, and the share of it that is called so."""
    (label, most), *others = Counter(labels).most_common()
    needed = len(labels) if policy == "pure" else max([0, *(n for _, n in others)]) + 1
    return (label, most / len(labels)) if label >= 0 and most >= needed else (-1, 0.0)


@pytest.mark.parametrize("policy", ["pure", "majority"])
@given(runs=RUNS, window=st.integers(1, 20), stride=st.integers(1, 5), kind=st.sampled_from("bhq"))
def test_it_agrees_with_counting_window_by_window(
    policy: str, runs: list[tuple[int, int]], window: int, stride: int, kind: str
) -> None:
    labels = np.repeat([c for c, _ in runs], [n for _, n in runs]).astype(kind)
    starts = window_starts(len(labels), window, stride)
    found, shares = label_windows(find_runs(labels), starts, window, policy)
    expected = [by_counting(labels[s : s + window].tolist(), policy) for s in starts]
    assert found.tolist() == [label for label, _ in expected]
    np.testing.assert_allclose(shares, [share for _, share in expected], rtol=1e-6)
    assert found.dtype == np.intp
    assert shares.dtype == np.float32


@given(runs=RUNS, window=st.integers(1, 20))
def test_pure_windows_are_those_of_which_the_majority_is_all(
    runs: list[tuple[int, int]], window: int
) -> None:
    labels = np.repeat([c for c, _ in runs], [n for _, n in runs])
    starts = window_starts(len(labels), window, 1)
    pure, _ = label_windows(find_runs(labels), starts, window, "pure")
    majority, shares = label_windows(find_runs(labels), starts, window, "majority")
    np.testing.assert_array_equal(pure, np.where(shares == 1, majority, -1))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 0, 1, 1], -1),  # a tie
        ([-1, -1, 1, 1], -1),  # half unknown
        ([-1, -1, 0, 1], -1),  # unknown more than any class
        ([2, 2, 0, 1], 2),  # more than any other, if not more than half
        ([1, 0, 1, -1], 1),  # in two runs
        ([0, 1, 0, 1], -1),
    ],
)
def test_a_majority_has_more_samples_than_any_other(labels: list[int], expected: int) -> None:
    found, shares = label_windows(find_runs(np.array(labels)), np.array([0]), 4, "majority")
    assert found.tolist() == [expected]
    assert shares.tolist() == [0.5 if expected >= 0 else 0.0]


def test_nothing_is_known_without_labels_or_under_none() -> None:
    starts = np.array([0, 2])
    unknown, one = np.empty((0, 2), np.intp), np.zeros((1, 2), np.intp)
    for runs, policy in ((unknown, "pure"), (unknown, "majority"), (one, "none")):
        found, shares = label_windows(runs, starts, 4, policy)
        assert (found.tolist(), shares.tolist()) == ([-1, -1], [0.0, 0.0])


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ConfigError, match="labels should be pure, majority or none, got 'most'"):
        check_label_policy("most")
