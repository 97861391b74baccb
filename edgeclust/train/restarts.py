"""How good the label-free choice among restarts was, told afterwards with labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class RestartRanking:
    """Where the restart that was kept stands among all, by ACC on the windows trained on.

    Parameters
    ----------
    n_restarts, n_stopped : int
        How many there were, and how many of them ended at an earlier epoch than the longest.
    acc : float
        Of the restart that was kept, in its last epoch before the vote.
    best_acc : float
        Of the best that ran to the end: what choosing with labels would have got.
    rank : int
        Place of the kept one among those that ran to the end, 1 = the best; equals share a place.
    rank_of_all : int
        The same with those stopped among them, each by its last epoch.
    correlation : float or None
        Pearson's, of what was chosen by and ACC over those that ran to the end: -1 where the
        lowest means the highest ACC. None for fewer than three, or where either is the same
        for all.
    """

    n_restarts: int
    n_stopped: int
    acc: float
    best_acc: float
    rank: int
    rank_of_all: int
    correlation: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the ranking as one flat object."""
        return asdict(self)


def rank_restarts(
    lines: Iterable[Mapping[str, Any]], kept: int, criteria: Sequence[float]
) -> RestartRanking | None:
    """Rank the restart that was kept by ACC.

    Parameters
    ----------
    lines : iterable of mappings
        Of ``metrics.jsonl``: ``restart``, ``epoch`` and ``acc`` of each epoch, of all restarts in
        any order. Those of the epochs after the vote of the restarts are passed over.
    kept : int
        The restart that was kept.
    criteria : sequence of float
        What was chosen by, of each restart: ``restart_criteria`` of the summary.

    Returns
    -------
    ranking : RestartRanking or None
        None where the data have no labels.

    Examples
    --------
    >>> from edgeclust.train.restarts import rank_restarts
    >>> lines = [
    ...     {"restart": 0, "epoch": 2, "acc": 0.7},
    ...     {"restart": 1, "epoch": 2, "acc": 0.6},
    ...     {"restart": 2, "epoch": 1, "acc": 0.8},  # stopped early
    ... ]
    >>> ranking = rank_restarts(lines, kept=1, criteria=[-1.1, -1.2, -0.9])
    >>> ranking.rank, ranking.rank_of_all, ranking.best_acc, ranking.n_stopped
    (2, 3, 0.7, 1)
    """
    last: dict[int, Mapping[str, Any]] = {}
    for line in lines:
        if line.get("voted"):
            continue
        if line["restart"] not in last or line["epoch"] >= last[line["restart"]]["epoch"]:
            last[line["restart"]] = line
    if any("acc" not in line for line in last.values()):
        return None
    longest = max(line["epoch"] for line in last.values())
    finished = [line for line in last.values() if line["epoch"] == longest]
    acc = float(last[kept]["acc"])
    accs = np.array([line["acc"] for line in finished])
    guides = np.array([criteria[line["restart"]] for line in finished])
    told_apart = len(finished) > 2 and np.ptp(accs) > 0 and np.ptp(guides) > 0
    return RestartRanking(
        n_restarts=len(last),
        n_stopped=len(last) - len(finished),
        acc=acc,
        best_acc=float(accs.max()),
        rank=1 + int((accs > acc).sum()),
        rank_of_all=1 + sum(line["acc"] > acc for line in last.values()),
        correlation=float(np.corrcoef(guides, accs)[0, 1]) if told_apart else None,
    )
