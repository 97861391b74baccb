"""What a training yields: an encoder with its clusters."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgeclust.alignment import GravityAlignment, align
from edgeclust.card import AnyCard
from edgeclust.clusters import Clusters
from edgeclust.dataset import Dataset, WindowedDataset
from edgeclust.train.inputs import Inputs

BLOCK = 256
"""Windows embedded at once: enough to be quick, little enough to fit anywhere."""

RADIUS_QUANTILE = 0.99
"""Share of a cluster's training windows that lie within its radius."""


@dataclass(frozen=True)
class TrainedModel:
    """An encoder with its clusters.

    Parameters
    ----------
    card : Card or ImageCard
        What its windows are: channels, units, rate, window, stride; or what its images are.
    encoder : Module
        Maps float32 (n, n_channels, *shape) in the data's units to (n, n_features).
    clusters : Clusters
        In the encoder's embedding.
    counts : intp array of shape (n_clusters,)
        Training windows in each cluster.
    radii : float64 array of shape (n_clusters,)
        Distance from the centroid within which 99 % of them lie; 0 for an empty cluster.
    alignment : GravityAlignment, optional
        What the encoder's windows are turned by; None where they come as the sensor gave them.
    """

    card: AnyCard
    encoder: nn.Module
    clusters: Clusters
    counts: NDArray[np.intp]
    radii: NDArray[np.float64]
    alignment: GravityAlignment | None = None

    @classmethod
    def measured(
        cls,
        card: AnyCard,
        encoder: nn.Module,
        clusters: Clusters,
        embedding: NDArray[np.float32],
        alignment: GravityAlignment | None = None,
    ) -> "TrainedModel":
        """Count the training windows of each cluster and measure its radius.

        Parameters
        ----------
        card, encoder, clusters, alignment
            See the class.
        embedding : float32 array of shape (n_windows, n_features)
            Of all training windows.
        """
        squared = clusters.squared_distances(embedding)
        labels = clusters.cost(squared).argmin(axis=1)
        counts = np.bincount(labels, minlength=clusters.n_clusters)
        radii = np.zeros(clusters.n_clusters)
        for k in np.flatnonzero(counts):
            radii[k] = np.sqrt(np.quantile(squared[labels == k, k], RADIUS_QUANTILE))
        return cls(card, encoder, clusters, counts, radii, alignment)

    def aligned(self, dataset: Dataset) -> Dataset:
        """Return a data set as the encoder wants it: turned where it was trained so.

        Parameters
        ----------
        dataset : Dataset
            As the sensors gave it, of the model's card. Not modified.
        """
        if self.alignment is None:
            return dataset
        assert isinstance(dataset, WindowedDataset)  # what alone an alignment is fitted to
        return align(dataset, self.alignment)


def embed(
    encoder: nn.Module,
    dataset: Dataset,
    inputs: Inputs | None = None,
    part: slice = slice(None),
) -> NDArray[np.float32]:
    """Embed all windows of a data set as the device will: no gradient, nothing learnt.

    Parameters
    ----------
    encoder : Module
        Any; put back into the mode it was in.
    dataset : Dataset
        Windows in the encoder's units.
    inputs : Inputs, optional
        Those that it was trained on, on its device; left out, nothing is kept.
    part : slice
        Which of the windows, at least one; all if left out.

    Returns
    -------
    embedding : float32 array of shape (n_windows, n_features)
    """
    own = np.arange(len(dataset))[part]
    inputs = inputs or Inputs(dataset, next(encoder.buffers()).device, limit=0)
    was_training = encoder.training
    encoder.eval()
    blocks = []
    with torch.no_grad():
        for start in range(0, len(own), BLOCK):
            blocks.append(inputs.encode(encoder, own[start : start + BLOCK]))
    encoder.train(was_training)
    embedding: NDArray[np.float32] = torch.cat(blocks).cpu().numpy()
    return embedding
