"""The exact solver against scipy's linear assignment, on the table with a column for each slot."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.special import gammaln

from edgeclust import assign, optimality_gap

elements = st.sampled_from(
    [
        st.floats(0, 8),
        st.floats(-1e6, 1e6),
        st.floats(-1e-9, 1e-9),
        st.integers(0, 3).map(float),
        st.sampled_from([0.0, math.log(2), math.log(3), math.log(6)]),
    ]
)
shapes = st.tuples(st.integers(1, 16), st.integers(1, 8))


@st.composite
def tables(draw: st.DrawFn) -> NDArray[np.float64]:
    table = draw(hnp.arrays(np.float64, draw(shapes), elements=draw(elements)))
    if draw(st.booleans()):
        return table[:, np.arange(table.shape[1]) // 2]  # clusters that are the same
    return table


def objective(cost: NDArray[np.float64], labels: NDArray[np.intp], weight: float) -> float:
    paid = cost[np.arange(len(cost)), labels].sum()
    return float(paid + weight * gammaln(np.bincount(labels) + 1).sum())


def lowest(cost: NDArray[np.float64], weight: float) -> float:
    """Cluster k has a column for its j-th window, of cost weight * log(j) more."""
    n_windows, n_clusters = cost.shape
    slots = weight * np.log(np.arange(1, n_windows + 1))
    expanded = (cost[:, :, None] + slots).reshape(n_windows, n_clusters * n_windows)
    rows, columns = linear_sum_assignment(expanded)
    return float(expanded[rows, columns].sum())


def check(cost: NDArray[np.float64], log_prior: NDArray[np.float64] | None, weight: float) -> None:
    table = cost if log_prior is None else cost - log_prior
    least = lowest(table, weight)
    rounding = 1e-12 * len(cost) * (np.abs(table).max() + weight * math.log(len(cost) + 1))
    labels = assign(cost, log_prior, solver="exact", weight=weight)
    assert objective(table, labels, weight) == pytest.approx(least, rel=0, abs=rounding)
    greedy = assign(cost, log_prior, weight=weight)
    gap = (objective(table, greedy, weight) - least) / len(cost)
    assert optimality_gap(cost, greedy, log_prior, weight=weight) == pytest.approx(
        gap, rel=0, abs=rounding
    )


@settings(max_examples=400)
@given(tables(), st.sampled_from([0.0, 0.1, 1.0, 2.5, 1e6]))
def test_equals_the_linear_assignment_on_any_table(
    cost: NDArray[np.float64], weight: float
) -> None:
    check(cost, None, weight)


@settings(max_examples=200)
@given(st.data())
def test_equals_the_linear_assignment_under_a_prior(data: st.DataObject) -> None:
    cost = data.draw(tables())
    shares = data.draw(
        hnp.arrays(np.float64, cost.shape[1], elements=st.sampled_from([1e-9, 0.1, 0.2, 0.5]))
    )
    check(cost, np.log(shares), 1.0)


@pytest.mark.parametrize(("n_windows", "n_clusters"), [(64, 10), (100, 3), (30, 33)])
@pytest.mark.parametrize("spread", [0.01, 1.0, 30.0])
def test_equals_the_linear_assignment_on_tables_of_a_training(
    n_windows: int, n_clusters: int, spread: float
) -> None:
    cost = spread * np.random.default_rng(0).gamma(2.0, 1.0, (n_windows, n_clusters))
    check(cost, None, 1.0)
