"""Restarts against one another: which of them trains when, which is kept, and their vote."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgeclust.train.criterion import agreement
from edgeclust.train.ranks import agreed
from edgeclust.train.training import EpochReport, Training
from edgeclust.train.vote import vote

ROUNDS = (0.5, 0.75)
"""Shares of the epochs after which the worse half of the restarts stops."""

VOTED = 0.25
"""Epochs in which the best restart then follows the vote of all, as a share of those before."""

LEAST = 0.1
"""Of the windows that its prior promises it, what a cluster must have of a vote to outlast it."""


class Turn(NamedTuple):
    """One epoch of one restart.

    Parameters
    ----------
    training : Training
        The restart.
    epoch : int
        From 1.
    n_epochs : int
        How many are planned.
    labels : intp array of shape (n_windows,), optional
        The vote, in the epochs that follow it.
    """

    training: Training
    epoch: int
    n_epochs: int
    labels: NDArray[np.intp] | None = None


class Tournament:
    """Rounds after which the worse half of the restarts stops, and epochs after their vote.

    Parameters
    ----------
    trainings : sequence of Training
        The restarts, by number.
    n_epochs : int
        Epochs of one that trains to the end, before the vote.

    Attributes
    ----------
    kept : Training
        The restart that is kept, once there is a `verdict`.
    criteria : list of float
        Of each restart that began what it was judged by then.
    """

    kept: Training
    criteria: list[float]

    def __init__(self, trainings: Sequence[Training], n_epochs: int) -> None:
        self.trainings = trainings
        self.n_epochs = n_epochs
        self.n_voted = math.ceil(VOTED * n_epochs) if len(trainings) > 1 else 0
        self._rounds = list(_plan_rounds(len(trainings), n_epochs))
        self._drawn: list[list[int]] = []  # who trains in each round that has begun
        self._ended = False
        self._vote: NDArray[np.intp] | None = None

    @property
    def n_turns(self) -> int:
        """How many epochs there are, of all restarts, if the vote is followed."""
        return sum(n_alive * (stop - start) for n_alive, start, stop in self._rounds) + self.n_voted

    def turns(self) -> Iterator[Turn]:
        """Yield which restart is to run which epoch next, as those before have come out."""
        for number, (n_alive, start, stop) in enumerate(self._rounds):
            if number == len(self._drawn):
                self._drawn.append([training.restart for training in self._standing()[:n_alive]])
            for restart in self._drawn[number]:
                training = self.trainings[restart]
                for epoch in range(max(start, training.n_epochs) + 1, stop + 1):
                    yield Turn(training, epoch, self.n_epochs)
        if not self._ended:
            self.end()
            self._vote = self._take_vote()
        if self._vote is not None:
            n_epochs = self.n_epochs + self.n_voted
            for epoch in range(self.kept.n_epochs + 1, n_epochs + 1):
                yield Turn(self.kept, epoch, n_epochs, self._vote)

    def end(self) -> None:
        """Choose the restart that is kept, where that is not done."""
        if not self._ended:
            self.kept = self._standing()[0]
            self.criteria = [_judge(training, self._begun) for training in self._begun]
            self._ended = True

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return what `restore` takes beside the reports, as JSON and as tensors, not copied."""
        facts: dict[str, Any] = {"drawn": self._drawn, "restarts": {}}
        tensors: dict[str, Tensor] = {}
        for training in self._begun:
            facts["restarts"][str(training.restart)], own = training.state()
            tensors |= {f"{training.restart}.{name}": tensor for name, tensor in own.items()}
        if self._ended:
            facts |= {"kept": self.kept.restart, "criteria": self.criteria}
        if self._vote is not None:
            tensors["vote"] = torch.from_numpy(self._vote)
        return facts, tensors

    def restore(
        self, facts: dict[str, Any], tensors: dict[str, Tensor], reports: list[EpochReport]
    ) -> None:
        """Be again what `state` was asked of, after the epochs that `reports` are of."""
        self._drawn = facts["drawn"]
        for name, about in facts["restarts"].items():
            prefix, restart = f"{name}.", int(name)
            own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            past = [report for report in reports if report.restart == restart]
            self.trainings[restart].restore(about, own, past)
        if "kept" in facts:
            self.kept, self.criteria = self.trainings[facts["kept"]], facts["criteria"]
            self._ended = True
        if "vote" in tensors:
            self._vote = tensors["vote"].numpy()

    @property
    def _begun(self) -> list[Training]:
        """The restarts that have run an epoch."""
        return [training for training in self.trainings if training.reports]

    def _standing(self) -> list[Training]:
        """Put the best first; before all who ran more epochs, then who left fewer empty."""
        begun = self._begun
        judged = sorted(begun, key=lambda t: (-t.n_epochs, t.n_empty, _judge(t, begun)))
        yet_to_come = [training for training in self.trainings if not training.reports]
        order = agreed([training.restart for training in [*judged, *yet_to_come]])
        return [self.trainings[restart] for restart in order]

    def _take_vote(self) -> NDArray[np.intp] | None:
        """Return the labels that all vote for, unless clusters that live would die of them."""
        if not self.n_voted:
            return None
        begun = self._begun
        posteriors = [training.posterior() for training in begun]
        labels = agreed(vote(posteriors, begun.index(self.kept), self.kept.groups))
        promised = len(labels) * np.exp(self.kept.clusters.log_prior)
        n_dying = np.count_nonzero(np.bincount(labels, minlength=len(promised)) < LEAST * promised)
        return labels if n_dying <= self.kept.n_empty else None


def _plan_rounds(n_restarts: int, n_epochs: int) -> Iterator[tuple[int, int, int]]:
    """Yield the rounds of the tournament: how many train, after which epoch, to which."""
    start, n_alive = 0, n_restarts
    for stop in [*(math.ceil(share * n_epochs) for share in ROUNDS), n_epochs]:
        if stop > start:
            yield n_alive, start, stop
            start, n_alive = stop, -(-n_alive // 2)


def _judge(training: Training, begun: list[Training]) -> float:
    """Return the criterion of the last epoch less the agreement with the others that began."""
    others = [other.labels for other in begun if other is not training]
    found_again = agreement(training.labels, others, training.clusters.n_clusters)
    return training.reports[-1].criterion - found_again
