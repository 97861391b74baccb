import numpy as np
import pytest

from edgeclust.train.metrics import clustering_metrics, contingency, match


def test_perfect_clusters_under_other_names() -> None:
    activities = np.array([0, 0, 1, 1, 2, 2])
    metrics = clustering_metrics(activities, np.array([2, 2, 0, 0, 1, 1]), 3, 3)
    assert metrics == {
        "n_windows": 6,
        "clusters_used": 3,
        "acc": 1.0,
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


def test_unlabelled_data_have_no_scores() -> None:
    metrics = clustering_metrics(np.full(4, -1), np.array([0, 1, 1, 1]), 3, 0)
    assert metrics == {"n_windows": 4, "clusters_used": 2}


def test_kl_star_is_none_where_it_would_be_infinite() -> None:
    assert clustering_metrics(np.array([0, 1, 1]), np.array([0, 1, 2]), 3, 2)["kl_star"] is None


def test_contingency_counts_by_cluster_and_activity() -> None:
    table = contingency(np.array([0, 1, 1, -1]), np.array([2, 0, 0, 1]), 3, 2)
    assert table.tolist() == [[0, 2], [0, 0], [1, 0]]
