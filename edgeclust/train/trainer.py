"""One step of training: encode a batch, assign it, pull windows and centroids together."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgeclust.clusters import Clusters
from edgeclust.dataset import Dataset
from edgeclust.errors import ConfigError
from edgeclust.train.config import TrainConfig
from edgeclust.train.encoders import build_encoder
from edgeclust.train.methods import METHODS, Costs
from edgeclust.train.sigma import CalibratedSigma, target_gap

SAMPLE = 1024
"""Windows, evenly spaced, that the scale of the channels and of the centroids is taken from."""


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
    >>> from edgeclust.train.trainer import pick_device
    >>> pick_device("cpu")
    device(type='cpu')
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ConfigError("device cuda is asked for and torch sees none: use --device cpu")
    return torch.device("cuda" if there and name != "cpu" else "cpu")


class Trainer:
    """The encoder, the centroids, their scale, and the optimiser that moves them.

    Parameters
    ----------
    dataset : Dataset
        Windows to learn from.
    config : TrainConfig
        All settings but the seed.
    seed : int
        Of the initial weights and centroids.
    """

    def __init__(self, dataset: Dataset, config: TrainConfig, seed: int) -> None:
        self.dataset = dataset
        self.device = pick_device(config.device)
        self.method = METHODS[config.method]
        self.sigma = math.nan if config.sigma is None else config.sigma
        self.calibration = CalibratedSigma() if config.sigma is None else None
        # Uniform: every cluster is expected to hold the same share of the windows.
        self.log_prior = np.full(config.n_clusters, -math.log(config.n_clusters))

        evenly = np.linspace(0, len(dataset) - 1, min(len(dataset), SAMPLE)).astype(np.intp)
        sample = torch.from_numpy(dataset.gather(evenly))
        # In float64, where the square of no float32 overflows.
        std, mean = torch.std_mean(sample.double(), dim=(0, 2), correction=0)
        std[std == 0] = 1.0  # a channel that never changes stays at zero
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = build_encoder(
                config.encoder,
                mean.float(),
                std.float(),
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

    def step(self, blocks: list[NDArray[np.intp]]) -> tuple[float, float]:
        """Learn from one batch; return its loss and its penalty, in nats per window.

        Each block of the batch is balanced by itself.
        """
        windows = torch.from_numpy(self.dataset.gather(np.concatenate(blocks)))
        embedding = self.encoder(windows.to(self.device))
        squared = (embedding[:, None] - self.centroids).square().sum(dim=-1)
        table = squared.detach().cpu().numpy().astype(np.float64)
        if not np.isfinite(table).all():
            raise ConfigError(
                "training diverged, its embeddings are no longer finite: use a larger sigma "
                "or a lower learning rate"
            )
        if self.calibration is not None:
            target = target_gap(len(table) / len(blocks), len(self.log_prior))
            self.sigma = self.calibration.update(table, target)
        cost = table / self.sigma - self.log_prior
        edges = np.cumsum([len(block) for block in blocks])[:-1]
        costs = Costs(squared, self.sigma, self.log_prior, np.split(cost, edges))
        loss, penalty, _ = self.method(costs)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        return loss.item(), penalty

    def clusters(self) -> Clusters:
        """Return the clusters as they are now."""
        centroids = self.centroids.detach().cpu().numpy().copy()
        return Clusters(centroids, self.sigma, self.log_prior)
