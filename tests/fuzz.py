"""Open damaged model files by the thousand: python tests/fuzz.py [--files 10000] [--seed 0].

Each gives an error or runs; a crash, a hang beyond 10 seconds, a warning or too much memory ends
with the file kept. Bounded by an address space of 4 GiB, where the system knows such a bound.
"""

import argparse
import resource
import signal
import sys
import tempfile
import time
import warnings
from itertools import chain
from pathlib import Path

from corruption import mutations, opens, truncations

HERE = Path(__file__).parent


def main() -> None:
    """Damage each released file, and say how many of its copies still ran."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    warnings.simplefilter("error")
    models = sorted(HERE.glob("data/*.onnx"))
    slowest = 0.0
    kept = Path(tempfile.mkdtemp()) / "damaged.onnx"
    for seed, model in enumerate(models, start=arguments.seed):
        content = model.read_bytes()
        n_files, n_open = 0, 0
        damage = mutations(content, arguments.files // len(models), seed)
        for damaged in chain(truncations(content), damage):
            signal.alarm(10)
            started = time.perf_counter()
            try:
                n_open += opens(kept, damaged)
            except BaseException:
                print(f"kept in {kept}", file=sys.stderr)
                raise
            slowest = max(slowest, time.perf_counter() - started)
            signal.alarm(0)
            n_files += 1
        print(f"{model.name}: {n_files} damaged files, {n_open} still run, the others refused")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"slowest {slowest:.2f} s, most memory of the process {memory} MiB")


if __name__ == "__main__":
    main()
