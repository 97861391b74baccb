"""Label a live stream with an exported model: samples in at any chunking, labelled windows out."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.alignment import GravityEstimate
from edgeclust.encoder import Encoder, open_encoder
from edgeclust.errors import DataError
from edgeclust.images import check_images, scale_images
from edgeclust.resampling import StreamResampler
from edgeclust.samples import check_rate
from edgeclust.windows import WindowCutter


@dataclass(frozen=True)
class LabelEvent:
    """The label of one window of a stream.

    Parameters
    ----------
    t : float
        Seconds of the window's first sample: its time stamp, or its index over the rate. Of an
        image its index among those labelled.
    cluster : int
        Index of the cluster, in [0, n_clusters).
    name : str or None
        What the cluster is called.
    distance : float
        Euclidean distance of the window's embedding to the cluster's centroid.
    confidence : float
        Posterior probability of the cluster, in [0, 1].
    novel : bool
        Whether the distance is beyond the cluster's radius, so beyond that of 99 % of the
        training windows.
    """

    t: float
    cluster: int
    name: str | None
    distance: float
    confidence: float
    novel: bool

    def to_json(self) -> dict[str, Any]:
        """Return the event as the object that ``edgeclust label`` prints."""
        return asdict(self)


class Labeler:
    """Label a stream window by window, in fixed memory, with numpy and onnxruntime alone.

    Parameters
    ----------
    encoder : Encoder
        An open model file, as `edgeclust.encoder.open_encoder` returns it.
    rate_hz : float, optional
        Rate of the stream in Hz, which is resampled to the model's where it is another, as
        recordings are: see `StreamResampler`. The model's when left out.

    Attributes
    ----------
    metadata : ModelMetadata
        What the model file says of itself.
    n_windows, n_skipped : int
        Windows, or images, seen so far, and those of them left unlabelled: they hold NaN,
        infinity or values so large that the network overflows.

    Raises
    ------
    DataError
        If the rate is out of range, or the model takes images.

    Examples
    --------
    Open an exported file and push samples as they come::

        labeler = Labeler.open("model.onnx")
        for samples in sensor:  # float32 arrays of shape (n_samples, n_channels)
            for event in labeler.push(samples):
                print(event.t, event.cluster)
    """

    def __init__(self, encoder: Encoder, rate_hz: float | None = None) -> None:
        self._encoder = encoder
        self.metadata = metadata = encoder.metadata
        self._clusters = metadata.clusters
        self._rate_hz = metadata.rate_hz if rate_hz is None else rate_hz
        self._resample: tuple[StreamResampler, StreamResampler] | None = None
        if metadata.image is not None and rate_hz is not None:
            raise DataError("the model takes images, which have no rate: leave rate_hz out")
        if self._rate_hz != metadata.rate_hz:
            rates = self._rate_hz, metadata.rate_hz
            self._resample = (
                StreamResampler(len(metadata.channels), *rates),
                StreamResampler(1, *rates, interpolate=True),
            )
        if metadata.image is None:
            self._samples = WindowCutter(len(metadata.channels), metadata.window, metadata.stride)
            # Time stamps are cut alike; float32 could not tell samples apart after a few days.
            self._stamps = WindowCutter(1, metadata.window, metadata.stride, dtype=np.float64)
        self._gravity: GravityEstimate | None = None
        if metadata.alignment is not None:
            self._gravity = GravityEstimate(
                metadata.alignment.units, metadata.rate_hz, metadata.window, metadata.stride
            )
        self._turn: NDArray[np.float32] | None = None
        self._n_samples = 0
        self._stamped: bool | None = None
        self.n_windows = 0
        self.n_skipped = 0

    @classmethod
    def open(
        cls,
        model: Path | str,
        *,
        threads: int = 1,
        rate_hz: float | None = None,
        backend: str = "auto",
    ) -> "Labeler":
        """Open a model file.

        Parameters
        ----------
        model : Path or str
            A ``.onnx`` file that ``edgeclust export`` wrote.
        threads : int
            Threads of the onnxruntime session.
        rate_hz : float, optional
            Rate of the stream, if not the model's.
        backend : {"auto", "onnxruntime", "numpy"}
            What runs the network; "auto" is onnxruntime where it can be imported, else numpy.

        Raises
        ------
        ModelFileError
            If the file is missing, damaged, no ONNX, or no model of this library.
        DataError
            If the rate is out of range, or the model takes images.
        ConfigError, MissingExtraError
            If there is no such backend, or onnxruntime is asked for and not installed.
        """
        return cls(open_encoder(model, threads=threads, backend=backend), rate_hz)

    def push(
        self, samples: NDArray[np.float32], t: NDArray[np.float64] | None = None
    ) -> list[LabelEvent]:
        """Take the next samples of the stream and label the windows they complete.

        The centroids stay as exported. However the samples are chunked, the events are the same.

        Parameters
        ----------
        samples : float array of shape (n_samples, n_channels)
            Samples in the model's units and the stream's rate, channels in the model's order. A
            window that holds NaN or infinity, or overflows the network, is counted in
            `n_skipped` and gets no event: unlike those of recordings, holes of a stream are not
            bridged, and where it is resampled they grow by the filter's length. Not modified.
        t : float64 array of shape (n_samples,), optional
            Seconds of each sample, given with every call or with none. Left out: the index of
            the sample in the stream, divided by its rate. A stream that is resampled gets stamps
            on the lines between them, so the filter's delay does not show in events.

        Returns
        -------
        events : list of LabelEvent
            In the order of time.

        Raises
        ------
        DataError
            If the samples have another number of channels, if `t` has another length, comes
            with some calls only, or shows another rate than the stream's, or if the model takes
            images.
        """
        if self.metadata.image is not None:
            raise DataError("the model takes images, not a stream of samples: use label_images")
        samples = np.asarray(samples, dtype=np.float32)
        channels = self.metadata.channel_names
        if samples.ndim != 2 or samples.shape[1] != len(channels):
            raise DataError(
                f"samples should have shape (n_samples, {len(channels)}) for the channels "
                f"{', '.join(channels)}, got shape {samples.shape}"
            )
        stamps = self._stamp(len(samples), t)
        if self._resample is None:
            return self._label_stream(samples, stamps)
        filtered, lines = self._resample
        return self._label_stream(filtered.push(samples), lines.push(stamps))

    def finish(self) -> list[LabelEvent]:
        """Label the windows that the end of a stream completes, as where a file ends.

        Those are the last of a stream that is resampled, for its filter looks ahead; of others
        there are none left. Nothing may be pushed afterwards.

        Returns
        -------
        events : list of LabelEvent
            In the order of time.
        """
        if self._resample is None:
            return []
        filtered, lines = self._resample
        return self._label_stream(filtered.finish(), lines.finish())

    def label_images(self, images: NDArray[Any]) -> Iterator[LabelEvent]:
        """Label images one by one.

        Parameters
        ----------
        images : array of shape (n_images, n_channels, height, width)
            As `predict` takes them; may be a memory map. An image that holds NaN or infinity, or
            overflows the network, is counted in `n_skipped` and gets no event. Not modified.

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
            event = self._label(scale_images(image), np.array([index], np.float64))
            if event is not None:
                yield event

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

    def _label_stream(
        self, samples: NDArray[np.floating[Any]], stamps: NDArray[np.float64]
    ) -> list[LabelEvent]:
        """Label the windows that samples at the model's rate complete; each has a stamp."""
        with np.errstate(over="ignore"):  # infinity, which a window does not survive
            windows = self._samples.push(samples.astype(np.float32, copy=False))
        return [
            event
            for (_, window), (_, window_stamps) in zip(
                windows, self._stamps.push(stamps), strict=True
            )
            if (event := self._label(window, window_stamps[0])) is not None
        ]

    def _label(self, window: NDArray[np.float32], stamps: NDArray[np.float64]) -> LabelEvent | None:
        """Label one window of the stream; None when it cannot be labelled."""
        if self.n_windows == 0 and self._stamped:
            # As far apart as they were before the stream was resampled.
            own = stamps * (self.metadata.rate_hz / self._rate_hz)
            check_rate(own, self._rate_hz, "the stream")
        self.n_windows += 1
        if not np.isfinite(window).all():
            self.n_skipped += 1
            return None
        self._follow_gravity(window)
        # One window at a time, so that no chunking changes the last digit of a distance.
        squared = self._clusters.squared_distances(self._encoder.embed(self._turned(window[None])))
        if not np.isfinite(squared).all():  # samples so large that the network overflows
            self.n_skipped += 1
            return None
        cluster = int(self._clusters.cost(squared).argmin())
        posterior = self._clusters.posterior(squared)[0]
        distance = float(np.sqrt(squared[0, cluster]))
        return LabelEvent(
            t=float(stamps[0]),
            cluster=cluster,
            name=self.metadata.names[cluster],
            distance=distance,
            confidence=float(posterior[cluster]),
            novel=distance > self.metadata.radii[cluster],
        )

    def _follow_gravity(self, window: NDArray[np.float32]) -> None:
        """Turn this window and those to come by where gravity points, once the stream has told."""
        if self._gravity is not None and self._gravity.update(window):
            assert self.metadata.alignment is not None  # or nothing would be estimated
            self._turn = self.metadata.alignment.matrix(self._gravity.gravity(), len(window))

    def _turned(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return windows as the network wants them."""
        return windows if self._turn is None else self._turn @ windows

    def _stamp(self, n_samples: int, t: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Return the time stamps, of shape (n_samples, 1), counting where there are none."""
        if n_samples and self._stamped is not None and self._stamped != (t is not None):
            raise DataError("t should be given with every call of push or with none")
        if t is None:
            stamps = np.arange(self._n_samples, self._n_samples + n_samples) / self._rate_hz
        else:
            stamps = np.asarray(t, dtype=np.float64)
            if stamps.shape != (n_samples,):
                raise DataError(f"t should have shape ({n_samples},), got {stamps.shape}")
        if n_samples:
            self._stamped = t is not None
        self._n_samples += n_samples
        return stamps[:, None]
