"""The JSON that a model file carries: all that a device has to know beside the network."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.alignment import GravityAlignment
from edgeclust.card import Channel
from edgeclust.clusters import Clusters
from edgeclust.errors import ModelFileError
from edgeclust.model_schema import IMAGES, SIGNALS, check, parse

if TYPE_CHECKING:
    from edgeclust.onnx_reader import OnnxGraph

PROPERTY = "edgeclust"
"""Name of the ONNX metadata property that holds the JSON."""

INPUT, OUTPUT = "window", "embedding"
"""Names of the graph's input (batch, n_channels, *shape) and output (batch, n_features)."""

OPSET = 18
"""Set of ONNX operators that graphs are written in: onnxruntime 1.22 and later run it."""

MAX_BYTES = 2**26
"""Largest model file that is opened; those exported have a few hundred KB."""


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
    metric : float64 array of shape (n_features, n_features), optional
        What differences of embeddings are multiplied by, lower triangular, to have a length of 1
        between a training window and its centroid, by the root of the mean square, and to differ
        in all directions alike. None in older files and of images.
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
    metric: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        """Hold it against the schema."""
        check(self._content())

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

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of what the model takes, of all channels."""
        return (len(self.channels), *self.shape)

    def to_json(self) -> str:
        """Return the text that stands in the model file; keys sorted, so it is reproducible."""
        return json.dumps(self._content(), sort_keys=True, allow_nan=False)

    def _content(self) -> dict[str, Any]:
        """Return what the text holds, as the schema has it."""
        content: dict[str, Any] = {
            part.name: _as_json(getattr(self, part.name)) for part in fields(self)
        }
        if self.metric is not None:
            content["metric"] = [row[: k + 1] for k, row in enumerate(content["metric"])]
        return content | {"schema_version": SIGNALS if self.image is None else IMAGES}

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
        >>> ModelMetadata.from_json("{}")
        Traceback (most recent call last):
        edgeclust.errors.ModelFileError: its metadata lacks the key 'schema_version'
        """
        content = parse(text)
        signals = content["schema_version"] == SIGNALS
        alignment = content["alignment"]
        return cls(
            data=content["data"],
            rate_hz=float(content["rate_hz"]) if signals else 0.0,
            window=content["window"] if signals else 0,
            stride=content["stride"] if signals else 0,
            mount=content["mount"] if signals else "",
            image=None if signals else (content["image"][0], content["image"][1]),
            channels=tuple(Channel(entry["name"], entry["unit"]) for entry in content["channels"]),
            sigma=float(content["sigma"]),
            prior=tuple(map(float, content["prior"])),
            centroids=np.array(content["centroids"], dtype=np.float32),
            counts=tuple(content["counts"]),
            radii=tuple(map(float, content["radii"])),
            alignment=None if alignment is None else GravityAlignment.from_json(alignment),
            names=tuple(content["names"]),
            training=content["training"],
            versions=content["versions"],
            temperature=float(content["temperature"]),
            metric=_lower_triangle(content["metric"]) if signals else None,
        )


def open_graph(path: Path) -> tuple["OnnxGraph", ModelMetadata]:
    """Read a model file without onnxruntime.

    Parameters
    ----------
    path : Path
        A ``.onnx`` file that ``edgeclust export`` wrote.

    Raises
    ------
    ModelFileError
        If it is missing, damaged, no ONNX or no model of this library.
    """
    # Here, as a device that has onnxruntime does without.
    from edgeclust.onnx_reader import read_onnx

    content = read_content(path)
    try:
        graph = read_onnx(content)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    return graph, read_metadata(path, graph.properties, graph.inputs, graph.outputs)


def read_content(path: Path) -> bytes:
    """Return all bytes of a model file.

    Parameters
    ----------
    path : Path
        Any file.

    Raises
    ------
    ModelFileError
        If it cannot be read, or is larger than any model.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise ModelFileError(f"{path}: is larger than {MAX_BYTES} bytes, so no model file")
    return content


def read_metadata(
    path: Path,
    properties: Mapping[str, str],
    inputs: Mapping[str, tuple[int | None, ...]],
    outputs: Mapping[str, tuple[int | None, ...]],
) -> ModelMetadata:
    """Read the metadata of a graph and check that they fit what it takes and makes.

    Parameters
    ----------
    path : Path
        The file, for the messages.
    properties : dict of str to str
        Metadata of the file.
    inputs, outputs : dict of str to tuple
        Shapes by name; the first axis, the batch, is not looked at.

    Raises
    ------
    ModelFileError
        If they are missing, cannot be, or do not fit.
    """
    if PROPERTY not in properties:
        raise ModelFileError(
            f"{path}: lacks the metadata property {PROPERTY!r}: "
            "it was not written by 'edgeclust export'"
        )
    try:
        metadata = ModelMetadata.from_json(properties[PROPERTY])
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    takes = {INPUT: metadata.input_shape}
    makes = {OUTPUT: metadata.centroids.shape[1:]}
    found = [{name: shape[1:] for name, shape in part.items()} for part in (inputs, outputs)]
    if found != [takes, makes]:
        raise ModelFileError(
            f"{path}: its graph takes {found[0]} and returns {found[1]}, which does not fit its "
            f"metadata ({takes} and {makes}); export it again"
        )
    return metadata


def _lower_triangle(rows: list[list[float]] | None) -> NDArray[np.float64] | None:
    """Return the square matrix of which the rows are told up to the diagonal."""
    if rows is None:
        return None
    square = np.zeros((len(rows), len(rows)))
    square[np.tril_indices(len(rows))] = [value for row in rows for value in row]
    return square


def _as_json(value: Any) -> Any:
    """Return the value of a field as JSON has it."""
    match value:
        case np.ndarray():
            return value.tolist()
        case GravityAlignment():
            return _as_json(value.to_json())
        case Channel():
            return asdict(value)
        case dict():
            return {name: _as_json(entry) for name, entry in value.items()}
        case list() | tuple():
            return [_as_json(entry) for entry in value]
    return value
