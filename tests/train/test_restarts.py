from typing import Any

import pytest

from edgeclust.train.restarts import rank_restarts


def line(restart: int, epoch: int, acc: float) -> dict[str, Any]:
    return {"restart": restart, "epoch": epoch, "acc": acc}


def test_the_last_epoch_of_each_restart_counts() -> None:
    lines = [line(0, 1, 0.9), line(0, 2, 0.5), line(1, 1, 0.1), line(1, 2, 0.6)]
    ranking = rank_restarts(lines, 0, [2.0, 2.5])
    assert ranking is not None
    assert (ranking.rank, ranking.acc, ranking.best_acc) == (2, 0.5, 0.6)
    assert rank_restarts(reversed(lines), 0, [2.0, 2.5]) == ranking


def test_the_correlation_is_minus_1_where_what_was_chosen_by_is_a_perfect_guide() -> None:
    lines = [line(r, 1, 0.5 + 0.1 * r) for r in range(3)]
    ranking = rank_restarts(lines, 2, [3.0, 2.0, 1.0])
    assert ranking is not None
    assert ranking.correlation == pytest.approx(-1)
    assert ranking.rank == 1


def test_restarts_stopped_early_are_told_apart() -> None:
    # By hand: of the three that ended, (2.0, .6), (2.2, .8), (2.4, .7): r = .5.
    lines = [line(0, 9, 0.6), line(1, 9, 0.8), line(2, 9, 0.7), line(3, 4, 0.9)]
    ranking = rank_restarts(lines, 0, [2.0, 2.2, 2.4, 9.0])
    assert ranking is not None
    assert (ranking.n_restarts, ranking.n_stopped) == (4, 1)
    assert (ranking.rank, ranking.rank_of_all, ranking.best_acc) == (3, 4, 0.8)
    assert ranking.correlation == pytest.approx(0.5)


@pytest.mark.parametrize("accs", [[0.5], [0.5, 0.6], [0.5, 0.5, 0.5]])
def test_too_few_or_equal_restarts_have_no_correlation(accs: list[float]) -> None:
    ranking = rank_restarts([line(r, 1, acc) for r, acc in enumerate(accs)], 0, range(len(accs)))
    assert ranking is not None
    assert ranking.correlation is None


def test_without_labels_there_is_nothing_to_rank() -> None:
    assert rank_restarts([{"restart": 0, "epoch": 1}], 0, [2.0]) is None
