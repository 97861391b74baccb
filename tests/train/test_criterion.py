"""The criterion prefers clusters that are tight, shared by all, and last."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeclust import WindowedDataset
from edgeclust.train.criterion import agreement, criterion

from toy import TOY_CARD, toy_recordings

IN_TURN = np.stack([np.arange(11), np.arange(1, 12)], axis=1)
NO_TIME = np.empty((0, 2), np.intp)
ONE = np.zeros(12, np.intp)


def cost_of(labels: Sequence[int]) -> NDArray[np.float64]:
    cost: NDArray[np.float64] = 5.0 * (np.array(labels)[:, None] != np.arange(2))
    return cost


def test_it_is_cost_less_spread_less_what_neighbours_tell() -> None:
    even = [0] * 6 + [1] * 6
    assert criterion(cost_of(even), ONE, NO_TIME) == pytest.approx(-np.log(2))
    # Of eleven pairs five stay in each cluster and one changes.
    p = np.array([[5, 1], [0, 5]]) / 11
    told = (p * np.log(np.where(p, p, 1) / np.outer(p.sum(1), p.sum(0)))).sum()
    assert criterion(cost_of(even) + 0.25, ONE, IN_TURN) == pytest.approx(0.25 - np.log(2) - told)


def test_one_cluster_earns_nothing() -> None:
    assert criterion(cost_of([0] * 12), ONE, IN_TURN) == pytest.approx(0)


def test_clusters_that_hold_one_subject_each_are_worse_than_shared_ones() -> None:
    subjects = np.repeat([0, 1], 6)
    by_subject, shared = [0] * 6 + [1] * 6, [0] * 3 + [1] * 3 + [0] * 3 + [1] * 3
    assert criterion(cost_of(by_subject), subjects, NO_TIME) == pytest.approx(0)
    assert criterion(cost_of(shared), subjects, NO_TIME) == pytest.approx(-np.log(2))


def test_subjects_count_by_their_windows() -> None:
    subjects = np.repeat([0, 1], [8, 4])
    labels = [0] * 4 + [1] * 4 + [0] * 4  # the second does one thing
    assert criterion(cost_of(labels), subjects, NO_TIME) == pytest.approx(-np.log(2) * 8 / 12)


def test_clusters_that_last_are_better() -> None:
    lasting, fickle = [0] * 6 + [1] * 6, [0, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1, 0]
    assert criterion(cost_of(lasting), ONE, IN_TURN) < criterion(cost_of(fickle), ONE, IN_TURN)


def test_clusters_found_again_by_the_others_agree_whatever_their_numbers() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
    renumbered, merged = (labels + 1) % 3, np.minimum(labels, 1)
    assert agreement(labels, [renumbered], 3) == pytest.approx(np.log(3))
    entropy_of_merged = -(np.log(1 / 3) / 3 + 2 * np.log(2 / 3) / 3)
    assert agreement(labels, [merged], 3) == pytest.approx(entropy_of_merged)
    assert agreement(labels, [renumbered, merged], 3) == pytest.approx(
        (np.log(3) + entropy_of_merged) / 2
    )
    assert agreement(labels, [np.zeros(9, np.intp)], 3) == pytest.approx(0)
    assert agreement(labels, [], 3) == 0


def test_windows_follow_each_other_within_a_recording() -> None:
    recordings = toy_recordings(n_subjects=2, seconds=4)
    dataset = WindowedDataset(TOY_CARD, recordings)
    first, second = dataset.followers.T
    np.testing.assert_array_equal(second, first + 1)
    source = np.array([f"{r.subject}/{r.session}" for r in recordings])[dataset.recording_indices]
    np.testing.assert_array_equal(source[first], source[second])
    assert len(first) == len(dataset) - len(set(source))
    as_one = [replace(recording, session="1") for recording in recordings]  # cut at gaps
    np.testing.assert_array_equal(WindowedDataset(TOY_CARD, as_one).followers, dataset.followers)
    some = dataset.select(np.arange(0, len(dataset), 2))
    assert len(some.followers) == len(some) - len(set(source))
