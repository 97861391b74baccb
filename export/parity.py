"""Prove on real windows that a model file labels as what it was made of."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.clusters import Clusters
from edgeclust.dataset import Dataset
from edgeclust.encoder import Encoder, OnnxEncoder
from edgeclust.errors import EdgeclustError
from edgeclust.numpy_encoder import NumpyEncoder

LEAST_AGREEMENT = 0.999
"""Share of windows whose label has to be that of the trained model."""

BATCHES = {256: 10_000, 1: 2_000}
"""Windows embedded at once, and how many are compared so, at most, spread over the data."""

BACKENDS: dict[str, Callable[[Path], Encoder]] = {"onnxruntime": OnnxEncoder, "numpy": NumpyEncoder}
"""What a file is run by."""

N_SHOWN = 10
"""Windows that differ, and are named, at most."""

Embed = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Maps windows, float32 (n, n_channels, *shape), to embeddings, float32 (n, n_features)."""


class ParityError(EdgeclustError):
    """The exported file does not behave as what it was made of."""


@dataclass(frozen=True)
class Comparison:
    """How far one way of running a model file is from a reference.

    Parameters
    ----------
    backend : str
        What ran the file: onnxruntime or numpy.
    batch : int
        Windows at once.
    n_windows : int
        Windows compared.
    max_abs_difference, mean_abs_difference : float
        Of the numbers of the embeddings.
    same_label : float
        Share of windows with the same label, in [0, 1].
    differing : tuple of (int, float)
        The first windows whose label differs: index in the data compared, and the largest
        difference of its embedding.
    """

    backend: str
    batch: int
    n_windows: int
    max_abs_difference: float
    mean_abs_difference: float
    same_label: float
    differing: tuple[tuple[int, float], ...]

    def fault(self, least: float) -> str:
        """Say in what it fails when a share of the labels has to agree; empty when it does not."""
        # A NaN compares as less than anything asked of it.
        if self.same_label >= least and np.isfinite(self.max_abs_difference):
            return ""
        shown = ", ".join(f"{window} by {by:.2g}" for window, by in self.differing)
        return (
            f"under {self.backend}, {self.batch} at once, {self.same_label:.3%} of "
            f"{self.n_windows} windows get the same label, {least:.1%} are asked for; embeddings "
            f"differ by up to {self.max_abs_difference:.2g}; windows {shown or 'of NaN'} differ"
        )


@dataclass(frozen=True)
class Parity:
    """How far a model file is from what it was made of, however it is run.

    Parameters
    ----------
    comparisons : tuple of Comparison
        One for each backend and size of batch.
    """

    comparisons: tuple[Comparison, ...]

    @property
    def n_windows(self) -> int:
        """Most windows that were compared."""
        return max(part.n_windows for part in self.comparisons)

    @property
    def max_abs_difference(self) -> float:
        """Largest difference of any number of an embedding."""
        return max(part.max_abs_difference for part in self.comparisons)

    @property
    def same_label(self) -> float:
        """Least share of windows with the same label."""
        return min(part.same_label for part in self.comparisons)

    def to_json(self) -> dict[str, Any]:
        """Return the worst of all, and each."""
        names = ("n_windows", "max_abs_difference", "same_label")
        worst = {name: getattr(self, name) for name in names}
        return worst | {"comparisons": [asdict(part) for part in self.comparisons]}

    def check(self, least: float = LEAST_AGREEMENT) -> None:
        """Refuse a file that labels other than it should.

        Parameters
        ----------
        least : float
            Share of the labels that has to be the same.

        Raises
        ------
        ParityError
            If fewer are, under any backend and size of batch.
        """
        for part in self.comparisons:
            if fault := part.fault(least):
                raise ParityError(f"the exported file labels otherwise: {fault}")


def measure_parity(
    reference: Embed, backends: Mapping[str, Encoder], clusters: Clusters, dataset: Dataset
) -> Parity:
    """Compare a model file with what it was made of, on windows of a data set.

    Parameters
    ----------
    reference : callable
        Embeds windows as the file should.
    backends : mapping of str to Encoder
        The file, open.
    clusters : Clusters
        Those of the file.
    dataset : Dataset
        Real windows in the model's shape and units, aligned where the model wants it.

    Returns
    -------
    parity : Parity
    """
    comparisons = []
    for batch, most in BATCHES.items():
        n_windows = min(len(dataset), most)
        indices = np.arange(n_windows) * len(dataset) // n_windows
        expected = embed_all(reference, dataset, indices, max(BATCHES))
        labels = clusters.predict(expected)
        for backend, encoder in backends.items():
            found = embed_all(encoder.embed, dataset, indices, batch)
            apart = np.abs(found - expected)
            # So that NaN, whose cluster is the first, agrees with nothing.
            differs = (clusters.predict(found) != labels) | ~np.isfinite(apart).all(axis=1)
            first = np.flatnonzero(differs)[:N_SHOWN]
            comparisons.append(
                Comparison(
                    backend,
                    batch,
                    n_windows,
                    max_abs_difference=float(apart.max()),
                    mean_abs_difference=float(apart.mean()),
                    same_label=float(1 - differs.mean()),
                    differing=tuple((int(indices[n]), float(apart[n].max())) for n in first),
                )
            )
    return Parity(tuple(comparisons))


def embed_all(
    embed: Embed, dataset: Dataset, indices: NDArray[np.intp], batch: int
) -> NDArray[np.float32]:
    """Embed windows of a data set, some at once.

    Parameters
    ----------
    embed : callable
        See `Embed`.
    dataset : Dataset
        What the windows are of.
    indices : intp array of shape (n_windows,)
        Which windows, at least one.
    batch : int
        How many at once.

    Returns
    -------
    embedding : float32 array of shape (n_windows, n_features)
    """
    starts = range(0, len(indices), batch)
    return np.concatenate([embed(dataset.gather(indices[n : n + batch])) for n in starts])


def open_content(content: bytes) -> dict[str, Encoder]:
    """Open a model file that is not written yet under every backend.

    Parameters
    ----------
    content : bytes
        All of the file.

    Returns
    -------
    backends : dict of str to Encoder

    Raises
    ------
    ModelFileError
        If one of them does not run its graph.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(content)
        return {name: opened(path) for name, opened in BACKENDS.items()}
