"""Label a live stream with an exported model: samples in at any chunking, labelled windows out."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.alignment import GravityEstimate
from edgeclust.bouts import MinimumBout
from edgeclust.encoder import OnnxEncoder
from edgeclust.errors import ConfigError, DataError
from edgeclust.images import check_images, scale_images
from edgeclust.stream import MISSING, StreamWindow, WindowStream

TOO_LARGE = "values too large for the model"


@dataclass(frozen=True)
class LabelEvent:
    """The label of one window of a stream, or why it has none.

    Parameters
    ----------
    t : float
        Seconds of the window's first sample: its time stamp, or its index over the rate. Of an
        image its index among those labelled.
    cluster : int or None
        Index of the cluster, in [0, n_clusters). None where the window was skipped, and so are
        the name, the distance, the confidence and whether it is novel.
    name : str or None
        What the cluster is called.
    distance : float or None
        Euclidean distance of the window's embedding to the cluster's centroid.
    confidence : float or None
        How sure the cluster is, in [0, 1]: about the share of such windows of which the next one,
        beginning where it ends, has the same label. With older files and images the posterior
        probability at the sigma of training, which is low throughout.
    novel : bool or None
        Whether the distance to the nearest cluster is beyond its radius, so beyond that of 99 %
        of its training windows.
    skipped : str or None
        Why the window was skipped: it holds missing or infinite samples, its stamps are more
        than a tenth off, or its values are too large for the model. None where it has a label.
    """

    t: float
    cluster: int | None
    name: str | None
    distance: float | None
    confidence: float | None
    novel: bool | None
    skipped: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the event as ``edgeclust label`` prints it: `skipped` only where it was."""
        content = asdict(self)
        if self.skipped is None:
            del content["skipped"]
        return content


class Labeler:
    """Label a stream window by window, in fixed memory, with numpy and onnxruntime alone.

    Parameters
    ----------
    encoder : OnnxEncoder
        An open model file.
    rate_hz : float, optional
        Rate of the stream in Hz. Left out: what its first time stamps show, see `find_rate`, or
        the model's where it has none. Where it is another than the model's, the stream is
        resampled as recordings are: see `StreamResampler`.
    min_bout_s : float
        Seconds that a new label has to last before events have it: as many windows in a row as
        their strides take to fill them. Until then they have the label that held before, with
        its distance and confidence.

    Attributes
    ----------
    metadata : ModelMetadata
        What the model file says of itself.
    n_windows, n_skipped : int
        Windows, or images, seen so far, and those of them left unlabelled.

    Raises
    ------
    DataError
        If the rate is out of range, or one is given and the model takes images.
    ConfigError
        If the minimum bout is below 0 or infinite, or one is given for images.

    Examples
    --------
    Open an exported file and push samples as they come::

        labeler = Labeler.open("model.onnx")
        for samples in sensor:  # float32 arrays of shape (n_samples, n_channels)
            for event in labeler.push(samples):
                print(event.t, event.cluster)
    """

    def __init__(
        self, encoder: OnnxEncoder, rate_hz: float | None = None, *, min_bout_s: float = 0.0
    ) -> None:
        self._encoder = encoder
        self.metadata = metadata = encoder.metadata
        self._clusters = metadata.clusters
        self._stream: WindowStream | None = None
        self._bout = MinimumBout(1)
        if not 0 <= min_bout_s < np.inf:
            raise ConfigError(f"min_bout_s should be at least 0 s and finite, got {min_bout_s}")
        if metadata.image is None:
            self._stream = WindowStream(
                metadata.channel_names,
                metadata.rate_hz,
                metadata.window,
                metadata.stride,
                told_hz=rate_hz,
            )
            n_windows = int(np.ceil(min_bout_s * metadata.rate_hz / metadata.stride))
            self._bout = MinimumBout(max(1, n_windows))
        elif rate_hz is not None:
            raise DataError("the model takes images, which have no rate: leave rate_hz out")
        elif min_bout_s:
            raise ConfigError("the model takes images, which have no bouts: leave min_bout_s out")
        self._gravity: GravityEstimate | None = None
        if metadata.alignment is not None:
            self._gravity = GravityEstimate(
                metadata.alignment.units, metadata.rate_hz, metadata.window, metadata.stride
            )
        self._turn: NDArray[np.float32] | None = None
        self.n_windows = 0
        self.n_skipped = 0

    @classmethod
    def open(
        cls,
        model: Path | str,
        *,
        rate_hz: float | None = None,
        min_bout_s: float = 0.0,
        threads: int = 1,
        spin: bool = False,
    ) -> "Labeler":
        """Open a model file.

        Parameters
        ----------
        model : Path or str
            A ``.onnx`` file that ``edgeclust export`` wrote.
        rate_hz, min_bout_s
            See the class.
        threads, spin
            Of the onnxruntime session: see `OnnxEncoder`.

        Raises
        ------
        ModelFileError
            If the file is missing, damaged, no ONNX, or no model of this library.
        DataError, ConfigError
            See the class.
        """
        return cls(OnnxEncoder(model, threads=threads, spin=spin), rate_hz, min_bout_s=min_bout_s)

    @property
    def n_gaps(self) -> int:
        """Gaps of the stream so far: each dropped the window under way."""
        return 0 if self._stream is None else self._stream.n_gaps

    @property
    def n_late(self) -> int:
        """Samples left out so far, for their stamp is that of one before or earlier."""
        return 0 if self._stream is None else self._stream.n_late

    def push(
        self, samples: NDArray[np.floating[Any]], t: NDArray[np.float64] | None = None
    ) -> list[LabelEvent]:
        """Take the next samples of the stream and label the windows they complete.

        The centroids stay as exported. However the samples are chunked, the events are the same.

        Parameters
        ----------
        samples : float array of shape (n_samples, n_channels)
            Samples in the model's units and the stream's rate, channels in the model's order. A
            window that holds NaN or infinity, or overflows the network, is skipped: unlike those
            of recordings, holes of a stream are not bridged, and where it is resampled they grow
            by the filter's length. Not modified.
        t : float64 array of shape (n_samples,), optional
            Seconds of each sample, given with every call or with none. Left out: the index of
            the sample in the stream, divided by its rate. Stamps need not be regular: a window
            is labelled where those of its first and last sample are as far apart as its samples
            say, to a tenth and one step, and skipped where not. A sample that comes with the
            stamp of one before, or an earlier one, is left out and counted in `n_late`. A step
            of more than a second (three steps where that is longer), or further back, is a gap:
            the window under way is dropped and the next one starts behind it. A stream that is
            resampled gets stamps on the lines between them, so the filter's delay does not show
            in events.

        Returns
        -------
        events : list of LabelEvent
            In the order they came, one for each window, skipped or not.

        Raises
        ------
        DataError
            If the samples have another number of channels; if `t` has another length, is not
            finite or comes with some calls only; if the first stamps, of nine tenths of a
            window, show another rate than was told or, where none was, no rate at all; or if
            the model takes images.
        """
        return [*map(self._label_window, self._of_samples().push(samples, t))]

    def finish(self) -> list[LabelEvent]:
        """End the stream, as where a file ends, or a segment of it, as before a known gap.

        Returns
        -------
        events : list of LabelEvent
            Of the windows that are whole by now, as the filter of a stream that is resampled
            looks ahead; of others there are none left. What is pushed next starts anew.

        Raises
        ------
        DataError
            If the model takes images.
        """
        return [*map(self._label_window, self._of_samples().finish())]

    def _of_samples(self) -> WindowStream:
        """Return the stream, which a model of images does not have."""
        if self._stream is None:
            raise DataError("the model takes images, not a stream of samples: use label_images")
        return self._stream

    def label_images(self, images: NDArray[Any]) -> Iterator[LabelEvent]:
        """Label images one by one.

        Parameters
        ----------
        images : array of shape (n_images, n_channels, height, width)
            As `predict` takes them; may be a memory map. An image that holds NaN or infinity, or
            overflows the network, is skipped, and its event says so. Not modified.

        Yields
        ------
        event : LabelEvent
            In the order of the images, with the index of the image as `t`.

        Raises
        ------
        DataError
            If the shape or the type is not the model's, or if it takes no images.
        """
        if self.metadata.image is None:
            raise DataError("the model takes windows of a signal, not images: use push or predict")
        for index, image in enumerate(self._check_images(images)):
            pixels = scale_images(image)
            yield self._label(index, pixels, None if np.isfinite(pixels).all() else MISSING)

    def predict(self, windows: NDArray[Any]) -> NDArray[np.intp]:
        """Label windows that are already cut, or images; nothing is remembered of them.

        Parameters
        ----------
        windows : float array of shape (n_windows, n_channels, window)
            Finite samples in the model's units and rate; a model with alignment turns them by
            what the stream pushed so far told of gravity. Or images of shape (n_images,
            n_channels, height, width), where the axis of one channel may be left out: float, or
            uint8, which is scaled to [0, 1] as in training. Not modified.

        Returns
        -------
        labels : intp array of shape (n_windows,)
            Cluster indices in [0, n_clusters).

        Raises
        ------
        DataError
            If the shape is not the model's, or if a window holds NaN, infinity or values so
            large that the network overflows.
        """
        if self.metadata.image is not None:
            windows = scale_images(self._check_images(windows))
        windows = np.asarray(windows, dtype=np.float32)
        shape = (len(self.metadata.channels), *self.metadata.shape)
        if windows.shape[1:] != shape:
            raise DataError(
                f"windows should have shape (n_windows, {', '.join(map(str, shape))}), "
                f"got {windows.shape}"
            )
        bad = np.flatnonzero(~np.isfinite(windows).reshape(len(windows), -1).all(axis=1))
        if len(bad):
            raise DataError(f"windows should be finite, got NaN or infinity in window {bad[0]}")
        embedding = self._encoder.embed(self._turned(windows))
        bad = np.flatnonzero(~np.isfinite(embedding).all(axis=1))
        if len(bad):
            raise DataError(f"windows should be in the model's units, window {bad[0]} is too large")
        return self._clusters.predict(embedding)

    def _check_images(self, images: NDArray[Any]) -> NDArray[Any]:
        """Refuse images that the model does not take."""
        return check_images(np.asarray(images), len(self.metadata.channels), self.metadata.shape)

    def _label_window(self, window: StreamWindow) -> LabelEvent:
        """Label the next window of the stream."""
        if window.starts_segment:
            self._bout.restart()
            if self._gravity is not None:
                self._gravity.restart()
        return self._label(window.t, window.samples, window.fault)

    def _label(self, t: float, window: NDArray[np.float32], fault: str | None) -> LabelEvent:
        """Label one window, or an image, that may have a fault."""
        self.n_windows += 1
        if fault is not None:
            return self._skip(t, fault)
        self._follow_gravity(window)
        # One window at a time, so that no chunking changes the last digit of a distance.
        squared = self._clusters.squared_distances(self._encoder.embed(self._turned(window[None])))
        if not np.isfinite(squared).all():  # samples so large that the network overflows
            return self._skip(t, TOO_LARGE)
        distances = np.sqrt(squared[0])
        posterior = self._clusters.posterior(squared, self.metadata.temperature)[0]
        nearest = int(self._clusters.cost(squared).argmin())
        cluster = self._bout.update(nearest)
        return LabelEvent(
            t=float(t),
            cluster=cluster,
            name=self.metadata.names[cluster],
            distance=float(distances[cluster]),
            confidence=float(posterior[cluster]),
            novel=bool(distances[nearest] > self.metadata.radii[nearest]),
        )

    def _skip(self, t: float, reason: str) -> LabelEvent:
        """Return the event of a window that cannot be labelled."""
        self.n_skipped += 1
        return LabelEvent(float(t), None, None, None, None, None, skipped=reason)

    def _follow_gravity(self, window: NDArray[np.float32]) -> None:
        """Turn this window and those to come by where gravity points, once the stream has told."""
        if self._gravity is not None and self._gravity.update(window):
            assert self.metadata.alignment is not None  # or nothing would be estimated
            self._turn = self.metadata.alignment.matrix(self._gravity.gravity(), len(window))

    def _turned(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return windows as the network wants them."""
        return windows if self._turn is None else self._turn @ windows
