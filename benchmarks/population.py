"""How fast are recordings labelled, against the network alone, and what does a biobank take.

    .venv/bin/python benchmarks/population.py model.onnx recordings/hapt

Makes recordings of some hours of the folder's samples, in Parquet, and measures in one run: the
network alone under onnxruntime (windows cut beforehand, the best of some batch sizes), also in two
processes side by side; `label_recording` on samples in memory; and ``label-many`` with 1 and 2
processes: starting them, reading and writing included. Each is the median of the rounds, which take
turns. CPU seconds are those of all processes; where others share the machine they say more than
the clock. Last comes the plan: what 100,000 people, 7 days, 100 Hz take at the rate of one process.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from edgeclust import Card, Recording, WindowedDataset
from edgeclust.encoder import OnnxEncoder
from edgeclust.har_data import open_recordings
from edgeclust.har_data.recording_files import FORMATS, read_content
from edgeclust.population import label_population
from edgeclust.processes import run_all
from edgeclust.recording_labels import label_recording

BATCHES = (1, 16, 32, 64, 128, 256)
N_FILES = 6
PEOPLE, DAYS, RATE_HZ = 100_000, 7, 100

Timed = tuple[float, float]
"""Seconds of the clock, and CPU seconds of this process and those that it started."""


def timed(work: Callable[[], object]) -> Timed:
    """Do some work and measure it."""
    cpu, clock = cpu_seconds(), time.perf_counter()
    work()
    return time.perf_counter() - clock, cpu_seconds() - cpu


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of those that it started and that ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def embed_all(encoder: OnnxEncoder, windows: NDArray[np.float32], batch: int) -> None:
    """Run the network over all windows."""
    for start in range(0, len(windows), batch):
        encoder.embed(windows[start : start + batch])


def open_network(model: Path, windows: Path, batch: int) -> Callable[[int], Timed]:
    """Return what measures the network alone in a process of its own."""
    encoder, loaded = OnnxEncoder(model), np.load(windows)
    return lambda number: timed(partial(embed_all, encoder, loaded, batch))


def own_card(dataset: WindowedDataset, encoder: OnnxEncoder) -> Card:
    """Return the card of the model's channels."""
    return replace(dataset.card, channels=encoder.metadata.channels)


def write_files(dataset: WindowedDataset, encoder: OnnxEncoder, folder: Path, hours: float) -> int:
    """Write recordings of some hours; return how many samples each has."""
    channels = [dataset.card.channel_names.index(n) for n in encoder.metadata.channel_names]
    signal = np.concatenate([r.signal[channels] for r in dataset.recordings], axis=1)
    n_samples = int(hours * 3600 * encoder.metadata.rate_hz)
    repeated = np.tile(signal, -(-n_samples // signal.shape[1]))[:, :n_samples]
    card = own_card(dataset, encoder)
    for number in range(N_FILES):
        FORMATS[".parquet"].write(
            folder / f"{number}.parquet", card, Recording(repeated, "", str(number)), {}
        )
    return n_samples


def main() -> None:
    """Measure, and print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("data", help="a name or a recordings folder, of the model's rate")
    parser.add_argument("--hours", type=float, default=6.0, help="of each of the recordings")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    encoder = OnnxEncoder(arguments.model)
    metadata = encoder.metadata
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        dataset = open_recordings(arguments.data)
        n_samples = write_files(dataset, encoder, folder / "in", arguments.hours)
        paths = sorted((folder / "in").iterdir())
        n_bytes = paths[0].stat().st_size
        card = own_card(dataset, encoder)
        samples = read_content(paths[0], card, None).samples
        n_windows = len(label_recording(encoder, samples))
        cut = np.lib.stride_tricks.sliding_window_view(samples, metadata.window, axis=0)
        windows = np.ascontiguousarray(cut[:: metadata.stride])
        np.save(folder / "windows.npy", windows)
        some = windows[:4096]
        speeds = {
            b: min(timed(partial(embed_all, encoder, some, b))[1] for _ in range(3))
            for b in BATCHES
        }
        batch = min(speeds, key=speeds.__getitem__)

        def network(workers: int) -> list[Timed]:
            opened = partial(open_network, arguments.model, folder / "windows.npy", batch)
            return [
                t for _, t in run_all([*range(workers)], opened, workers) if isinstance(t, tuple)
            ]

        def many(workers: int, out: str) -> Timed:
            pattern = str(folder / "in" / "*.parquet")
            work = partial(
                label_population, arguments.model, pattern, folder / out, workers=workers
            )
            return timed(work)

        measured: dict[str, list[Timed]] = {}

        def note(what: str, clock: float, cpu: float, n: int) -> None:
            measured.setdefault(what, []).append((n / clock, n / cpu))

        reading = []
        for round_ in range(arguments.rounds):
            note("network alone", *timed(partial(embed_all, encoder, windows, batch)), n_windows)
            both = network(2)
            note(
                "network alone, 2 processes",
                max(t[0] for t in both),
                sum(t[1] for t in both),
                2 * n_windows,
            )
            note("label_recording", *timed(partial(label_recording, encoder, samples)), n_windows)
            for workers in (1, 2):
                seconds = many(workers, f"out-{round_}-{workers}")
                note(
                    f"label-many, {workers} process{'es' * (workers > 1)}",
                    *seconds,
                    N_FILES * n_windows,
                )
            reading.append(timed(partial(read_content, paths[0], card, None, with_labels=False)))
        out_bytes = (folder / "out-0-1" / "0.parquet").stat().st_size
    show_rates(measured, batch, arguments.hours, n_windows)
    show_plan(
        median(cpu for _, cpu in measured["label-many, 1 process"]),
        metadata.stride / metadata.rate_hz,
        n_bytes / n_samples,
        out_bytes / n_windows,
        median(cpu for _, cpu in reading) / n_samples,
        len(metadata.channels),
    )


def show_rates(measured: dict[str, list[Timed]], batch: int, hours: float, n_windows: int) -> None:
    """Print the medians of the rates."""
    ceiling = median(cpu for _, cpu in measured["network alone"])
    table = Table(
        "windows a second",
        "by the clock",
        "by CPU time, per core",
        "of the network alone",
        title=f"{N_FILES} recordings of {hours:g} h, {n_windows:,} windows each; network in "
        f"batches of {batch}; median of {len(measured['network alone'])} rounds; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    )
    for what, rates in measured.items():
        clock, cpu = (median(column) for column in zip(*rates, strict=True))
        table.add_row(what, f"{clock:,.0f}", f"{cpu:,.0f}", f"{cpu / ceiling:.0%}")
    Console(width=150).print(table)
    for what in ("network alone", "label-many"):
        one, two = (
            [clock for clock, _ in rates]
            for name, rates in measured.items()
            if name.startswith(what)
        )
        print(f"{what}: 2 processes are {median(two) / median(one):.2f} times 1")


def show_plan(
    windows_per_s: float,
    stride_s: float,
    in_bytes: float,
    out_bytes: float,
    read_s: float,
    n_channels: int,
) -> None:
    """Print what a biobank would take."""
    n_samples = PEOPLE * DAYS * 86_400 * RATE_HZ
    n_windows = PEOPLE * DAYS * 86_400 / stride_s
    hours = n_windows / windows_per_s / 3600
    rows: Sequence[tuple[str, str]] = [
        ("samples", f"{n_samples:.3g}"),
        (f"bytes of {n_channels} channels in Parquet", f"{n_samples * in_bytes / 1e12:,.1f} TB"),
        (f"windows, one every {stride_s:g} s", f"{n_windows:.3g}"),
        ("bytes of labels", f"{n_windows * out_bytes / 1e9:,.1f} GB"),
        ("core-hours of reading and unpacking", f"{n_samples * read_s / 3600:,.0f}"),
        ("core-hours of labelling, the reading at the model's rate in it", f"{hours:,.0f}"),
        ("hours of the storage at 1 GB/s", f"{n_samples * in_bytes / 1e9 / 3600:,.1f}"),
    ]
    table = Table("plan", f"{PEOPLE:,} people, {DAYS} days, {RATE_HZ} Hz")
    for row in rows:
        table.add_row(*row)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
