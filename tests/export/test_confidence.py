import numpy as np
import pytest

from edgeclust import Clusters, Recording, WindowedDataset
from edgeclust.export.confidence import fit_temperature, later_pairs

from toy import TOY_CARD


def test_the_temperature_that_labels_were_drawn_with_is_found() -> None:
    rng = np.random.default_rng(0)
    squared = rng.uniform(0, 3, (20_000, 4))
    clusters = Clusters(np.zeros((4, 1), np.float32), 1.5, np.log([0.1, 0.2, 0.3, 0.4]))
    posterior = clusters.posterior(squared, temperature=0.3)
    drawn = (posterior.cumsum(axis=1) > rng.uniform(size=(len(squared), 1))).argmax(axis=1)
    assert fit_temperature(clusters.cost(squared), drawn) == pytest.approx(0.3, rel=0.1)


def test_a_temperature_keeps_the_label() -> None:
    squared = np.random.default_rng(0).uniform(0, 3, (100, 4))
    clusters = Clusters(np.zeros((4, 1), np.float32), 1.5, np.log([0.1, 0.2, 0.3, 0.4]))
    labels = clusters.cost(squared).argmin(axis=1)
    for temperature in (0.01, 1.0, 10.0):
        posterior = clusters.posterior(squared, temperature)
        np.testing.assert_allclose(posterior.sum(axis=1), 1)
        np.testing.assert_array_equal(posterior.argmax(axis=1), labels)


def test_pairs_share_no_sample_and_no_gap_lies_between() -> None:
    signal = np.zeros((3, 200), np.float32)
    holed = signal.copy()
    holed[0, 60] = np.nan  # takes the windows at 25 and 50
    dataset = WindowedDataset(TOY_CARD, [Recording(signal, "1", "1"), Recording(holed, "1", "2")])
    starts, sources = dataset.starts, dataset.recording_indices
    pairs = [(sources[a], starts[a], starts[b]) for a, b in later_pairs(dataset)]
    whole = [(0, start, start + 50) for start in (0, 25, 50, 75, 100)]
    assert pairs == [*whole, (1, 75, 125), (1, 100, 150)]
