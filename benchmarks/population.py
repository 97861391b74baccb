"""How fast are recordings labelled, against the network alone, and what does a biobank take.

    .venv/bin/python benchmarks/population.py model.onnx recordings/hapt

Makes recordings of some hours of the folder's samples, in Parquet, and measures in one run: the
network alone under onnxruntime (windows cut beforehand, the best of some batch sizes), also in two
processes side by side; `label_recording` on samples in memory; and ``label-many`` with 1 and 2
processes, reading and writing included. What it takes to start them is measured on a minute and
taken off: thousands of recordings make it nothing. Each is the median of the rounds, which take
turns. CPU seconds are those of all processes; where others share the machine they say more than
the clock.

Last comes the plan: what 100,000 people, 7 days, 100 Hz take, by labelling samples of that rate in
one process: hashed, read, resampled to the model's rate, labelled, written.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
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
from edgeclust.population import find_recordings, label_file, label_population
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


def write_files(
    dataset: WindowedDataset,
    encoder: OnnxEncoder,
    folder: Path,
    n_files: int,
    seconds: float,
    rate_hz: float,
) -> list[Path]:
    """Write recordings of some length, the folder's samples over and over, at some rate."""
    folder.mkdir()
    metadata = encoder.metadata
    channels = [dataset.card.channel_names.index(name) for name in metadata.channel_names]
    signal = np.concatenate([r.signal[channels] for r in dataset.recordings], axis=1)
    at = (np.arange(int(seconds * rate_hz)) * metadata.rate_hz / rate_hz).astype(int)
    card = replace(own_card(dataset, encoder), rate_hz=rate_hz)
    paths = [folder / f"{number}.parquet" for number in range(n_files)]
    for path in paths:
        repeated = signal[:, at % signal.shape[1]]
        FORMATS[".parquet"].write(path, card, Recording(repeated, "", path.stem), {})
    return paths


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
        dataset = open_recordings(arguments.data)
        write = partial(write_files, dataset, encoder)
        paths = write(folder / "in", N_FILES, arguments.hours * 3600, metadata.rate_hz)
        write(folder / "minute", 2, 60, metadata.rate_hz)
        (planned,) = write(folder / "plan", 1, arguments.hours * 3600, RATE_HZ)
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

        def many(workers: int, what: str) -> Timed:
            pattern, out = str(folder / what / "*.parquet"), Path(tempfile.mkdtemp(dir=folder))
            return timed(partial(label_population, arguments.model, pattern, out, workers=workers))

        def plan() -> Timed:
            (job,) = find_recordings(str(planned), folder / "planned", metadata)
            job.output.parent.mkdir(exist_ok=True)
            job.output.unlink(missing_ok=True)
            return timed(partial(label_file, encoder, job))

        measured: dict[str, list[Timed]] = {}

        def note(what: str, clock: float, cpu: float, n: int) -> None:
            measured.setdefault(what, []).append((n / clock, n / cpu))

        starts: list[float] = []
        planning: list[float] = []
        reading: list[float] = []
        for _ in range(arguments.rounds):
            note("network alone", *timed(partial(embed_all, encoder, windows, batch)), n_windows)
            both = network(2)
            clock, cpu = max(t[0] for t in both), sum(t[1] for t in both)
            note("network alone, 2 processes", clock, cpu, 2 * n_windows)
            note("label_recording", *timed(partial(label_recording, encoder, samples)), n_windows)
            for workers in (1, 2):
                start, start_cpu = many(workers, "minute")
                clock, cpu = many(workers, "in")
                what = f"label-many, {workers} process{'es' * (workers > 1)}"
                note(what, clock - start, cpu - start_cpu, N_FILES * n_windows)
                starts.append(start_cpu / workers)
            planning.append(plan()[1])
            reading.append(timed(partial(read_content, planned, card, None, with_labels=False))[1])
        n_samples = int(arguments.hours * 3600 * RATE_HZ)
        labelled = folder / "planned" / planned.name
        per_sample = (
            planned.stat().st_size / n_samples,
            labelled.stat().st_size / n_samples,
            median(reading) / n_samples,
            median(planning) / n_samples,
        )
    show_rates(measured, batch, arguments.hours, n_windows)
    print(f"to start a process: {median(starts):.1f} CPU seconds, taken off above")
    show_plan(*per_sample, len(metadata.channels), metadata.stride / metadata.rate_hz)


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
    in_bytes: float,
    out_bytes: float,
    reading_s: float,
    labelling_s: float,
    n_channels: int,
    stride_s: float,
) -> None:
    """Print what a biobank takes, from what a sample at its rate takes."""
    n_samples = PEOPLE * DAYS * 86_400 * RATE_HZ
    rows = [
        ("samples", f"{n_samples:.3g}"),
        (f"bytes of {n_channels} channels and time", f"{n_samples * in_bytes / 1e12:,.1f} TB"),
        ("hours to read them at 1 GB/s", f"{n_samples * in_bytes / 1e9 / 3600:,.1f}"),
        (f"windows, one every {stride_s:g} s", f"{n_samples / RATE_HZ / stride_s:.3g}"),
        ("bytes of labels", f"{n_samples * out_bytes / 1e9:,.1f} GB"),
        ("core-hours, all in all", f"{n_samples * labelling_s / 3600:,.0f}"),
        ("of these, to unpack Parquet", f"{n_samples * reading_s / 3600:,.0f}"),
        ("a person, in core-seconds", f"{n_samples * labelling_s / PEOPLE:,.1f}"),
    ]
    table = Table("plan", f"{PEOPLE:,} people, {DAYS} days, {RATE_HZ} Hz")
    for row in rows:
        table.add_row(*row)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
