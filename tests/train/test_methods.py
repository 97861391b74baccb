"""Each method does to a toy batch what its formula says."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from edgeclust import WindowedDataset, assign
from edgeclust.train import TrainConfig, train
from edgeclust.train.methods import METHODS, Costs, Method
from edgeclust.train.methods.ckm import ckm, fill
from edgeclust.train.methods.ent import ent
from edgeclust.train.methods.sinkhorn import sinkhorn, transport
from edgeclust.train.methods.ss import ss

UNIFORM = np.log(np.full(3, 1 / 3))


def costs_of(
    squared: Tensor,
    sigma: float = 1.0,
    log_prior: NDArray[np.float64] = UNIFORM,
    n_blocks: int = 1,
) -> Costs:
    table = squared.detach().numpy().astype(np.float64) / sigma - log_prior
    return Costs(squared, sigma, log_prior, np.array_split(table, n_blocks))


def points(n: int = 60) -> Tensor:
    """Windows around one place: of three clusters, the first takes nearly all."""
    return torch.from_numpy(np.random.default_rng(0).normal(0, 0.7, (n, 2)).astype(np.float32))


def shares_after(method: Method, n_steps: int = 200) -> NDArray[np.float64]:
    """Mean soft assignment after gradient steps on the centroids alone."""
    places = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.5]], requires_grad=True)
    optimizer = torch.optim.Adam([places], lr=0.02)
    z = points()
    for _ in range(n_steps):
        squared = (z[:, None] - places).square().sum(dim=-1)
        optimizer.zero_grad()
        torch.autograd.backward(method(costs_of(squared)).loss)
        optimizer.step()
    squared = (z[:, None] - places).square().sum(dim=-1)
    return costs_of(squared).log_posterior().exp().mean(dim=0).detach().numpy().astype(np.float64)


def entropy(shares: NDArray[np.float64]) -> float:
    return float(-(shares * np.log(shares)).sum())


@pytest.mark.parametrize("name", METHODS)
def test_a_method_gives_a_loss_with_gradient_and_a_label_for_each_window(name: str) -> None:
    squared = torch.rand(12, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss, penalty, labels = METHODS[name](costs_of(squared, n_blocks=3))
    torch.autograd.backward(loss)
    assert loss.shape == ()
    assert penalty >= 0
    assert labels.shape == (12,)
    assert squared.grad is not None
    assert torch.isfinite(squared.grad).all()
    assert squared.grad.any()


@pytest.mark.parametrize("name", METHODS)
def test_blocks_are_balanced_each_by_itself(name: str) -> None:
    generator = torch.Generator().manual_seed(1)
    one, two = torch.rand(8, 3, generator=generator), 3 * torch.rand(4, 3, generator=generator)
    method = METHODS[name]
    apart = [method(costs_of(part)) for part in (one, two)]
    costs = costs_of(torch.cat([one, two]))
    together = method(replace(costs, blocks=[costs.blocks[0][:8], costs.blocks[0][8:]]))
    for value in (0, 1):
        expected = (8 * float(apart[0][value]) + 4 * float(apart[1][value])) / 12
        assert float(together[value]) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(together.labels, np.concatenate([a.labels for a in apart]))


def test_hard_pays_for_its_counts() -> None:
    squared = torch.tensor([[0.0, 1.0], [0.1, 0.8], [0.2, 0.3]])
    loss, penalty, labels = METHODS["hard"](costs_of(squared, log_prior=np.log([0.5, 0.5])))
    # Windows 0 and 1 in cluster 0, window 2 in cluster 1: costs .0, .1, .3 and the prior's log 2;
    # log(2! 1!) for the counts.
    assert labels.tolist() == [0, 0, 1]
    assert float(loss) == pytest.approx(0.4 / 3 + np.log(2))
    assert penalty == pytest.approx(np.log(2) / 3)


def test_none_takes_the_cheapest_cluster() -> None:
    squared = torch.tensor([[0.0, 1.0], [0.1, 0.8], [0.2, 0.3]])
    loss, penalty, labels = METHODS["none"](costs_of(squared, log_prior=np.log([0.5, 0.5])))
    assert labels.tolist() == [0, 0, 0]
    assert float(loss) == pytest.approx(0.1 + np.log(2))
    assert penalty == pytest.approx(np.log(6) / 3)  # ranks restarts, moves nothing


def test_entropy_of_the_mean_assignment_rises_under_ent() -> None:
    none, regularised = shares_after(METHODS["none"]), shares_after(ent)
    assert entropy(none) + 0.1 < entropy(regularised)


def test_ent_at_one_window_is_worked_out_by_hand() -> None:
    # softmax(0, -log 3) = (3/4, 1/4): KL from (1/2, 1/2) is log 2 less its entropy.
    squared = torch.tensor([[0.0, np.log(3.0)]])
    loss, _, labels = ent(costs_of(squared, log_prior=np.log([0.5, 0.5])), weight=2.0)
    divergence = np.log(2) - entropy(np.array([0.75, 0.25]))
    assert float(loss) == pytest.approx(np.log(2) + 2 * divergence, rel=1e-5)
    assert labels.tolist() == [0]


def test_ent_learns_where_a_cluster_has_no_share_at_all() -> None:
    squared = torch.tensor([[0.0, 1e4], [0.0, 1e4]], requires_grad=True)
    torch.autograd.backward(ent(costs_of(squared, log_prior=np.log([0.5, 0.5]))).loss)
    assert squared.grad is not None
    assert torch.isfinite(squared.grad).all()


def test_variance_of_the_mean_assignment_falls_under_ss() -> None:
    assert shares_after(ss).var() < 0.5 * shares_after(METHODS["none"]).var()


def test_ss_at_one_window_is_worked_out_by_hand() -> None:
    squared = torch.tensor([[0.0, np.log(3.0)]])
    loss, _, _ = ss(costs_of(squared, log_prior=np.log([0.5, 0.5])), weight=8.0)
    assert float(loss) == pytest.approx(np.log(2) + 8 * 0.25**2, rel=1e-5)


@pytest.mark.parametrize("method", [ent, ss])
def test_the_mean_assignment_is_drawn_to_the_prior(method: Callable[..., Any]) -> None:
    prior = np.array([0.6, 0.3, 0.1])
    # Where the costs say nothing the soft assignment is the prior: nothing is left to pay.
    costs = costs_of(torch.zeros(5, 3), log_prior=np.log(prior))
    with_it, without = method(costs, weight=1e4).loss, method(costs, weight=0.0).loss
    assert float(with_it) == pytest.approx(float(without), abs=1e-3)


def test_columns_balance_under_sinkhorn() -> None:
    cost = np.random.default_rng(0).gamma(2, 1, (64, 5)) + np.arange(5)
    prior = np.array([0.4, 0.3, 0.1, 0.1, 0.1])
    targets = transport(cost, np.log(prior), epsilon=0.5).numpy()
    np.testing.assert_allclose(targets.sum(axis=1), 1)
    np.testing.assert_allclose(targets.mean(axis=0), prior, rtol=0.02)
    assert (np.exp(-cost).mean(axis=0) / np.exp(-cost).mean()).max() > 2  # unbalanced before


def test_sinkhorn_stays_finite_at_costs_far_beyond_its_temperature() -> None:
    cost = np.random.default_rng(0).uniform(0, 1e5, (20, 3))
    targets = transport(cost, UNIFORM, epsilon=0.01).numpy()
    assert np.isfinite(targets).all()
    np.testing.assert_allclose(targets.sum(axis=1), 1)


def test_sinkhorn_labels_by_the_most_likely_cluster() -> None:
    cost = np.array([[0.0, 5.0, 5.0], [5.0, 0.0, 5.0], [5.0, 5.0, 0.0]], np.float32)
    outcome = sinkhorn(costs_of(torch.from_numpy(cost)))
    assert outcome.labels.tolist() == [0, 1, 2]


def test_no_gradient_passes_the_targets_of_sinkhorn() -> None:
    squared = torch.tensor([[0.0, 1.0, 2.0], [1.0, 0.0, 1.5]], requires_grad=True)
    costs = costs_of(squared)
    torch.autograd.backward(sinkhorn(costs, epsilon=0.5).loss)
    assert squared.grad is not None
    # Of the cross-entropy -sum q log softmax(-C) alone: (q - p) / n by each cost.
    targets = transport(costs.blocks[0], UNIFORM, epsilon=0.5).numpy()
    posterior = costs.log_posterior().exp().detach().numpy()
    np.testing.assert_allclose(squared.grad.numpy(), (targets - posterior) / 2, atol=1e-6)


@given(
    n_windows=st.integers(1, 6),
    slack=st.floats(0, 1),
    seed=st.integers(0, 10_000),
)
def test_constrained_labels_are_the_cheapest_within_the_bounds(
    n_windows: int, slack: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.integers(0, 8, (n_windows, 3)).astype(float)  # with ties
    shares = slack * rng.dirichlet(np.ones(3))
    least = np.floor(shares * n_windows + 1e-9)
    labels = fill(cost, shares)
    assert (np.bincount(labels, minlength=3) >= least).all()
    rows = np.arange(n_windows)
    allowed = [
        cost[rows, list(candidate)].sum()
        for candidate in product(range(3), repeat=n_windows)
        if (np.bincount(candidate, minlength=3) >= least).all()
    ]
    assert cost[rows, labels].sum() == pytest.approx(min(allowed))


def test_cluster_sizes_respect_their_bounds_where_one_cluster_would_take_all() -> None:
    cost = np.random.default_rng(0).uniform(0, 1, (100, 4)) + 10.0 * (np.arange(4) > 0)
    np.testing.assert_array_equal(np.bincount(fill(cost, np.full(4, 0.8 / 4))), [40, 20, 20, 20])
    np.testing.assert_array_equal(np.bincount(fill(cost, np.full(4, 1 / 4))), [25, 25, 25, 25])
    assert not fill(cost, np.zeros(4)).any()


def test_ckm_bounds_follow_the_prior() -> None:
    squared = torch.zeros(10, 2)
    outcome = ckm(costs_of(squared, log_prior=np.log([0.9, 0.1])), slack=1.0)
    assert np.bincount(outcome.labels).tolist() == [9, 1]


def test_hard_labels_are_those_of_assign() -> None:
    squared = torch.rand(20, 3, generator=torch.Generator().manual_seed(2))
    costs = costs_of(squared, n_blocks=2)
    expected = np.concatenate([assign(block) for block in costs.blocks])
    np.testing.assert_array_equal(METHODS["hard"](costs).labels, expected)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "none"])
def test_every_rival_keeps_the_toys_clusters_alive(toy_dataset: WindowedDataset, name: str) -> None:
    config = TrainConfig(n_clusters=3, method=name, epochs=20, batch_size=32, restarts=1)
    assert train(toy_dataset, config).reports[-1].metrics["clusters_used"] == 3
