r"""How long a fresh device process takes to its first label, and what memory it needs.

    .venv/bin/python benchmarks/device_start.py tests/data/model_v1.onnx

Beside it: numpy and onnxruntime imported and the session opened by hand, which nothing on top can
beat. Each runs once a round in a process of its own, after one that warms the disk's cache; what is
told is the median over rounds, from the start of the process to its end, and the ratio to the work
by hand. On Linux or macOS.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from edgeclust.encoder import OnnxEncoder

BY_HAND = """
import sys, numpy as np, onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
window = np.loadtxt(sys.argv[2], delimiter=",", skiprows=1, dtype=np.float32).T[None]
session.run(None, {"window": window})
"""

LABELER = """
import sys, numpy as np
from edgeclust import Labeler
labeler = Labeler.open(sys.argv[1])
assert labeler.push(np.loadtxt(sys.argv[2], delimiter=",", skiprows=1, dtype=np.float32))
"""

LAUNCHER = """
import os, sys, time
started = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - started, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Starts a process from one that is small itself, for memory is counted from the fork on."""

WAYS = {
    "python alone": ["-c", "pass"],
    "by hand": ["-c", BY_HAND],
    "Labeler": ["-c", LABELER],
    "edgeclust label": ["-m", "edgeclust", "label", "--freeze"],
}


def main() -> None:
    """Time the ways in turn and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    metadata = OnnxEncoder(arguments.model).metadata
    if metadata.image is not None:
        parser.error("the model takes images; name one of signals")
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        window = Path(folder) / "window.csv"
        samples = np.random.default_rng(0).normal(size=(metadata.window, len(metadata.channels)))
        header = ",".join(metadata.channel_names)
        np.savetxt(window, samples, delimiter=",", header=header, comments="")
        for number in range(arguments.rounds + 1):
            for name, way in WAYS.items():
                command = [sys.executable, "-P", *way, str(arguments.model), str(window)]
                found = run(command)
                if number:  # the first round warms up
                    measured[name].append(found)
    medians = {name: np.median(found, axis=0) for name, found in measured.items()}
    seconds, mebibytes = medians["by hand"]
    print("                  ms to the end  ratio  most RSS (MiB)  ratio")
    for name, (own_s, own_mib) in medians.items():
        print(
            f"{name:16s}  {1000 * own_s:13.0f}  {own_s / seconds:5.2f}"
            f"  {own_mib:14.1f}  {own_mib / mebibytes:5.2f}"
        )


def run(command: list[str]) -> tuple[float, float]:
    """Return the seconds a process takes and the most memory it had, in MiB."""
    launched = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCHER, *command], capture_output=True, text=True
    )
    if launched.returncode:
        raise SystemExit(f"{command[-3:]}: {launched.stderr}")
    seconds, most = map(float, launched.stdout.split())
    return seconds, most / (1024 if sys.platform != "darwin" else 1024**2)


if __name__ == "__main__":
    main()
