"""The training loop: encode a batch, assign it, pull windows and centroids together."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import gammaln
from torch import nn

from edgeclust.clusters import Clusters
from edgeclust.dataset import Dataset
from edgeclust.errors import ConfigError
from edgeclust.train.config import TrainConfig
from edgeclust.train.encoders import build_encoder
from edgeclust.train.methods import METHODS
from edgeclust.train.metrics import clustering_metrics
from edgeclust.train.model import TrainedModel, embed
from edgeclust.train.sigma import CalibratedSigma

N_STEPS = 600
"""Steps that a training makes at least when its epochs are not given."""

MIN_EPOCHS = 5
"""Passes over the data that it makes at least then."""

TARGET_GAP = 2.0
"""Nats of mean cost gap that sigma is calibrated to."""

SAMPLE = 1024
"""Windows, evenly spaced, that the scale of the channels and of the centroids is taken from."""


@dataclass(frozen=True)
class EpochReport:
    """What one epoch came to: a line of ``metrics.jsonl``.

    Parameters
    ----------
    epoch : int
        From 1.
    n_epochs : int
        How many are planned.
    loss : float
        Mean cost of the assigned windows over the epoch, in nats.
    objective : float
        The same with the count penalty of the batches, in nats per window.
    sigma : float
        Scale of squared distances at the end.
    metrics : dict
        `clustering_metrics` of all windows, labelled by their nearest centroid.
    seconds : float
        Of training in this epoch, scoring not counted.
    windows_per_s : float
        Windows trained on in a second.
    """

    epoch: int
    n_epochs: int
    loss: float
    objective: float
    sigma: float
    metrics: dict[str, Any]
    seconds: float
    windows_per_s: float

    def to_json(self) -> dict[str, Any]:
        """Return one flat object."""
        content = {k: v for k, v in vars(self).items() if k not in ("metrics", "n_epochs")}
        return content | self.metrics


def train(
    dataset: Dataset,
    config: TrainConfig,
    *,
    on_epoch: Callable[[EpochReport], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainedModel:
    """Train an encoder and its clusters; the labels of the data serve the reports alone.

    Each step encodes a batch, assigns it with the method of `config`, takes the mean cost of the
    assigned windows as the loss (no gradient passes the assignment) and makes one Adam step on
    the encoder and the centroids. Counts start at zero in every batch.

    Parameters
    ----------
    dataset : Dataset
        At least as many windows as clusters.
    config : TrainConfig
        All settings, the seed among them: the same seed on the same machine gives the same model.
    on_epoch : callable, optional
        Called with a report after each epoch.
    on_step : callable, optional
        Called after each step with the steps done and the steps planned.
    should_stop : callable
        Asked after each step; training ends there when it says True.

    Returns
    -------
    model : TrainedModel
        As it is after the last step, on the CPU.

    Raises
    ------
    ConfigError
        If there are more clusters than windows, or CUDA is asked for and not there.
    """
    config.check_windows(len(dataset))
    rng = np.random.default_rng(config.seed)
    trainer = _Trainer(dataset, config)
    batch_size = min(config.batch_size, len(dataset))
    n_batches = len(dataset) // batch_size
    n_epochs = config.epochs or max(MIN_EPOCHS, math.ceil(N_STEPS / n_batches))
    n_done = 0
    for epoch in range(1, n_epochs + 1):
        started = time.perf_counter()
        order = rng.permutation(len(dataset))[: n_batches * batch_size]
        losses, objectives = [], []
        for batch in np.split(order, n_batches):
            loss, penalty = trainer.step(dataset.gather(batch))
            losses.append(loss)
            objectives.append(loss + penalty)
            n_done += 1
            if on_step is not None:
                on_step(n_done, n_epochs * n_batches)
            if stopped := should_stop():
                break
        seconds = time.perf_counter() - started
        clusters = trainer.clusters()
        embedding = embed(trainer.encoder, dataset)
        if on_epoch is not None:
            metrics = clustering_metrics(
                dataset.labels,
                clusters.predict(embedding),
                config.n_clusters,
                len(dataset.card.classes),
            )
            on_epoch(
                EpochReport(
                    epoch=epoch,
                    n_epochs=n_epochs,
                    loss=float(np.mean(losses)),
                    objective=float(np.mean(objectives)),
                    sigma=clusters.sigma,
                    metrics=metrics,
                    seconds=seconds,
                    windows_per_s=len(losses) * batch_size / seconds,
                )
            )
        if stopped:
            break
    return TrainedModel.measured(dataset.card, trainer.encoder.cpu(), clusters, embedding)


def pick_device(name: str) -> torch.device:
    """Return the device of a name: ``auto`` is CUDA where there is one, else the CPU.

    Parameters
    ----------
    name : str
        ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    ConfigError
        If CUDA is asked for and not there.

    Examples
    --------
    >>> from edgeclust.train.loop import pick_device
    >>> pick_device("cpu")
    device(type='cpu')
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ConfigError("device cuda is asked for and torch sees none: use --device cpu")
    return torch.device("cuda" if there and name != "cpu" else "cpu")


class _Trainer:
    """The encoder, the centroids, their scale, and the optimiser that moves them."""

    def __init__(self, dataset: Dataset, config: TrainConfig) -> None:
        self.device = pick_device(config.device)
        self.assign = METHODS[config.method]
        self.sigma = math.nan if config.sigma is None else config.sigma
        self.calibration = CalibratedSigma(TARGET_GAP) if config.sigma is None else None
        # Uniform: every cluster is expected to hold the same share of the windows.
        self.log_prior = np.full(config.n_clusters, -math.log(config.n_clusters))

        evenly = np.linspace(0, len(dataset) - 1, min(len(dataset), SAMPLE)).astype(np.intp)
        sample = torch.from_numpy(dataset.gather(evenly))
        mean, std = sample.mean(dim=(0, 2)), sample.std(dim=(0, 2), correction=0)
        std[std == 0] = 1.0  # a channel that never changes stays at zero
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            encoder = build_encoder(
                config.encoder,
                mean,
                std,
                dataset.card.window,
                dataset.card.rate_hz,
                config.n_features,
            )
            centroids = torch.randn(config.n_clusters, config.n_features)
        self.encoder = encoder.to(self.device).train()
        with torch.no_grad():  # centroids start among the embeddings, as far out as they are
            spread = self.encoder(sample.to(self.device)).std()
        self.centroids = nn.Parameter(centroids.to(self.device) * spread)
        self.optimizer = torch.optim.Adam(
            [*self.encoder.parameters(), self.centroids], lr=config.learning_rate
        )

    def step(self, windows: NDArray[np.float32]) -> tuple[float, float]:
        """Learn from one batch; return its loss and its count penalty, in nats per window."""
        embedding = self.encoder(torch.from_numpy(windows).to(self.device))
        squared = (embedding[:, None] - self.centroids).square().sum(dim=-1)
        table = squared.detach().cpu().numpy().astype(np.float64)
        if self.calibration is not None:
            self.sigma = self.calibration.update(table)
        labels = self.assign(table / self.sigma - self.log_prior)
        assigned = squared.gather(1, torch.from_numpy(labels).to(self.device)[:, None])
        loss = assigned.mean() / self.sigma - self.log_prior[labels].mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        counts = np.bincount(labels, minlength=len(self.log_prior))
        return loss.item(), float(gammaln(counts + 1).sum() / len(labels))

    def clusters(self) -> Clusters:
        """Return the clusters as they are now."""
        centroids = self.centroids.detach().cpu().numpy().copy()
        return Clusters(centroids, self.sigma, self.log_prior)
