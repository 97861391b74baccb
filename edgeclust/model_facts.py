"""Say what a model file holds, without running it: numpy alone."""

from pathlib import Path
from typing import Any

from edgeclust.alignment import GravityEstimate
from edgeclust.learner import CentroidLearner
from edgeclust.model_file import ModelMetadata, open_graph
from edgeclust.model_schema import IMAGES, SIGNALS
from edgeclust.state import BESIDE
from edgeclust.state_fields import Part, Tally, pack


def model_facts(model: Path | str) -> dict[str, Any]:
    """Return all that a model file says of itself, as one JSON object.

    Parameters
    ----------
    model : Path or str
        A ``.onnx`` file that ``edgeclust export`` wrote.

    Returns
    -------
    facts : dict
        The file (``size_bytes``, ``sha256``, ``schema_version``, ``opset``, ``ir_version``,
        ``operators``, ``n_weights``), what it takes (in Hz, samples and the channels' units, or
        pixels), its clusters, how it was trained. ``state_bytes`` is what a device keeps of what
        it learns, whatever it sees, without slots for new clusters: one of the two slots on disk.

    Raises
    ------
    ModelFileError
        If it is missing, damaged, no ONNX or no model of this library.
    """
    path = Path(model)
    graph, metadata = open_graph(path)
    channels = [*map(str, metadata.channels)]
    takes: dict[str, Any]
    if metadata.image is not None:
        takes = {"image": list(metadata.image), "channels": channels}
    else:
        names = ("rate_hz", "window", "stride", "mount")
        takes = {name: getattr(metadata, name) for name in names} | {"channels": channels}
    return {
        "model": str(path),
        "size_bytes": path.stat().st_size,
        "sha256": graph.sha256,
        "schema_version": SIGNALS if metadata.image is None else IMAGES,
        "opset": graph.opset,
        "ir_version": graph.ir_version,
        "operators": [node.operator for node in graph.nodes],
        "n_weights": sum(weights.size for weights in graph.constants.values()),
        "data": metadata.data,
        **takes,
        "n_clusters": len(metadata.counts),
        "n_features": metadata.centroids.shape[1],
        "sigma": metadata.sigma,
        "temperature": metadata.temperature,
        "prior": list(metadata.prior),
        "counts": list(metadata.counts),
        "radii": list(metadata.radii),
        "names": list(metadata.names),
        "state_bytes": BESIDE + len(pack(_parts(metadata))),
        "alignment": "none" if metadata.alignment is None else "gravity",
        "metric": "none" if metadata.metric is None else "pooled covariance",
        "training": metadata.training,
        "versions": metadata.versions,
    }


def _parts(metadata: ModelMetadata) -> dict[str, Part]:
    """Return what a device remembers, as it is before anything is seen."""
    parts: dict[str, Part] = {"tally": Tally(len(metadata.counts))}
    if metadata.image is None:
        parts["learner"] = CentroidLearner(metadata.clusters)
    if (alignment := metadata.alignment) is not None:
        rate_hz, window, stride = metadata.rate_hz, metadata.window, metadata.stride
        parts["gravity"] = GravityEstimate(alignment.units, rate_hz, window, stride)
    return parts
