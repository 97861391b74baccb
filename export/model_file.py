"""Write a trained model as one checked model file."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from edgeclust.card import AnyCard, ImageCard
from edgeclust.dataset import Dataset
from edgeclust.encoder import OnnxEncoder
from edgeclust.errors import DataError
from edgeclust.export.parity import Parity, measure_parity
from edgeclust.export.to_onnx import encoder_to_onnx
from edgeclust.files import write_atomically
from edgeclust.model_file import PROPERTY, ModelMetadata
from edgeclust.numpy_encoder import NumpyEncoder
from edgeclust.train.evaluate import check_windows
from edgeclust.train.model import TrainedModel

N_TIMED = 300
"""Windows timed one by one for the latency."""


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote and what it measured.

    Parameters
    ----------
    model : Path
        The file.
    size_bytes : int
        Its size.
    parity : Parity
        Against the trained model.
    latency_us : float
        Median time of one window at one thread, in microseconds, on this machine.
    """

    model: Path
    size_bytes: int
    parity: Parity
    latency_us: float

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``edgeclust export --json`` prints."""
        return {
            "model": str(self.model),
            "size_bytes": self.size_bytes,
            **self.parity.to_json(),
            "latency_us": round(self.latency_us, 1),
        }


def export_model(
    model: TrainedModel,
    out: Path,
    dataset: Dataset,
    *,
    training: dict[str, Any],
    versions: dict[str, str],
) -> ExportReport:
    """Write a model file and check it against the model; nothing is written when it differs.

    Parameters
    ----------
    model : TrainedModel
        On the CPU.
    out : Path
        The ``.onnx`` file to write; replaced when it exists.
    dataset : Dataset
        Real windows, as the sensors gave them, to compare the two on.
    training : dict
        Summary of the training, kept in the metadata.
    versions : dict of str to str
        Libraries that made the model, kept in the metadata.

    Returns
    -------
    report : ExportReport

    Raises
    ------
    ParityError
        If the file would label other than the model.
    DataError
        If the folder of `out` does not exist, or the windows are other than the model's.
    """
    check_windows(model.card, dataset.card)
    if not out.parent.is_dir():
        raise DataError(f"{out.parent}: is no folder to write {out.name} to")
    proto = encoder_to_onnx(model.encoder, (len(model.card.channels), *model.card.shape))
    metadata = describe(model, training=training, versions=versions)
    onnx.helper.set_model_props(proto, {PROPERTY: metadata.to_json()})
    content = proto.SerializeToString(deterministic=True)
    with tempfile.TemporaryDirectory() as folder:
        candidate = Path(folder) / "model.onnx"
        candidate.write_bytes(content)
        encoder = OnnxEncoder(candidate)
        dataset = model.aligned(dataset)
        parity = measure_parity(model, encoder, dataset)
        parity.check()
        NumpyEncoder(candidate)  # refuses a graph that devices without onnxruntime cannot run
    latency_us = _median_latency_us(encoder, dataset)
    write_atomically(out, content)
    return ExportReport(out, len(content), parity, latency_us)


def describe(
    model: TrainedModel, *, training: dict[str, Any], versions: dict[str, str]
) -> ModelMetadata:
    """Return what a model file says of a model.

    Parameters
    ----------
    model : TrainedModel
        Any.
    training, versions
        As in `export_model`.
    """
    card, clusters = model.card, model.clusters
    return ModelMetadata(
        data=card.name,
        **_takes(card),
        channels=card.channels,
        sigma=clusters.sigma,
        prior=tuple(np.exp(clusters.log_prior).tolist()),
        centroids=clusters.centroids,
        counts=tuple(model.counts.tolist()),
        radii=tuple(model.radii.tolist()),
        names=(None,) * clusters.n_clusters,
        alignment=model.alignment,
        training=training,
        versions=versions,
    )


def _takes(card: AnyCard) -> dict[str, Any]:
    """Return what the metadata say of windows, or of images."""
    if isinstance(card, ImageCard):
        image = (card.height, card.width)
        return {"rate_hz": 0.0, "window": 0, "stride": 0, "mount": "", "image": image}
    names = ("rate_hz", "window", "stride", "mount")
    return {name: getattr(card, name) for name in names}


def _median_latency_us(encoder: OnnxEncoder, dataset: Dataset) -> float:
    """Time the session on single windows."""
    seconds = []
    for index in np.arange(N_TIMED) % len(dataset):
        window = dataset.gather(np.array([index]))
        started = time.perf_counter()
        encoder.embed(window)
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds)) * 1e6
