import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from edgeclust.train.metrics import clustering_metrics, contingency, match


def test_perfect_clusters_under_other_names() -> None:
    activities = np.array([0, 0, 1, 1, 2, 2])
    metrics = clustering_metrics(activities, np.array([2, 2, 0, 0, 1, 1]), 3, 3)
    assert metrics == {
        "n_windows": 6,
        "clusters_used": 3,
        "usage_entropy": pytest.approx(1.0),
        "acc": 1.0,
        "acc_many_to_one": 1.0,
        "macro_f1": pytest.approx(1.0),
        "nmi": pytest.approx(1.0),
        "ami": pytest.approx(1.0),
        "ari": pytest.approx(1.0),
        "kl_star": pytest.approx(0.0),
    }


def test_everything_in_one_cluster() -> None:
    metrics = clustering_metrics(np.array([0, 0, 0, 1]), np.array([1, 1, 1, 1]), 2, 2)
    assert metrics["clusters_used"] == 1
    assert metrics["acc"] == 0.75
    assert metrics["nmi"] == 0.0
    assert metrics["usage_entropy"] == 0.0
    assert np.copysign(1, metrics["usage_entropy"]) == 1
    # Activity 0: precision 3/4, recall 1, F1 6/7; activity 1 has an empty cluster.
    assert metrics["macro_f1"] == pytest.approx(3 / 7)
    # All of the share went to a cluster that should have 3/4 of it.
    assert metrics["kl_star"] == pytest.approx(np.log(4 / 3))


def test_matching_is_one_to_one_and_best() -> None:
    # Greedy would match cluster 0 to activity 1 (6), leaving 1 in all: 4 + 5 is better.
    assert match(np.array([[4, 6], [1, 5]])) == {0: 0, 1: 1}
    assert match(np.array([[1, 5], [4, 6], [0, 0]])) == {0: 1, 1: 0}


def test_windows_of_unknown_activity_are_not_scored_but_counted() -> None:
    metrics = clustering_metrics(np.array([0, 1, -1, -1]), np.array([0, 1, 2, 2]), 3, 2)
    assert metrics["n_windows"] == 4
    assert metrics["clusters_used"] == 3
    assert metrics["acc"] == 1.0


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_windows_of_unknown_activity_change_no_score(seed: int, n_unknown: int) -> None:
    rng = np.random.default_rng(seed)
    activities, labels = rng.integers(0, 3, 20), rng.integers(0, 4, 20)
    order = rng.permutation(20 + n_unknown)
    more_activities = np.append(activities, np.full(n_unknown, -1))[order]
    more_labels = np.append(labels, rng.integers(0, 4, n_unknown))[order]
    alone = clustering_metrics(activities, labels, 4, 3)
    among = clustering_metrics(more_activities, more_labels, 4, 3)
    for key in alone.keys() - {"n_windows", "clusters_used", "usage_entropy"}:
        assert among[key] == (None if alone[key] is None else pytest.approx(alone[key]))
    np.testing.assert_array_equal(
        contingency(activities, labels, 4, 3), contingency(more_activities, more_labels, 4, 3)
    )


def test_unlabelled_data_have_no_scores() -> None:
    metrics = clustering_metrics(np.full(4, -1), np.array([0, 1, 1, 1]), 4, 0)
    # Shares of 1/4 and 3/4 have .5623 nats of the log(4) = 1.3863 there could be.
    entropy = pytest.approx(0.40564, abs=1e-5)
    assert metrics == {"n_windows": 4, "clusters_used": 2, "usage_entropy": entropy}


def test_more_clusters_than_activities_are_scored_both_ways() -> None:
    activities = np.array([0, 0, 0, 0, 1, 1])
    metrics = clustering_metrics(activities, np.array([0, 0, 0, 1, 2, 2]), 3, 2)
    assert metrics["acc"] == pytest.approx(5 / 6)  # cluster 1 is matched to nothing
    assert metrics["acc_many_to_one"] == 1.0
    # Activity 0: precision 1, recall 3/4, F1 6/7; activity 1: 1.
    assert metrics["macro_f1"] == pytest.approx((6 / 7 + 1) / 2)


def test_an_activity_without_a_cluster_counts_as_0_and_one_that_never_occurs_not_at_all() -> None:
    activities, labels = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0])
    # Activity 2 never occurs; two clusters, one of them empty.
    macro_f1 = clustering_metrics(activities, labels, 2, 3)["macro_f1"]
    assert macro_f1 == pytest.approx((2 / 3 + 0) / 2)


@given(st.integers(2, 6), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_macro_f1_is_that_of_scikit_learn_after_matching(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    activities, labels = rng.integers(m, size=60), rng.integers(n, size=60)
    metrics = clustering_metrics(activities, labels, n, m)
    matched = match(contingency(activities, labels, n, m))
    predicted = np.array([matched.get(label, m) for label in labels.tolist()])
    expected = f1_score(
        activities, predicted, labels=np.unique(activities), average="macro", zero_division=0
    )
    assert metrics["macro_f1"] == pytest.approx(expected)
    assert metrics["acc"] <= metrics["acc_many_to_one"] <= 1
    assert 0 <= metrics["usage_entropy"] <= 1 + 1e-12


def test_kl_star_is_none_where_it_would_be_infinite() -> None:
    assert clustering_metrics(np.array([0, 1, 1]), np.array([0, 1, 2]), 3, 2)["kl_star"] is None


def test_contingency_counts_by_cluster_and_activity() -> None:
    table = contingency(np.array([0, 1, 1, -1]), np.array([2, 0, 0, 1]), 3, 2)
    assert table.tolist() == [[0, 2], [0, 0], [1, 0]]
