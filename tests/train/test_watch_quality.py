"""On real recordings the method does what it is for; docs/results.md says how well."""

from edgeclust.har_data import open_dataset
from edgeclust.train import TrainConfig, train
from edgeclust.train.features import kmeans_on_features
from edgeclust.train.metrics import clustering_metrics


def test_hard_uses_all_clusters_and_beats_none_and_kmeans_on_watch() -> None:
    dataset = open_dataset("watch")
    scores = {}
    for method in ("hard", "none"):
        config = TrainConfig(n_clusters=7, method=method, epochs=40, restarts=3)
        scores[method] = train(dataset, config).reports[-1].metrics
    kmeans = clustering_metrics(dataset.labels, kmeans_on_features(dataset, 7, seed=0), 7, 7)
    assert scores["hard"]["clusters_used"] == 7
    assert scores["hard"]["acc"] >= scores["none"]["acc"] + 0.10
    assert scores["hard"]["nmi"] >= kmeans["nmi"]
