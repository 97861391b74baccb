"""One training from one set of weights, epoch by epoch, and what is reported of each."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgeclust.clusters import Clusters
from edgeclust.dataset import Dataset
from edgeclust.train.batches import draw_batches, n_batches
from edgeclust.train.config import TrainConfig
from edgeclust.train.criterion import criterion
from edgeclust.train.inputs import Inputs
from edgeclust.train.metrics import clustering_metrics
from edgeclust.train.model import embed
from edgeclust.train.ranks import agreed, all_rows, own_rows
from edgeclust.train.trainer import Trainer


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


class Training:
    """One restart: a trainer, the order of its windows, and where it stands.

    Parameters
    ----------
    dataset : Dataset
        What it learns from.
    config : TrainConfig
        How.
    restart : int
        Which of the trainings from other weights.
    aligned : bool
        Whether the windows are turned by gravity.
    inputs : Inputs
        What all restarts share.

    Attributes
    ----------
    clusters : Clusters
        After the last epoch, as are those that follow.
    embedding : float32 array of shape (n_windows, n_features)
        Of all windows.
    labels : intp array of shape (n_windows,)
        The cheapest cluster of each.
    block_size : float
        Windows that shared counts, mean over the epoch.
    reports : list of EpochReport
        Of each epoch.
    """

    clusters: Clusters
    embedding: NDArray[np.float32]
    labels: NDArray[np.intp]
    block_size: float

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
    ) -> bool:
        """Pass over the data once in a new order, or until a step says stop; then score.

        With `voted`, the labels of all windows, nothing is assigned. Returns whether the epoch is
        whole.
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
        cost = self._label()
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
        return len(losses) == n_batches(len(dataset), config.batch_size)

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return what `restore` takes beside the reports, as JSON and as tensors, not copied."""
        clusters = {
            "centroids": self.clusters.centroids,
            "log_prior": self.clusters.log_prior,
            "sigma": np.array(self.clusters.sigma),
        }
        tensors = self.trainer.state() | {
            f"clusters.{name}": torch.from_numpy(array) for name, array in clusters.items()
        }
        return {"rng": self.rng.bit_generator.state}, tensors

    def restore(
        self, facts: dict[str, Any], tensors: dict[str, Tensor], reports: list[EpochReport]
    ) -> None:
        """Be again what `state` was asked of, after the epochs that `reports` are of."""
        self.rng.bit_generator.state = facts["rng"]
        self.trainer.restore(tensors)
        self.clusters = Clusters(
            tensors["clusters.centroids"].numpy(),
            tensors["clusters.sigma"].item(),
            tensors["clusters.log_prior"].numpy(),
        )
        self.reports = reports
        self._label()

    def _label(self) -> NDArray[np.float64]:
        """Embed all windows, each rank its own, label each by its cheapest cluster; the costs."""
        dataset = self.dataset
        trainer = self.trainer
        own = embed(trainer.encoder, dataset, trainer.inputs, own_rows(len(dataset)))
        self.embedding = all_rows(torch.from_numpy(own), len(dataset)).numpy()
        cost = self.clusters.cost(self.clusters.squared_distances(self.embedding))
        self.labels = agreed(cost.argmin(axis=1))
        return cost

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
