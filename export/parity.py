"""Prove on real windows that a model file labels as the trained model does."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeclust.dataset import Dataset
from edgeclust.encoder import OnnxEncoder
from edgeclust.errors import EdgeclustError
from edgeclust.train.model import TrainedModel, embed

LEAST_AGREEMENT = 0.999
"""Share of windows whose label has to be the same."""

BATCH = 256


class ParityError(EdgeclustError):
    """The exported file does not behave as the trained model."""


@dataclass(frozen=True)
class Parity:
    """How far a model file is from the trained model, on real windows.

    Parameters
    ----------
    n_windows : int
        Windows compared.
    max_abs_difference : float
        Largest difference of any number of an embedding.
    same_label : float
        Share of windows with the same nearest centroid, in [0, 1].
    differing : tuple of int
        Indices of the first windows whose label differs, 10 at most.
    """

    n_windows: int
    max_abs_difference: float
    same_label: float
    differing: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return one flat object."""
        return vars(self) | {"differing": list(self.differing)}

    def check(self) -> None:
        """Refuse a file that labels other than the model.

        Raises
        ------
        ParityError
            If fewer than 99.9 % of the labels are the same.
        """
        # A NaN compares as less than anything asked of it.
        if not (self.same_label >= LEAST_AGREEMENT and np.isfinite(self.max_abs_difference)):
            raise ParityError(
                f"the exported file labels {self.same_label:.3%} of {self.n_windows} windows as "
                f"the trained model does, {LEAST_AGREEMENT:.1%} are asked for; embeddings differ "
                f"by up to {self.max_abs_difference:.2g}; windows {list(self.differing)} differ"
            )


def measure_parity(model: TrainedModel, encoder: OnnxEncoder, dataset: Dataset) -> Parity:
    """Compare a model file with the model it was made of, on all windows of a data set.

    Parameters
    ----------
    model : TrainedModel
        On the CPU.
    encoder : OnnxEncoder
        The model file, open.
    dataset : Dataset
        Real windows in the model's shape and units, aligned where the model wants it.

    Returns
    -------
    parity : Parity
        Labels of both come from their own embeddings and centroids.
    """
    trained = embed(model.encoder, dataset)
    blocks = np.array_split(np.arange(len(dataset)), -(-len(dataset) // BATCH))
    exported = np.concatenate([encoder.embed(dataset.gather(block)) for block in blocks])
    same = model.clusters.predict(trained) == encoder.metadata.clusters.predict(exported)
    return Parity(
        n_windows=len(dataset),
        max_abs_difference=float(np.abs(trained - exported).max()),
        same_label=float(same.mean()),
        differing=tuple(np.flatnonzero(~same)[:10].tolist()),
    )
