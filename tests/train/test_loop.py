from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import mutual_info_score

from edgeclust import Channel, ConfigError, Recording, WindowedDataset
from edgeclust.train import EpochReport, TrainConfig, evaluate, train
from edgeclust.train.batches import n_batches
from edgeclust.train.trainer import Trainer

from toy import TOY_CARD, toy_recordings

QUICK = TrainConfig(n_clusters=3, epochs=20, batch_size=32, restarts=1)


def test_three_activities_are_found_without_labels(toy_dataset: WindowedDataset) -> None:
    result = train(toy_dataset, replace(QUICK, restarts=2))
    assert result.reports[-1].metrics["acc"] > 0.95
    assert result.reports[-1].metrics["clusters_used"] == 3


def test_the_exact_solver_trains_as_well(toy_dataset: WindowedDataset) -> None:
    config = replace(QUICK, solver="exact")
    exact, greedy = train(toy_dataset, config), train(toy_dataset, QUICK)
    assert exact.reports[-1].metrics["acc"] > 0.95
    assert exact.criteria != greedy.criteria
    with pytest.raises(ConfigError, match="solver exact is of method hard, got method none"):
        replace(config, method="none")


def test_labels_change_nothing_that_is_learnt(toy_dataset: WindowedDataset) -> None:
    unlabelled = WindowedDataset(
        TOY_CARD, [replace(recording, labels=None) for recording in toy_dataset.recordings]
    )
    config = replace(QUICK, epochs=2, restarts=2)
    with_labels, without = train(toy_dataset, config), train(unlabelled, config)
    np.testing.assert_array_equal(
        with_labels.model.clusters.centroids, without.model.clusters.centroids
    )
    assert with_labels.criteria == without.criteria
    assert "acc" in with_labels.reports[-1].metrics
    assert "acc" not in without.reports[-1].metrics


def test_the_same_seed_gives_the_same_model(toy_dataset: WindowedDataset) -> None:
    config = replace(QUICK, epochs=3, restarts=2)
    one, two = train(toy_dataset, config), train(toy_dataset, config)
    for (name, tensor), (_, other) in zip(
        one.model.encoder.state_dict().items(),
        two.model.encoder.state_dict().items(),
        strict=True,
    ):
        assert torch.equal(tensor, other), name
    np.testing.assert_array_equal(one.model.clusters.centroids, two.model.clusters.centroids)
    assert one.model.clusters.sigma == two.model.clusters.sigma


def test_another_seed_gives_another_model(toy_dataset: WindowedDataset) -> None:
    config = replace(QUICK, epochs=1)
    one, two = train(toy_dataset, config), train(toy_dataset, replace(config, seed=1))
    assert not np.array_equal(one.model.clusters.centroids, two.model.clusters.centroids)


def test_training_leaves_the_callers_random_numbers_alone(toy_dataset: WindowedDataset) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(toy_dataset, replace(QUICK, epochs=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_half_of_the_restarts_stop_after_half_and_after_three_quarters(
    toy_dataset: WindowedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeclust.train.tournament.agreement", lambda labels, others, k: 0.0)
    reports: list[EpochReport] = []
    planned: set[int] = set()
    config = replace(QUICK, epochs=8, batch_size=8, restarts=5)
    result = train(
        toy_dataset, config, on_epoch=reports.append, on_step=lambda _, n: planned.add(n)
    )
    by_epoch = {
        epoch: {r.restart: r.criterion for r in reports if r.epoch == epoch} for epoch in (4, 6, 8)
    }
    assert [len(criteria) for criteria in by_epoch.values()] == [5, 3, 2]
    for before, after in ((4, 6), (6, 8)):
        best = sorted(by_epoch[before], key=by_epoch[before].__getitem__)
        assert set(by_epoch[after]) == set(best[: len(by_epoch[after])])
    final = by_epoch[8]
    assert result.reports[-1].restart == min(final, key=final.__getitem__)
    assert [report.voted for report in result.reports] == 8 * [False] + 2 * [True]
    assert min(result.criteria) == result.reports[7].criterion
    assert planned == {(5 * 4 + 3 * 2 + 2 * 2 + 2) * n_batches(len(toy_dataset), 8)}


def test_the_best_restart_follows_the_vote_of_all(
    toy_dataset: WindowedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    voted = np.arange(len(toy_dataset)) % 3  # nothing that an encoder would find by itself
    config = replace(QUICK, epochs=4, restarts=2)
    monkeypatch.setattr("edgeclust.train.tournament.vote", lambda *asked: voted)
    seen: list[NDArray[np.intp]] = []
    step = Trainer.step

    def watched(
        self: Trainer, blocks: list[NDArray[np.intp]], labels: NDArray[np.intp] | None = None
    ) -> tuple[torch.Tensor, float]:
        if labels is not None:
            seen.append(labels)
        return step(self, blocks, labels)

    monkeypatch.setattr(Trainer, "step", watched)
    result = train(toy_dataset, config)
    assert len(seen) == n_batches(len(toy_dataset), 32)
    assert all(labels is voted for labels in seen)
    assert result.reports[-1].voted
    # A vote that would leave a cluster empty is not followed, and one restart has none to ask.
    monkeypatch.setattr("edgeclust.train.tournament.vote", lambda *asked: voted % 2)
    assert not train(toy_dataset, config).reports[-1].voted
    assert not train(toy_dataset, replace(config, restarts=1)).reports[-1].voted
    # Nor is one that leaves a cluster a few windows, of which it would die.
    few = np.where(np.arange(len(toy_dataset)) < len(toy_dataset) // 31, 2, voted % 2)
    monkeypatch.setattr("edgeclust.train.tournament.vote", lambda *asked: few)
    assert not train(toy_dataset, config).reports[-1].voted


def test_the_restart_is_kept_whose_labels_the_others_find_again(
    toy_dataset: WindowedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels: list[NDArray[np.intp]] = []

    def of_no_account(cost: NDArray[np.float64], groups: object, followers: object) -> float:
        labels.append(cost.argmin(axis=1))
        return 0.0

    monkeypatch.setattr("edgeclust.train.training.criterion", of_no_account)
    monkeypatch.setattr("edgeclust.train.tournament.ROUNDS", ())  # all run to the end
    result = train(toy_dataset, replace(QUICK, epochs=3, batch_size=8, restarts=4))
    last = labels[2::3]
    found_again = [
        np.mean([mutual_info_score(mine, other) for other in last if other is not mine])
        for mine in last
    ]
    assert np.ptp(found_again) > 0.01
    np.testing.assert_allclose(result.criteria, np.negative(found_again))
    assert result.reports[-1].restart == int(np.argmax(found_again))


def test_a_training_that_is_stopped_keeps_the_restart_that_came_furthest(
    toy_dataset: WindowedDataset,
) -> None:
    reports: list[EpochReport] = []
    config = replace(QUICK, epochs=8, restarts=4)
    result = train(
        toy_dataset, config, on_epoch=reports.append, should_stop=lambda: len(reports) >= 17
    )
    furthest = max(reports, key=lambda report: report.epoch)
    assert result.reports[-1] == furthest
    assert furthest.epoch > 4


def test_the_report_is_of_the_model_that_is_returned(toy_dataset: WindowedDataset) -> None:
    result = train(toy_dataset, replace(QUICK, epochs=2, restarts=2))
    assert evaluate(result.model, toy_dataset).metrics == result.reports[-1].metrics
    assert result.model.counts.sum() == len(toy_dataset)


def test_nearest_centroid_alone_collapses_where_hard_does_not(
    toy_dataset: WindowedDataset,
) -> None:
    hard = train(toy_dataset, QUICK).reports[-1].metrics["clusters_used"]
    none = train(toy_dataset, replace(QUICK, method="none")).reports[-1].metrics["clusters_used"]
    assert none < hard == 3


def test_of_many_clusters_none_stays_empty(
    toy_dataset: WindowedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(QUICK, n_clusters=20, batch_size=64, seed=1)
    result = train(toy_dataset, config)
    assert result.reports[-1].metrics["clusters_used"] == 20
    # A fixed sigma is the user's word on how many there are, so nothing is moved.
    monkeypatch.setattr(Trainer, "reseat", None)
    assert train(toy_dataset, replace(config, sigma=1e-3)).reports[-1].metrics["clusters_used"] < 20
    with pytest.raises(TypeError):
        train(toy_dataset, config)


def test_training_stops_when_asked_to(toy_dataset: WindowedDataset) -> None:
    steps: list[tuple[int, int]] = []

    def on_step(n_done: int, n_planned: int) -> None:
        steps.append((n_done, n_planned))

    result = train(toy_dataset, QUICK, on_step=on_step, should_stop=lambda: len(steps) == 5)
    assert steps == [(n, 20 * n_batches(len(toy_dataset), 32)) for n in range(1, 6)]
    assert np.isfinite(result.model.clusters.centroids).all()


def test_radii_hold_99_percent_of_the_windows(toy_dataset: WindowedDataset) -> None:
    model = train(toy_dataset, QUICK).model
    evaluation = evaluate(model, toy_dataset)
    distances = np.sqrt(model.clusters.squared_distances(evaluation.embedding).min(axis=1))
    inside = distances <= model.radii[evaluation.labels]
    assert 0.97 <= inside.mean() < 1


def test_data_smaller_than_a_batch_make_one_batch(toy_dataset: WindowedDataset) -> None:
    result = train(toy_dataset, replace(QUICK, epochs=1, batch_size=10_000))
    assert np.isfinite(result.reports[-1].loss)


@pytest.mark.parametrize("n_windows", [2, 3, 5])
def test_hardly_any_data_train_too(n_windows: int) -> None:
    n_samples = TOY_CARD.window * n_windows
    signal = np.random.default_rng(0).normal(size=(3, n_samples)).astype(np.float32)
    few = WindowedDataset(TOY_CARD, [Recording(signal, "1", "1")], stride=TOY_CARD.window)
    config = replace(QUICK, n_clusters=2, batch_size=2, epochs=3)
    assert np.isfinite(train(few, config).model.clusters.centroids).all()


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_values_far_from_one_train_too(size: float) -> None:
    scaled = [replace(r, signal=r.signal * np.float32(size)) for r in toy_recordings()]
    result = train(WindowedDataset(TOY_CARD, scaled), replace(QUICK, epochs=2))
    assert np.isfinite(result.model.clusters.centroids).all()


def test_a_channel_that_never_changes_does_no_harm() -> None:
    recordings = toy_recordings()
    for recording in recordings:
        recording.signal[1] = 0.5
    result = train(WindowedDataset(TOY_CARD, recordings), replace(QUICK, epochs=2))
    assert np.isfinite(result.model.clusters.centroids).all()


def test_the_scale_of_the_data_changes_nothing() -> None:
    scaled = [replace(r, signal=r.signal * np.float32(1024)) for r in toy_recordings()]
    config = replace(QUICK, epochs=3)
    one = train(WindowedDataset(TOY_CARD, toy_recordings()), config)
    two = train(WindowedDataset(TOY_CARD, scaled), config)
    np.testing.assert_allclose(
        one.model.clusters.centroids, two.model.clusters.centroids, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_clusters": 0}, "n_clusters should be at least 2, a whole number, got 0"),
        ({"n_clusters": 1}, "n_clusters should be at least 2, a whole number, got 1"),
        ({"batch_size": 1}, "batch_size should be at least 2, a whole number, got 1"),
        ({"epochs": 0}, "epochs should be at least 1, a whole number, got 0"),
        ({"restarts": 0}, "restarts should be at least 1, a whole number, got 0"),
        ({"seed": -1}, "seed should be at least 0, a whole number, got -1"),
        ({"n_clusters": 3.5}, "n_clusters should be at least 2, a whole number, got 3.5"),
        ({"sigma": 0.0}, "sigma should be above 0, from 1e-12 to 1e12, got 0.0"),
        ({"sigma": float("nan")}, "sigma should be above 0, from 1e-12 to 1e12, got nan"),
        ({"sigma": 1e-320}, "sigma should be above 0, from 1e-12 to 1e12, got 1e-320"),
        ({"encoder": "lstm"}, "unknown encoder 'lstm': known are auto, filterbank, conv, conv2d"),
        ({"method": "soft"}, "unknown method 'soft': known are hard, none, ent, ss, sinkhorn, ckm"),
        ({"device": "tpu"}, "unknown device 'tpu': known are auto, cpu, cuda"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(QUICK, **change)  # type: ignore[arg-type]


def test_more_clusters_than_windows_are_refused(toy_dataset: WindowedDataset) -> None:
    n_windows = len(toy_dataset)
    with pytest.raises(ConfigError, match=f"at most the number of windows, {n_windows}, got"):
        train(toy_dataset, replace(QUICK, n_clusters=n_windows + 1))


def test_a_training_that_diverges_says_so(toy_dataset: WindowedDataset) -> None:
    with pytest.raises(ConfigError, match=r"use a larger sigma or a lower learning rate"):
        train(toy_dataset, replace(QUICK, sigma=1e-12, learning_rate=1e12))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_that_is_not_there_is_refused(toy_dataset: WindowedDataset) -> None:
    with pytest.raises(ConfigError, match=r"use --device cpu"):
        train(toy_dataset, replace(QUICK, device="cuda"))


def test_evaluating_other_windows_is_refused(toy_dataset: WindowedDataset) -> None:
    model = train(toy_dataset, replace(QUICK, epochs=1)).model
    other = WindowedDataset(TOY_CARD, toy_recordings(1), window=60)
    with pytest.raises(ValueError, match=r"trained with window 50, 'toy' has 60"):
        evaluate(model, other)
    metric = replace(TOY_CARD, channels=tuple(Channel(c.name, "m/s2") for c in TOY_CARD.channels))
    with pytest.raises(ValueError, match=r"channels \['ax \(g\)', .* has \['ax \(m/s2\)'"):
        evaluate(model, WindowedDataset(metric, toy_recordings(1)))
    renamed = replace(TOY_CARD, channels=TOY_CARD.channels[:2])
    two_axes = [Recording(np.zeros((2, 99), np.float32), "1", "1")]
    with pytest.raises(ValueError, match=r"trained with channels"):
        evaluate(model, WindowedDataset(renamed, two_axes))
