"""Measure what labelling costs here: time of a window, throughput, memory, cold start."""

import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.encoder import Encoder, OnnxEncoder, open_encoder
from edgeclust.errors import DataError, EdgeclustError
from edgeclust.files import write_atomically
from edgeclust.labeler import Labeler

N_WINDOWS, N_WARM = 2000, 100
"""Windows labelled one by one, and those before, which are not counted."""

BATCHES = (1, 4, 16, 64, 256)
"""Windows embedded at once for the throughput."""

LEAST_SECONDS = 0.3
"""For how long each batch is repeated."""

N_STARTS = 7
"""Fresh processes of each kind; the median counts."""

DEVICE = """
import sys
import numpy as np
from edgeclust import Labeler
labeler = Labeler.open(sys.argv[1], backend=sys.argv[2])
shape = [int(number) for number in sys.argv[3].split(",")]
if labeler.metadata.image is None:
    labeler.push(np.zeros(shape[::-1], np.float32))
else:
    labeler.predict(np.zeros((1, *shape), np.float32))
"""
"""A device: the label of one window of zeros."""

BY_HAND = """
import sys
import numpy as np
import onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
shape = [int(number) for number in sys.argv[3].split(",")]
session.run(None, {"window": np.zeros((1, *shape), np.float32)})
"""
"""The least that has to be done for one embedding."""

SAY = """
import time
done = time.monotonic()
peak = 0
try:  # the peak of this program alone; what getrusage says may be that of who started it
    with open("/proc/self/status") as lines:
        peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
except (OSError, StopIteration):
    pass
print(done, peak)
"""


@dataclass(frozen=True)
class Speed:
    """What one way of running a model takes, at one thread.

    Parameters
    ----------
    model : str
        The file.
    backend : str
        What ran it.
    size_bytes : int
        Of the file.
    learn : str
        ``gated``, as a stream is labelled unless told otherwise, or ``off``.
    p50_us, p95_us, p99_us : float
        Microseconds from the last sample of a window to its label, learning included.
    network_us : float
        Median microseconds of the network in it: the session's run call, or numpy's operations.
    outside_share : float
        Median share of the time spent outside that.
    windows_per_s : dict of int to float
        Windows embedded in a second, by how many at once: no labelling.
    """

    model: str
    backend: str
    size_bytes: int
    learn: str
    p50_us: float
    p95_us: float
    p99_us: float
    network_us: float
    outside_share: float
    windows_per_s: dict[int, float]


@dataclass(frozen=True)
class Start:
    """What a fresh process takes to its first label.

    Parameters
    ----------
    what : str
        A backend, or ``by hand``: numpy and onnxruntime imported, the session opened and run.
    model : str
        The file.
    cold_start_ms : float
        Milliseconds from the start of the process, median.
    peak_rss_bytes : int
        Largest memory held, median; 0 where the system does not say.
    """

    what: str
    model: str
    cold_start_ms: float
    peak_rss_bytes: int


@dataclass(frozen=True)
class BenchReport:
    """All that was measured, side by side in one run.

    Parameters
    ----------
    speeds : tuple of Speed
        Each model under onnxruntime, learning and not, then the first under numpy.
    session_us : tuple of float
        Median microseconds of the bare session call on the same windows, by model.
    starts : tuple of Start
        Of fresh processes.
    """

    speeds: tuple[Speed, ...]
    session_us: tuple[float, ...]
    starts: tuple[Start, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``edgeclust bench --json`` prints."""
        first, frozen, hand = self.speeds[0], self.speeds[1], self.starts[0]
        return {
            "model": first.model,
            "n_windows": N_WINDOWS,
            "threads": 1,
            "speeds": [asdict(speed) for speed in self.speeds],
            "session_us": list(self.session_us),
            "loop_over_session": round(first.p50_us / self.session_us[0], 3),
            "frozen_loop_over_session": round(frozen.p50_us / self.session_us[0], 3),
            "int8_speedup": [round(self.session_us[0] / other, 3) for other in self.session_us[1:]],
            "starts": [asdict(start) for start in self.starts],
            "start_over_by_hand": round(self.starts[1].cold_start_ms / hand.cold_start_ms, 3),
        }


def bench(models: Sequence[Path]) -> BenchReport:
    """Measure model files under onnxruntime, and the first under numpy too.

    Everything runs at one thread that does not spin, as on a wearable. What is compared is run
    window by window, in an order drawn anew for each, so that a busy machine is so to all of it.

    Parameters
    ----------
    models : sequence of Path
        A ``.onnx`` file that ``edgeclust export`` wrote, and others of the same shape, as the same
        model in 8 bits.

    Returns
    -------
    report : BenchReport

    Raises
    ------
    ModelFileError
        If one cannot be opened.
    DataError
        If they take other windows than the first.
    """
    ways = [(model, "onnxruntime", learn) for model in models for learn in ("gated", "off")]
    ways += [(models[0], "numpy", "gated")]
    encoders = [open_encoder(model, backend=backend) for model, backend, _ in ways]
    shape = encoders[0].metadata.input_shape
    for (model, *_), encoder in zip(ways, encoders, strict=True):
        if encoder.metadata.input_shape != shape:
            raise DataError(
                f"{model} takes windows of shape {encoder.metadata.input_shape}, {models[0]} of "
                f"{shape}: give one model and its 8-bit form"
            )
    sessions = [_session_call(OnnxEncoder(model)) for model in models]
    loops, networks, bare = _time_windows(encoders, [learn for *_, learn in ways], sessions)
    speeds = []
    for n, ((model, backend, learn), encoder) in enumerate(zip(ways, encoders, strict=True)):
        p50, p95, p99 = np.percentile(loops[:, n], (50, 95, 99)).round(2).tolist()
        speeds.append(
            Speed(
                str(model),
                backend,
                model.stat().st_size,
                learn,
                p50,
                p95,
                p99,
                network_us=round(float(np.median(networks[:, n])), 2),
                outside_share=round(float(np.median(1 - networks[:, n] / loops[:, n])), 4),
                windows_per_s={batch: _throughput(encoder, batch) for batch in BATCHES},
            )
        )
    session_us = tuple(np.median(bare, axis=0).round(2).tolist())
    return BenchReport(tuple(speeds), session_us, _time_starts(models, shape))


class _Timed:
    """Runs something and keeps how long the last call took, in seconds."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self.seconds = 0.0

    def run(self, *arguments: Any) -> Any:
        """Call it."""
        started = time.perf_counter()
        result = self._call(*arguments)
        self.seconds = time.perf_counter() - started
        return result


def _session_call(encoder: OnnxEncoder) -> Callable[..., Any]:
    """Return the call that onnxruntime itself offers."""
    run: Callable[..., Any] = encoder._session.run
    return run


def _watch(encoder: Encoder) -> _Timed:
    """Let an encoder's network be timed wherever it runs."""
    if isinstance(encoder, OnnxEncoder):
        timed = _Timed(encoder._run_bound)
        encoder._run_bound = timed.run
    else:
        timed = _Timed(encoder.embed)
        setattr(encoder, "embed", timed.run)  # noqa: B010 - a method is replaced
    return timed


def _time_windows(
    encoders: Sequence[Encoder], learn: Sequence[str], sessions: Sequence[Callable[..., Any]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Time whole labelling, the network in it and bare session calls, in microseconds."""
    watches = [_watch(encoder) for encoder in encoders]
    labels = [_labelling(*pair) for pair in zip(encoders, learn, strict=True)]
    windows = _windows(encoders[0], N_WARM + N_WINDOWS)
    loops, networks = np.empty((2, len(windows), len(encoders)))
    bare = np.empty((len(windows), len(sessions)))
    rng = np.random.default_rng(0)
    for n, (window, news) in enumerate(windows):
        # In another order each time, for who comes first finds another's numbers in the cache.
        for which in rng.permutation(len(labels) + len(sessions)).tolist():
            call = which - len(labels)
            started = time.perf_counter()
            if call < 0:
                labels[which](news)
                loops[n, which] = time.perf_counter() - started
                networks[n, which] = watches[which].seconds
            else:
                sessions[call](["embedding"], {"window": window})
                bare[n, call] = time.perf_counter() - started
    counted = slice(N_WARM, None)
    return loops[counted] * 1e6, networks[counted] * 1e6, bare[counted] * 1e6


def _labelling(encoder: Encoder, learn: str) -> Callable[[NDArray[np.float32]], Any]:
    """Return what a device calls with the samples that complete a window, or with an image."""
    labeler = Labeler(encoder, learn=learn)
    return labeler.push if encoder.metadata.image is None else labeler.predict


def _windows(
    encoder: Encoder, n_windows: int
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Make windows, and the samples that each adds to a stream: somebody who walks and rests."""
    metadata = encoder.metadata
    rng = np.random.default_rng(0)
    if metadata.image is not None:
        images = rng.random((n_windows, 1, *metadata.input_shape), np.float32)
        return [(image, image) for image in images]
    n_samples = metadata.window + (n_windows - 1) * metadata.stride
    t = np.arange(n_samples)[:, None] / metadata.rate_hz
    walks = np.sin(2 * np.pi * t / 60) > 0  # half a minute each
    signal = rng.normal(0, 0.02, (n_samples, len(metadata.channels)))
    signal += walks * 0.3 * np.sin(2 * np.pi * 1.8 * t + rng.uniform(0, 6, signal.shape[1]))
    signal[:, 0] += 1
    stream = signal.astype(np.float32)
    starts = np.arange(n_windows) * metadata.stride
    ends = starts + metadata.window
    before = np.append(0, ends[:-1])
    return [
        (np.ascontiguousarray(stream[start:end].T)[None], stream[last:end])
        for start, end, last in zip(starts, ends, before, strict=True)
    ]


def _throughput(encoder: Encoder, batch: int) -> float:
    """Embed windows for a while, some at once; return how many a second, by the median time."""
    windows = np.zeros((batch, *encoder.metadata.input_shape), np.float32)
    encoder.embed(windows)
    seconds: list[float] = []
    while not seconds or sum(seconds) < LEAST_SECONDS:
        started = time.perf_counter()
        encoder.embed(windows)
        seconds.append(time.perf_counter() - started)
    return round(batch / statistics.median(seconds), 1)


def _time_starts(models: Sequence[Path], shape: tuple[int, ...]) -> tuple[Start, ...]:
    """Start fresh processes of each kind in turn."""
    kinds = [("by hand", models[0], BY_HAND)]
    kinds += [("onnxruntime", model, DEVICE) for model in models]
    kinds += [("numpy", models[0], DEVICE)]
    measured: list[list[tuple[float, int]]] = [[] for _ in kinds]
    for _ in range(N_STARTS):
        for (what, model, code), found in zip(kinds, measured, strict=True):
            found.append(_start(code, str(model), what, ",".join(map(str, shape))))
    return tuple(
        Start(
            what,
            str(model),
            round(statistics.median(seconds for seconds, _ in found) * 1e3, 1),
            int(statistics.median(peak for _, peak in found)),
        )
        for (what, model, _), found in zip(kinds, measured, strict=True)
    )


def _start(code: str, *arguments: str) -> tuple[float, int]:
    """Run code in a fresh process; return the seconds to its end and its peak of memory."""
    started = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-P", "-c", code + SAY, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    if process.returncode:
        *_, last = process.stderr.splitlines() or ["no message"]
        raise EdgeclustError(f"a fresh process could not label a window: {last}")
    done, peak = process.stdout.split()
    return float(done) - started, int(peak)


def write_report(report: BenchReport, folder: Path) -> list[Path]:
    """Write what was measured to a folder: ``bench.json`` and, with matplotlib, ``bench.png``.

    Parameters
    ----------
    report : BenchReport
        As `bench` returns it.
    folder : Path
        Made where it is not there.

    Returns
    -------
    written : list of Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "bench.json"
    write_atomically(table, (json.dumps(report.to_json(), indent=1) + "\n").encode())
    if find_spec("matplotlib") is None:
        return [table]
    picture = folder / "bench.png"
    write_atomically(picture, _draw(report))
    return [table, picture]


def _draw(report: BenchReport) -> bytes:
    """Draw the time of a window, the throughput and the start of a process."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 3.8), layout="constrained")
    times, rates, starts = figure.subplots(1, 3, width_ratios=(3, 2, 2))
    names = [f"{Path(s.model).stem}\n{s.backend}\nlearn {s.learn}" for s in report.speeds]
    network = [speed.network_us for speed in report.speeds]
    outside = [speed.p50_us - speed.network_us for speed in report.speeds]
    times.bar(names, network, label="network")
    times.bar(names, outside, bottom=network, label="all else")
    times.set(ylabel="µs a window, median", title="one window, one thread")
    times.margins(y=0.25)  # room for the legend
    times.legend(frameon=False, loc="upper left", ncols=2)
    for speed in report.speeds:
        if speed.learn == "gated":  # what is embedded does not learn
            line = [*zip(*speed.windows_per_s.items(), strict=True)]
            rates.plot(*line, "o-", label=f"{Path(speed.model).stem} {speed.backend}")
    rates.set(xscale="log", yscale="log", xlabel="windows at once", title="windows a second")
    rates.set_xticks(BATCHES, [str(batch) for batch in BATCHES])
    rates.legend(frameon=False, fontsize="small")
    labels = [f"{Path(start.model).stem}\n{start.what}" for start in report.starts]
    starts.bar(labels, [start.cold_start_ms for start in report.starts])
    starts.set(ylabel="ms", title="a fresh process to its first label")
    for axes in (times, starts):
        axes.tick_params(axis="x", labelsize="small")
    content = io.BytesIO()
    figure.savefig(content, dpi=110, metadata={"Software": None})
    return content.getvalue()
