"""One step of training: encode a batch, assign it, pull windows and centroids together."""

import math
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgeclust.clusters import Clusters
from edgeclust.dataset import Dataset
from edgeclust.errors import ConfigError
from edgeclust.train.config import TrainConfig
from edgeclust.train.encoders import build_encoder, even_posture
from edgeclust.train.inputs import Inputs
from edgeclust.train.methods import METHODS, Costs, Method
from edgeclust.train.methods.hard import hard
from edgeclust.train.norms import share_norms
from edgeclust.train.prior import LearnedPrior
from edgeclust.train.ranks import add_gradients, all_rows, own_rows
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


def _initial_log_prior(config: TrainConfig) -> NDArray[np.float64]:
    """Return the log of the given shares, or of even ones, which a learned prior starts from."""
    if isinstance(config.prior, str):
        return np.full(config.n_clusters, -math.log(config.n_clusters))
    log_prior: NDArray[np.float64] = np.log(config.prior)
    return log_prior


def _own_windows(blocks: list[NDArray[np.intp]]) -> tuple[NDArray[np.intp], int]:
    """Return the windows of a batch that this rank encodes, and how many of them are its own."""
    batch = np.concatenate(blocks)
    own = batch[own_rows(len(batch))]
    # With none it takes one along, so that all ranks meet in the same layers.
    return (own if len(own) else batch[:1]), len(own)


class HostCopy:
    """A copy of a small tensor to the host, on its way while the host does other things.

    Parameters
    ----------
    tensor : Tensor
        On any device; without gradient.

    Examples
    --------
    >>> import torch
    >>> from edgeclust.train.trainer import HostCopy
    >>> HostCopy(torch.eye(2)).wait().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, tensor: Tensor) -> None:
        self._copied = None
        self._host = tensor
        if tensor.is_cuda:
            self._host = torch.empty_like(tensor, device="cpu", pin_memory=True)
            self._host.copy_(tensor, non_blocking=True)
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record()

    def wait(self) -> NDArray[np.float32]:
        """Return the numbers once they are there; what the device does after is not waited for."""
        if self._copied is not None:
            self._copied.synchronize()
        numbers: NDArray[np.float32] = self._host.numpy()
        return numbers


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
    aligned : bool
        Whether the windows are turned by gravity.
    inputs : Inputs, optional
        What several trainers on one data set share; left out, the trainer has its own.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: TrainConfig,
        seed: int,
        aligned: bool = False,
        inputs: Inputs | None = None,
    ) -> None:
        self.device = pick_device(config.device)
        self.inputs = inputs or Inputs(dataset, self.device)
        self._following: list[NDArray[np.intp]] | None = None
        self.method: Method = METHODS[config.method]
        if config.method == "hard":
            self.method = partial(hard, solver=config.solver)
        self.sigma = math.nan if config.sigma is None else config.sigma
        self.calibration = CalibratedSigma() if config.sigma is None else None
        self.gap = 0.0  # mean cost gap of the last batch, in nats, under a fixed sigma
        self.log_prior = _initial_log_prior(config)
        learned = config.prior == "learned"
        self.prior = LearnedPrior(config.n_clusters, len(dataset)) if learned else None

        evenly = np.linspace(0, len(dataset) - 1, min(len(dataset), SAMPLE)).astype(np.intp)
        sample = torch.from_numpy(dataset.gather(evenly))
        # In float64, where the square of no float32 overflows.
        std, mean = torch.std_mean(sample.double(), dim=(0, *range(2, sample.ndim)), correction=0)
        std[std == 0] = 1.0  # a channel that never changes stays at zero
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = build_encoder(
                config.encoder,
                mean.float(),
                std.float(),
                dataset.card,
                config.n_features,
            )
            if aligned:
                even_posture(encoder)
            centroids = torch.randn(config.n_clusters, config.n_features)
        self.encoder = encoder.to(self.device).train()
        with torch.no_grad():  # centroids start among the embeddings, as far out as they are
            spread = self.encoder(sample.to(self.device)).std()
        self.encoder = share_norms(self.encoder, self.device)
        self.centroids = nn.Parameter(centroids.to(self.device) * spread)
        self.optimizer = torch.optim.Adam(
            [*self.encoder.parameters(), self.centroids], lr=config.learning_rate, fused=True
        )

    def expect(self, blocks: list[NDArray[np.intp]]) -> None:
        """Say which batch comes after the next: it is fetched while that is assigned."""
        self._following = blocks

    def step(
        self,
        blocks: list[NDArray[np.intp]],
        labels: NDArray[np.intp] | None = None,
    ) -> tuple[Tensor, float]:
        """Learn from one batch; return its loss and its penalty, in nats per window.

        Each block of the batch is assigned by itself; where labels are given, one for each window
        of the data, they stand instead. The loss stays on the device. Each rank encodes its part
        of the batch, and all see the distances of all.

        On CUDA the host waits for the device once a step: for the table of distances.
        """
        windows, n_own = _own_windows(blocks)
        embedding = self.inputs.encode(self.encoder, windows)[:n_own]
        own = (embedding[:, None] - self.centroids).square().sum(dim=-1)
        squared = all_rows(own, sum(len(block) for block in blocks))
        copy = HostCopy(squared.detach())
        if self._following is not None:
            self.inputs.expect(_own_windows(self._following)[0])
            self._following = None
        table = copy.wait().astype(np.float64)
        if not np.isfinite(table).all():
            raise ConfigError(
                "training diverged, its embeddings are no longer finite: use a larger sigma "
                "or a lower learning rate"
            )
        if self.calibration is not None:
            target = target_gap(len(table) / len(blocks), len(self.log_prior))
            self.sigma = self.calibration.update(table, target)
        else:
            self.gap = float((table.mean(axis=1) - table.min(axis=1)).mean() / self.sigma)
        cost = table / self.sigma - self.log_prior
        edges = np.cumsum([len(block) for block in blocks])[:-1]
        costs = Costs(squared, self.sigma, self.log_prior, np.split(cost, edges))
        if labels is None:
            loss, penalty, _ = self.method(costs)
        else:
            parts = [labels[block] for block in blocks]
            loss, penalty = costs.mean(np.concatenate(parts)), costs.count_penalty(parts)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        add_gradients([*self.encoder.parameters(), self.centroids])
        self.optimizer.step()
        if self.prior is not None:
            self.log_prior = self.prior.update(cost.argmin(axis=1))
        return loss.detach(), penalty

    def reseat(self, empty: NDArray[np.intp], seats: NDArray[np.float32]) -> None:
        """Move the centroids of clusters that no window is nearest to.

        Parameters
        ----------
        empty : intp array of shape (n_empty,)
            Indices of the clusters.
        seats : float32 array of shape (n_empty, n_features)
            Where their centroids go.
        """
        with torch.no_grad():
            self.centroids[torch.from_numpy(empty)] = torch.from_numpy(seats).to(self.device)

    def state(self) -> dict[str, Tensor]:
        """Return all that steps have changed, for `restore`; not copied."""
        numbers: dict[str, Any] = {"sigma": self.sigma, "log_prior": self.log_prior}
        if self.calibration is not None:
            numbers["gap"] = self.calibration.gap
        if self.prior is not None:
            numbers["shares"] = self.prior.shares
        state = {name: torch.tensor(value, dtype=torch.float64) for name, value in numbers.items()}
        state["centroids"] = self.centroids.detach()
        for name, tensor in self.encoder.state_dict().items():
            state[f"encoder.{name}"] = tensor
        for number, moments in self.optimizer.state_dict()["state"].items():
            for name, tensor in moments.items():
                state[f"adam.{number}.{name}"] = tensor
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on where another trainer of the same data and settings stood.

        Parameters
        ----------
        state : dict of tensors
            As `state` returned it; what else it holds is passed over.
        """
        self.sigma = state["sigma"].item()
        self.log_prior = state["log_prior"].numpy()
        if self.calibration is not None:
            self.calibration.gap = state["gap"].item()
        if self.prior is not None:
            self.prior.shares = state["shares"].numpy()
        with torch.no_grad():
            self.centroids.copy_(state["centroids"])
        adam: dict[int, dict[str, Tensor]] = {}
        weights = {}
        for name, tensor in state.items():
            match name.split(".", 1):
                case ["encoder", rest]:
                    weights[rest] = tensor
                case ["adam", rest]:
                    number, moment = rest.split(".")
                    adam.setdefault(int(number), {})[moment] = tensor
        self.encoder.load_state_dict(weights)
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": adam})

    @property
    def learned_prior(self) -> list[float] | None:
        """Expected share of each cluster as it is now, where it is learnt."""
        return None if self.prior is None else np.exp(self.log_prior).tolist()

    def clusters(self) -> Clusters:
        """Return the clusters as they are now."""
        centroids = self.centroids.detach().cpu().numpy().copy()
        return Clusters(centroids, self.sigma, self.log_prior)
