r"""What new clusters are opened for: an activity that the training never saw, and nothing else.

    .venv/bin/python benchmarks/growth.py recordings/hapt --out results/device \
        --without lying walking --splits 0

For each split of the subjects and each activity a model (four restarts) learns from two thirds of
the subjects and what else they do, without labels. Then each other subject's recordings come in
the order of time, four times, on a device of their own with slots for three new clusters. A
cluster is of the new activity where it was opened amid it. Scored is the fourth time: how much of
the activity the new clusters have, and how much of everything else. Said are also the devices that
had one by the end of the second. The same streams under a model that knows all activities (that of
benchmarks/device_learning.py, in the same folder) say what is opened for nothing.
`recordings/hapt` is the folder that benchmarks/recordings.py makes.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from edgeclust import Clusters, Labeler, WindowedDataset
from edgeclust.export import export_model
from edgeclust.growth import ClusterGrowth
from edgeclust.har_data import open_recordings
from edgeclust.train.config import TrainConfig
from edgeclust.train.identity import library_versions
from edgeclust.train.run import Run
from edgeclust.train.settings import split

SLOTS = 3
PASSES = 4


def main() -> None:
    """Train what is missing, stream everybody, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="recordings folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trainings")
    parser.add_argument("--splits", type=int, nargs="*", default=[0])
    parser.add_argument("--without", nargs="*", default=["lying", "walking"], help="activities")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    dataset = open_recordings(arguments.data)
    print(
        "split  without     novel  devices  with it  by the 2nd  share of it: mean, least"
        "  of others  opened elsewhere"
    )
    for seed in arguments.splits:
        (part,) = split(dataset, "hold-out", seed)
        for without in (*arguments.without, None):
            train, test = part.train, part.test
            assert isinstance(train, WindowedDataset)
            assert isinstance(test, WindowedDataset)
            name = "aligned" if without is None else f"without-{without}"
            path = arguments.out / f"{dataset.card.name}-{name}-{seed}.onnx"
            if not path.exists():
                held = tuple(part.name.split(","))
                train_without(train, without, seed, path, arguments.data, held)
            print_row(path, test, without, seed)
    print_cost()


def train_without(
    train: WindowedDataset,
    without: str | None,
    seed: int,
    path: Path,
    data: str,
    held: tuple[str, ...],
) -> None:
    """Train on all but one activity and export."""
    if without is not None:
        activity = train.card.classes.index(without)
        others = [r for r in train.recordings if r.labels is None or (r.labels != activity).all()]
        train = WindowedDataset(train.card, others)
    n_clusters = len(train.card.classes) - (without is not None)
    config = TrainConfig(n_clusters=n_clusters, align="gravity", restarts=4, seed=seed)
    folder = path.with_suffix("")
    run = Run.create(folder, train, config, data=data, hold_out=held, overwrite=True)
    summary = run.summary()
    export_model(run.load_model(), path, train, training=summary, versions=library_versions())


def print_row(path: Path, test: WindowedDataset, without: str | None, seed: int) -> None:
    """Stream each wearer and print what the new clusters have."""
    activity = test.card.classes.index(without) if without else -1
    shares, taken, elsewhere, novel, early = [], [], 0, [], 0
    for wearer in test.subjects:
        labeler = Labeler.open(path, grow=SLOTS)
        own: list[int] = []  # clusters that were opened amid the new activity
        for turn in range(1, PASSES + 1):
            clusters, classes = [], []
            for recording in test.select_subjects([wearer]).recordings:
                if recording.labels is None:
                    continue
                of_it = bool(recording.labels[0] == activity)
                for event in [*labeler.push(recording.signal.T), *labeler.finish()]:
                    clusters.append(-1 if event.cluster is None else event.cluster)
                    classes.append(of_it)
                    if of_it and turn == 1:
                        novel.append(bool(event.novel))
                    if event.born is not None and of_it:
                        own.append(event.born)
                    elsewhere += event.born is not None and not of_it
            early += turn == 2 and bool(own)
        if own:
            got, new = np.isin(clusters, own), np.array(classes)
            shares.append(100 * got[new].mean())
            taken.append(100 * got[~new].mean())
    row = f"{seed:5}  {without or 'nothing':10}"
    row += f"  {100 * np.mean(novel):4.0f}%" if novel else "      -"
    row += f"  {len(test.subjects):7}  {len(shares):7}  {early:10}"
    row += (
        f"  {np.mean(shares):10.0f}%, {min(shares):10.0f}%  {np.mean(taken):8.1f}%"
        if shares
        else f"{'-':>26}{'-':>11}"
    )
    print(f"{row}  {elsewhere:16}", flush=True)


def print_cost() -> None:
    """Print what growth adds to the time of a window, at 12 clusters and 32 features."""
    rng = np.random.default_rng(0)
    centroids = rng.normal(size=(12, 32)).astype(np.float32)
    clusters = Clusters(centroids, 20.0, np.log(np.full(12, 1 / 12)))
    growth = ClusterGrowth(clusters, [2.0] * 12, SLOTS, np.eye(32) / 2)
    for kind, away in (("known", 0.0), ("novel", 4.0)):
        taken = []
        for _ in range(20_000):
            window = (centroids[3] + away + 0.1 * rng.normal(size=32)).astype(np.float32)
            start = time.thread_time()
            today = growth.extend(clusters)
            growth.update(window, today, growth.label(window, today, 3))
            taken.append(time.thread_time() - start)
        mean, median = 1e6 * np.mean(taken), 1e6 * np.median(taken)
        print(f"{kind} window: mean {mean:.0f} us, median {median:.0f} us")


if __name__ == "__main__":
    main()
