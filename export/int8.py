"""Choose an 8-bit form of a model that is smaller, no slower, and labels as the model does."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgeclust.dataset import Dataset
from edgeclust.encoder import Encoder
from edgeclust.errors import DataError
from edgeclust.export.parity import (
    BATCHES,
    Parity,
    ParityError,
    embed_all,
    measure_parity,
    open_content,
)
from edgeclust.export.quantize import float_layers, quantize

LEAST_AGREEMENT = 0.995
"""Share of windows whose label has to be that of the model in float."""

N_CALIBRATION = 64
"""Windows of each cluster that set the scales; half of a cluster's at most."""

N_TIMED = 1000
"""Windows timed one by one."""

SLOWER = 1.05
"""Times the time in float that is slower; less is what two measurements of one model differ by."""


@dataclass(frozen=True)
class Quantized:
    """An 8-bit model file that passed, and what was measured of it.

    Parameters
    ----------
    content : bytes
        The file.
    layers : str
        Which layers stayed in float, in words.
    parity : Parity
        Against the model in float, on windows that set no scale.
    latency_us, float_latency_us : float
        Median time of one window at one thread, in microseconds, of both in turn.
    float_size_bytes : int
        Size of the file in float.
    rejected : tuple of str
        Why others were not taken.
    """

    content: bytes
    layers: str
    parity: Parity
    latency_us: float
    float_latency_us: float
    float_size_bytes: int
    rejected: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what is told beside the size, the parity and the latency of the file."""
        return {
            "layers": self.layers,
            "float_size_bytes": self.float_size_bytes,
            "float_latency_us": round(self.float_latency_us, 1),
            "speedup": round(self.float_latency_us / self.latency_us, 2),
            "rejected": list(self.rejected),
        }


def to_int8(
    proto: onnx.ModelProto, encoder: Encoder, dataset: Dataset, held_out: Dataset | None
) -> Quantized:
    """Quantise a model, with more or fewer layers in float; the smallest that passes is taken.

    Parameters
    ----------
    proto : ModelProto
        The model in float, with its metadata.
    encoder : Encoder
        The same, open under onnxruntime.
    dataset : Dataset
        Real windows that set the scales, aligned where the model wants it.
    held_out : Dataset, optional
        Windows to compare the labels on; what is left of `dataset` where there are none.

    Returns
    -------
    quantized : Quantized

    Raises
    ------
    ParityError
        If none labels at least 99.5 % of the windows alike, is smaller and is not slower (by a
        twentieth or more); the message says of each in what it fails.
    DataError
        If there are too few windows to calibrate on some and compare on others.
    """
    calibration = _draw(encoder, dataset)
    if held_out is None:
        held_out = dataset.select(np.setdiff1d(np.arange(len(dataset)), calibration))
    windows = dataset.gather(calibration)
    size = len(proto.SerializeToString())
    rejected: list[str] = []
    forms: list[tuple[str, bytes, dict[str, Encoder]]] = []
    for layers, kept in float_layers(proto):
        content = quantize(proto, windows, kept).SerializeToString(deterministic=True)
        if len(content) < size:
            forms.append((layers, content, open_content(content)))
        else:
            rejected.append(f"{layers}: {len(content)} bytes are no less than {size}")
    opened = [form["onnxruntime"] for *_, form in forms]
    in_float, *times = latencies_us([encoder, *opened], held_out)
    timed = zip(times, forms, strict=True)
    for in_int8, (layers, content, form) in sorted(timed, key=lambda each: len(each[1][1])):
        if in_int8 > SLOWER * in_float:
            fault = f"{in_int8:.1f} us a window are more than the {in_float:.1f} us in float"
        else:
            parity = measure_parity(encoder.embed, form, encoder.metadata.clusters, held_out)
            faults = (part.fault(LEAST_AGREEMENT) for part in parity.comparisons)
            fault = next(filter(None, faults), "")
            if not fault:
                return Quantized(content, layers, parity, in_int8, in_float, size, tuple(rejected))
        rejected.append(f"{layers}: {fault}")
    raise ParityError(f"no 8-bit form is worth it: {'; '.join(rejected)}: export without --int8")


def latencies_us(encoders: Sequence[Encoder], dataset: Dataset) -> list[float]:
    """Time encoders on single windows, in turn, so that a busy machine is so to all of them.

    The order is drawn anew for each window: who comes second finds the window in the cache.

    Parameters
    ----------
    encoders : sequence of Encoder
        Any.
    dataset : Dataset
        Windows in their shape.

    Returns
    -------
    medians : list of float
        Of one window, in microseconds.
    """
    seconds, rng = np.empty((N_TIMED, len(encoders))), np.random.default_rng(0)
    for n in range(N_TIMED):
        window = dataset.gather(np.array([n % len(dataset)]))
        for which in rng.permutation(len(encoders)).tolist():
            started = time.perf_counter()
            encoders[which].embed(window)
            seconds[n, which] = time.perf_counter() - started
    return [float(median) * 1e6 for median in np.median(seconds, axis=0)]


def _draw(encoder: Encoder, dataset: Dataset) -> NDArray[np.intp]:
    """Draw windows of every cluster in equal number, as far as it has them."""
    n_looked_at = min(len(dataset), max(BATCHES.values()))
    indices = np.arange(n_looked_at) * len(dataset) // n_looked_at
    embedding = embed_all(encoder.embed, dataset, indices, max(BATCHES))
    labels = encoder.metadata.clusters.predict(embedding)
    rng = np.random.default_rng(0)
    drawn = [
        rng.permutation(members)[: min(N_CALIBRATION, len(members) // 2)]
        for members in (indices[labels == k] for k in np.unique(labels))
    ]
    chosen = np.sort(np.concatenate(drawn))
    if not len(chosen):
        raise DataError(
            f"{len(dataset)} windows are too few to set the scales of 8 bits: give 2 of a cluster"
        )
    return chosen
