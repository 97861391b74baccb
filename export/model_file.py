"""Write a trained model as one checked model file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from edgeclust.card import AnyCard, ImageCard
from edgeclust.dataset import Dataset
from edgeclust.errors import DataError
from edgeclust.export.confidence import measure_temperature
from edgeclust.export.int8 import Quantized, latencies_us, to_int8
from edgeclust.export.metric import measure_metric
from edgeclust.export.parity import Parity, measure_parity, open_content
from edgeclust.export.to_onnx import encoder_to_onnx
from edgeclust.files import write_atomically
from edgeclust.model_file import PROPERTY, ModelMetadata
from edgeclust.train.evaluate import check_windows
from edgeclust.train.model import TrainedModel


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
        Against the trained model; of an 8-bit file against the same model in float.
    latency_us : float
        Median time of one window at one thread, in microseconds, on this machine.
    quantized : Quantized, optional
        What else was measured of an 8-bit file.
    """

    model: Path
    size_bytes: int
    parity: Parity
    latency_us: float
    quantized: Quantized | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``edgeclust export --json`` prints."""
        return {
            "model": str(self.model),
            "size_bytes": self.size_bytes,
            **self.parity.to_json(),
            "latency_us": round(self.latency_us, 1),
            **({} if self.quantized is None else {"int8": self.quantized.to_json()}),
        }


def export_model(
    model: TrainedModel,
    out: Path,
    dataset: Dataset,
    *,
    held_out: Dataset | None = None,
    int8: bool = False,
    training: dict[str, Any],
    versions: dict[str, str],
) -> ExportReport:
    """Write a model file and check it against the model; nothing is written when it differs.

    Backends and sizes of batch are checked alike: see `edgeclust.export.parity`.

    Parameters
    ----------
    model : TrainedModel
        On the CPU.
    out : Path
        The ``.onnx`` file to write; replaced when it exists.
    dataset : Dataset
        Real windows, as the sensors gave them: those it was trained on, which tell
        how sure labels are.
    held_out : Dataset, optional
        Others, which the two are compared on; `dataset` where there are none.
    int8 : bool
        Write it in 8 bits, where such a file is as good, smaller and no slower.
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
        If the file would label other than the model, or no 8-bit form is worth it.
    DataError
        If the folder of `out` does not exist, or the windows are other than the model's.
    """
    check_windows(model.card, dataset.card)
    if not out.parent.is_dir():
        raise DataError(f"{out.parent}: is no folder to write {out.name} to")
    proto = encoder_to_onnx(model.encoder, (len(model.card.channels), *model.card.shape))
    dataset = model.aligned(dataset)
    temperature = measure_temperature(model, dataset)
    metric = measure_metric(model, dataset)
    metadata = describe(model, temperature, metric, training=training, versions=versions)
    onnx.helper.set_model_props(proto, {PROPERTY: metadata.to_json()})
    content = proto.SerializeToString(deterministic=True)
    backends = open_content(content)
    held_out = None if held_out is None else model.aligned(held_out)
    compared = dataset if held_out is None else held_out

    def trained(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            embedding: NDArray[np.float32] = model.encoder(torch.from_numpy(windows)).numpy()
        return embedding

    parity = measure_parity(trained, backends, metadata.clusters, compared)
    parity.check()
    encoder = backends["onnxruntime"]
    if not int8:
        (latency_us,) = latencies_us([encoder], compared)
        write_atomically(out, content)
        return ExportReport(out, len(content), parity, latency_us)
    chosen = to_int8(proto, encoder, dataset, held_out)
    write_atomically(out, chosen.content)
    return ExportReport(out, len(chosen.content), chosen.parity, chosen.latency_us, chosen)


def describe(
    model: TrainedModel,
    temperature: float,
    metric: NDArray[np.float64] | None = None,
    *,
    training: dict[str, Any],
    versions: dict[str, str],
) -> ModelMetadata:
    """Return what a model file says of a model.

    Parameters
    ----------
    model : TrainedModel
        Any.
    temperature : float
        As `measure_temperature` returns it.
    metric : float64 array of shape (n_features, n_features), optional
        As `measure_metric` returns it.
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
        temperature=temperature,
        metric=metric,
    )


def _takes(card: AnyCard) -> dict[str, Any]:
    """Return what the metadata say of windows, or of images."""
    if isinstance(card, ImageCard):
        image = (card.height, card.width)
        return {"rate_hz": 0.0, "window": 0, "stride": 0, "mount": "", "image": image}
    names = ("rate_hz", "window", "stride", "mount")
    return {name: getattr(card, name) for name in names}
