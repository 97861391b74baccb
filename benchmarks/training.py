"""How fast training is: whole steps against the plain way and against the encoder alone.

    .venv/bin/python benchmarks/training.py watch recordings/hapt --json training.json
    .venv/bin/python benchmarks/training.py --growth --plot docs/growth-of-cost.png
    .venv/bin/python benchmarks/training.py --products

All in one process, step about with step, so that whatever else the machine does hits all alike;
medians, on a CPU of one thread's own time, on CUDA of time as it passes. Measured are, in windows
a second,

  ours       this library's training step: `Trainer.step`, filtered windows kept
  unkept     the same where nothing is kept: windows are filtered batch by batch
  plain      the same model the plain way: a torch DataLoader of single windows, the encoder's own
             layers, the paper's assignment, which looks the whole table over for each window, with
             a few numpy calls each time (assign_by_rescans of benchmarks/assignment.py)
  loops      the same with Python's own loops over the table (assign_by_loops)
  encoder    forward and backward through the encoder's own layers alone, the batch at hand
  learnt     the same through the layers that learn, over filtered windows at hand

on the data that are named and on noise shaped like REALDISP (117 channels, windows of 512 samples,
stride 5, 33 clusters). Then where a step's time goes, and the share of the assignment with 33
clusters and one block of 256 windows. Some minutes. `recordings/hapt` is the folder that
benchmarks/recordings.py makes. The last command times the two products of matrices that the first
learnt convolution is on REALDISP's shape, alone: what a step there can reach at most.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from assignment import assign_by_loops, assign_by_rescans
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

from edgeclust import Card, Channel, Recording, WindowedDataset
from edgeclust.har_data import open_recordings
from edgeclust.train import TrainConfig
from edgeclust.train.batches import draw_batches
from edgeclust.train.halves import Halves
from edgeclust.train.inputs import Inputs
from edgeclust.train.trainer import Trainer

Blocks = list[NDArray[np.intp]]

REALDISP = {"n_channels": 117, "window": 512, "stride": 5, "n_clusters": 33, "n_windows": 2000}

GROWTH = {
    "n_windows": [500, 1000, 2000, 4000, 8000, 16000],
    "n_clusters": [2, 4, 8, 16, 32, 64, 128],
    "batch_size": [32, 64, 128, 256, 512, 1024],
    "n_channels": [3, 6, 12, 24, 48, 96],
}
"""What is varied, one at a time, around 4,000 windows of 128 samples of 6 channels, 10 clusters,
batches of 256."""

WHY = {
    "n_windows": "windows: linear, as there are so many steps",
    "n_clusters": "clusters: distances and assignment grow with it",
    "batch_size": "batch size: what a step costs whatever it holds is paid less often",
    "n_channels": "channels: gathering and the first convolution grow with it",
}


def main() -> None:
    """Measure what is asked for, print tables, write JSON and the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", help="names or recordings folders")
    parser.add_argument("--rounds", type=int, default=15, help="steps that a median is of")
    parser.add_argument("--few", type=int, default=2, help="the same on REALDISP's shape")
    parser.add_argument("--wall", action="store_true", help="all cores, time as it passes")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--growth", action="store_true", help="cost growth instead")
    parser.add_argument("--products", action="store_true", help="bare products of matrices")
    parser.add_argument("--plot", type=Path, help="figure of the cost growth")
    parser.add_argument("--json", type=Path, help="where to write all numbers")
    arguments = parser.parse_args()
    if not arguments.wall and arguments.device == "cpu":
        torch.set_num_threads(1)
    if arguments.products:
        found: Any = products(arguments.rounds)
        for name, taken in found.items():
            print(f"{name}: {taken['ms']:.0f} ms, {taken['gflop_per_s']:.0f} GFLOP/s")
    elif arguments.growth:
        found = growth(arguments.device)
        print_growth(found)
        if arguments.plot:
            draw_growth(found).savefig(arguments.plot, dpi=110)
    else:
        sets = [(open_recordings(name), arguments.rounds) for name in arguments.data]
        found = []
        for dataset, rounds in [*sets, (synthetic(**REALDISP), arguments.few)]:
            print(f"{dataset.card.name}: {len(dataset)} windows", file=sys.stderr, flush=True)
            found.append(measure(dataset, rounds, arguments.device))
        print_tables(found)
    if arguments.json:
        content = {"threads": torch.get_num_threads(), "torch": torch.__version__, "found": found}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


def synthetic(
    n_channels: int = 6,
    window: int = 128,
    stride: int = 64,
    n_clusters: int = 10,
    n_windows: int = 4000,
    n_subjects: int = 4,
) -> WindowedDataset:
    """Return noise of a shape, a recording a subject."""
    rng = np.random.default_rng(0)
    channels = tuple(Channel(f"c{n}", "g") for n in range(n_channels))
    classes = tuple(f"class {n}" for n in range(n_clusters))
    name = "REALDISP's shape" if n_channels == REALDISP["n_channels"] else "noise"
    card = Card(name, 50.0, channels, window, stride, classes)
    n_samples = (-(-n_windows // n_subjects) - 1) * stride + window
    signals = rng.normal(size=(n_subjects, n_channels, n_samples)).astype(np.float32)
    recordings = [Recording(signal, f"{n}", "1") for n, signal in enumerate(signals)]
    return WindowedDataset(card, recordings)


def batches_of(dataset: WindowedDataset, config: TrainConfig) -> list[Blocks]:
    """Deal the windows out for a pass, as training does."""
    groups = np.unique(dataset.groups, return_inverse=True)[1]
    if config.balance == "batch":
        groups = np.zeros(len(dataset), np.intp)
    rng = np.random.default_rng(0)
    return list(draw_batches(groups, config.batch_size, config.n_clusters, rng))


def measure(dataset: WindowedDataset, rounds: int, device: str) -> dict[str, Any]:
    """Time all kinds of step on one data set, and where the time of ours goes."""
    config = TrainConfig(n_clusters=len(dataset.card.classes), device=device)
    batches = batches_of(dataset, config)
    size = np.mean([sum(map(len, blocks)) for blocks in batches])
    kept = Trainer(dataset, config, seed=0)
    started = now()
    kept.step(batches[0])
    first = now() - started
    unkept = copy(kept)
    unkept.inputs = Inputs(dataset, kept.device, limit=0)
    kinds = {
        "ours": (kept.step, cycle(batches)),
        "unkept": (unkept.step, cycle(batches)),
        "plain": plain_way(kept, dataset, batches, assign_by_rescans),
        "loops": plain_way(kept, dataset, batches, assign_by_loops),
        "encoder": (encoder_alone(kept, dataset, batches[0]), cycle([None])),
        "learnt": (learnt_alone(kept, dataset, batches[0]), cycle([None])),
    }
    seconds = alternate(kinds, rounds, device)
    of_33 = replace(config, n_clusters=min(33, len(dataset)), balance="batch")
    many = kept
    if config.n_clusters != of_33.n_clusters:
        many = Trainer(dataset, of_33, seed=0, inputs=kept.inputs)
    return {
        "data": dataset.card.name,
        "n_windows": len(dataset),
        "n_channels": len(dataset.card.channels),
        "window": dataset.card.window,
        "n_clusters": config.n_clusters,
        "batch": float(size),
        "windows_per_s": {kind: float(size / taken) for kind, taken in seconds.items()},
        "filtering_s": first - seconds["ours"],
        "parts_ms": parts(kept, batches, rounds),
        "parts_of_33_ms": parts(many, batches_of(dataset, of_33), rounds),
    }


def now() -> float:
    """Return seconds: of CPU where there is one thread, else as time passes."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def alternate(
    kinds: dict[str, tuple[Callable[[Any], object], Iterator[Any]]], rounds: int, device: str
) -> dict[str, float]:
    """Return the median seconds of each kind of step, one after the other in each round."""
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(rounds + 1):
        for kind, (step, batches) in kinds.items():
            wait(device)
            started = now()
            step(next(batches))
            wait(device)
            if turn:  # the first warms up
                taken[kind].append(now() - started)
    return {kind: float(np.median(seconds)) for kind, seconds in taken.items()}


def wait(device: str) -> None:
    """Wait until a GPU has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


class OneByOne(Dataset[torch.Tensor]):
    """A window an item, as a torch DataLoader wants it."""

    def __init__(self, dataset: WindowedDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        """Return how many windows there are."""
        return len(self._dataset)

    def __getitem__(self, index: int) -> torch.Tensor:
        """Return a window, cut out of its recording by a slice."""
        dataset = self._dataset
        signal = dataset.recordings[dataset.recording_indices[index]].signal
        start = dataset.starts[index]
        return torch.from_numpy(np.array(signal[:, start : start + dataset.card.window]))


def plain_way(
    trainer: Trainer,
    dataset: WindowedDataset,
    batches: list[Blocks],
    assign_slowly: Callable[[NDArray[np.float64]], NDArray[np.intp]],
) -> tuple[Callable[[Any], object], Iterator[Any]]:
    """Return the step that the paper describes, written plainly, and what it is given.

    The loader is asked for a batch inside the step, so that its time counts.
    """
    encoder, centroids = deepcopy(trainer.encoder), deepcopy(trainer.centroids)
    optimizer = torch.optim.Adam([*encoder.parameters(), centroids], lr=3e-4)
    indices = [np.concatenate(blocks).tolist() for blocks in batches]
    loader = DataLoader(OneByOne(dataset), batch_sampler=indices)

    def endless() -> Iterator[torch.Tensor]:
        while True:
            yield from loader

    windows = endless()

    def step(_: object) -> float:
        embedding = encoder(next(windows).to(trainer.device))
        squared = (embedding[:, None] - centroids).square().sum(dim=-1)
        gap = squared.mean(dim=1) - squared.min(dim=1).values
        cost = squared / gap.mean().item()
        labels = torch.from_numpy(assign_slowly(cost.detach().cpu().numpy().astype(np.float64)))
        loss = cost.gather(1, labels.to(trainer.device)[:, None]).mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        return float(loss.detach())

    return step, cycle([None])


def encoder_alone(
    trainer: Trainer, dataset: WindowedDataset, blocks: Blocks
) -> Callable[[Any], object]:
    """Return forward and backward through the encoder's own layers."""
    windows = torch.from_numpy(dataset.gather(np.concatenate(blocks))).to(trainer.device)
    return partial(_forward_backward, trainer, partial(trainer.encoder, windows))


def learnt_alone(
    trainer: Trainer, dataset: WindowedDataset, blocks: Blocks
) -> Callable[[Any], object]:
    """Return forward and backward through what is learnt, over what is fixed."""
    halves = Halves.of(trainer.encoder)
    assert halves is not None
    windows = torch.from_numpy(dataset.gather(np.concatenate(blocks))).to(trainer.device)
    return partial(_forward_backward, trainer, partial(halves.learnt, halves.fixed(windows)))


def _forward_backward(trainer: Trainer, embed: Callable[[], torch.Tensor], _: object) -> None:
    """Embed, and pass a gradient back."""
    trainer.optimizer.zero_grad()
    torch.autograd.backward(embed().square().mean())


def parts(trainer: Trainer, batches: list[Blocks], rounds: int) -> dict[str, float]:
    """Return the median milliseconds of a step and of its parts, each waited for."""
    trainer.step(batches[0])
    source, methods = trainer.inputs._source, sys.modules["edgeclust.train.methods.hard"]
    wrapped = [
        (trainer, "step", "step"),
        (source, "fetch", "gather"),
        (trainer.inputs, "encode", "encode"),
        (methods, "assign", "assign"),
        (trainer, "method", "loss"),
        (torch.autograd, "backward", "backward"),
        (trainer.optimizer, "step", "Adam"),
    ]
    spent: list[dict[str, float]] = []

    def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            wait(trainer.device.type)
            started = now()
            found = call(*given, **named)
            wait(trainer.device.type)
            spent[-1][name] += (now() - started) * 1e3
            return found

        return run

    originals = [getattr(owner, attribute) for owner, attribute, _ in wrapped]
    for (owner, attribute, name), call in zip(wrapped, originals, strict=True):
        setattr(owner, attribute, timed(name, call))
    try:
        for blocks, _ in zip(cycle(batches), range(rounds), strict=False):
            spent.append(dict.fromkeys([name for _, _, name in wrapped], 0.0))
            trainer.step(blocks)
    finally:
        for (owner, attribute, _), call in zip(wrapped, originals, strict=True):
            setattr(owner, attribute, call)
    for taken in spent:  # these two are within those
        taken["encode"] -= taken["gather"]
        taken["loss"] -= taken["assign"]
        taken["rest"] = 2 * taken["step"] - sum(taken.values())
    return {name: float(np.median([taken[name] for taken in spent])) for name in spent[0]}


def print_tables(found: list[dict[str, Any]]) -> None:
    """Print speeds, and where the time goes."""
    kinds = [*found[0]["windows_per_s"]]
    speeds = Table("data", *kinds, "ours / plain", "/ loops", "/ encoder", "/ learnt")
    for row in found:
        rate = row["windows_per_s"]
        speeds.add_row(
            row["data"],
            *(f"{rate[kind]:,.0f}" for kind in kinds),
            *(f"x{rate['ours'] / rate[kind]:.1f}" for kind in kinds[2:4]),
            *(f"{rate['ours'] / rate[kind]:.0%}" for kind in kinds[4:]),
        )
    speeds.title = "windows a second"
    names = [*found[0]["parts_ms"]]
    split = Table("data", "clusters", *names, "share of assign", "filtering, once")
    for row in found:
        for taken, n_clusters in (
            (row["parts_ms"], f"{row['n_clusters']}"),
            (row["parts_of_33_ms"], "33, one block"),
        ):
            split.add_row(
                row["data"],
                n_clusters,
                *(f"{taken[name]:.2f}" for name in names),
                f"{taken['assign'] / taken['step']:.0%}",
                f"{row['filtering_s']:.2f} s",
            )
    split.title = "milliseconds of a step, by part"
    for table in (speeds, split):
        Console(width=150).print(table)


def products(rounds: int) -> dict[str, dict[str, float]]:
    """Time the products that the first learnt convolution is, 57 steps of 250 windows at once."""
    n_rows, n_features, width = 250 * 57, 13 * int(REALDISP["n_channels"]), 64
    rows, weight = torch.randn(n_rows, n_features), torch.randn(n_features, width)
    gradient = torch.randn(n_rows, width)
    kinds: dict[str, tuple[Callable[[Any], object], Iterator[Any]]] = {
        "forward": (lambda _: rows @ weight, cycle([None])),
        "gradient of the weights": (lambda _: gradient.T @ rows, cycle([None])),
        "a square of 2,048, for comparison": (
            partial(torch.mm, torch.randn(2048, 2048)),
            cycle([torch.randn(2048, 2048)]),
        ),
    }
    seconds = alternate(kinds, rounds, "cpu")
    work = {name: 2 * n_rows * n_features * width for name in kinds}
    work["a square of 2,048, for comparison"] = 2 * 2048**3
    return {
        name: {"ms": taken * 1e3, "gflop_per_s": work[name] / taken / 1e9}
        for name, taken in seconds.items()
    }


def growth(device: str) -> list[dict[str, Any]]:
    """Time an epoch's steps, and the filtering before the first, as one thing grows."""
    found = []
    for varied, values in GROWTH.items():
        for value in values:
            print(f"{varied} {value}", file=sys.stderr, flush=True)
            setting = {"n_clusters": 10, "batch_size": 256} | {varied: value}
            batch_size = setting.pop("batch_size")
            dataset = synthetic(**setting)
            config = TrainConfig(
                n_clusters=setting["n_clusters"], batch_size=batch_size, device=device
            )
            batches = batches_of(dataset, config)
            trainer = Trainer(dataset, config, seed=0)
            started = now()
            trainer.inputs.encode(trainer.encoder, batches[0][0])
            filtering = now() - started
            epochs = []
            for _ in range(3):
                wait(device)
                started = now()
                for blocks in batches:
                    trainer.step(blocks)
                wait(device)
                epochs.append(now() - started)
            found.append(
                {
                    "varied": varied,
                    "value": value,
                    "epoch_s": float(np.median(epochs)),
                    "filtering_s": filtering,
                    "n_steps": len(batches),
                }
            )
    return found


def print_growth(found: list[dict[str, Any]]) -> None:
    """Print what the figure shows."""
    table = Table("varied", "value", "steps", "epoch, s", "ms a step", "filtering, once, s")
    for row in found:
        table.add_row(
            row["varied"],
            f"{row['value']}",
            f"{row['n_steps']}",
            f"{row['epoch_s']:.3f}",
            f"{row['epoch_s'] / row['n_steps'] * 1e3:.2f}",
            f"{row['filtering_s']:.3f}",
        )
    Console(width=100).print(table)


def draw_growth(found: list[dict[str, Any]]) -> Figure:
    """Draw seconds of an epoch against each of what is varied, both axes in powers."""
    figure = Figure(figsize=(13, 3.8), layout="constrained")
    figure.suptitle("seconds of an epoch; 4,000 windows, 10 clusters, batches of 256, 6 channels")
    axes = figure.subplots(1, len(GROWTH), sharey=True)
    for axis, (varied, values) in zip(axes, GROWTH.items(), strict=True):
        rows = [row for row in found if row["varied"] == varied]
        epochs = [row["epoch_s"] for row in rows]
        axis.loglog(values, epochs, "o-", label="an epoch's steps")
        axis.loglog(values, [row["filtering_s"] for row in rows], ".--", label="filtering, once")
        middle = len(values) // 2
        line = [epochs[middle] * value / values[middle] for value in values]
        if varied != "batch_size":
            axis.loglog(values, line, ":", color="grey", label="linear")
        head, _, why = WHY[varied].partition(": ")
        axis.set_title(why, fontsize=8)
        axis.set_xlabel(head)
        axis.set_xticks(values, [f"{value:,}" for value in values], fontsize=7)
        axis.xaxis.set_minor_locator(mpl.ticker.NullLocator())
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("seconds")
    axes[0].legend(fontsize=8)
    return figure


if __name__ == "__main__":
    main()
