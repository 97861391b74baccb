import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgeclust import assign
from edgeclust.exact_assignment import solve

weights = st.sampled_from([0.0, 0.01, 0.5, 1.0, 3.0, 1e6]) | st.floats(1e-3, 1e3)
small = st.tuples(st.integers(1, 5), st.integers(1, 3))
larger = st.tuples(st.integers(1, 25), st.integers(1, 12))


@st.composite
def tables(draw: st.DrawFn, shapes: st.SearchStrategy[tuple[int, int]]) -> NDArray[np.float64]:
    """Tables of any costs, of few values that tie, and of clusters or windows that repeat."""
    values = draw(
        st.sampled_from(
            [
                st.floats(0, 8),
                st.floats(-1e6, 1e6),
                st.floats(-1e-9, 1e-9),
                st.integers(0, 3).map(float),
                st.sampled_from([0.0, math.log(2), math.log(3), math.log(6)]),
                st.just(2.5),
            ]
        )
    )
    table = draw(hnp.arrays(np.float64, draw(shapes), elements=values))
    n_windows, n_clusters = table.shape
    repeat = draw(st.sampled_from(["nothing", "windows", "clusters"]))
    if repeat == "windows":
        return table[np.arange(n_windows) // 3]
    return table[:, np.arange(n_clusters) // 3] if repeat == "clusters" else table


def objective(cost: NDArray[np.float64], labels: NDArray[np.intp], weight: float) -> float:
    counts = np.bincount(labels)
    paid = float(cost[np.arange(len(cost)), labels].sum())
    return paid + weight * sum(math.lgamma(count + 1) for count in counts.tolist())


def scale(cost: NDArray[np.float64], weight: float) -> float:
    """The size of the numbers that an objective sums, which its rounding grows with."""
    return float(len(cost) * (np.abs(cost).max() + weight * math.log(len(cost) + 1)))


def check_certificate(
    cost: NDArray[np.float64],
    labels: NDArray[np.intp],
    prices: NDArray[np.float64],
    weight: float,
) -> None:
    """Prices exist with w log n_k <= price_k <= w log(n_k + 1), under which labels are nearest."""
    slack = 1e-9 * (weight + np.abs(cost).max() * 1e-3)
    counts = np.bincount(labels, minlength=cost.shape[1])
    held = counts > 0
    assert (weight * np.log(counts[held]) <= prices[held] + slack).all()
    assert (prices <= weight * np.log(counts + 1) + slack).all()
    priced = cost + prices
    chosen = priced[np.arange(len(cost)), labels]
    assert (chosen <= priced.min(axis=1) + slack).all()


@given(tables(small), weights)
def test_no_other_assignment_costs_less(cost: NDArray[np.float64], weight: float) -> None:
    n_windows, n_clusters = cost.shape
    lowest = min(
        objective(cost, np.array(labels), weight)
        for labels in itertools.product(range(n_clusters), repeat=n_windows)
    )
    labels = assign(cost, solver="exact", weight=weight)
    assert objective(cost, labels, weight) <= lowest + 1e-12 * scale(cost, weight)


@settings(max_examples=300)
@given(tables(larger), weights)
def test_prices_prove_the_optimum(cost: NDArray[np.float64], weight: float) -> None:
    labels, prices = solve(cost, weight)
    check_certificate(cost, labels, prices, weight)


@pytest.mark.parametrize("n_clusters", [1, 2, 10, 33, 100])
@pytest.mark.parametrize("spread", [0.0, 1e-3, 0.1, 1.0, 100.0])
def test_prices_prove_the_optimum_of_a_batch(n_clusters: int, spread: float) -> None:
    rng = np.random.default_rng(n_clusters)
    cost = spread * rng.gamma(2.0, 2.0, (256, n_clusters)) + rng.gamma(1.0, 1.0, n_clusters)
    labels, prices = solve(cost, 1.0)
    check_certificate(cost, labels, prices, 1.0)
    greedy = assign(cost)
    assert objective(cost, labels, 1.0) <= objective(cost, greedy, 1.0) + 1e-12 * scale(cost, 1.0)


def test_prices_prove_the_optimum_where_clusters_stand_in_a_row() -> None:
    # Room for a window is many clusters away, so that paths are as long as they get.
    cost = np.minimum(8.0, np.arange(40) * np.linspace(0.0, 0.5, 200)[:, None])
    labels, prices = solve(cost, 1.0)
    check_certificate(cost, labels, prices, 1.0)


def test_worked_by_hand() -> None:
    # (1, 0) costs .5 + .01; greedy's (0, 0) costs .01 + log 2 = .703.
    cost = np.array([[0.0, 0.5], [0.01, 10.0]])
    exact, greedy = assign(cost, solver="exact"), assign(cost)
    assert exact.tolist() == [1, 0]
    assert objective(cost, exact, 1.0) == pytest.approx(0.51)
    assert objective(cost, greedy, 1.0) == pytest.approx(0.01 + math.log(2))


def test_equal_costs_spread_evenly() -> None:
    counts = np.bincount(assign(np.zeros((100, 7)), solver="exact"), minlength=7)
    assert sorted(counts.tolist()) == [14, 14, 14, 14, 14, 15, 15]


def test_a_prior_counts_as_cost() -> None:
    cost = np.random.default_rng(0).gamma(2.0, 1.0, (60, 3))
    log_prior = np.log([0.7, 0.2, 0.1])
    labels = assign(cost, log_prior, solver="exact")
    assert labels.tolist() == assign(cost - log_prior, solver="exact").tolist()
    assert labels.tolist() != assign(cost, solver="exact").tolist()


def test_no_weight_takes_the_cheapest_cluster_and_a_heavy_one_balances() -> None:
    cost = np.random.default_rng(0).gamma(2.0, 1.0, (60, 3))
    assert assign(cost, solver="exact", weight=0).tolist() == cost.argmin(axis=1).tolist()
    assert np.bincount(assign(cost, solver="exact", weight=1e9)).tolist() == [20, 20, 20]


@pytest.mark.parametrize("factor", [1e-300, 1e-30, 1e30, 1e300])
def test_cost_and_weight_times_the_same_give_the_same_labels(factor: float) -> None:
    cost = np.random.default_rng(0).gamma(2.0, 1.0, (60, 5))
    labels = assign(cost, solver="exact")
    assert assign(cost * factor, solver="exact", weight=factor).tolist() == labels.tolist()


def test_a_constant_added_to_a_window_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    cost = rng.integers(0, 40, (60, 5)) / 8  # sums of eighths are exact, so no rounding decides
    shift = rng.integers(-1000, 1000, (60, 1))
    assert assign(cost + shift, solver="exact").tolist() == assign(cost, solver="exact").tolist()


def test_costs_as_far_apart_as_floats_go_have_an_optimum() -> None:
    huge = np.finfo(np.float64).max
    cost = np.array([[-huge, huge], [huge, -huge], [huge, -huge]])
    assert assign(cost, solver="exact").tolist() == [0, 1, 1]
    assert assign(cost, solver="exact", weight=1e-308).tolist() == [0, 1, 1]


def test_no_windows_get_no_labels() -> None:
    labels = assign(np.empty((0, 3)), solver="exact")
    assert labels.shape == (0,)
    assert labels.dtype == np.intp


def test_the_cost_is_not_modified() -> None:
    cost = np.random.default_rng(0).random((30, 4))
    before = cost.copy()
    assign(cost, solver="exact")
    np.testing.assert_array_equal(cost, before)
