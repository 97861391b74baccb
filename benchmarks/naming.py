r"""How many labelled examples it takes to name the clusters, on people the training never saw.

    .venv/bin/python benchmarks/naming.py recordings/hapt --out results/device

For each split of the subjects (as in benchmarks/device_learning.py, whose trainings in the same
folder are used where they are there) a model learns from two thirds of them, without labels. Each
other subject wears it for as long as their recordings last; then some windows of each activity,
drawn at random, name the clusters, and the names are scored on all other windows. The examples are
the wearer's own, or other unseen wearers'. The bound is the best one-to-one naming by all labels of
those who are scored. `recordings/hapt` is the folder that benchmarks/recordings.py makes.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edgeclust import Labeler, WindowedDataset
from edgeclust.export import export_model
from edgeclust.har_data import open_recordings
from edgeclust.naming import name_clusters
from edgeclust.train.config import TrainConfig
from edgeclust.train.identity import library_versions
from edgeclust.train.run import Run
from edgeclust.train.settings import split

EXAMPLES = (1, 3, 5, 20)
Worn = tuple[NDArray[np.intp], NDArray[np.intp]]
"""The cluster and the class of each window of a wearer whose activity is known."""


def main() -> None:
    """Label everybody, draw examples, print a table and draw the curve."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="recordings folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trainings")
    parser.add_argument("--splits", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--draws", type=int, default=100, help="for each wearer")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    dataset = open_recordings(arguments.data)
    n_clusters = len(dataset.card.classes)
    rng = np.random.default_rng(0)
    scores: dict[tuple[str, int], list[float]] = {}
    for seed in arguments.splits:
        worn = wear(dataset, arguments.data, seed, arguments.out)
        for index, own in enumerate(worn):
            others = worn[:index] + worn[index + 1 :]
            rest = np.concatenate([c for c, _ in others]), np.concatenate([a for _, a in others])
            bound = scores.setdefault(("bound", 0), [])
            bound.append(best(*own, n_clusters))
            for whose, known in (("own", own), ("others'", rest)):
                for n_each in EXAMPLES:
                    found = [
                        draw(known, own, n_each, n_clusters, rng) for _ in range(arguments.draws)
                    ]
                    scores.setdefault((whose, n_each), []).extend(found)
    print(f"{len(scores['bound', 0])} wearers, {arguments.draws} draws each; accuracy in percent")
    print("examples    whose   mean  spread  worst tenth")
    for (whose, n_each), values in scores.items():
        accuracy = 100 * np.array(values)
        tenth = np.quantile(accuracy, 0.1)
        print(
            f"{n_each or 'all':>8}  {whose:>7}  {accuracy.mean():5.1f}  {accuracy.std():6.1f}"
            f"  {tenth:11.1f}"
        )
    draw_curve(scores, arguments.out / "naming.png")


def wear(dataset: WindowedDataset, data: str, seed: int, out: Path) -> list[Worn]:
    """Train unless that is done, and let each unseen subject wear the model."""
    (part,) = split(dataset, "hold-out", seed)
    assert isinstance(part.train, WindowedDataset)
    assert isinstance(part.test, WindowedDataset)
    path = out / f"{dataset.card.name}-aligned-{seed}.onnx"
    if not path.exists():
        config = TrainConfig(n_clusters=len(dataset.card.classes), align="gravity", seed=seed)
        held = tuple(part.name.split(","))
        run = Run.create(
            path.with_suffix(""), part.train, config, data=data, hold_out=held, overwrite=True
        )
        model, summary = run.load_model(), run.summary()
        export_model(model, path, part.train, training=summary, versions=library_versions())
    worn = []
    for subject in part.test.subjects:
        own = part.test.select_subjects([subject])
        windows = own.gather(np.arange(len(own)))
        labeler = Labeler.open(path)
        labeler.partial_fit(windows)
        known = own.labels >= 0
        worn.append((labeler.predict(windows)[known], own.labels[known]))
    return worn


def draw(
    known: Worn, scored: Worn, n_each: int, n_clusters: int, rng: np.random.Generator
) -> float:
    """Name clusters after examples drawn; return the accuracy on the windows that are none."""
    clusters, classes = known
    drawn = np.concatenate(
        [
            rng.permutation(np.flatnonzero(classes == activity))[:n_each]
            for activity in np.unique(classes)
        ]
    )
    naming = name_clusters(clusters[drawn], [str(a) for a in classes[drawn]], n_clusters)
    named = np.array([-1 if name is None else int(name) for name in naming.names])
    right = named[scored[0]] == scored[1]
    return float(np.delete(right, drawn).mean() if known is scored else right.mean())


def best(clusters: NDArray[np.intp], classes: NDArray[np.intp], n_clusters: int) -> float:
    """Return the accuracy of the best one-to-one naming."""
    table = np.zeros((n_clusters, int(classes.max()) + 1))
    np.add.at(table, (clusters, classes), 1)
    return float(table[linear_sum_assignment(-table)].sum() / len(classes))


def draw_curve(scores: dict[tuple[str, int], list[float]], path: Path) -> None:
    """Draw the mean accuracy against the examples, with the middle half of all draws."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for whose, label, colour in (
        ("own", "the wearer's own examples", "C0"),
        ("others'", "examples of other wearers", "C1"),
    ):
        values = [100 * np.array(scores[whose, n_each]) for n_each in EXAMPLES]
        low, high = (np.array([np.quantile(v, q) for v in values]) for q in (0.25, 0.75))
        axes.fill_between(EXAMPLES, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(EXAMPLES, [v.mean() for v in values], "o-", color=colour, label=label)
    bound = 100 * float(np.mean(scores["bound", 0]))
    axes.axhline(bound, color="0.4", linestyle="--", label="named by all labels")
    axes.set_xscale("log")
    axes.set_xticks(EXAMPLES, [str(n_each) for n_each in EXAMPLES])
    axes.minorticks_off()
    axes.set_xlabel("labelled windows of each activity")
    axes.set_ylabel("windows named rightly (%)")
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
