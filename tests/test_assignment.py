import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgeclust import assign, optimality_gap


def assign_naively(
    cost: NDArray[np.floating],
    log_prior: NDArray[np.floating] | None = None,
    weight: float = 1.0,
) -> list[int]:
    """The definition: scan the whole table for the cheapest pair, once a window."""
    table = cost.astype(np.float64)
    if log_prior is not None:
        table = table - log_prior.astype(np.float64)
    n_windows, n_clusters = table.shape
    labels = [-1] * n_windows
    counts = [0] * n_clusters
    for _ in range(n_windows):
        _, i, k = min(
            (table[i, k] + weight * math.log(counts[k] + 1), i, k)
            for i in range(n_windows)
            if labels[i] < 0
            for k in range(n_clusters)
        )
        labels[i] = k
        counts[k] += 1
    return labels


shapes = st.tuples(st.integers(1, 12), st.integers(1, 6))
dtypes = st.sampled_from([np.float32, np.float64])
floats = st.floats(-1e6, 1e6, width=32)


@st.composite
def tables(draw: st.DrawFn, elements: st.SearchStrategy[float]) -> NDArray[np.floating]:
    return draw(hnp.arrays(draw(dtypes), draw(shapes), elements=elements))


@given(tables(floats))
def test_equals_the_definition_on_any_table(cost: NDArray[np.floating]) -> None:
    assert assign(cost).tolist() == assign_naively(cost)


@given(tables(st.integers(0, 2).map(float)))
def test_equals_the_definition_where_costs_tie(cost: NDArray[np.floating]) -> None:
    assert assign(cost).tolist() == assign_naively(cost)


@given(hnp.arrays(np.float64, shapes, elements=st.floats(-1e-15, 1e-15)))
def test_equals_the_definition_where_costs_differ_by_less_than_rounding(
    cost: NDArray[np.float64],
) -> None:
    assert assign(cost).tolist() == assign_naively(cost)


@given(st.data())
def test_equals_the_definition_under_a_prior(data: st.DataObject) -> None:
    cost = data.draw(tables(floats | st.integers(0, 3).map(float)))
    shares = data.draw(
        hnp.arrays(np.float64, cost.shape[1], elements=st.sampled_from([0.1, 0.2, 0.5]))
    )
    log_prior = np.log(shares)
    assert assign(cost, log_prior).tolist() == assign_naively(cost, log_prior)


@given(
    tables(floats | st.integers(0, 3).map(float)),
    st.sampled_from([0.0, 1e-300, 0.5, 2.0, 1e300]) | st.floats(0, 1e3),
)
def test_equals_the_definition_at_any_weight(cost: NDArray[np.floating], weight: float) -> None:
    assert assign(cost, weight=weight).tolist() == assign_naively(cost, weight=weight)


@pytest.mark.parametrize(("n_windows", "n_clusters"), [(256, 10), (64, 100), (1, 5), (5, 1)])
def test_equals_the_definition_on_tables_of_a_training(n_windows: int, n_clusters: int) -> None:
    cost = np.random.default_rng(0).gamma(2.0, 2.0, (n_windows, n_clusters)).astype(np.float32)
    assert assign(cost).tolist() == assign_naively(cost)


@pytest.mark.parametrize("n_clusters", [3, 20])
@pytest.mark.parametrize("n_values", [1, 2, 5, 30])
def test_equals_the_definition_on_larger_tables_where_costs_tie(
    n_values: int, n_clusters: int
) -> None:
    cost = np.random.default_rng(0).integers(0, n_values, (80, n_clusters)) / 8
    cost[:, 0] -= 3  # most windows want cluster 0, so that it is walked to its end
    assert assign(cost).tolist() == assign_naively(cost)


def test_worked_by_hand() -> None:
    # (0,0) costs 0.00; then cluster 0 costs log 2 = .69 more: (1,0) .79 < (1,1) .80;
    # then log 3 = 1.10 more: (2,1) .30 < (2,0) 1.30.
    assert assign(np.array([[0.0, 1.0], [0.1, 0.8], [0.2, 0.3]])).tolist() == [0, 0, 1]


def test_equal_costs_spread_over_the_clusters_from_the_lowest_indices() -> None:
    assert assign(np.zeros((5, 3))).tolist() == [0, 1, 2, 0, 1]


def test_a_batch_collapses_only_when_cost_gaps_exceed_the_log_of_its_size() -> None:
    n = 64
    near, far = np.zeros(n), np.full(n, math.log(n))
    assert set(assign(np.stack([near, far + 0.01], axis=1))) == {0}
    assert set(assign(np.stack([near, far - 0.01], axis=1))) == {0, 1}


@pytest.mark.parametrize("seed", range(20))
def test_permuting_windows_permutes_labels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.normal(size=(30, 4))  # no two costs tie, so no index decides
    order = rng.permutation(len(cost))
    assert assign(cost[order]).tolist() == assign(cost)[order].tolist()


def test_no_windows_get_no_labels() -> None:
    labels = assign(np.empty((0, 3)))
    assert labels.shape == (0,)
    assert labels.dtype == np.intp


def test_the_cost_is_not_modified() -> None:
    cost = np.random.default_rng(0).random((8, 3))
    before = cost.copy()
    assign(cost, np.log([0.2, 0.3, 0.5]))
    np.testing.assert_array_equal(cost, before)


@pytest.mark.parametrize(
    ("cost", "log_prior", "message"),
    [
        (np.zeros(3), None, r"shape \(n_windows, n_clusters >= 1\), got shape \(3,\)"),
        (np.zeros((3, 0)), None, r"got shape \(3, 0\)"),
        (np.array([[0.0, np.nan]]), None, "finite, got nan for window 0, cluster 1"),
        (np.array([[0.0], [np.inf]]), None, "finite, got inf for window 1, cluster 0"),
        (np.zeros((2, 2)), np.zeros(3), r"each of the 2 clusters, got shape \(3,\)"),
        (np.zeros((2, 2)), np.array([0.0, -np.inf]), "a share above 0"),
    ],
)
def test_bad_tables_are_refused(
    cost: NDArray[np.float64], log_prior: NDArray[np.float64] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        assign(cost, log_prior)


def test_a_weight_of_zero_takes_the_cheapest_cluster() -> None:
    cost = np.random.default_rng(0).integers(0, 4, (40, 5)).astype(float)
    assert assign(cost, weight=0).tolist() == cost.argmin(axis=1).tolist()


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_a_weight_that_is_no_price_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match=f"weight should be finite and at least 0, got {weight}"):
        assign(np.zeros((2, 2)), weight=weight)
    with pytest.raises(ValueError, match="weight should be finite"):
        optimality_gap(np.zeros((2, 2)), [0, 1], weight=weight)


def test_an_unknown_solver_is_refused_by_naming_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown solver 'best': known are greedy, exact"):
        assign(np.zeros((2, 2)), solver="best")


def test_the_gap_worked_by_hand() -> None:
    # The optimum (1, 0) costs .51.
    cost = np.array([[0.0, 0.5], [0.01, 10.0]])
    assert optimality_gap(cost, [1, 0]) == 0
    assert optimality_gap(cost, [0, 0]) == pytest.approx((0.01 + math.log(2) - 0.51) / 2)
    assert optimality_gap(cost, [0, 1]) == pytest.approx((10 - 0.51) / 2)
    # At weight 0 the optimum (0, 0) costs .01.
    assert optimality_gap(cost, [1, 0], weight=0) == pytest.approx(0.5 / 2)


@given(st.data())
def test_a_gap_is_never_negative_and_that_of_the_optimum_is_zero(data: st.DataObject) -> None:
    cost = data.draw(tables(floats | st.integers(0, 3).map(float)))
    n_windows, n_clusters = cost.shape
    log_prior = np.log(data.draw(hnp.arrays(np.float64, n_clusters, elements=st.floats(0.01, 1))))
    weight = data.draw(st.sampled_from([0.0, 0.3, 1.0, 50.0]))
    labels = data.draw(hnp.arrays(np.intp, n_windows, elements=st.integers(0, n_clusters - 1)))
    assert optimality_gap(cost, labels, log_prior, weight=weight) >= 0
    exact = assign(cost, log_prior, solver="exact", weight=weight)
    rounding = 1e-12 * (np.abs(cost).max() + weight + 1)
    assert 0 <= optimality_gap(cost, exact, log_prior, weight=weight) <= rounding


def test_no_windows_have_no_gap() -> None:
    assert optimality_gap(np.empty((0, 3)), []) == 0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0], r"each of the 2 windows, got shape \(1,\)"),
        ([[0], [1]], r"got shape \(2, 1\)"),
        ([0.0, 1.0], "labels should be integers, got float64"),
        ([0, 3], "labels should be from 0 to 2, got 3 for window 1"),
        ([-1, 0], "got -1 for window 0"),
    ],
)
def test_labels_that_are_no_assignment_are_refused(labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        optimality_gap(np.zeros((2, 3)), labels)
