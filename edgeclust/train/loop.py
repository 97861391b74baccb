"""The training loop: restarts, epochs and batches, and what is reported of them."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgeclust.alignment import RIGID_MOUNTS, GravityAlignment, align, fit_alignment
from edgeclust.clusters import Clusters
from edgeclust.dataset import Dataset, WindowedDataset
from edgeclust.errors import ConfigError, DataError
from edgeclust.train.alarms import warn_of_empty, warn_of_gap
from edgeclust.train.batches import draw_batches, n_batches
from edgeclust.train.config import TrainConfig
from edgeclust.train.criterion import agreement, criterion
from edgeclust.train.inputs import Inputs
from edgeclust.train.metrics import clustering_metrics
from edgeclust.train.model import TrainedModel, embed
from edgeclust.train.trainer import Trainer, pick_device
from edgeclust.train.vote import vote

logger = logging.getLogger(__name__)

N_STEPS = 800
"""Steps that a training makes at least when its epochs are not given."""

MIN_EPOCHS = 4
"""Passes over the data that it makes at least then."""

ROUNDS = (0.5, 0.75)
"""Shares of the epochs after which the worse half of the restarts stops."""

VOTED = 0.25
"""Epochs in which the best restart then follows the vote of all, as a share of those before."""


@dataclass(frozen=True)
class EpochReport:
    """What one epoch came to: a line of ``metrics.jsonl``.

    Parameters
    ----------
    restart : int
        Which of the trainings from other weights, from 0.
    epoch : int
        From 1.
    n_epochs : int
        How many are planned.
    loss : float
        What the method minimised, mean over the epoch, in nats per window.
    objective : float
        The same with the method's penalty that no gradient passes: the counts' under ``hard``.
    criterion : float
        How good the clusters look without labels, in nats per window, the lower the better:
        `edgeclust.train.criterion`.
    sigma : float
        Scale of squared distances at the end.
    metrics : dict
        `clustering_metrics` of all windows, labelled by their nearest centroid.
    seconds : float
        Of training in this epoch, scoring not counted.
    windows_per_s : float
        Windows trained on in a second.
    prior : list of float, optional
        Expected share of each cluster at the end, where it is learnt.
    voted : bool
        Whether the windows had the labels of all restarts' vote.
    """

    restart: int
    epoch: int
    n_epochs: int
    loss: float
    objective: float
    criterion: float
    sigma: float
    metrics: dict[str, Any]
    seconds: float
    windows_per_s: float
    prior: list[float] | None = None
    voted: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return one flat object."""
        content = {k: v for k, v in vars(self).items() if k not in ("metrics", "n_epochs")}
        if self.prior is None:
            del content["prior"]
        if not self.voted:
            del content["voted"]
        return content | self.metrics


@dataclass(frozen=True)
class TrainResult:
    """What a training came to.

    Parameters
    ----------
    model : TrainedModel
        As it was after the last step of the restart that was kept, on the CPU.
    reports : list of EpochReport
        Of that restart.
    criteria : list of float
        Of each restart the criterion when it ended, before the vote, less the `agreement` of its
        labels with those of the others. Of those that ran to the end and left fewest clusters
        empty the lowest was kept.
    """

    model: TrainedModel
    reports: list[EpochReport]
    criteria: list[float]


def train(
    dataset: Dataset,
    config: TrainConfig,
    *,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
    on_step: Callable[[int, int], None] = lambda n_done, n_planned: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainResult:
    """Train an encoder and its clusters; the labels of the data serve the reports alone.

    Each step encodes a batch, takes its loss from the method of `config` (``hard``: the mean cost
    of the assigned windows; no gradient passes the assignment) and makes one Adam step on the
    encoder and the centroids. Counts start at zero in every batch and, unless `config` says
    otherwise, anew for each subject in it, so that no cluster can hold one wearer instead of one
    activity.

    From the half of its epochs on, a cluster that an epoch has left empty starts anew at a window
    of the largest, under ``hard`` with a calibrated sigma and a prior that is not learnt.

    Restarts are a tournament: all train for half of the epochs, the better half of them for
    another quarter, the half of those to the end, and the best is kept: that with the fewest empty
    clusters, and among equals that of the lowest `criterion` less the `agreement` of its labels
    with those of all others, stopped or not. At the end all `vote` on the label of each window,
    and the one that was kept trains for another quarter of the epochs with these labels, unless
    the vote leaves a cluster empty that it does not. So 8 restarts cost as much as 5.75 whole
    trainings.

    Parameters
    ----------
    dataset : Dataset
        At least as many windows as clusters.
    config : TrainConfig
        All settings, the seed among them: the same seed on the same machine gives the same model.
    on_epoch : callable
        Called with a report after each epoch.
    on_step : callable
        Called after each step with the steps done and the steps planned, of all restarts.
    should_stop : callable
        Asked after each step; training ends there when it says True.

    Returns
    -------
    result : TrainResult

    Raises
    ------
    ConfigError
        If there are more clusters than windows, or CUDA is asked for and not there.
    DataError
        If gravity alignment is asked for and the data do not allow it.
    """
    config.check_windows(len(dataset))
    alignment = choose_alignment(dataset, config.align)
    if alignment is not None:
        assert isinstance(dataset, WindowedDataset)
        dataset = align(dataset, alignment)
    n_steps = n_batches(len(dataset), config.batch_size)  # of an epoch
    n_epochs = config.epochs or max(MIN_EPOCHS, math.ceil(N_STEPS / n_steps))
    rounds = list(_plan_rounds(config.restarts, n_epochs))
    n_voted = math.ceil(VOTED * n_epochs) if config.restarts > 1 else 0
    n_planned = sum(n_alive * (stop - start) for n_alive, start, stop in rounds) + n_voted
    n_planned *= n_steps
    n_done = 0

    def count_step() -> bool:
        nonlocal n_done
        n_done += 1
        on_step(n_done, n_planned)
        return should_stop()

    inputs = Inputs(dataset, pick_device(config.device))  # one for all restarts
    trainings = [
        _Training(dataset, config, restart, alignment is not None, inputs)
        for restart in range(config.restarts)
    ]
    gap_is_wide = False
    for training, epoch in _tournament(trainings, rounds):
        training.run_epoch(epoch, n_epochs, count_step)
        on_epoch(training.reports[-1])
        if config.method == "hard" and not gap_is_wide:
            gap_is_wide = warn_of_gap(training.trainer.gap, training.block_size)
        if should_stop():
            break
    kept = _standing(trainings)[0]
    begun = [training for training in trainings if training.reports]
    criteria = [_judge(training, begun) for training in begun]
    if n_voted and not should_stop():
        labels = vote([training.posterior() for training in begun], first=begun.index(kept))
        if len(np.unique(labels)) >= config.n_clusters - kept.n_empty:
            for epoch in range(n_epochs, n_epochs + n_voted):
                kept.run_epoch(epoch + 1, n_epochs + n_voted, count_step, labels)
                on_epoch(kept.reports[-1])
                if should_stop():
                    break
    n_empty = config.n_clusters - max(r.metrics["clusters_used"] for r in kept.reports[-2:])
    if n_empty and not gap_is_wide:
        warn_of_empty(n_empty, config.n_clusters, config.method)
    model = TrainedModel.measured(
        dataset.card,
        kept.trainer.encoder.cpu().eval(),
        kept.clusters,
        kept.embedding,
        alignment,
    )
    return TrainResult(model, kept.reports, criteria)


def _plan_rounds(n_restarts: int, n_epochs: int) -> Iterator[tuple[int, int, int]]:
    """Yield the rounds of the tournament: how many train, after which epoch, to which."""
    start, n_alive = 0, n_restarts
    for stop in [*(math.ceil(share * n_epochs) for share in ROUNDS), n_epochs]:
        if stop > start:
            yield n_alive, start, stop
            start, n_alive = stop, -(-n_alive // 2)


def _tournament(
    trainings: "list[_Training]", rounds: list[tuple[int, int, int]]
) -> "Iterator[tuple[_Training, int]]":
    """Yield which restart is to run which epoch next, as those before have come out."""
    for n_alive, start, stop in rounds:
        for training in _standing(trainings)[:n_alive]:
            for epoch in range(start + 1, stop + 1):
                yield training, epoch


def _standing(trainings: "list[_Training]") -> "list[_Training]":
    """Put the best first; before all who ran more epochs, then who left fewer clusters empty."""
    begun = [training for training in trainings if training.reports]
    yet_to_come = [training for training in trainings if not training.reports]
    judged = sorted(begun, key=lambda t: (-t.n_epochs, t.n_empty, _judge(t, begun)))
    return [*judged, *yet_to_come]


def _judge(training: "_Training", begun: "list[_Training]") -> float:
    """Return the criterion of the last epoch less the agreement with the others that began."""
    others = [other.labels for other in begun if other is not training]
    found_again = agreement(training.labels, others, training.clusters.n_clusters)
    return training.reports[-1].criterion - found_again


def choose_alignment(dataset: Dataset, name: str) -> GravityAlignment | None:
    """Fit the gravity alignment that is asked for, or that the mount of the sensor allows.

    Parameters
    ----------
    dataset : Dataset
        What is to be trained on.
    name : str
        ``gravity``, ``none``, or ``auto``: where the mount is rigid and the data allow it.

    Raises
    ------
    ConfigError, DataError
        If ``gravity`` is asked for and the data are of another kind, or do not allow it.
    """
    if name == "none":
        return None
    if not isinstance(dataset, WindowedDataset):
        if name == "gravity":
            raise ConfigError(f"{dataset.card.name!r} has no recordings to align: use --align auto")
        return None
    if name == "auto" and dataset.card.mount not in RIGID_MOUNTS:
        return None
    try:
        return fit_alignment(dataset)
    except DataError as error:
        if name == "gravity":
            raise
        logger.warning("trained without alignment: %s", error)
        return None


class _Training:
    """One restart: a trainer, the order of its windows, and where it stands."""

    clusters: Clusters
    embedding: NDArray[np.float32]
    labels: NDArray[np.intp]
    block_size: float  # windows that share counts, mean over the last epoch

    def __init__(
        self, dataset: Dataset, config: TrainConfig, restart: int, aligned: bool, inputs: Inputs
    ) -> None:
        self.dataset = dataset
        self.config = config
        self.restart = restart
        self.groups = np.zeros(len(dataset), np.intp)  # one: the whole batch
        if config.balance == "subject":
            self.groups = np.unique(dataset.groups, return_inverse=True)[1]
        self.rng = np.random.default_rng([config.seed, restart])
        seed = int(self.rng.integers(2**63))
        self.trainer = Trainer(dataset, config, seed, aligned, inputs)
        self.reports: list[EpochReport] = []
        # A fixed sigma and a learned prior may say that fewer clusters are right; rivals collapse.
        self.fills_all = (config.method, config.sigma) == (
            "hard",
            None,
        ) and config.prior != "learned"

    @property
    def n_epochs(self) -> int:
        """How many epochs it has run."""
        return len(self.reports)

    @property
    def n_empty(self) -> int:
        """Clusters that no window was nearest to after the last epoch."""
        used: int = self.reports[-1].metrics["clusters_used"]
        return self.config.n_clusters - used

    def posterior(self) -> NDArray[np.float64]:
        """Return the probability of each cluster given each window, after the last epoch."""
        return self.clusters.posterior(self.clusters.squared_distances(self.embedding))

    def run_epoch(
        self,
        epoch: int,
        n_epochs: int,
        after_step: Callable[[], bool],
        voted: NDArray[np.intp] | None = None,
    ) -> None:
        """Pass over the data once in a new order, or until a step says stop; then score.

        With `voted`, the labels of all windows, nothing is assigned.
        """
        dataset, config = self.dataset, self.config
        started = time.perf_counter()
        losses, penalties, n_windows, n_blocks = [], [], 0, 0
        batches = draw_batches(self.groups, config.batch_size, config.n_clusters, self.rng)
        for blocks, following in pairwise(chain(batches, [None])):
            assert blocks is not None
            if following is not None:
                self.trainer.expect(following)
            loss, penalty = self.trainer.step(blocks, voted)
            losses.append(loss)
            penalties.append(penalty)
            n_windows += sum(len(block) for block in blocks)
            n_blocks += len(blocks)
            if after_step():
                break
        mean_loss = float(np.mean(torch.stack(losses).tolist()))  # waits for the device
        seconds = time.perf_counter() - started
        self.block_size = n_windows / n_blocks
        self.clusters = self.trainer.clusters()
        self.embedding = embed(self.trainer.encoder, dataset, self.trainer.inputs)
        cost = self.clusters.cost(self.clusters.squared_distances(self.embedding))
        self.labels = cost.argmin(axis=1)
        if self.fills_all and voted is None and n_epochs / 2 <= epoch < n_epochs:
            self._reseat_empty()
        self.reports.append(
            EpochReport(
                restart=self.restart,
                epoch=epoch,
                n_epochs=n_epochs,
                loss=mean_loss,
                objective=mean_loss + float(np.mean(penalties)),
                criterion=criterion(cost, self.groups, dataset.followers),
                sigma=self.clusters.sigma,
                metrics=clustering_metrics(
                    dataset.labels,
                    self.labels,
                    self.clusters.n_clusters,
                    len(dataset.card.classes),
                ),
                seconds=seconds,
                windows_per_s=n_windows / seconds,
                prior=self.trainer.learned_prior,
                voted=voted is not None,
            )
        )

    def _reseat_empty(self) -> None:
        """Give each cluster that no window is nearest to a window of the largest as its centre.

        Without it, one or two of many clusters stay squeezed between their neighbours for good.
        In the first half of a training the price of the counts still fills them, and better.
        """
        sizes = np.bincount(self.labels, minlength=self.clusters.n_clusters)
        empty = np.flatnonzero(sizes == 0)
        largest = np.resize(
            np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)], len(empty)
        )
        seats = [self.rng.choice(np.flatnonzero(self.labels == cluster)) for cluster in largest]
        self.trainer.reseat(empty, self.embedding[seats])
