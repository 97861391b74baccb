import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgeclust import assign
from edgeclust.train.vote import vote


def clustering(
    rng: np.random.Generator, truth: np.ndarray, n_clusters: int, wrong: float
) -> np.ndarray:
    """Return the posterior of a clustering with numbers of its own and some windows wrong."""
    labels = np.where(
        rng.random(len(truth)) < wrong, rng.integers(n_clusters, size=len(truth)), truth
    )
    posterior = np.full((len(truth), n_clusters), 0.4 / n_clusters)
    posterior[np.arange(len(truth)), rng.permutation(n_clusters)[labels]] += 0.6
    return posterior


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_the_vote_is_right_where_each_voter_errs_elsewhere(seed: int, n_clusters: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(100 * n_clusters) % n_clusters)
    voters = [clustering(rng, truth, n_clusters, wrong=0.3) for _ in range(8)]
    labels = vote(voters, first=3, groups=np.zeros(len(truth), np.intp))
    # The clusters keep the numbers that they have in the voter named first.
    table = np.zeros((n_clusters, n_clusters))
    np.add.at(table, (truth, voters[3].argmax(axis=1)), 1)
    assert np.mean(labels == table.argmax(axis=1)[truth]) > 0.93


def test_one_voter_is_assigned_as_a_batch_is_group_by_group() -> None:
    posterior = np.random.default_rng(0).dirichlet(np.ones(4), size=50)
    groups = np.arange(50) % 2
    labels = vote([posterior], 0, groups)
    for group in (0, 1):
        own = groups == group
        np.testing.assert_array_equal(labels[own], assign(-np.log(posterior[own])))


def test_voters_that_agree_but_for_their_numbers_change_nothing() -> None:
    posterior = np.random.default_rng(0).dirichlet(np.full(3, 0.2), size=50)
    voters = [posterior, posterior[:, [1, 2, 0]], posterior[:, [2, 0, 1]]]
    one_group = np.zeros(50, np.intp)
    for first, voter in enumerate(voters):
        np.testing.assert_array_equal(vote(voters, first, one_group), vote([voter], 0, one_group))


def test_a_cluster_that_half_of_the_voters_merge_with_another_keeps_its_windows() -> None:
    # Windows 0 to 9 and 10 to 19 are two clusters for one voter, and one for the other two,
    # which have little to say of the third cluster: the most probable label is cluster 0 for all.
    apart = np.repeat([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]], 10, axis=0)
    merged = np.repeat([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], 10, axis=0)
    voters = [apart, merged, merged]
    assert np.mean(voters, axis=0).argmax(axis=1)[:20].tolist() == [0] * 20
    labels = vote(voters, 0, np.zeros(30, np.intp))
    assert set(labels[10:20].tolist()) == {0, 1}
    assert labels[:10].tolist() == [0] * 10
    assert labels[20:].tolist() == [2] * 10
