import numpy as np
from hypothesis import given
from hypothesis import strategies as st

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
    labels = vote(voters, first=3)
    # The clusters keep the numbers that they have in the voter named first.
    table = np.zeros((n_clusters, n_clusters))
    np.add.at(table, (truth, voters[3].argmax(axis=1)), 1)
    assert np.mean(labels == table.argmax(axis=1)[truth]) > 0.93


def test_of_one_voter_the_labels_are_its_own() -> None:
    posterior = np.random.default_rng(0).dirichlet(np.ones(4), size=50)
    np.testing.assert_array_equal(vote([posterior], 0), posterior.argmax(axis=1))


def test_voters_that_agree_but_for_their_numbers_stay_as_they_are() -> None:
    posterior = np.random.default_rng(0).dirichlet(np.full(3, 0.2), size=50)
    voters = [posterior, posterior[:, [1, 2, 0]], posterior[:, [2, 0, 1]]]
    for first, voter in enumerate(voters):
        np.testing.assert_array_equal(vote(voters, first), voter.argmax(axis=1))
