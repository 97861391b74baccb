"""Where the time of a network goes: each operation, by onnxruntime's profiler, at batch 1.

One window at a time, one thread; means of the quicker 60 % of runs. The profiler adds some
microseconds to every operation: what the quickest of them takes is shown as the cost of being one,
and what is above that as its work. The work of convolutions and linear layers is all that 8 bits
can save, so the call without it bounds how much faster they can be. Seconds. Run from the root:

    .venv/bin/python benchmarks/nodes.py MODEL.onnx [MODEL-int8.onnx]
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnxruntime

N_RUNS, N_WARM = 3000, 500
"""Windows embedded, and those before that do not count."""


def main() -> None:
    """Print a table for each model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path)
    for model in parser.parse_args().models:
        call, nodes = time_model(model)
        least = min(nodes.values())
        work = {name: mean - least for name, mean in nodes.items()}
        products = sum(part for name, part in work.items() if "Conv " in name or "Gemm" in name)
        print(
            f"\n{model}: {len(nodes)} operations, {least:.1f} us each in the profiler for being one"
        )
        for name, mean in work.items():
            print(f"  {name:60} {mean:6.2f} us of work")
        print(
            f"a call takes {call:.1f} us, convolutions and layers work {products:.1f} us of it: "
            f"without these it would be x{call / (call - products):.2f} as fast"
        )


def time_model(model: Path) -> tuple[float, dict[str, float]]:
    """Run a model on noise; return microseconds of a call, and by operation in the profiler."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        plain = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        options.enable_profiling = True
        options.profile_file_prefix = f"{folder}/profile"
        watched = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (window,) = plain.get_inputs()
        noise = np.random.default_rng(0).normal(size=(50, 1, *window.shape[1:]))
        windows = noise.astype(np.float32)
        for n in range(N_WARM + N_RUNS):  # in turn, so that a busy machine is so to both
            started = time.perf_counter()
            plain.run(None, {window.name: windows[n % 50]})
            seconds.append(time.perf_counter() - started)
            watched.run(None, {window.name: windows[n % 50]})
        events = json.loads(Path(watched.end_profiling()).read_text())
    durations: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if event["name"].endswith("_kernel_time"):
            node = event["name"].removesuffix("_kernel_time")
            durations[f"{event['args']['op_name']} {node}"].append(event["dur"])
    return quicker(seconds) * 1e6, {name: quicker(part) for name, part in durations.items()}


def quicker(times: list[float]) -> float:
    """Return the mean of the quicker 60 % of times, but the first ones."""
    return float(np.mean(np.sort(times[N_WARM:])[: int(0.6 * N_RUNS)]))


if __name__ == "__main__":
    main()
