"""The main job on the embedded data, from recordings to a labelled stream, in one go.

Two people are kept out. A model learns seven exercises from the other eight without a label, is
exported to one file, and labels the recordings of one of the two in an environment without torch.
`make demo` runs it; everything it makes lies in demo/.
"""

import json
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from edgeclust import Recording, WindowedDataset
from edgeclust.har_data import open_recordings
from edgeclust.har_data.recordings_folder import recording_table
from edgeclust.train import Evaluation, Run, evaluate, plots
from edgeclust.train.features import kmeans_on_features
from edgeclust.train.metrics import clustering_metrics

HERE = Path(__file__).parent
ROOT = HERE.parent
HELD_OUT = ("9", "10")  # the last two: nothing is chosen by how well it goes
WEARER = "10"
DEVICE = ROOT / ".venv-device" / "bin"

console = Console(width=100, highlight=False)


def main() -> None:
    """Train, evaluate, export, label, draw, and print what came of it."""
    started = time.perf_counter()
    for old in (HERE / "hard", HERE / "none"):
        shutil.rmtree(old, ignore_errors=True)
    step("1. Learn seven exercises from eight people's wrists, without a label")
    edgeclust("train watch --hold-out 9,10 --out demo/hard")
    step("2. The same once without the regulariser: the clusters collapse")
    edgeclust("train watch --hold-out 9,10 --method none --restarts 1 --out demo/none")
    step("3. Score both groups of people (the labels serve for nothing else)")
    edgeclust("evaluate demo/hard")
    step("4. Export: one file, checked against the trained model")
    edgeclust("export demo/hard --out demo/model.onnx")

    dataset = open_recordings("watch")
    stream = join_recordings([r for r in dataset.recordings if r.subject == WEARER])
    recording_table(dataset.card, stream).to_csv(HERE / "held_out.csv", index=False)
    step(f"5. Label the stream of subject {WEARER}, never seen, where there is no torch")
    show_device()
    events = label(HERE / "held_out.csv")

    runs = {name: Run.open(HERE / name) for name in ("hard", "none")}
    training = dataset.select_subjects([s for s in dataset.subjects if s not in HELD_OUT])
    evaluation = evaluate(runs["hard"].load_model(), training)
    truth, activities, accuracy = score_stream(events, stream, dataset, evaluation)
    step("6. What came of it")
    print_comparison(runs, training)
    console.print(
        f"On the stream of subject {WEARER}, {accuracy:.0%} of the {int((truth >= 0).sum())} "
        "windows within one exercise got the cluster matched to it on the other people."
    )
    figure = draw(runs, evaluation, training, stream, events, activities, accuracy)
    figure.savefig(HERE / "overview.png", dpi=110)
    seconds = time.perf_counter() - started
    console.print(f"The picture is demo/overview.png, the model demo/model.onnx. {seconds:.0f} s.")


def step(title: str) -> None:
    """Head a part of the demo."""
    console.print(f"\n[bold]{title}[/bold]")


def edgeclust(arguments: str) -> None:
    """Run a command as a person would type it."""
    console.print(f"$ edgeclust {arguments}", style="cyan")
    command = [str(Path(sys.executable).with_name("edgeclust")), *arguments.split()]
    subprocess.run(command, cwd=ROOT, check=True)


def show_device() -> None:
    """Show what is installed where the stream is labelled."""
    listed = subprocess.run(
        [DEVICE / "pip", "list", "--format=json"], capture_output=True, check=True, text=True
    )
    names = {entry["name"].lower() for entry in json.loads(listed.stdout)}
    assert not names & {"torch", "pandas", "scipy", "onnx"}, names
    console.print(f"installed there: {', '.join(sorted(names))}")


def label(recording: Path) -> list[dict[str, Any]]:
    """Label a recording with the exported file, on the device."""
    arguments = f"label demo/model.onnx demo/{recording.name} --freeze"
    console.print(f"$ .venv-device/bin/edgeclust {arguments} > demo/labels.jsonl", style="cyan")
    command = [str(DEVICE / "edgeclust"), *arguments.split()]
    result = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    (HERE / "labels.jsonl").write_text(result.stdout)
    lines = result.stdout.splitlines()
    print(*lines[:2], "...", sep="\n")
    return [json.loads(line) for line in lines]


def join_recordings(recordings: list[Recording]) -> Recording:
    """Join recordings to one stream, exercise by exercise."""
    ordered = sorted(recordings, key=lambda recording: int(first_label(recording)))
    return Recording(
        signal=np.concatenate([recording.signal for recording in ordered], axis=1),
        subject=WEARER,
        session="joined",
        labels=np.concatenate([sample_labels(recording) for recording in ordered]),
    )


def sample_labels(recording: Recording) -> NDArray[np.intp]:
    """Return the exercise at each sample; all of watch is labelled."""
    assert recording.labels is not None
    return recording.labels.astype(np.intp)


def first_label(recording: Recording) -> int:
    """Return the exercise a recording starts with."""
    return int(sample_labels(recording)[0])


def score_stream(
    events: list[dict[str, Any]],
    stream: Recording,
    dataset: WindowedDataset,
    evaluation: Evaluation,
) -> tuple[NDArray[np.intp], NDArray[np.intp], float]:
    """Compare the labelled stream with the truth, by the matching of the training people."""
    truth = WindowedDataset(dataset.card, [stream]).labels
    order = np.array(plots.activity_of_cluster(evaluation.table))
    activities = order[[event["cluster"] for event in events]]
    known = truth >= 0
    return truth, activities, float((activities == truth)[known].mean())


def print_comparison(runs: dict[str, Run], training: WindowedDataset) -> None:
    """Print how hard assignment does beside the two baselines."""
    table = Table(
        "on the people trained on",
        "ACC",
        "NMI",
        "ARI",
        "clusters used",
        title=f"{len(training):,} windows, 7 exercises, seed 0",
    )
    scores = {f"edgeclust --method {name}": run.summary() for name, run in runs.items()}
    kmeans = kmeans_on_features(training, n_clusters=7, seed=0)
    scores["k-means on features"] = clustering_metrics(training.labels, kmeans, 7, 7)
    for name, score in scores.items():
        numbers = [f"{score[key]:.3f}" for key in ("acc", "nmi", "ari")]
        table.add_row(name, *numbers, str(score["clusters_used"]))
    console.print(table)


def draw(
    runs: dict[str, Run],
    evaluation: Evaluation,
    training: WindowedDataset,
    stream: Recording,
    events: list[dict[str, Any]],
    activities: NDArray[np.intp],
    accuracy: float,
) -> Figure:
    """Draw training, clusters, embeddings and the labelled stream in one picture."""
    figure = Figure(figsize=(15, 13.5), layout="constrained")
    grid = figure.add_gridspec(5, 2, height_ratios=[1.3, 1.3, 2.6, 1.3, 0.05])
    loss, used = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    table = figure.add_subplot(grid[:2, 1])
    by_cluster, by_exercise = figure.add_subplot(grid[2, 0]), figure.add_subplot(grid[2, 1])
    timeline = figure.add_subplot(grid[3, :])

    curves = {f"--method {name}": run.metrics() for name, run in runs.items()}
    plots.draw_curves(loss, curves, "loss", "training loss (nats a window)")
    plots.draw_curves(used, curves, "clusters_used", "clusters used, of 7")
    plots.draw_table(table, evaluation.table, training.card)
    table.set_title("windows by cluster and exercise (hard)")
    order = plots.activity_of_cluster(evaluation.table)
    colors = plots.activity_colors(max(*order, len(training.card.classes)) + 1)
    clusters = [f"cluster {k}" for k in range(len(order))]
    plots.draw_embedding(
        by_cluster, evaluation.embedding, evaluation.labels, clusters, colors[order]
    )
    by_cluster.set_title("embeddings by cluster, nobody labelled")
    plots.draw_embedding(
        by_exercise, evaluation.embedding, training.labels, training.card.classes, colors
    )
    by_exercise.set_title("the same by exercise")
    draw_timeline(timeline, stream, events, activities, training, colors)
    timeline.set_title(
        f"subject {WEARER}, never seen, labelled by the exported file: {accuracy:.0%} right"
    )
    figure.suptitle("edgeclust on watch: eight people train, no label is used", fontsize=15)
    return figure


def draw_timeline(
    axes: Axes,
    stream: Recording,
    events: list[dict[str, Any]],
    activities: NDArray[np.intp],
    dataset: WindowedDataset,
    colors: NDArray[np.float64],
) -> None:
    """Draw true exercises above the labels of the windows, over minutes."""
    card = dataset.card
    truth = sample_labels(stream)
    edges = [0, *(np.flatnonzero(np.diff(truth)) + 1), len(truth)]
    for start, stop in pairwise(edges):
        minutes = np.array([start, stop - start]) / card.rate_hz / 60
        axes.broken_barh([tuple(minutes)], (1.05, 0.9), color=colors[truth[start]])
        axes.text(
            minutes[0] + minutes[1] / 2,
            2.08,
            card.classes[truth[start]].replace(" ", "\n"),
            ha="center",
            va="bottom",
            fontsize=9,
        )
    width = card.stride / card.rate_hz / 60
    # Each label is drawn over the middle of its window, a stride wide.
    shift = (card.window - card.stride) / 2 / card.rate_hz / 60
    for event, activity in zip(events, activities, strict=True):
        axes.broken_barh([(event["t"] / 60 + shift, width)], (0.05, 0.9), color=colors[activity])
    axes.set(xlabel="minutes", ylim=(0, 2.9), xlim=(0, len(truth) / card.rate_hz / 60))
    axes.set_yticks([0.5, 1.5], ["labelled", "true"])
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


if __name__ == "__main__":
    main()
