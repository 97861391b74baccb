r"""Against what a user would pick instead: time of a window, ACC and NMI, and memory, side by side.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/peers.py recordings/hapt watch --out results/peers

A model is trained on two thirds of the subjects (the hold-out of ``edgeclust reproduce``), without
labels, and exported, unless the folder has it from another run. The others' windows then come one
after the other, in the order of time, all wearers as one stream: each is labelled first, and learnt
from then. On the embeddings stands this library's device update; on the raw windows its exported
file, from the samples on. The peers get the same windows in the same order, and before that those
of the training subjects too, in theirs: the embeddings; the windows flattened; and mean, standard
deviation and low Fourier magnitudes of each channel, computed as part of the time. All these are
standardised by the training subjects. K is the number of activities. What a peer needs beyond that
is found on the training windows, without labels: see `choose`. Peers that are not installed are
left out, and the reason is printed.

One run makes all tables, in some 20 minutes of one core: a peer has `--budget` CPU seconds for the
training windows and as many for the stream. Who is not done by then is timed and scored on what it
did, and how many windows that were stands beside, with the ACC of this library on the same ones.

Time is CPU time of this process; the peers take turns in blocks of 50 windows. Memory is that of a
fresh process for each, which takes the streamed windows over and over, with noise.
`pip install 'edgeclust[bench]' clustpy` brings the peers; ClustPy needs a C compiler.
"""

import argparse
import contextlib
import gc
import importlib
import io
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from unittest.mock import MagicMock

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.spatial.distance import pdist
from sklearn.cluster import MiniBatchKMeans

from edgeclust import Clusters, Labeler, WindowedDataset, align
from edgeclust.encoder import OnnxEncoder
from edgeclust.export import export_model
from edgeclust.files import write_atomically
from edgeclust.har_data import open_recordings
from edgeclust.learner import CentroidLearner
from edgeclust.train.config import TrainConfig
from edgeclust.train.features import window_features
from edgeclust.train.identity import library_versions
from edgeclust.train.metrics import clustering_metrics
from edgeclust.train.run import Run
from edgeclust.train.settings import split

BLOCK = 50
N_TUNING, TUNING_S = 500, 2.0
MILESTONES = (1_000, 10_000, 100_000, 1_000_000)
RATES = (0.5, 0.1, 0.02, 0.005)
QUANTILES = (0.02, 0.05, 0.1, 0.2, 0.3)

Windows = NDArray[np.float32]
Points = NDArray[np.float64]


class Peer(Protocol):
    """What labels a stream and learns from it."""

    def step(self, window: NDArray[Any]) -> int:
        """Label the next window, -1 where that is too early, then learn from it."""
        ...

    def prepare(self, windows: NDArray[Any]) -> None:
        """Learn from what is there before the stream."""
        ...


class DeviceUpdate:
    """The update of this library on embeddings, as the device runs it."""

    def __init__(self, clusters: Clusters) -> None:
        self._learner = CentroidLearner(clusters)

    def prepare(self, windows: NDArray[Any]) -> None:
        """Do nothing: the clusters come from these windows."""

    def step(self, window: NDArray[Any]) -> int:
        """Label and learn."""
        label = int(self._learner.clusters.predict(window[None])[0])
        self._learner.update(window)
        return label


class Device:
    """The exported file of this library on samples: where a window goes on, the new ones."""

    def __init__(self, model: Path) -> None:
        self._labeler = Labeler.open(model)
        self._stride = self._labeler.metadata.stride
        self._last: NDArray[Any] | None = None

    def prepare(self, windows: NDArray[Any]) -> None:
        """Do nothing: the model comes from these windows."""

    def step(self, window: NDArray[Any]) -> int:
        """Label and learn."""
        stride, last, self._last = self._stride, self._last, window
        if last is not None and np.array_equal(last[:, stride:], window[:, :-stride]):
            window = window[:, -stride:]
        else:
            self._labeler.finish()
        (event,) = self._labeler.push(window.T)
        return -1 if event.cluster is None else event.cluster


class River:
    """A clusterer of river."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def prepare(self, windows: NDArray[Any]) -> None:
        """Take the windows as a stream."""
        for window in windows:
            self.step(window)

    def step(self, window: NDArray[Any]) -> int:
        """Label and learn."""
        x = dict(enumerate(window.tolist()))
        if hasattr(self.model, "learn_predict_one"):  # both at once, sooner done
            return int(self.model.learn_predict_one(x))
        try:
            label = int(self.model.predict_one(x))
        except ValueError:  # STREAMKMeans before its first window
            label = -1
        self.model.learn_one(x)
        return label


class MiniBatch:
    """MiniBatchKMeans of scikit-learn: fitted, then `partial_fit` of some windows at a time."""

    def __init__(self, n_clusters: int, every: int) -> None:
        self._model = MiniBatchKMeans(n_clusters, random_state=0, n_init=3)
        self._every = every
        self._waiting: list[NDArray[Any]] = []

    def prepare(self, windows: NDArray[Any]) -> None:
        """Fit."""
        self._model.fit(windows)

    def step(self, window: NDArray[Any]) -> int:
        """Label, and learn where enough windows wait for it."""
        label = int(self._model.predict(window[None])[0])
        self._waiting.append(window)
        if len(self._waiting) == self._every:
            self._model.partial_fit(np.stack(self._waiting))
            self._waiting.clear()
        return label


class Deep:
    """DCN of ClustPy: an auto-encoder trained for k-means; it does not learn from a stream."""

    def __init__(self, n_clusters: int, epochs: int) -> None:
        self._n_clusters, self._epochs = n_clusters, epochs

    def prepare(self, windows: NDArray[Any]) -> None:
        """Train."""
        deep = importlib.import_module("clustpy.deep")
        networks = importlib.import_module("clustpy.deep.neural_networks")
        layers = {"layers": [windows.shape[1], 256, 64, 10]}
        self._model = deep.DCN(
            self._n_clusters,
            pretrain_epochs=self._epochs,
            clustering_epochs=self._epochs,
            neural_network=(networks.FeedforwardAutoencoder, layers),
            device=importlib.import_module("torch").device("cpu"),
            random_state=0,
        )
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            self._model.fit(windows.astype(np.float32))

    def step(self, window: NDArray[Any]) -> int:
        """Label; there is nothing to learn with."""
        return int(self._model.predict(window[None].astype(np.float32))[0])


class Make(NamedTuple):
    """How a peer is made from the standardised training windows and K, and what of it is needed."""

    peer: Callable[[Points, int], Peer]
    module: str
    learns: bool = True


def river_kmeans(points: Points, n_clusters: int) -> Peer:
    """Of the steps its centre may take, that which ends nearest to the training windows."""

    def make(rate: float) -> River:
        cluster = importlib.import_module("river.cluster")
        return River(cluster.KMeans(n_clusters, halflife=rate, seed=0))

    def spread(peer: River, labels: list[int]) -> float:
        centers = [[c[i] for i in range(points.shape[1])] for c in peer.model.centers.values()]
        squared = ((points[::20, None] - np.array(centers)[None]) ** 2).sum(axis=2)
        return float(squared.min(axis=1).mean())

    return choose(make, RATES, spread, points)


def river_stream_kmeans(points: Points, n_clusters: int) -> Peer:
    """Chunks of ten windows for each cluster."""
    cluster = importlib.import_module("river.cluster")
    model = cluster.STREAMKMeans(10 * n_clusters, n_clusters, halflife=0.1, seed=0)
    return River(model)


def river_clustream(points: Points, n_clusters: int) -> Peer:
    """As it comes, but for K."""
    cluster = importlib.import_module("river.cluster")
    return River(cluster.CluStream(n_clusters, seed=0, halflife=0.1))


def river_dbstream(points: Points, n_clusters: int) -> Peer:
    """Of some radii, that which ends nearest to K clusters; what it saw fades in 1000 windows."""

    def make(radius: float) -> River:
        cluster = importlib.import_module("river.cluster")
        return River(cluster.DBSTREAM(radius, fading_factor=0.001, cleanup_interval=100))

    return choose(make, radii(points), off_by(n_clusters), points)


def river_denstream(points: Points, n_clusters: int) -> Peer:
    """Of some radii, that which ends nearest to K clusters."""

    def make(radius: float) -> River:
        cluster = importlib.import_module("river.cluster")
        return River(cluster.DenStream(epsilon=radius, n_samples_init=100))

    return choose(make, radii(points), off_by(n_clusters), points)


MAKES = {
    "river KMeans": Make(river_kmeans, "river"),
    "river STREAMKMeans": Make(river_stream_kmeans, "river"),
    "river DBSTREAM": Make(river_dbstream, "river"),
    "river DenStream": Make(river_denstream, "river"),
    "river CluStream": Make(river_clustream, "river"),
    "MiniBatchKMeans, each window": Make(lambda _, k: MiniBatch(k, 1), "sklearn"),
    "MiniBatchKMeans, 64 at a time": Make(lambda _, k: MiniBatch(k, 64), "sklearn"),
}


def choose(
    make: Callable[[float], River],
    values: Sequence[float],
    loss: Callable[[River, list[int]], float],
    points: Points,
) -> River:
    """Return the peer with the value of least loss, anew, found on about 500 training windows.

    These are spread evenly over the training windows and come in their order. A value with which
    they take more than `TUNING_S` is not taken, unless that is all of them.
    """
    some = points[:: max(1, len(points) // N_TUNING)]
    losses = []
    for value in values:
        peer, labels, started = make(value), [], time.process_time()
        for point in some:
            labels.append(peer.step(point))
            if time.process_time() - started > TUNING_S:
                losses.append(np.inf)
                break
        else:
            losses.append(loss(peer, labels))
    return make(values[int(np.argmin(losses))])


def off_by(n_clusters: int) -> Callable[[River, list[int]], float]:
    """How far the number of labels given in the second half is from K."""
    return lambda _, labels: abs(len(set(labels[len(labels) // 2 :])) - n_clusters)


def radii(points: Points) -> list[float]:
    """Quantiles of the distances between training windows."""
    some = np.random.default_rng(0).permutation(points)[:500]
    return [float(radius) for radius in np.quantile(pdist(some), QUANTILES)]


def missing(module: str) -> str:
    """Return why a package cannot be used, empty where it can."""
    try:
        if module == "clustpy":
            stand_in_for_torchvision()
            importlib.import_module("clustpy.deep")
        importlib.import_module(module)
    except Exception as error:  # whatever a foreign package raises
        return f"not run: {type(error).__name__}: {error}"
    return ""


def stand_in_for_torchvision() -> None:
    """Let ClustPy be imported where torchvision is built for another torch: it is for images."""
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError):
        for name in ("torchvision", "torchvision.models", "torchvision.models._api"):
            sys.modules[name] = MagicMock()


@dataclass(frozen=True)
class View:
    """What a peer sees of a window: some features, standardised by the training windows."""

    name: str
    features: Callable[[Windows], Any]
    mean: Points
    scale: Points

    @classmethod
    def of(cls, name: str, features: Callable[[Windows], Any], windows: Windows) -> "View":
        """Return the view with the scales of the training windows."""
        points = np.asarray(features(windows), np.float64)
        scale = points.std(axis=0)
        return cls(name, features, points.mean(axis=0), np.where(scale > 0, scale, 1.0))

    def __call__(self, windows: Windows) -> Points:
        """Return the points of windows."""
        points: Points = (self.features(windows) - self.mean) / self.scale
        return points


def flat(windows: Windows) -> Windows:
    """Return each window as one row."""
    return windows.reshape(len(windows), -1)


OWN, FROM_SAMPLES, EMBEDDING = "edgeclust", "edgeclust from samples", "embedding"

VIEWS: dict[str, Callable[[Windows], Any]] = {
    EMBEDDING: flat,
    "features": window_features,
    "flattened": flat,
}
"""What peers see: the embedding as it is, and two forms of the raw window."""


@dataclass
class Entry:
    """A peer in the race, and what came of it."""

    name: str
    view: str
    learns: bool = True
    note: str = ""
    prepare_s: float = 0.0
    peer: Peer | None = None
    see: View | None = None  # None: the window itself
    labels: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def prepare(self, make: Make, windows: Windows, n_clusters: int, budget: float) -> None:
        """Make the peer and let it learn from the training windows, as many as fit the budget."""
        assert self.see is not None
        points = self.see(windows)
        started = time.process_time()
        self.peer = make.peer(points, n_clusters)
        made = time.process_time()
        if isinstance(self.peer, River):
            for done in range(0, len(points), BLOCK):
                if time.process_time() - made > budget:
                    self.note = f"prepared with {done} of {len(points)} windows"
                    break
                self.peer.prepare(points[done : done + BLOCK])
        else:
            self.peer.prepare(points)
        self.prepare_s = time.process_time() - started

    def run(self, windows: Windows) -> None:
        """Take some windows of the stream, each timed."""
        assert self.peer is not None
        for window in windows:
            started = time.process_time()
            seen = window if self.see is None else self.see(window[None])[0]
            self.labels.append(self.peer.step(seen))
            self.seconds.append(time.process_time() - started)


@dataclass(frozen=True)
class Row:
    """What was measured of one peer on one view."""

    data: str
    view: str
    peer: str
    learns: bool
    acc: float | None
    nmi: float | None
    clusters: int | None
    mean_us: float | None
    median_us: float | None
    prepare_s: float
    note: str
    own_acc: float | None  # of edgeclust on the windows that this one labelled


def race(entries: Sequence[Entry], stream: Windows, budget: float) -> None:
    """Let the entries take turns on the stream; those that need more seconds drop out."""
    for start in range(0, len(stream), BLOCK):
        for entry in entries:
            if entry.peer and sum(entry.seconds) < budget:
                entry.run(stream[start : start + BLOCK])


def score(data: str, entry: Entry, own: Entry, activities: NDArray[np.intp]) -> Row:
    """Score an entry on the windows that it labelled, and this library on the same."""
    n_done = len(entry.labels)
    metrics = _metrics(entry.labels, activities)
    own_metrics = _metrics(own.labels[:n_done], activities)
    notes = [entry.note] if entry.note else []
    if 0 < n_done < len(activities):
        notes.append(f"first {n_done} of {len(activities)} windows, edgeclust there ")
        notes[-1] += _cell(own_metrics.get("acc"), ".3f")
    taken = 1e6 * np.array(entry.seconds) if entry.seconds else None
    return Row(
        data=data,
        view=entry.view,
        peer=entry.name,
        learns=entry.learns,
        acc=_rounded(metrics.get("acc")),
        nmi=_rounded(metrics.get("nmi")),
        clusters=metrics.get("clusters_used"),
        mean_us=None if taken is None else round(float(taken.mean()), 1),
        median_us=None if taken is None else round(float(np.median(taken)), 1),
        prepare_s=round(entry.prepare_s, 1),
        note="; ".join(notes),
        own_acc=_rounded(own_metrics.get("acc")),
    )


def _metrics(labels: Sequence[int], activities: NDArray[np.intp]) -> dict[str, Any]:
    """Return the scores on as many windows as there are labels; none of none."""
    if not labels:
        return {}
    used, own = np.unique(labels, return_inverse=True)
    n_clusters = max(2, len(used))  # of one there is no entropy to score
    n_activities = int(activities.max()) + 1
    return clustering_metrics(activities[: len(labels)], own, n_clusters, n_activities)


def _rounded(value: float | None) -> float | None:
    """Return a score as it is written."""
    return None if value is None else round(value, 4)


@dataclass(frozen=True)
class Streams:
    """Windows of the training subjects and of the others, and their embeddings."""

    model: Path
    clusters: Clusters
    windows: Windows
    embeddings: Windows
    test_windows: Windows
    test_embeddings: Windows
    activities: NDArray[np.intp]  # of the others' windows
    n_clusters: int


def make_streams(dataset: WindowedDataset, data: str, out: Path) -> Streams:
    """Train and export unless that is done, and embed."""
    (part,) = split(dataset, "hold-out", 0)
    assert isinstance(part.train, WindowedDataset)
    assert isinstance(part.test, WindowedDataset)
    name, n_clusters = dataset.card.name, len(dataset.card.classes)
    path = out / f"{name}.onnx"
    if not path.exists():
        held = tuple(part.name.split(","))
        config = TrainConfig(n_clusters=n_clusters)
        run = Run.create(out / name, part.train, config, data=data, hold_out=held, overwrite=True)
        model, summary = run.load_model(), run.summary()
        export_model(model, path, part.train, training=summary, versions=library_versions())
    encoder = OnnxEncoder(path)

    def embed(part: WindowedDataset) -> Windows:
        alignment = encoder.metadata.alignment
        turned = part if alignment is None else align(part, alignment)
        return encoder.embed(turned.gather(np.arange(len(part))))

    windows, test = (each.gather(np.arange(len(each))) for each in (part.train, part.test))
    known = part.test.labels >= 0
    return Streams(
        path,
        encoder.metadata.clusters,
        windows,
        embed(part.train),
        test[known],
        embed(part.test)[known],
        part.test.labels[known],
        n_clusters,
    )


def measure(data: str, streams: Streams, budget: float, epochs: int) -> Iterator[list[Row]]:
    """Race everybody on the embeddings, then on two views of the raw windows."""
    deep = Make(lambda _, k: Deep(k, epochs), "clustpy", learns=False)
    makes = {**MAKES, f"ClustPy DCN, 2 x {epochs} epochs, labels only": deep}
    why = {make.module: missing(make.module) for make in makes.values()}
    for view_name, features in VIEWS.items():
        raw = view_name != EMBEDDING
        known, stream = (
            (streams.windows, streams.test_windows)
            if raw
            else (streams.embeddings, streams.test_embeddings)
        )
        own: Peer = Device(streams.model) if raw else DeviceUpdate(streams.clusters)
        entries = [Entry(OWN, view_name, peer=own)]
        view = View.of(view_name, features, known)
        for name, make in makes.items():
            if make.learns or raw:  # embeddings need no second encoder
                entry = Entry(name, view_name, make.learns, why[make.module], see=view)
                entries.append(entry)
                if not entry.note:
                    print(f"{data}: {name} on {view_name}", file=sys.stderr, flush=True)
                    entry.prepare(make, known, streams.n_clusters, budget)
        race(entries, stream, budget)
        yield [score(data, entry, entries[0], streams.activities) for entry in entries]


@dataclass(frozen=True)
class Growth:
    """Resident memory of a fresh process, by how many windows it had taken."""

    peer: str
    kib_at: dict[int, int]  # above that after the first milestone
    us_at: dict[int, float]  # mean CPU time of a window since the milestone before
    n_windows: int
    note: str


def resident_kib() -> int:
    """Return the resident memory of this process now, 0 where the system does not say."""
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def grow(
    name: str, streams: Streams, n_windows: int, budget: float, milestones: Sequence[int]
) -> Growth:
    """Take windows until there were enough, or the seconds are up; runs in a process of its own."""
    see = View.of(EMBEDDING, flat, streams.embeddings)
    stream: NDArray[Any] = streams.test_embeddings
    if name == FROM_SAMPLES:
        peer: Peer = Device(streams.model)
        stream = streams.test_windows
    elif name == OWN:
        peer = DeviceUpdate(streams.clusters)
    else:
        make = MAKES[name]
        if note := missing(make.module):
            return Growth(name, {}, {}, 0, note)
        peer = make.peer(see(streams.embeddings), streams.n_clusters)
        peer.prepare(see(streams.embeddings[:: max(1, len(streams.embeddings) // N_TUNING)]))
        stream = see(stream)
    rng = np.random.default_rng(0)
    noise = 0.05 * stream.std()
    kib_at: dict[int, int] = {}
    us_at: dict[int, float] = {}
    base, done, since, spent, last = 0, 0, 0, 0.0, 0.0
    while done < n_windows and spent < budget:
        window = stream[done % len(stream)]
        window = window + np.float32(noise) * rng.standard_normal(window.shape, np.float32)
        started = time.process_time()
        peer.step(window)
        spent += time.process_time() - started
        done += 1
        if done in milestones:
            now = resident_kib()
            base = base or now
            kib_at[done] = now - base
            us_at[done] = round(1e6 * (spent - last) / (done - since), 1)
            last, since = spent, done
    note = "" if done == n_windows else f"{budget:g} s were up after {done} windows"
    if note and base:  # or the first milestone was not reached
        kib_at[done] = resident_kib() - base
        us_at[done] = round(1e6 * (spent - last) / max(1, done - since), 1)
    return Growth(name, kib_at, us_at, done, note)


def measure_memory(streams: Streams, n_windows: int, budget: float) -> Iterator[Growth]:
    """Let each that learns from a stream grow in a fresh process."""
    for name in [OWN, FROM_SAMPLES, *MAKES]:
        print(f"memory: {name}", file=sys.stderr, flush=True)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            yield pool.submit(grow, name, streams, n_windows, budget, MILESTONES).result()


def show(rows: Sequence[Row], grown: Sequence[Growth]) -> None:
    """Print the tables, and what the aims came to."""
    console = Console(width=150)
    for data in dict.fromkeys(row.data for row in rows):
        columns = (
            "windows as",
            "",
            "us a window, mean",
            "median",
            "ACC",
            "NMI",
            "clusters",
            "before, s",
            "",
        )
        table = Table(*columns, title=f"{data}: label, then learn")
        for row in (row for row in rows if row.data == data):
            table.add_row(
                row.view,
                row.peer,
                *(_cell(value, ".0f") for value in (row.mean_us, row.median_us)),
                *(_cell(value, ".3f") for value in (row.acc, row.nmi)),
                _cell(row.clusters, "d"),
                _cell(row.prepare_s, ".1f"),
                row.note,
            )
        console.print(table)
    if grown:
        table = Table("KiB more than after 1,000 windows", *(f"{n:,}" for n in MILESTONES[1:]), "")
        for one in grown:
            cells = [
                f"{one.kib_at[n]:+,} ({one.us_at[n]:,.0f} us)" if n in one.kib_at else "-"
                for n in MILESTONES[1:]
            ]
            at_end = f"; then {one.kib_at[one.n_windows]:+,} KiB" if one.note and one.kib_at else ""
            table.add_row(one.peer, *cells, one.note + at_end)
        console.print(table)
    for line in verdicts(rows):
        print(line)


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Say who is faster than this library, of those that learn, and better on the same windows."""
    lines = []
    for own in (row for row in rows if row.peer == OWN):
        peers = [r for r in rows if (r.data, r.view) == (own.data, own.view) and r is not own]
        faster = [r.peer for r in peers if r.learns and _less(r.mean_us, own.mean_us)]
        better = [r.peer for r in peers if _less(r.own_acc, r.acc)]
        lines.append(
            f"{own.data}, {own.view}: faster are {', '.join(faster) or 'none'}; "
            f"better in ACC are {', '.join(better) or 'none'}"
        )
    return lines


def _less(one: float | None, other: float | None) -> bool:
    """Whether both are known and one is less."""
    return one is not None and other is not None and one < other


def _cell(value: float | None, form: str) -> str:
    """Return a number as text."""
    return "-" if value is None else format(value, form)


def main() -> None:
    """Train what is missing, measure, print the tables, write peers.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="+", help="hapt's recordings folder, watch")
    parser.add_argument("--out", type=Path, required=True, help="folder of models and peers.json")
    parser.add_argument("--budget", type=float, default=10.0, help="CPU seconds of a peer and view")
    parser.add_argument(
        "--deep-epochs",
        type=int,
        default=10,
        help="of DCN, without clusters and then with them; ClustPy's own are 100 and 150",
    )
    parser.add_argument(
        "--windows",
        type=int,
        default=1_000_000,
        help="of the memory run, on the first data; 0 for none",
    )
    parser.add_argument("--memory-budget", type=float, default=25.0, help="CPU seconds of a peer")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    os.environ["TQDM_DISABLE"] = "1"
    rows: list[Row] = []
    grown: list[Growth] = []

    def save() -> None:
        """Write what is measured by now."""
        content = {"rows": [*map(asdict, rows)], "memory": [*map(asdict, grown)]}
        write_atomically(arguments.out / "peers.json", json.dumps(content, indent=2).encode())

    for data in arguments.data:
        dataset = open_recordings(data)
        streams = make_streams(dataset, data, arguments.out)
        raced = dataset.card.name, streams, arguments.budget, arguments.deep_epochs
        for of_view in measure(*raced):
            rows += of_view
            save()
        if arguments.windows and data == arguments.data[0]:
            for one in measure_memory(streams, arguments.windows, arguments.memory_budget):
                grown.append(one)
                save()
    show(rows, grown)
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    minutes = sum(usage.ru_utime + usage.ru_stime for usage in spent) / 60
    print(f"{minutes:.0f} CPU minutes in all; written {arguments.out / 'peers.json'}")


if __name__ == "__main__":
    main()
