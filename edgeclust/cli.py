"""The command line: one thin command for each capability."""

import csv
import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from edgeclust import __version__
from edgeclust.arriving import ArrivingLines
from edgeclust.card import AnyCard, ImageCard
from edgeclust.console import (
    OneLineErrors,
    StopAtReads,
    grid_progress,
    print_facts,
    print_json,
    print_rows,
    remark,
    silence,
    stop_on_signal,
    training_progress,
)
from edgeclust.data_commands import data_app
from edgeclust.dataset import Dataset, WindowedDataset
from edgeclust.encoder import open_encoder
from edgeclust.errors import ConfigError, DataError, RunError
from edgeclust.images import ArrayDataset, read_images
from edgeclust.labeler import Labeler, LabelEvent
from edgeclust.name_command import name
from edgeclust.options import (
    Channels,
    Json,
    Labels,
    MaxMissing,
    Rate,
    Root,
    parse_list,
    parse_prior,
    parse_seed,
    parse_sigma,
)
from edgeclust.population_commands import label_many
from edgeclust.samples import read_samples
from edgeclust.state_commands import state_app

if TYPE_CHECKING:
    from edgeclust.train import Evaluation, Run

app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Learn activities nobody labelled, and label them on the device.",
)
app.add_typer(data_app, name="data")
app.add_typer(state_app, name="state")
app.command()(name)
app.command("label-many")(label_many)

Model = Annotated[Path, typer.Argument(help="A .onnx file written by 'edgeclust export'.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a training.")]


def _print_version(asked: bool) -> None:
    """Print the version and end, if that is asked for."""
    if asked:
        typer.echo(f"edgeclust {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Take what stands before a command; typer shows the help of the app instead of this."""


class EventFormat(StrEnum):
    """How ``edgeclust label`` prints its events."""

    jsonl = "jsonl"
    csv = "csv"


class LearnMode(StrEnum):
    """How ``edgeclust label`` learns."""

    gated = "gated"
    free = "free"
    off = "off"


@app.command()
def train(
    data: Annotated[
        str, typer.Argument(help="A name ('edgeclust data list') or a recordings folder.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; runs/DATA-METHOD-SEED if left out.")
    ] = None,
    root: Root = None,
    n_clusters: Annotated[
        int | None, typer.Option(help="Clusters; the number of the data's classes if left out.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="'hard' (hard regularisation), 'none' (nearest centroid), or a rival: 'ent', "
            "'ss', 'sinkhorn', 'ckm'."
        ),
    ] = "hard",
    solver: Annotated[
        str,
        typer.Option(
            help="How 'hard' assigns a batch: 'greedy', or 'exact' for the optimum, in up to "
            "a few times greedy's time."
        ),
    ] = "greedy",
    encoder: Annotated[
        str,
        typer.Option(
            help="The network: 'filterbank' or 'conv' for recordings, 'conv2d' or 'smallconv' "
            "for images; 'auto' is the first that fits the data."
        ),
    ] = "auto",
    sigma: Annotated[
        str, typer.Option(help="Scale of squared distances, above 0, or 'auto'.")
    ] = "auto",
    epochs: Annotated[
        int | None,
        typer.Option(help="Passes over the data; 800 steps, but at least 4, if left out."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Windows of a batch.")] = 256,
    window: Annotated[
        int | None, typer.Option(help="Length of a window in samples; the data's if left out.")
    ] = None,
    stride: Annotated[
        int | None, typer.Option(help="Samples between windows; the data's if left out.")
    ] = None,
    window_s: Annotated[float | None, typer.Option(help="The window in seconds.")] = None,
    stride_s: Annotated[float | None, typer.Option(help="The stride in seconds.")] = None,
    rate_hz: Rate = None,
    channels: Channels = "",
    labels: Labels = "pure",
    max_missing: MaxMissing = 0.0,
    hold_out: Annotated[
        str,
        typer.Option(
            help="Subjects to keep out of the training, as in 9,10, or a share of them, as 0.25, "
            "drawn by the seed; sessions where there is one subject."
        ),
    ] = "",
    prior: Annotated[
        str | None,
        typer.Option(
            metavar="PRIOR",
            help="Expected shares of the clusters: 'uniform' (if left out), 'learned' from the "
            "data, numbers as in 0.5,0.3,0.2, one a cluster in their order, or a file of them.",
        ),
    ] = None,
    imbalance: Annotated[
        int | None,
        typer.Option(
            help="Make classes rarer, little (1) to much (3), to measure; their true shares are "
            "the prior unless --prior is given."
        ),
    ] = None,
    restarts: Annotated[
        int,
        typer.Option(
            help="Trainings from other weights; the worse half by a label-free criterion stops "
            "after half of the epochs, and after three quarters. 8 cost as much as 5.75 whole ones."
        ),
    ] = 8,
    balance: Annotated[
        str,
        typer.Option(
            help="Whose windows spread over the clusters: each 'subject's, or the 'batch's "
            "where subjects do different things."
        ),
    ] = "subject",
    align: Annotated[
        str,
        typer.Option(
            help="Turn each session by where gravity points in it: 'gravity', 'none', or 'auto', "
            "which does so where the mount is waist, chest or thigh."
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Of the weights and the order of the windows.")] = 0,
    device: Annotated[str, typer.Option(help="'auto', 'cpu' or 'cuda'.")] = "auto",
    overwrite: Annotated[bool, typer.Option(help="Replace the run in --out.")] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in --out, stopped or killed, from its last whole epoch; the "
            "other options as they were.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Learn an encoder and its clusters from recordings, without labels: edgeclust train watch.

    On several processes, GPUs or machines: torchrun --nproc-per-node 2 -m edgeclust train watch.
    """
    from edgeclust.har_data import absolute_source, open_dataset
    from edgeclust.har_data.at_rest import find_at_rest
    from edgeclust.train import Run, TrainConfig
    from edgeclust.train.imbalance import make_imbalanced
    from edgeclust.train.ranks import joined, n_ranks, rank
    from edgeclust.train.settings import name_held_out
    from edgeclust.train.trainer import pick_device

    dataset = open_dataset(
        data,
        window,
        stride,
        root=root,
        rate_hz=rate_hz,
        channels=parse_list(channels),
        window_s=window_s,
        stride_s=stride_s,
        labels=labels,
        max_missing=max_missing,
    )
    held_out = name_held_out(dataset, parse_list(hold_out), seed)
    training, _ = dataset.hold_out(held_out)
    if n_clusters is None and len(dataset.card.classes) < 2:
        raise ConfigError(f"{data!r} names no two classes, so say how many: --n-clusters K")
    if n_clusters is None:
        n_clusters = len(dataset.card.classes)
    if imbalance is not None:
        training = make_imbalanced(training, imbalance)
    config = TrainConfig(
        n_clusters=n_clusters,
        method=method,
        solver=solver,
        encoder=encoder,
        sigma=parse_sigma(sigma),
        epochs=epochs,
        batch_size=batch_size,
        restarts=restarts,
        balance=balance,
        align=align,
        prior=parse_prior(prior, training if imbalance else None, n_clusters),
        seed=seed,
        device=device,
    )
    with joined(pick_device(device)), silence(unless=rank() == 0):
        _say_skipped(dataset)
        if isinstance(dataset, WindowedDataset):
            for sensor in find_at_rest(dataset.card, dataset.recordings):
                if sensor.doubt:
                    remark(f"doubtful: {sensor.doubt}")
        with (
            stop_on_signal(patient=n_ranks() > 1) as should_stop,
            training_progress() as (on_epoch, on_step),
        ):
            run = Run.create(
                out or Path("runs") / f"{dataset.card.name}-{method}-{seed}",
                training,
                config,
                data=absolute_source(data),
                hold_out=held_out,
                root=None if root is None else str(root.resolve()),
                imbalance=imbalance,
                overwrite=overwrite,
                resume=resume,
                on_epoch=on_epoch,
                on_step=on_step,
                should_stop=should_stop,
            )
        if rank() > 0:
            return
        facts = {"run": str(run.folder), **run.summary()}
        if json:
            print_json(facts)
        else:
            print_facts(f"trained on {data}", facts)
            if not facts["finished"]:
                remark(f"it was stopped: {run.way_on()}")
            remark(f"next: edgeclust export {run.folder}")


@app.command()
def evaluate(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="Folder of a training, or a .onnx file made of one."),
    ],
    data: Annotated[
        str | None,
        typer.Argument(help="Other data to label; the run's own if left out, a file needs them."),
    ] = None,
    root: Root = None,
    probes: Annotated[
        bool,
        typer.Option(
            "--probes",
            help="Also fit simple classifiers on the embeddings of some subjects and score them "
            "on the others.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Score a run against known activities: edgeclust evaluate runs/watch-hard-0.

    With --json the counts of windows come too, as 'confusion': rows clusters, columns activities.
    """
    from edgeclust.train import Run, evaluate_file
    from edgeclust.train import evaluate as evaluate_model
    from edgeclust.train.evaluate import card_of
    from edgeclust.train.probes import probe

    held_out: Dataset | None = None
    if run.is_file():
        if data is None:
            raise ConfigError(f"{run}: is a model file: name the data to label after it")
        encoder = open_encoder(run)
        n_clusters, score = len(encoder.metadata.counts), partial(evaluate_file, encoder)
        card = card_of(encoder.metadata)
        dataset = _open_cut(data, root, card, rate_hz=encoder.metadata.rate_hz)
        seen: Dataset = dataset
    else:
        trained = Run.open(run)
        model = trained.load_model()
        n_clusters, score = model.clusters.n_clusters, partial(evaluate_model, model)
        dataset = _open_as(trained, data, root)
        seen, held_out = (dataset, None) if data else _own_parts(trained, dataset)
    _say_skipped(dataset)
    parts = {"data" if data else "training": seen} | ({"held_out": held_out} if held_out else {})
    scores = {name: _timed_scores(score, part) for name, part in parts.items()}
    # The encoder learnt without labels, so all subjects may serve, held out or not.
    probed = probe(score(dataset).embedding, dataset).to_json() if probes else None
    if json:
        first, *others = scores.items()
        content = {"run": str(run), "n_clusters": n_clusters, **first[1]}
        print_json(content | dict(others) | ({"probes": probed} if probed else {}))
    else:
        keys = list(dict.fromkeys(key for score in scores.values() for key in score))
        keys.remove("confusion")
        rows = [[name, *(score.get(key) for key in keys)] for name, score in scores.items()]
        print_rows(["windows of", *keys], rows)
        if probed:
            print_facts("probes on the embeddings", probed)


@app.command()
def reproduce(
    out: Annotated[Path, typer.Option(help="Folder of the results; one begun before goes on.")],
    data: Annotated[
        list[str] | None,
        typer.Argument(help="Names ('edgeclust data list') or recordings folders."),
    ] = None,
    methods: Annotated[
        str, typer.Option(help="Methods of 'edgeclust train' and 'kmeans', as in hard,none.")
    ] = "",
    seeds: Annotated[str, typer.Option(help="Seeds, as in 0,1,2.")] = "",
    settings: Annotated[
        str,
        typer.Option(
            help="'pooled', 'per-subject', 'k-fold', 'loso', 'hold-out' and 'imbalance-1' to -3, "
            "as in pooled,loso."
        ),
    ] = "",
    grid: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with lists data, methods, seeds, settings, a table train and tables "
            "variant; the options here win."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="'har' or 'paper': a grid that comes with the library.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes; the cores, 8 at most, if left out.")
    ] = None,
    root: Root = None,
    labels: Labels = "",
    max_missing: MaxMissing = 0.0,
    json: Json = False,
) -> None:
    """Train and score a grid of data, settings, methods, seeds: edgeclust reproduce watch --out r.

    Settings that are left out are those of 'edgeclust train'; five seeds, pooled, the method hard.
    A grid that was stopped or killed goes on where it was. The folder gets runs.csv (a row for
    each run), table.md (means and spreads) and charts.
    """
    from edgeclust.reproduce import reproduce as run_grid
    from edgeclust.reproduce import those_there
    from edgeclust.train.grid import Grid, read_preset, read_toml
    from edgeclust.train.tables import CHOICE, COLUMNS, format_score

    if grid is not None and preset is not None:
        raise ConfigError("--grid and --preset are both a whole grid: give one of them")
    content: dict[str, Any] = {}
    where = "the command line"
    if preset is not None:
        content, where = read_preset(preset), f"preset {preset}"
        if not data:
            content["data"], wanted = those_there(content["data"], root), content["data"]
            if missing := [name for name in wanted if name not in content["data"]]:
                remark(f"left out, for they are not there: {', '.join(missing)}")
    if grid is not None:
        content, where = read_toml(grid.read_text(encoding="utf-8"), str(grid)), str(grid)
    given: dict[str, Any] = {
        "data": data,
        "methods": parse_list(methods),
        "seeds": [parse_seed(seed) for seed in parse_list(seeds)],
        "settings": parse_list(settings),
        "root": None if root is None else str(root.resolve()),
        "labels": labels,
        "max_missing": max_missing,
    }
    content |= {key: values for key, values in given.items() if values}
    if methods:
        content.pop("variant", None)
    with (
        stop_on_signal("stopping, what is done is kept") as should_stop,
        grid_progress() as on_done,
    ):
        report = run_grid(
            Grid.from_content(content, where),
            out,
            jobs=jobs,
            on_done=on_done,
            should_stop=should_stop,
        )
    if json:
        n_failed = len(report.failed)
        counts = {"n_cells": len(report.rows) + report.n_missing, "n_failed": n_failed}
        print_json(
            {"out": str(out), **counts, "n_missing": report.n_missing, "failed": report.failed}
            | {"summary": report.summary}
        )
    elif report.summary:
        print_rows(
            ["data", "setting", "method", "seeds", *COLUMNS.values(), CHOICE],
            [
                [line["data"], line["setting"], line["variant"], len(line["seeds"])]
                + [format_score(line, key) for key in (*COLUMNS, CHOICE)]
                for line in report.summary
            ],
        )
        remark(f"written: {out / 'runs.csv'}, {out / 'table.md'} and charts beside them")
    if report.failed:
        raise RunError(f"{len(report.failed)} runs failed: {'; '.join(report.failed)}")
    if report.n_missing:
        raise RunError(f"stopped with {report.n_missing} runs to do: the same command goes on")


@app.command()
def export(
    run: RunFolder,
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write; RUN.onnx, or RUN-int8.onnx, if left out."),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="In 8 bits: kept where it labels 99.5 % of windows as the model in float does, "
            "is smaller and no slower.",
        ),
    ] = False,
    root: Root = None,
    json: Json = False,
) -> None:
    """Write a run as one .onnx file and check it: edgeclust export runs/watch-hard-0."""
    from edgeclust.export import export_model
    from edgeclust.train import Run
    from edgeclust.train.identity import library_versions

    trained = Run.open(run)
    model = trained.load_model()
    seen, held_out = _own_parts(trained, _open_as(trained, None, root))
    report = export_model(
        model,
        out or run.parent / f"{run.resolve().name}{'-int8' if int8 else ''}.onnx",
        seen,
        held_out=held_out,
        int8=int8,
        training=trained.summary(),
        versions=library_versions(),
    )
    facts = report.to_json()
    if json:
        print_json(facts)
    else:
        rows = [{**row, "differing": len(row["differing"])} for row in facts.pop("comparisons")]
        quantized = facts.pop("int8", {})
        rejected = quantized.pop("rejected", [])
        print_facts("exported", facts | quantized)
        print_rows([*rows[0]], [[*row.values()] for row in rows])
        for reason in rejected:
            remark(f"not taken: {reason}")
        if isinstance(model.card, ImageCard):
            remark(f"next: edgeclust label {report.model} images.npy")
        else:
            remark(f"next: edgeclust label {report.model} recording.csv")
            remark(f"it takes {model.card.rate_hz:g} Hz; say another rate of samples by --rate-hz")


@app.command()
def inspect(model: Model, json: Json = False) -> None:
    """Say what a model file holds: edgeclust inspect model.onnx."""
    from edgeclust.model_facts import model_facts

    facts = model_facts(model)
    if json:
        print_json(facts)
        return
    columns = ("names", "counts", "prior", "radii")
    tables = {"operators", "training", "versions", *columns}
    print_facts(str(model), {name: facts[name] for name in facts if name not in tables})
    print_rows(
        ["cluster", "name", "windows of training", "prior", "radius"],
        [*zip(range(facts["n_clusters"]), *(facts[name] for name in columns), strict=True)],
    )
    print_facts("training", facts["training"] | facts["versions"])


@app.command()
def bench(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...", help="A .onnx file; after it the same in 8 bits, to compare."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for bench.json and, with matplotlib, bench.png.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure speed, memory and start of labelling here: edgeclust bench model.onnx int8.onnx.

    At one thread that does not spin, as on a wearable: from the last sample of a window to its
    label, and in fresh processes from their start to the first label.
    """
    from edgeclust.bench import bench as measure
    from edgeclust.bench import write_report

    report = measure(models)
    content = report.to_json()
    if json:
        print_json(content)
    else:
        shown = ("p50_us", "p95_us", "p99_us", "network_us", "outside_share")
        rates = [*content["speeds"][0]["windows_per_s"]]
        print_rows(
            ["model", "backend", "learn", *shown, *(f"{batch} at once, /s" for batch in rates)],
            [
                [Path(speed["model"]).name, speed["backend"], speed["learn"]]
                + [speed[name] for name in shown]
                + [*speed["windows_per_s"].values()]
                for speed in content["speeds"]
            ],
        )
        starts = content["starts"]
        print_rows([*starts[0]], [[*start.values()] for start in starts])
        apart = ("model", "speeds", "starts")
        rest = {name: value for name, value in content.items() if name not in apart}
        print_facts("side by side", rest)
    for path in write_report(report, out) if out else []:
        remark(f"written: {path}")


@app.command()
def label(
    model: Model,
    input: Annotated[
        str,
        typer.Argument(
            help="CSV of samples whose header names the channels, - is stdin; for a model of "
            "images an .npy file of them."
        ),
    ] = "-",
    freeze: Annotated[
        bool, typer.Option("--freeze", help="Learn nothing: the same as --learn off.")
    ] = False,
    learn: Annotated[
        LearnMode,
        typer.Option(
            help="How centroids follow the wearer. 'free' follows further, to the good of some and "
            "the harm of others."
        ),
    ] = LearnMode.gated,
    grow: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Open up to N new clusters for what none knows; as many as the state has slots "
            "for if left out, else none.",
        ),
    ] = None,
    rate_hz: Annotated[
        float | None,
        typer.Option(help="Rate of the samples; what the column 'time' shows if left out."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of what is learnt: restored at the start, saved every 10 minutes of "
            "stream and at the end; nothing is kept if left out.",
        ),
    ] = None,
    min_bout: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="How long a new label has to last to be told."),
    ] = 0.0,
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for what is appended to the file, for ever.")
    ] = False,
    format: Annotated[EventFormat, typer.Option(help="How to print.")] = EventFormat.jsonl,
    backend: Annotated[
        str,
        typer.Option(
            help="What runs the network: 'onnxruntime', 'numpy', or 'auto', the first there is."
        ),
    ] = "auto",
) -> None:
    """Label a stream window by window, as it comes, and learn: edgeclust label model.onnx walk.csv.

    Columns beside the model's channels are ignored; a column 'time' in seconds is optional. A
    window that cannot be labelled has the cluster null, and 'skipped' says why; the one that
    opened a new cluster has its id as 'born'. Of images, uint8
    or float32 (n, channels, height, width), 't' is the index. Ctrl-C and SIGTERM end it well.
    """
    labeler = Labeler.open(
        model,
        state,
        freeze=freeze,
        rate_hz=rate_hz,
        min_bout_s=min_bout,
        learn=learn.value,
        grow=grow,
        backend=backend,
    )
    with labeler:
        write = _event_writer(format, grows=labeler.grow > 0)
        if labeler.metadata.image is None:
            events = _label_stream(labeler, input, follow)
        else:
            events = _label_images(labeler, input)
        for event in events:
            write(event.to_json())
    if labeler.n_skipped:
        kind = "windows" if labeler.metadata.image is None else "images"
        remark(f"skipped {labeler.n_skipped} of {labeler.n_windows} {kind}: their events say why")
    if labeler.n_gaps:
        remark(f"cut the stream at {labeler.n_gaps} gaps between its time stamps")
    if labeler.n_late:
        remark(f"left out {labeler.n_late} samples whose time is that of one before, or earlier")


def _label_images(labeler: Labeler, input: str) -> Iterator[LabelEvent]:
    """Label the images of an .npy file."""
    if input == "-":
        raise DataError("the model takes images: name an .npy file of them")
    try:
        yield from labeler.label_images(read_images(input))
    except DataError as error:
        raise DataError(f"{input}: {error}") from error


def _label_stream(labeler: Labeler, input: str, follow: bool) -> Iterator[LabelEvent]:
    """Label samples as they come, until they end or a signal comes."""
    metadata = labeler.metadata
    source = "standard input" if input == "-" else input
    n_samples = 0
    with _open_stream(input, follow) as stream, StopAtReads() as stop:
        lines = ArrivingLines(stream, follow=follow)
        # What came at once is pushed at once, so a label is out as soon as its last sample is in.
        chunks = read_samples(lines, metadata.channel_names, source=source, dry=lambda: lines.dry)
        for samples, t in stop.read(chunks):
            n_samples += len(samples)
            yield from labeler.push(samples, t)
    if stop.asked:
        return
    yield from labeler.finish()
    if not labeler.n_windows:
        late = ""
        if labeler.n_late:
            late = f" ({labeler.n_late} left out: their time is that of one before, or earlier)"
        raise DataError(
            f"{source}: has {n_samples} samples{late}, one window needs {metadata.window}"
        )


def _open_as(
    trained: "Run", data: str | None, root: Path | None
) -> "WindowedDataset | ArrayDataset":
    """Open the data of a run, or others, cut as those of the run, of its channels and units."""
    card = trained.card
    rate_hz = 0.0
    if data is None:
        data, root = trained.data, root or (Path(trained.root) if trained.root else None)
        rate_hz = 0.0 if isinstance(card, ImageCard) else card.rate_hz
    return _open_cut(data, root, card, rate_hz, trained.labels, trained.max_missing)


def _open_cut(
    data: str,
    root: Path | None,
    card: AnyCard,
    rate_hz: float,
    labels: str = "pure",
    max_missing: float = 0.0,
) -> "WindowedDataset | ArrayDataset":
    """Open data, cut as a model takes them, at a rate, or at their own where it is 0."""
    from edgeclust.har_data import open_dataset

    if isinstance(card, ImageCard):
        return open_dataset(data, root=root)
    return open_dataset(
        data,
        card.window,
        card.stride,
        root=root,
        rate_hz=rate_hz or None,
        channels=card.channels,
        labels=labels,
        max_missing=max_missing,
    )


def _own_parts(
    trained: "Run", dataset: "WindowedDataset | ArrayDataset"
) -> "tuple[Dataset, Dataset | None]":
    """Return what a run was trained on, and what was held out."""
    from edgeclust.train.imbalance import make_imbalanced

    seen, held_out = dataset.hold_out(trained.hold_out)
    if trained.imbalance is not None:
        seen = make_imbalanced(seen, trained.imbalance)
    return seen, held_out


def _timed_scores(score: "Callable[[Dataset], Evaluation]", dataset: "Dataset") -> dict[str, Any]:
    """Score a model on data, and how quickly it labels them."""
    started = time.perf_counter()
    evaluation = score(dataset)
    seconds = time.perf_counter() - started
    speed = round(len(dataset) / seconds, 1)
    return evaluation.metrics | {
        "seconds": round(seconds, 3),
        "windows_per_s": speed,
        "confusion": evaluation.table.tolist(),
    }


def _say_skipped(dataset: "Dataset") -> None:
    """Say how many windows are left out, and how many hold bridged samples."""
    if isinstance(dataset, WindowedDataset) and dataset.n_bridged:
        remark(f"bridged short holes in {dataset.n_bridged} of {len(dataset)} windows")
    if dataset.n_skipped:
        remark(f"skipped {dataset.n_skipped} windows: they hold NaN, infinity or empty cells")


@contextmanager
def _open_stream(source: str, follow: bool) -> Iterator[io.BufferedReader]:
    """Open a CSV file, or standard input for '-', for its bytes."""
    if source == "-":
        if follow:
            raise ConfigError("--follow is for a file: standard input is waited for anyway")
        if sys.stdin is None:
            raise DataError("standard input is closed")
        yield cast(io.BufferedReader, sys.stdin.buffer)
    elif source.lower().endswith((".parquet", ".npz")):
        raise DataError(
            f"{source}: a stream is read as CSV; 'edgeclust data convert' writes a folder as such"
        )
    else:
        with open(source, "rb") as stream:
            yield stream


def _event_writer(format: EventFormat, grows: bool) -> Callable[[dict[str, Any]], None]:
    """Return what prints an event at once, in a format, with `born` where clusters may be."""
    if format is EventFormat.jsonl:
        return print_json
    columns = [name for name in LabelEvent._fields if grows or name != "born"]
    rows = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    rows.writeheader()

    def write(event: dict[str, Any]) -> None:
        rows.writerow(event)
        sys.stdout.flush()

    return write
