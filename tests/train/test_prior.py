"""Priors that are given, and priors that are learnt."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeclust import ConfigError, Labeler, WindowedDataset
from edgeclust.export import export_model
from edgeclust.train import EpochReport, Run, TrainConfig, evaluate, train
from edgeclust.train.prior import LearnedPrior

from toy import TOY_CARD, toy_recordings

QUICK = TrainConfig(n_clusters=3, epochs=2, batch_size=32, restarts=1)


@pytest.fixture(scope="module")
def imbalanced() -> WindowedDataset:
    """Three activities of shares near .65, .24 and .11."""
    dataset = WindowedDataset(TOY_CARD, toy_recordings(seconds=120))
    keep = np.array([1.0, 0.4, 0.17])[dataset.labels]
    chance = np.random.default_rng(0).random(len(dataset))
    return dataset.select(np.flatnonzero(chance < keep))


def test_a_given_prior_becomes_shares_and_stays_as_it_is() -> None:
    config = replace(QUICK, prior=(2, 1, 1))
    assert config.prior == (0.5, 0.25, 0.25)
    assert TrainConfig(**json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ((0.5, 0.5), "one number for each of the 3 clusters, got 2"),
        ((0.5, 0.5, 0.0), "numbers above 0, from 1e-12 to 1e12, got 0.0"),
        ((0.5, 0.7, -0.2), "numbers above 0, from 1e-12 to 1e12, got -0.2"),
        ((0.5, 0.5, float("nan")), "numbers above 0, from 1e-12 to 1e12, got nan"),
        ((0.5, 0.5, float("inf")), "numbers above 0, from 1e-12 to 1e12, got inf"),
        ("even", "unknown prior 'even': known are uniform, learned, or one number for each"),
    ],
)
def test_priors_that_are_none_are_refused(prior: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(QUICK, prior=prior)


def test_even_shares_are_the_uniform_prior(toy_dataset: WindowedDataset) -> None:
    one = train(toy_dataset, QUICK).model.clusters
    two = train(toy_dataset, replace(QUICK, prior=(1, 1, 1))).model.clusters
    np.testing.assert_allclose(one.centroids, two.centroids, atol=1e-5)


def test_the_exported_model_labels_with_the_given_prior(
    toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    config = replace(QUICK, prior=(0.9, 0.05, 0.05))
    run = Run.create(tmp_path / "run", toy_dataset, config, data="toy")
    model = Run.open(run.folder).load_model()
    report = export_model(model, tmp_path / "m.onnx", toy_dataset, training={}, versions={})
    assert report.parity.same_label == 1.0
    labeler = Labeler.open(tmp_path / "m.onnx")
    assert labeler.metadata.prior == pytest.approx((0.9, 0.05, 0.05))
    labels = labeler.metadata.clusters.predict(evaluate(model, toy_dataset).embedding)
    np.testing.assert_array_equal(labels, evaluate(model, toy_dataset).labels)
    uniform = replace(model.clusters, log_prior=np.zeros(3))
    assert (labels != uniform.predict(evaluate(model, toy_dataset).embedding)).any()


def test_a_learned_prior_follows_the_shares_half_way() -> None:
    prior = LearnedPrior(n_clusters=3, n_windows=10)
    for _ in range(200):
        log_prior = prior.update(np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1]))
    # Half of (.6, .4, 0) and half of thirds.
    np.testing.assert_allclose(np.exp(log_prior), [0.3 + 1 / 6, 0.2 + 1 / 6, 1 / 6], atol=1e-6)


def test_a_learned_prior_averages_over_passes_not_batches() -> None:
    prior = LearnedPrior(n_clusters=2, n_windows=1000)
    log_prior = prior.update(np.zeros(10, np.intp))
    np.testing.assert_allclose(np.exp(log_prior), [0.5, 0.5], atol=1e-3)


def test_a_learned_prior_comes_nearer_to_the_true_shares_and_no_cluster_dies(
    imbalanced: WindowedDataset,
) -> None:
    config = replace(QUICK, epochs=25, batch_size=96, learning_rate=1e-3)
    scores: dict[str, list[float]] = {"uniform": [], "learned": []}
    for seed in range(3):
        for prior, kl_star in scores.items():
            last = train(imbalanced, replace(config, prior=prior, seed=seed)).reports[-1]
            assert last.metrics["clusters_used"] == 3
            kl_star.append(last.metrics["kl_star"])
            if prior == "learned":
                assert last.prior is not None
                assert max(last.prior) > 1 / 3 + 0.02
                assert min(last.prior) > 1 / 6
    assert np.mean(scores["learned"]) < np.mean(scores["uniform"])


def test_reports_and_summary_say_what_prior_was_learnt(
    toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    reports: list[EpochReport] = []
    run = Run.create(
        tmp_path / "learned",
        toy_dataset,
        replace(QUICK, prior="learned"),
        data="toy",
        on_epoch=reports.append,
    )
    model = run.load_model()
    np.testing.assert_allclose(run.summary()["prior"], np.exp(model.clusters.log_prior))
    assert run.metrics()[-1]["prior"] == reports[-1].prior == run.summary()["prior"]
    assert sum(run.summary()["prior"]) == pytest.approx(1)
    uniform = Run.create(tmp_path / "uniform", toy_dataset, QUICK, data="toy")
    assert "prior" not in uniform.summary()
    assert "prior" not in uniform.metrics()[-1]
