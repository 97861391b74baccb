r"""What learning on the device gains and what it can cost, on people the training never saw.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/device_learning.py recordings/hapt watch \
        --out results/device

For each split of the subjects (the hold-out of ``edgeclust reproduce``, by its seed) a model is
trained on two thirds of them, without labels, its restart chosen without them; its clusters are
named once, on the training subjects. Then each other subject's windows come in the order of time,
labelled first and learnt from then, and their accuracy is compared with that of the exported
centroids. Trainings are kept in the folder, so that a run that was stopped goes on where it was.
`recordings/hapt` is the folder that benchmarks/recordings.py makes.
"""

import argparse
import resource
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edgeclust import Clusters, WindowedDataset, align, assign
from edgeclust.alignment import MEMORY_S, GravityEstimate, find_units
from edgeclust.encoder import OnnxEncoder
from edgeclust.export import export_model
from edgeclust.har_data import open_recordings
from edgeclust.learner import CentroidLearner
from edgeclust.train.config import TrainConfig
from edgeclust.train.identity import library_versions
from edgeclust.train.run import Run
from edgeclust.train.settings import split

KINDS = ("clean", "rotated", "gain", "offset", "all")
STRESS_S = 4 * 3600
Scores = dict[str, list[float]]
"""Points, one a wearer, by what was measured."""

# What is measured, how it is summed up, the bar, and whether to be above it.
BARS: list[tuple[str, str, Callable[[NDArray[Any]], Any], float, bool]] = [
    ("clean 1", "mean", np.mean, -0.5, True),
    ("clean 1", "% of wearers losing > 2", lambda v: 100 * np.mean(v < -2), 10, False),
    ("clean 1", "worst", np.min, -8, True),
    ("all 1", "mean", np.mean, 1.5, True),
    ("all 2", "mean", np.mean, 3, True),
    ("rotated 1", "mean", np.mean, 0, True),
    ("rotated 2", "mean", np.mean, 0, True),
    ("lying during", "mean", np.mean, -1, True),
    ("lying after", "mean", np.mean, -1, True),
    ("sitting during", "mean", np.mean, -3, True),
    ("sitting after", "mean", np.mean, -1, True),
    ("sitting after", "worst", np.min, -5, True),
    ("few during", "mean", np.mean, -4, True),
    ("few after", "mean", np.mean, -1.5, True),
    ("control after 4 h of lying", "mean", np.mean, -20, False),
]
ALIGNED_BARS: list[tuple[str, str, Callable[[NDArray[Any]], Any], float, bool]] = [
    ("aligned rotated 1", "mean", np.mean, 15, True),
    ("aligned rotated 2", "mean", np.mean, 20, True),
    ("aligned all 1", "mean", np.mean, 15, True),
    ("aligned all 2", "mean", np.mean, 20, True),
    ("aligned rotated 2 - clean 2", "mean", np.mean, -3, True),
    ("aligned all 2 - clean 2", "mean", np.mean, -3, True),
]


@dataclass(frozen=True)
class Wearer:
    """One unseen subject: embeddings of shape (2 passes, n, n_features) by shift, and classes."""

    embeddings: dict[str, NDArray[np.float32]]
    classes: NDArray[np.intp]
    subject: int


@dataclass(frozen=True)
class Trial:
    """A model, the class of each of its clusters, and those who wear it."""

    clusters: Clusters
    classes: NDArray[np.intp]
    wearers: list[Wearer]
    names: tuple[str, ...]
    stride_s: float

    def accuracy(self, labels: NDArray[np.intp], wearer: Wearer, which: Any = slice(None)) -> float:
        """Percent of windows whose cluster is named as their activity."""
        return 100 * float(np.mean(self.classes[labels] == wearer.classes[which]))


def main() -> None:
    """Train what is missing, stream everybody, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="+", help="hapt's recordings folder, watch")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trainings")
    parser.add_argument("--splits", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--modes", nargs="+", default=["gated", "free"])
    parser.add_argument("--windows", type=int, default=1_000_000, help="of the run for cost")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for data in arguments.data:
        dataset = open_recordings(data)
        trials: dict[str, list[Trial]] = {}
        for way in ("none", "gravity") if dataset.card.mount != "wrist" else ("none",):
            trials[way] = [
                make_trial(dataset, data, way, seed, arguments.out) for seed in arguments.splits
            ]
        for mode in arguments.modes:
            for way, of_way in trials.items():
                scores = pool([stream(trial, mode) for trial in of_way])
                # Where alignment undoes a shift there is little left for centroids to gain.
                bars = [b for b in BARS if way == "none" or b[0].split()[0] not in KINDS[1:]]
                print_table(f"{dataset.card.name}, align {way}, learn {mode}", scores, bars)
        if "gravity" in trials:
            for mode in (None, *arguments.modes):
                print_aligned(dataset.card.name, trials["none"], trials["gravity"], mode)
    print_cost(arguments.windows)


def make_trial(dataset: WindowedDataset, data: str, way: str, seed: int, out: Path) -> Trial:
    """Train and export unless that is done, name the clusters, embed the others' windows."""
    (part,) = split(dataset, "hold-out", seed)
    assert isinstance(part.train, WindowedDataset)
    assert isinstance(part.test, WindowedDataset)
    name = f"{dataset.card.name}-{'aligned' if way == 'gravity' else 'unaligned'}-{seed}"
    path = out / f"{name}.onnx"
    if not path.exists():
        config = TrainConfig(n_clusters=len(dataset.card.classes), align=way, seed=seed)
        held = tuple(part.name.split(","))
        start = time.monotonic()
        run = Run.create(out / name, part.train, config, data=data, hold_out=held, overwrite=True)
        model, summary = run.load_model(), run.summary()
        export_model(model, path, part.train, training=summary, versions=library_versions())
        print(f"trained {name} in {time.monotonic() - start:.0f} s", flush=True)
    encoder = OnnxEncoder(path)
    clusters, alignment = encoder.metadata.clusters, encoder.metadata.alignment
    known = part.train if alignment is None else align(part.train, alignment)
    labels = clusters.predict(encoder.embed(known.gather(np.arange(len(known)))))
    table = np.zeros((clusters.n_clusters, len(dataset.card.classes)))
    named = known.labels >= 0
    np.add.at(table, (labels[named], known.labels[named]), 1)
    classes = np.full(clusters.n_clusters, -1)
    rows, columns = linear_sum_assignment(-table)
    classes[rows] = columns
    wearers = [wear(encoder, part.test.select_subjects([who])) for who in part.test.subjects]
    stride_s = dataset.card.stride / dataset.card.rate_hz
    return Trial(clusters, classes, wearers, dataset.card.classes, stride_s)


def wear(encoder: OnnxEncoder, dataset: WindowedDataset) -> Wearer:
    """Embed one subject's windows under each shift, twice in a row, as the device would."""
    windows, subject = dataset.gather(np.arange(len(dataset))), int(dataset.subjects[0])
    embeddings = {}
    for kind in KINDS:
        shifted = shift(windows, dataset, kind, subject)
        twice = np.concatenate([shifted, shifted])
        if (alignment := encoder.metadata.alignment) is not None:
            card, matrix = dataset.card, np.eye(windows.shape[1], dtype=np.float32)
            gravity = GravityEstimate(
                alignment.units, card.rate_hz, card.window, card.stride, memory_s=MEMORY_S
            )
            sources = np.tile(dataset.recording_indices, 2)
            gaps = np.diff(sources, prepend=-1) != 0
            for window, gap in zip(twice, gaps, strict=True):
                if gap:
                    gravity.restart()
                if gravity.update(window):
                    matrix = alignment.matrix(gravity.gravity(), len(window))
                window[:] = matrix @ window
        embeddings[kind] = encoder.embed(twice).reshape(2, len(windows), -1)
    return Wearer(embeddings, dataset.labels, subject)


def shift(
    windows: NDArray[np.float32], dataset: WindowedDataset, kind: str, seed: int
) -> NDArray[np.float32]:
    """Turn the axes by 20 to 40 degrees, take them times 1.2, add 0.1 g to each; or all three."""
    rng = np.random.default_rng(seed)
    x, y, z = (axis := rng.normal(size=3)) / np.linalg.norm(axis)
    angle = np.radians(rng.uniform(20, 40))
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn = np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew
    shifted = windows.copy()
    for unit in find_units(dataset.card.channels):
        for axes in (list(unit.acceleration), list(unit.rotation)):
            if kind in ("rotated", "all") and axes:
                shifted[:, axes] = turn @ shifted[:, axes]
    if kind in ("gain", "all"):
        shifted *= 1.2
    if kind in ("offset", "all"):
        for unit in find_units(dataset.card.channels):
            shifted[:, list(unit.acceleration)] += 0.1
    return shifted


class Balancer:
    """The negative control: balance the last 64 windows over the clusters."""

    def __init__(self, clusters: Clusters) -> None:
        self.clusters = clusters
        self._last: list[NDArray[np.float32]] = []
        self._time = 0

    def update(self, embedding: NDArray[np.float32]) -> None:
        """Take a window; move the centroids after every eighth."""
        self._time += 1
        self._last = [*self._last[-63:], embedding]
        if self._time % 8 == 0 and len(self._last) == 64:
            windows, clusters = np.array(self._last), self.clusters
            labels = assign(clusters.cost(clusters.squared_distances(windows)))
            centroids = clusters.centroids.copy()
            for k in np.unique(labels):
                centroids[k] += 0.3 * (windows[labels == k].mean(axis=0) - centroids[k])
            self.clusters = Clusters(centroids, clusters.sigma, clusters.log_prior)


def play(learner: CentroidLearner | Balancer, windows: NDArray[np.float32]) -> NDArray[np.intp]:
    """Label each window, then learn from it; what stands between two moves is labelled at once."""
    labels, start = [], 0
    for index, window in enumerate(windows):
        before = learner.clusters
        learner.update(window)
        if learner.clusters is not before:
            labels.append(before.predict(windows[start : index + 1]))
            start = index + 1
    return np.concatenate([*labels, learner.clusters.predict(windows[start:])])


def stresses(wearer: Wearer, classes: tuple[str, ...]) -> dict[str, list[int]]:
    """Return what a wearer does for hours, by name: class indices."""
    rng = np.random.default_rng(wearer.subject)
    there = np.unique(wearer.classes)
    few = rng.choice(there, 2 + wearer.subject % 2, replace=False).tolist()
    if "lying" in classes:
        return {
            "lying": [classes.index("lying")],
            "sitting": [classes.index("sitting")],
            "few": few,
        }
    return {"one": few[:1], "few": few}


def stream(trial: Trial, mode: str) -> Scores:
    """Return points against the exported centroids in every situation."""
    scores: Scores = defaultdict(list)
    frozen = trial.clusters
    for wearer in trial.wearers:
        for kind in KINDS:
            learner = CentroidLearner(frozen, mode)
            for time_, windows in enumerate(wearer.embeddings[kind], start=1):
                accuracy = trial.accuracy(play(learner, windows), wearer)
                gain = accuracy - trial.accuracy(frozen.predict(windows), wearer)
                scores[f"{kind} {time_}"].append(gain)
                if (kind, time_) == ("clean", 2):
                    unstressed = accuracy
        first, second = wearer.embeddings["clean"]
        for name, activities in stresses(wearer, trial.names).items():
            doing = np.flatnonzero(np.isin(wearer.classes, activities))
            hours = np.resize(doing, round(STRESS_S / trial.stride_s))
            learner = CentroidLearner(frozen, mode)
            play(learner, first)
            accuracy = trial.accuracy(play(learner, second[hours]), wearer, hours)
            gain = accuracy - trial.accuracy(frozen.predict(second[hours]), wearer, hours)
            scores[f"{name} during"].append(gain)
            after = trial.accuracy(play(learner, second), wearer)
            scores[f"{name} after"].append(after - unstressed)
            if name in ("lying", "one") and mode == "gated":
                balancer = Balancer(frozen)
                play(balancer, first)
                play(balancer, second[hours])
                lost = trial.accuracy(balancer.clusters.predict(second), wearer)
                lost -= trial.accuracy(frozen.predict(second), wearer)
                scores["control after 4 h of lying"].append(lost)
    return scores


def pool(of_splits: list[Scores]) -> Scores:
    """Put the wearers of all splits together."""
    return {name: [v for scores in of_splits for v in scores[name]] for name in of_splits[0]}


def print_table(title: str, scores: Scores, bars: list[Any]) -> None:
    """Print each situation with its spread over wearers, and each bar with what was measured."""
    n_wearers = max(map(len, scores.values()))
    print(f"\n{title}: points over {n_wearers} wearers")
    print("| situation | mean | spread | worst wearer | losing > 2 |\n|---|---|---|---|---|")
    for name, values in scores.items():
        v = np.array(values)
        print(
            f"| {name} | {v.mean():+.1f} | {v.std():.1f} | {v.min():+.1f} "
            f"| {100 * np.mean(v < -2):.0f} % |"
        )
    print("\n| bar | measured | |\n|---|---|---|")
    for name, what, measure, bar, above in bars:
        if name in scores:
            value = measure(np.array(scores[name]))
            passed = value >= bar if above else value <= bar
            sign = ">=" if above else "<="
            verdict = "PASS" if passed else "FAIL"
            print(f"| {name}, {what} {sign} {bar:g} | {value:+.1f} | {verdict} |")
    print(flush=True)


def print_aligned(name: str, plain: list[Trial], aligned: list[Trial], mode: str | None) -> None:
    """Print aligned training with alignment on the device, against plain training, frozen."""
    scores: Scores = defaultdict(list)
    percent: dict[str, list[tuple[float, float]]] = defaultdict(list)  # without, with
    clean = []  # percent, by split
    for trial, other in zip(plain, aligned, strict=True):
        of_split = []
        for wearer, same in zip(trial.wearers, other.wearers, strict=True):
            passes = {}
            for kind in KINDS:
                learner = None if mode is None else CentroidLearner(other.clusters, mode)
                base = trial.accuracy(trial.clusters.predict(wearer.embeddings[kind][0]), wearer)
                for time_, windows in enumerate(same.embeddings[kind], start=1):
                    found = (
                        other.clusters.predict(windows)
                        if learner is None
                        else play(learner, windows)
                    )
                    passes[f"{kind} {time_}"] = value = other.accuracy(found, same)
                    scores[f"aligned {kind} {time_}"].append(value - base)
                    percent[f"{kind} {time_}"].append((base, value))
            for kind in ("rotated", "all"):
                gap = passes[f"{kind} 2"] - passes["clean 2"]
                scores[f"aligned {kind} 2 - clean 2"].append(gap)
            of_split.append(passes["clean 1"])
        clean.append(float(np.mean(of_split)))
    how = "frozen" if mode is None else f"learn {mode}"
    print_table(f"{name}, aligned, {how}, against plain frozen", scores, ALIGNED_BARS)
    print("| accuracy, % | without alignment, frozen | with it | its second clean pass |")
    print("|---|---|---|---|")
    ceiling = np.mean([value for _, value in percent["clean 2"]])
    for situation, pairs in percent.items():
        base, value = np.mean(pairs, axis=0)
        print(f"| {situation} | {base:.1f} | {value:.1f} | {ceiling:.1f} |")
    print(
        f"clean, absolute: mean {np.mean(clean):.1f} % (bar 82), "
        f"worst split {min(clean):.1f} % (bar 76)",
        flush=True,
    )


def print_cost(n_windows: int) -> None:
    """Print CPU time, bytes and memory of a long run at K = 12 and 32 features."""
    rng = np.random.default_rng(0)
    centroids = rng.normal(size=(12, 32)).astype(np.float32)
    learner = CentroidLearner(Clusters(centroids, 20.0, np.log(np.full(12, 1 / 12))))
    state = sum(array.nbytes for array in learner.fields().values())
    print(f"\nlearner, 12 clusters, 32 features: {state} bytes of state")
    tenth = n_windows // 10
    for part in range(10):
        taken = np.empty(tenth)
        for index in range(tenth):
            k = (part * tenth + index) // 50 % 12  # a minute of each activity
            window = centroids[k] + 0.25 * rng.normal(size=32).astype(np.float32)
            start = time.thread_time()
            learner.update(window)
            taken[index] = time.thread_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        median, rare, longest = np.quantile(taken, [0.5, 0.999, 1]) * 1e6
        print(
            f"after {(part + 1) * tenth:8} windows: median {median:.1f} us, 99.9 % within "
            f"{rare:.0f} us, longest {longest:.0f} us, peak memory {peak:.1f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
