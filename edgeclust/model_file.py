"""The JSON that a model file carries: all that a device has to know beside the network."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.alignment import GravityAlignment
from edgeclust.card import Channel
from edgeclust.clusters import Clusters
from edgeclust.errors import ModelFileError

PROPERTY = "edgeclust"
"""Name of the ONNX metadata property that holds the JSON."""

INPUT, OUTPUT = "window", "embedding"
"""Names of the graph's input (batch, n_channels, *shape) and output (batch, n_features)."""

SIGNALS, IMAGES = SCHEMA_VERSIONS = (1, 2)
"""Versions of the JSON: one of signals stays as the first devices read it; they refuse images."""

MEASURABLE = (1e-12, 1e12)
"""Least and most that a rate, a length or a scale can sensibly be."""


@dataclass(frozen=True)
class ModelMetadata:
    """What stands under the property ``edgeclust`` of a model file.

    Parameters
    ----------
    data : str
        Name of the data set it was trained on.
    rate_hz : float
        Samples a second that the model expects, above 0; 0 for images.
    window, stride : int
        Length of a window and the step between two, in samples; 0 for images.
    channels : tuple of Channel
        The channels in the order of the network's input, with their units.
    mount : str
        Where the sensor is worn; empty for images.
    sigma : float
        Scale of squared distances, above 0.
    prior : tuple of float
        Expected share of windows in each cluster; sums to 1.
    centroids : float32 array of shape (n_clusters, n_features)
        Cluster centres in the embedding.
    counts : tuple of int
        Training windows in each cluster.
    radii : tuple of float
        Distance from the centroid within which 99 % of a cluster's training windows lie.
    names : tuple of str or None
        What the clusters are called; None where unnamed.
    alignment : GravityAlignment, optional
        What the windows are turned by before the network; None when it was trained without.
    training : dict
        How it was trained and how it did.
    versions : dict
        Versions of the libraries that made it.
    image : (height, width) or None
        Pixels of an image, where the model takes images; None where it takes windows of a signal.
    temperature : float
        What costs are divided by for the confidence of a label, above 0; 1 in older files.
    """

    data: str
    rate_hz: float
    window: int
    stride: int
    channels: tuple[Channel, ...]
    mount: str
    sigma: float
    prior: tuple[float, ...]
    centroids: NDArray[np.float32]
    counts: tuple[int, ...]
    radii: tuple[float, ...]
    names: tuple[str | None, ...]
    alignment: GravityAlignment | None = None
    training: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    image: tuple[int, int] | None = None
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        n_clusters = len(self.centroids)
        if self.centroids.ndim != 2 or not n_clusters or not np.isfinite(self.centroids).all():
            raise ModelFileError("centroids should be a table of finite numbers")
        for name in ("prior", "counts", "radii", "names"):
            if len(getattr(self, name)) != n_clusters:
                raise ModelFileError(
                    f"{name} should have {n_clusters} entries, one for each centroid, "
                    f"got {len(getattr(self, name))}"
                )
        if self.image is None:
            measures = {name: getattr(self, name) for name in ("rate_hz", "window", "stride")}
        else:
            measures = dict(zip(("height", "width"), self.image, strict=True))
        for name, value in (
            measures | {"sigma": self.sigma, "temperature": self.temperature}
        ).items():
            if not MEASURABLE[0] <= value <= MEASURABLE[1]:
                raise ModelFileError(f"{name} should be above 0 and finite, got {value}")
        if not all(0 < share <= 1 for share in self.prior):
            raise ModelFileError(f"prior should hold shares above 0, up to 1, got {self.prior}")
        if not all(0 <= radius < math.inf for radius in self.radii):
            raise ModelFileError(f"radii should be finite and at least 0, got {self.radii}")
        if not self.channels or len(set(self.channel_names)) < len(self.channels):
            raise ModelFileError(f"channels should be named, each once, got {self.channel_names}")
        if self.alignment is not None and not self.alignment.channels <= {
            *range(len(self.channels))
        }:
            raise ModelFileError(f"alignment should turn channels of {self.channel_names} alone")

    @property
    def clusters(self) -> Clusters:
        """The clusters, ready to label embeddings."""
        return Clusters(self.centroids, self.sigma, np.log(self.prior))

    @property
    def channel_names(self) -> list[str]:
        """Names of the channels, in the order of the network's input."""
        return [channel.name for channel in self.channels]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what the model takes, of one channel: (window,) or (height, width)."""
        return (self.window,) if self.image is None else self.image

    def to_json(self) -> str:
        """Return the text that stands in the model file; keys sorted, so it is reproducible."""
        content = asdict(self) | {
            "schema_version": SIGNALS if self.image is None else IMAGES,
            "centroids": self.centroids.tolist(),
            "alignment": self.alignment and self.alignment.to_json(),
        }
        return json.dumps(content, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ModelMetadata":
        """Read the text of a model file.

        Parameters
        ----------
        text : str
            The JSON under the property ``edgeclust``.

        Raises
        ------
        ModelFileError
            If it is no such JSON, comes from a newer version, or its parts do not fit.

        Examples
        --------
        >>> from edgeclust.model_file import ModelMetadata
        >>> ModelMetadata.from_json('{"schema_version": 99}')
        Traceback (most recent call last):
        edgeclust.errors.ModelFileError: its metadata has version 99, this edgeclust reads \
1 and 2: install a newer edgeclust
        """
        try:
            content = json.loads(text)
            version = int(content["schema_version"])
            if version not in SCHEMA_VERSIONS:
                raise ModelFileError(
                    f"its metadata has version {version}, this edgeclust reads "
                    f"{' and '.join(map(str, SCHEMA_VERSIONS))}: install a newer edgeclust"
                )
            alignment = content["alignment"]
            return cls(
                data=str(content["data"]),
                rate_hz=float(content["rate_hz"]),
                window=int(content["window"]),
                stride=int(content["stride"]),
                channels=tuple(
                    Channel(str(c["name"]), str(c["unit"])) for c in content["channels"]
                ),
                mount=str(content["mount"]),
                sigma=float(content["sigma"]),
                prior=tuple(float(share) for share in content["prior"]),
                centroids=np.array(content["centroids"], dtype=np.float32),
                counts=tuple(int(count) for count in content["counts"]),
                radii=tuple(float(radius) for radius in content["radii"]),
                alignment=None if alignment is None else GravityAlignment.from_json(alignment),
                names=tuple(None if name is None else str(name) for name in content["names"]),
                training=dict(content["training"]),
                versions=dict(content["versions"]),
                image=_image_shape(content["image"]) if version == IMAGES else None,
                temperature=float(content.get("temperature", 1.0)),
            )
        except KeyError as error:
            raise ModelFileError(f"its metadata lacks the key {error}") from error
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise ModelFileError(f"its metadata cannot be read: {error}") from error


def _image_shape(content: Any) -> tuple[int, int]:
    """Read the height and the width of an image."""
    height, width = content
    return int(height), int(width)
