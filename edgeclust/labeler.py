"""Label a live stream with an exported model: samples in at any chunking, labelled windows out."""

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeclust.alignment import MEMORY_S, GravityEstimate
from edgeclust.bouts import MinimumBout
from edgeclust.clusters import Clusters
from edgeclust.encoder import Encoder, open_encoder
from edgeclust.errors import ConfigError, DataError, StateError
from edgeclust.growth import ClusterGrowth
from edgeclust.images import check_images, scale_images
from edgeclust.learner import MODES, CentroidLearner
from edgeclust.naming import Naming, name_clusters
from edgeclust.samples import Chunk
from edgeclust.state import StateStore
from edgeclust.state_fields import Part, Tally, encode_name, pack, restore, unpack
from edgeclust.stream import MISSING, StreamWindow, WindowStream, all_finite

logger = logging.getLogger(__name__)

SAVE_WINDOWS, SAVE_S = 10_000, 600.0
"""Windows and seconds of stream between two saves of the state, whichever come first."""

OFF = "off"
"""The way to learn that keeps the centroids as exported."""

TOO_LARGE = "values too large for the model"


class LabelEvent(NamedTuple):
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
        of its training windows. A new cluster's radius is the median of those.
    skipped : str or None
        Why the window was skipped: it holds missing or infinite samples, its stamps are more
        than a tenth off, or its values are too large for the model. None where it has a label.
    born : int or None
        Id of the cluster that was opened with this window, see `ClusterGrowth`; those to come may
        have it. None where none was.
    """

    t: float
    cluster: int | None
    name: str | None
    distance: float | None
    confidence: float | None
    novel: bool | None
    skipped: str | None = None
    born: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the event as ``edgeclust label`` prints it, no `skipped` or `born` of None."""
        content = self._asdict()
        for key in ("skipped", "born"):
            if content[key] is None:
                del content[key]
        return content


class Labeler:
    """Label a stream window by window, in fixed memory, with numpy and onnxruntime alone.

    Parameters
    ----------
    encoder : Encoder
        An open model file, as `edgeclust.encoder.open_encoder` returns it.
    rate_hz : float, optional
        Rate of the stream in Hz. Left out: what its first time stamps show, see `find_rate`, or
        the model's where it has none. Where it is another than the model's, the stream is
        resampled as recordings are: see `StreamResampler`.
    min_bout_s : float
        Seconds that a new label has to last before events have it: as many windows in a row as
        their strides take to fill them. Until then they have the label that held before, with
        its distance and confidence.
    learn : str
        How the centroids follow the stream, see `CentroidLearner`: ``gated``, ``free``, or
        ``off``, which leaves them as exported, or as the state has them. Those of a model of
        images never move.

    grow : int
        New clusters that may be opened, at most 32, for what no cluster knows, see
        `ClusterGrowth`; 0 opens none. A model with alignment opens none before gravity is known.

    Attributes
    ----------
    metadata : ModelMetadata
        What the model file says of itself.
    tally : Tally
        What was seen over the life of the state, and what the clusters were called.
    learning : bool
        Set it to False to pause learning: windows are labelled by what was learnt until then.
    n_windows, n_skipped : int
        Windows, or images, seen since it was opened, and those of them left unlabelled.

    Raises
    ------
    DataError
        If the rate is out of range, or one is given and the model takes images.
    ConfigError
        If the minimum bout is below 0 or infinite, or one is given for images, or if the mode of
        learning is unknown, or `grow` is out of range or given for images.

    Examples
    --------
    Open an exported file and push samples as they come::

        labeler = Labeler.open("model.onnx")
        for samples in sensor:  # float32 arrays of shape (n_samples, n_channels)
            for event in labeler.push(samples):
                print(event.t, event.cluster)

    With a folder for what it learns it goes on after a crash where it last saved::

        with Labeler.open("model.onnx", state="state") as labeler:
            ...
    """

    def __init__(
        self,
        encoder: Encoder,
        rate_hz: float | None = None,
        *,
        min_bout_s: float = 0.0,
        learn: str = "gated",
        grow: int = 0,
    ) -> None:
        self._encoder = encoder
        self.metadata = metadata = encoder.metadata
        self._exported = metadata.clusters
        if learn not in (OFF, *MODES):
            raise ConfigError(
                f"unknown way to learn {learn!r}: known are {', '.join((*MODES, OFF))}"
            )
        self.learning = learn != OFF
        mode = learn if self.learning else "gated"  # to go by if it is switched on later
        self._learner = CentroidLearner(self._exported, mode) if metadata.image is None else None
        self.grow = grow
        self._growth: ClusterGrowth | None = None
        if grow:
            self._growth = ClusterGrowth(self._exported, metadata.radii, grow, metadata.metric)
        self._radii = [*metadata.radii]
        self._stream: WindowStream | None = None
        self._bout = MinimumBout(1)
        if not 0 <= min_bout_s < np.inf:
            raise ConfigError(f"min_bout_s should be at least 0 s and finite, got {min_bout_s}")
        if metadata.image is None:
            self._told_hz = rate_hz
            self._stream = self._new_stream()
            n_windows = int(np.ceil(min_bout_s * metadata.rate_hz / metadata.stride))
            self._bout = MinimumBout(max(1, n_windows))
        elif rate_hz is not None:
            raise DataError("the model takes images, which have no rate: leave rate_hz out")
        elif min_bout_s:
            raise ConfigError("the model takes images, which have no bouts: leave min_bout_s out")
        elif grow:
            raise ConfigError("the model takes images, which do not persist: leave grow out")
        self._gravity = self._new_gravity()
        self._turn: NDArray[np.float32] | None = None
        self.n_windows = 0
        self.n_skipped = 0
        self.tally = Tally(self._exported.n_clusters + grow)
        self._store: StateStore | None = None
        self._save_every = 0

    def _new_stream(self) -> WindowStream:
        """Return a stream at its beginning."""
        model = self.metadata
        return WindowStream(
            model.channel_names, model.rate_hz, model.window, model.stride, told_hz=self._told_hz
        )

    def _new_gravity(self) -> GravityEstimate | None:
        """Return an estimate that knows nothing, for a model with alignment."""
        model = self.metadata
        if model.alignment is None:
            return None
        return GravityEstimate(
            model.alignment.units, model.rate_hz, model.window, model.stride, memory_s=MEMORY_S
        )

    @classmethod
    def open(
        cls,
        model: Path | str,
        state: Path | str | None = None,
        *,
        freeze: bool = False,
        rate_hz: float | None = None,
        min_bout_s: float = 0.0,
        learn: str = "gated",
        grow: int | None = None,
        threads: int = 1,
        spin: bool = False,
        backend: str = "auto",
        save_windows: int = SAVE_WINDOWS,
        save_s: float = SAVE_S,
    ) -> "Labeler":
        """Open a model file, and what a device has learnt with it.

        Parameters
        ----------
        model : Path or str
            A ``.onnx`` file that ``edgeclust export`` wrote.
        state : Path or str, optional
            Folder of what was learnt, for this labeler alone while it is open: restored now, saved
            from time to time and by `close`. The samples of a window under way are not kept: the
            stream starts anew. A save that fails in between is logged as a warning, labelling
            goes on, and the next save tries again.
        freeze : bool
            Learn nothing, whatever `learn` says: the same as ``learn="off"``.
        rate_hz, min_bout_s, learn
            See the class.
        grow : int, optional
            See the class. Left out: as many as the state reserves, 0 where there is none.
        threads, spin, backend
            What runs the network: see `edgeclust.encoder.open_encoder`.
        save_windows : int
            Windows, or images, from one save to the next, at least 1.
        save_s : float
            Seconds of stream from one save to the next, above 0; told by windows, not by a clock.
            Whichever is fewer windows counts.

        Raises
        ------
        ModelFileError
            If the file is missing, damaged, no ONNX, or no model of this library.
        DataError, ConfigError
            See the class; or if `save_windows` or `save_s` is out of range, or there is no such
            backend.
        MissingExtraError
            If onnxruntime is asked for and not installed.
        StateError
            If the folder is in use, cannot be read or written, or holds the state of another
            model, of another `grow` or of a newer edgeclust.
        """
        if save_windows < 1 or not save_s > 0:
            raise ConfigError(
                "save_windows should be at least 1 and save_s above 0, "
                f"got {save_windows} and {save_s}"
            )
        encoder = open_encoder(model, threads=threads, spin=spin, backend=backend)
        store = None if state is None else StateStore(state, encoder.model_id)
        try:
            n_slots = _n_slots(store, grow)
            learn = OFF if freeze else learn
            labeler = cls(encoder, rate_hz, min_bout_s=min_bout_s, learn=learn, grow=n_slots)
            if store is not None:
                labeler._keep_state(store)
        except BaseException:
            if store is not None:
                store.close()
            raise
        if store is not None:
            metadata = encoder.metadata
            if metadata.image is None and save_s < math.inf:
                in_s = int(save_s * metadata.rate_hz / metadata.stride)
                save_windows = min(save_windows, max(1, in_s))
            labeler._save_every = save_windows
        return labeler

    def save(self) -> None:
        """Save what was learnt so far; it is on the disk when this returns.

        Raises
        ------
        StateError
            If there is no state folder, or it cannot be written; what was saved before is whole.
        """
        if self._store is None:
            raise StateError("there is no folder to save to: open the labeler with state=FOLDER")
        clusters = self._clusters
        moved = clusters.centroids[: self._exported.n_clusters].astype(np.float64)
        moved -= self.metadata.centroids
        self.tally.shift[: len(moved)] = np.sqrt(np.square(moved).sum(axis=1))
        if self._growth is not None:
            self._growth.note_overlaps(clusters)
        self._store.save(pack(self._parts()))

    def close(self) -> None:
        """Save what was learnt, where there is a folder for it, and let others open that.

        A labeler that saw nothing and named nothing leaves a folder without a state as it is.

        Raises
        ------
        StateError
            If it cannot be saved; what was saved before is whole, and the folder is let go.
        """
        if self._store is not None:
            try:
                if self._store.payload is not None or self.n_windows or any(self.tally.names):
                    self.save()
            finally:
                self._store.close()
                self._store = None

    def __enter__(self) -> "Labeler":
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close."""
        self.close()

    @property
    def _today(self) -> Clusters:
        """The exported clusters as they are today."""
        return self._exported if self._learner is None else self._learner.clusters

    @property
    def _clusters(self) -> Clusters:
        """Today's clusters, those opened among them."""
        return self._today if self._growth is None else self._growth.extend(self._today)

    def reset(self) -> None:
        """Forget what was learnt: clusters are those exported, gravity is unknown; names stay."""
        if self._learner is not None:
            self._learner.reset()
        if self._growth is not None:
            self._growth.reset()
            self._radii = self._growth.radii.tolist()
            self._bout.restart()
            for slot in range(self._exported.n_clusters, len(self.tally.names)):
                self.tally.names[slot] = None
        if self._gravity is not None:
            self._gravity.reset()
        self._turn = None

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

        A window is labelled first and learnt from then. However the samples are chunked, the
        events are the same, and so is what was learnt.

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
            fault = None if all_finite(pixels) else MISSING
            yield self._remember(self._label(index, pixels, fault))

    def partial_fit(self, windows: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
        """Label windows that are already cut, and learn from them, as if `push` had cut them.

        Parameters
        ----------
        windows : float array of shape (n_windows, n_channels, window)
            The next of the stream, in the order of time, in the model's units and rate. Those
            that `push` would skip are skipped. Not modified.

        Returns
        -------
        labels : intp array of shape (n_windows,)
            Cluster indices in [0, n_clusters), as they were before each window was learnt from;
            -1 where it was skipped.

        Raises
        ------
        DataError
            If the shape is not the model's, or if the model takes images.
        """
        self._of_samples()
        labels = []
        for window in self._check_windows(windows):
            fault = None if all_finite(window) else MISSING
            cluster = self._label(0.0, window, fault).cluster
            labels.append(-1 if cluster is None else cluster)
        return np.array(labels, np.intp)

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
        return self._predict(windows, self._turn)

    def _predict(self, windows: NDArray[Any], turn: NDArray[np.float32] | None) -> NDArray[np.intp]:
        """Label windows, turned by a matrix, or images."""
        if self.metadata.image is not None:
            windows = scale_images(self._check_images(windows))
        windows = self._check_windows(windows)
        bad = np.flatnonzero(~np.isfinite(windows).all(axis=tuple(range(1, windows.ndim))))
        if len(bad):
            raise DataError(f"windows should be finite, got NaN or infinity in window {bad[0]}")
        embedding = self._encoder.embed(_turned(windows, turn))
        bad = np.flatnonzero(~np.isfinite(embedding).all(axis=1))
        if len(bad):
            raise DataError(f"windows should be in the model's units, window {bad[0]} is too large")
        labels = self._today.predict(embedding)
        if self._growth is not None:
            clusters = self._clusters
            for row, (z, nearest) in enumerate(zip(embedding, labels.tolist(), strict=True)):
                labels[row] = self._growth.label(z, clusters, nearest)
        return labels

    def name(self, windows: NDArray[Any], activities: Sequence[str]) -> Naming:
        """Name clusters after labelled examples: one to five of each activity will do.

        Events have the names from now on, and the state keeps them. A cluster in which no example
        lies keeps the name it had, if any. Nothing else is learnt.

        Parameters
        ----------
        windows : array
            The examples, as `predict` takes them. Not modified.
        activities : sequence of str
            What each example is: up to 32 bytes of UTF-8.

        Returns
        -------
        naming : Naming
            The names, and where examples and clusters did not go together; see `name_clusters`.

        Raises
        ------
        DataError
            As `predict`; or if there is no example or not a name for each, or a name is empty or
            too long. Nothing is named then.
        """
        return self._name(windows, activities, self._turn)

    def name_runs(self, runs: Iterable[tuple[str, Chunk]]) -> Naming:
        """Name clusters after a recording in which some samples have a label.

        Examples are the windows cut from each run of one label, from its first sample on. They are
        turned, where the model has alignment, by where the whole recording, labelled or not, says
        that gravity points after what the stream told so far.

        Parameters
        ----------
        runs : iterable of (str, (samples, t))
            Labels and samples in the order of time, as `read_labelled` yields them: a run may come
            in pieces, and the label is empty where there is none.

        Returns
        -------
        naming : Naming
            As `name` returns it.

        Raises
        ------
        DataError
            As `push` and `name`; or if no window lies within one label.
        """
        self._of_samples()
        stream, gravity, turn = self._new_stream(), self._new_gravity(), None
        if gravity is not None and self._gravity is not None:
            gravity.restore(self._gravity.fields())
        windows, activities = [], []
        for label, window in _cut_runs(stream, runs):
            if window.fault is not None:
                continue
            if gravity is not None:
                if window.starts_segment:
                    gravity.restart()
                gravity.update(window.samples)
            if label:
                windows.append(window.samples)
                activities.append(label)
        if not windows:
            length_s = self.metadata.window / self.metadata.rate_hz
            raise DataError(
                f"no window lies within one label: it needs {length_s:g} s of samples in a row"
            )
        if gravity is not None:
            turn = self._turn_of(gravity)
        return self._name(np.stack(windows), activities, turn)

    def _name(
        self, windows: NDArray[Any], activities: Sequence[str], turn: NDArray[np.float32] | None
    ) -> Naming:
        """Name clusters after windows, turned by a matrix, or images."""
        for activity in activities:
            if not encode_name(activity):
                raise DataError("an activity should have a name, got an empty one")
        labels = self._predict(windows, turn)
        naming = name_clusters(labels, activities, self._clusters.n_clusters)
        for cluster, name in enumerate(naming.names):
            self.tally.names[cluster] = name or self.tally.names[cluster]
        return naming

    def _check_windows(self, windows: NDArray[Any]) -> NDArray[np.float32]:
        """Refuse windows that the model does not take."""
        windows = np.asarray(windows, dtype=np.float32)
        shape = (len(self.metadata.channels), *self.metadata.shape)
        if windows.shape[1:] != shape:
            raise DataError(
                f"windows should have shape (n_windows, {', '.join(map(str, shape))}), "
                f"got {windows.shape}"
            )
        return windows

    def _check_images(self, images: NDArray[Any]) -> NDArray[Any]:
        """Refuse images that the model does not take."""
        return check_images(np.asarray(images), len(self.metadata.channels), self.metadata.shape)

    def _label_window(self, window: StreamWindow) -> LabelEvent:
        """Label the next window of the stream."""
        if window.starts_segment:
            self._bout.restart()
            if self._gravity is not None:
                self._gravity.restart()
            if self._growth is not None:
                self._growth.restart()
        return self._remember(self._label(window.t, window.samples, window.fault))

    def _label(self, t: float, window: NDArray[np.float32], fault: str | None) -> LabelEvent:
        """Label one window, or an image, that may have a fault."""
        self.n_windows += 1
        if fault is not None:
            return self._skip(t, fault)
        self._follow_gravity(window)
        # One window at a time, so that no chunking changes the last digit of a distance. What
        # follows counts the calls of numpy: each takes as long as an operation of the network.
        turned = window if self._turn is None else self._turn.dot(window)
        embedding = self._encoder.embed(turned[None])
        clusters = self._clusters
        (squared,) = clusters.squared_distances(embedding)
        squares = squared.tolist()
        costs = clusters.costs_of(squares)
        least = min(costs)
        if not math.isfinite(least):  # samples so large that the network overflows
            return self._skip(t, TOO_LARGE)
        nearest = costs.index(least)
        if self._growth is not None:
            exported = costs[: self._exported.n_clusters]
            nearest = self._growth.label(embedding[0], clusters, exported.index(min(exported)))
        cluster = self._bout.update(nearest)
        distance = math.sqrt(squares[cluster])
        confidence = clusters.share(costs, cluster, self.metadata.temperature)
        novel = math.sqrt(squares[nearest]) > self._radii[nearest]
        born = self._learn(embedding[0], clusters, nearest)
        name = self._name_of(cluster)
        return LabelEvent(float(t), cluster, name, distance, confidence, novel, None, born)

    def _name_of(self, cluster: int) -> str | None:
        """Return what a cluster is called, on the device or in the model file."""
        exported = self.metadata.names
        name = self.tally.names[cluster]
        return name or (exported[cluster] if cluster < len(exported) else None)

    def _learn(
        self, embedding: NDArray[np.float32], clusters: Clusters, nearest: int
    ) -> int | None:
        """Learn from a window that has its label; return the cluster that was opened, if any."""
        if not self.learning:
            if self._growth is not None:
                self._growth.restart()  # a run is of windows in a row
            return None
        if self._learner is None:
            return None
        if nearest < self._exported.n_clusters:
            self._learner.update(embedding)
        if self._growth is None or (self._gravity is not None and self._turn is None):
            return None  # what is not turned yet is not where its like will be
        born = self._growth.update(embedding, clusters, nearest)
        if born is not None:
            self._radii = self._growth.radii.tolist()
            logger.info("opened cluster %d", born)
        return born

    def _skip(self, t: float, reason: str) -> LabelEvent:
        """Return the event of a window that cannot be labelled."""
        self.n_skipped += 1
        return LabelEvent(float(t), None, None, None, None, None, skipped=reason)

    def _follow_gravity(self, window: NDArray[np.float32]) -> None:
        """Turn this window and those to come by where gravity points, once the stream has told."""
        if self._gravity is not None and self._gravity.update(window):
            self._turn = self._turn_of(self._gravity)

    def _turn_of(self, gravity: GravityEstimate) -> NDArray[np.float32]:
        """Return what windows are turned by."""
        assert self.metadata.alignment is not None  # or nothing would be estimated
        return self.metadata.alignment.matrix_of(gravity.means(), len(self.metadata.channels))

    def _parts(self) -> dict[str, Part]:
        """Return what remembers, by its name in the state."""
        parts: dict[str, Part] = {"tally": self.tally}
        if self._gravity is not None:
            parts["gravity"] = self._gravity
        if self._learner is not None:
            parts["learner"] = self._learner
        if self._growth is not None:
            parts["growth"] = self._growth
        return parts

    def _keep_state(self, store: StateStore) -> None:
        """Restore what a folder holds, and keep what is learnt in it from now on."""
        try:
            if store.payload is not None:
                restore(self._parts(), store.payload)
        except StateError as error:
            raise StateError(
                f"{store.folder}: {error}; to forget it: edgeclust state reset {store.folder}"
            ) from error
        self._store = store
        if self._growth is not None:
            self._radii = self._growth.radii.tolist()
        if self._gravity is not None and any(self._gravity.count):
            self._turn = self._turn_of(self._gravity)

    def _remember(self, event: LabelEvent) -> LabelEvent:
        """Count a window by its event, which is returned, and save where it is time."""
        self.tally.add(event.cluster)
        if self._store is not None and self.tally.n_windows % self._save_every == 0:
            try:
                self.save()
            except StateError as error:
                logger.warning("%s; labelling goes on, and the next save tries again", error)
        return event


def _n_slots(store: StateStore | None, grow: int | None) -> int:
    """Return how many slots for new clusters a state has, or is to have."""
    if store is None or store.payload is None:
        return grow or 0
    reserved = unpack(store.payload).get("growth.sizes", np.zeros(0)).size
    if grow not in (None, reserved):
        raise StateError(
            f"{store.folder}: its state reserves {reserved} new clusters, not {grow}: leave grow "
            f"out to go on with it, or forget it: edgeclust state reset {store.folder}"
        )
    return reserved


def _cut_runs(
    stream: WindowStream, runs: Iterable[tuple[str, Chunk]]
) -> Iterator[tuple[str, StreamWindow]]:
    """Cut each run of one label, from its first sample on; yield its windows with the label."""
    for label, pieces in groupby(runs, key=itemgetter(0)):
        for _, (samples, t) in pieces:
            yield from ((label, window) for window in stream.push(samples, t))
        yield from ((label, window) for window in stream.finish())


def _turned(windows: NDArray[np.float32], turn: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Return windows as the network wants them."""
    return windows if turn is None else turn @ windows
