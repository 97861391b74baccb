"""What a training is asked to do."""

from collections.abc import Collection
from dataclasses import dataclass
from math import fsum, isclose

from edgeclust.assignment import SOLVERS
from edgeclust.errors import ConfigError
from edgeclust.model_schema import MEASURABLE
from edgeclust.train.encoders import AUTO, ENCODERS, IMAGE_ENCODERS
from edgeclust.train.methods import METHODS

DEVICES = ("auto", "cpu", "cuda")
BALANCES = ("subject", "batch")
ALIGNMENTS = ("auto", "gravity", "none")
PRIORS = ("uniform", "learned")

LEAST = {
    "n_clusters": 2,
    "n_features": 2,
    "epochs": 1,
    "batch_size": 2,
    "restarts": 1,
    "seed": 0,
}
"""Settings that are whole numbers, and the lowest each may be."""


KNOWN: dict[str, Collection[str]] = {
    "method": METHODS,
    "solver": SOLVERS,
    "encoder": (AUTO, *ENCODERS, *IMAGE_ENCODERS),
    "balance": BALANCES,
    "align": ALIGNMENTS,
    "device": DEVICES,
}
"""Settings that are names, and the names each may have."""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training; the defaults are those of the command line.

    Raises
    ------
    ConfigError
        If a value is outside its range or a name is unknown.

    Examples
    --------
    >>> from edgeclust.train import TrainConfig
    >>> TrainConfig(n_clusters=7, sigma=30.0).method
    'hard'
    """

    n_clusters: int
    method: str = "hard"
    solver: str = "greedy"  # of method hard: greedy, or the exact optimum
    encoder: str = AUTO  # the first of ENCODERS, or of IMAGE_ENCODERS, as the data are
    n_features: int = 16  # length of the embedding
    sigma: float | None = None  # scale of squared distances; None: calibrated while training
    epochs: int | None = None  # passes over the data; None: as many as make N_STEPS steps
    batch_size: int = 256  # windows
    learning_rate: float = 3e-4  # of Adam, for encoder and centroids
    restarts: int = 8  # trainings from other weights; the worse stop early
    balance: str = "subject"  # whose counts regularise: each subject's in a batch, or the batch's
    align: str = "auto"  # turn each session by gravity; auto: where the mount is rigid
    # Expected shares of the clusters: "uniform", "learned" from the data, or one number for each
    # cluster, above 0, kept as shares: cluster k has the k-th.
    prior: str | tuple[float, ...] = "uniform"
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        """Check every value once, here."""
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is None and name == "epochs":
                continue
            if not isinstance(value, int) or value < least:
                raise ConfigError(f"{name} should be at least {least}, a whole number, got {value}")
        for name in ("sigma", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not MEASURABLE[0] <= value <= MEASURABLE[1]:
                raise ConfigError(f"{name} should be above 0, from 1e-12 to 1e12, got {value}")
        for name, known in KNOWN.items():
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"unknown {name} {getattr(self, name)!r}: known are {', '.join(known)}"
                )
        if self.solver != "greedy" and self.method != "hard":
            raise ConfigError(f"solver {self.solver} is of method hard, got method {self.method}")
        if isinstance(self.prior, str):
            if self.prior not in PRIORS:
                raise ConfigError(
                    f"unknown prior {self.prior!r}: known are {', '.join(PRIORS)}, "
                    "or one number for each cluster"
                )
        else:
            object.__setattr__(self, "prior", _shares(self.prior, self.n_clusters))

    def check_windows(self, n_windows: int) -> None:
        """Refuse data of fewer windows than clusters.

        Raises
        ------
        ConfigError
            If there are.
        """
        if self.n_clusters > n_windows:
            raise ConfigError(
                f"n_clusters should be at most the number of windows, {n_windows}, "
                f"got {self.n_clusters}"
            )


def _shares(prior: Collection[float], n_clusters: int) -> tuple[float, ...]:
    """Return a given prior as shares that sum to 1, or say what is wrong with it."""
    if len(prior) != n_clusters:
        raise ConfigError(
            f"prior should hold one number for each of the {n_clusters} clusters, got {len(prior)}"
        )
    for value in prior:
        if not MEASURABLE[0] <= value <= MEASURABLE[1]:
            raise ConfigError(f"prior should hold numbers above 0, from 1e-12 to 1e12, got {value}")
    total = fsum(prior)
    # Shares stay as they are to the last bit: a run's settings are read back equal.
    return tuple(prior) if isclose(total, 1) else tuple(value / total for value in prior)
