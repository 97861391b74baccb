"""Label a whole recording at once: the labels of a stream, many windows at a time."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from edgeclust.alignment import MEMORY_S, GravityEstimate
from edgeclust.encoder import Encoder
from edgeclust.errors import DataError
from edgeclust.labeler import TOO_LARGE
from edgeclust.stream import BlockStream, WindowBlock

BATCH = 256
"""Windows embedded at a time: more are no faster, and leave the processor's cache."""


@dataclass(frozen=True)
class RecordingLabels:
    """What `LabelEvent` says of a window, for all windows of a recording.

    Parameters
    ----------
    t : float64 array of shape (n_windows,)
        Seconds of each window's first sample.
    cluster : intp array of shape (n_windows,)
        Index of the cluster; -1 where the window was skipped.
    distance, confidence : float64 arrays of shape (n_windows,)
        NaN where the window was skipped.
    novel : bool array of shape (n_windows,)
        False where the window was skipped.
    skipped : object array of shape (n_windows,)
        Why the window was skipped; None where it has a label.
    """

    t: NDArray[np.float64]
    cluster: NDArray[np.intp]
    distance: NDArray[np.float64]
    confidence: NDArray[np.float64]
    novel: NDArray[np.bool_]
    skipped: NDArray[np.object_]

    def __len__(self) -> int:
        """Return how many windows there are."""
        return len(self.t)


def label_recording(
    encoder: Encoder,
    samples: NDArray[np.float32],
    t: NDArray[np.float64] | None = None,
    *,
    rate_hz: float | None = None,
) -> RecordingLabels:
    """Label a recording as a `Labeler` that starts anew and never learns, but faster.

    The encoder gets many windows at once, which may change the last digits of a distance.
    Alignment follows the recording as it does a stream: a window is turned by what the windows up
    to it told of gravity.

    Parameters
    ----------
    encoder : Encoder
        An open model file; not one of images.
    samples, t, rate_hz
        As `Labeler` and its `push` take them. Not modified.

    Raises
    ------
    DataError
        As `Labeler.push`, or if the model takes images.

    Examples
    --------
    Many recordings of one model, which is opened once::

        encoder = open_encoder("model.onnx")
        for samples in recordings:  # float32 arrays of shape (n_samples, n_channels)
            labels = label_recording(encoder, samples)
            print(np.bincount(labels.cluster[labels.cluster >= 0]))
    """
    metadata = encoder.metadata
    if metadata.image is not None:
        raise DataError("the model takes images, not recordings: use Labeler.label_images")
    stream = BlockStream(
        metadata.channel_names,
        metadata.rate_hz,
        metadata.window,
        metadata.stride,
        told_hz=rate_hz,
    )
    gravity = None
    if metadata.alignment is not None:
        gravity = GravityEstimate(
            metadata.alignment.units,
            metadata.rate_hz,
            metadata.window,
            metadata.stride,
            memory_s=MEMORY_S,
        )
    step = BATCH * metadata.stride
    parts = [_label_batch(encoder, gravity, [])]
    for start in range(0, len(samples), step):
        some = slice(start, start + step)
        blocks = stream.push(samples[some], None if t is None else t[some])
        parts.append(_label_batch(encoder, gravity, blocks))
    parts.append(_label_batch(encoder, gravity, stream.finish()))
    names = [field.name for field in fields(RecordingLabels)]
    return RecordingLabels(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )


def _label_batch(
    encoder: Encoder, gravity: GravityEstimate | None, blocks: list[WindowBlock]
) -> RecordingLabels:
    """Label the next windows of a recording; what is known of gravity is brought up to date."""
    metadata, clusters = encoder.metadata, encoder.metadata.clusters
    t = np.concatenate([np.empty(0), *(block.t for block in blocks)])
    skipped = np.concatenate([np.empty(0, object), *(block.fault for block in blocks)])
    n_windows = len(t)
    labels = RecordingLabels(
        t=t,
        cluster=np.full(n_windows, -1, np.intp),
        distance=np.full(n_windows, np.nan),
        confidence=np.full(n_windows, np.nan),
        novel=np.zeros(n_windows, bool),
        skipped=skipped,
    )
    sound = np.flatnonzero(~skipped.astype(bool))
    turned = [_turned(encoder, gravity, block) for block in blocks]
    if not len(sound):
        return labels
    windows = turned[0] if len(turned) == 1 else np.concatenate(turned)
    squared = clusters.squared_distances(encoder.embed(np.ascontiguousarray(windows)))
    fits = np.isfinite(squared).all(axis=1)  # or the samples are so large that it overflows
    skipped[sound[~fits]] = TOO_LARGE
    own, squared = sound[fits], squared[fits]
    rows = np.arange(len(own))
    nearest = clusters.cost(squared).argmin(axis=1)
    distance = np.sqrt(squared[rows, nearest])
    labels.cluster[own] = nearest
    labels.distance[own] = distance
    labels.confidence[own] = clusters.posterior(squared, metadata.temperature)[rows, nearest]
    labels.novel[own] = distance > np.array(metadata.radii)[nearest]
    return labels


def _turned(
    encoder: Encoder, gravity: GravityEstimate | None, block: WindowBlock
) -> NDArray[np.float32]:
    """Return the windows that have no fault, each turned by what is known of gravity at it."""
    metadata = encoder.metadata
    windows = block.samples
    faulty = block.fault.astype(bool)
    if faulty.any():
        windows = windows[~faulty]
    if gravity is None or metadata.alignment is None:
        return windows
    if block.starts_segment:
        gravity.restart()
    if not len(windows):
        return windows
    known = gravity.follow(windows)
    turn = metadata.alignment.matrix(known, len(metadata.channels))
    turned: NDArray[np.float32] = turn @ windows
    return turned
