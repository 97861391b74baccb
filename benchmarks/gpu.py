"""Every check and timing that needs a GPU: `make gpu-check`.

    .venv/bin/python benchmarks/gpu.py watch

Checks that a GPU embeds as the CPU does, that the three ways to gather there agree, and that a
step waits for the GPU once, for its table of distances. Times the layers that learn, forward and
backward, in float32, tf32, bfloat16 and compiled, each with its deviation from float32 on the CPU.
Then runs benchmarks/training.py there. Exits with 1 where a check fails, and with 2 where there is
no GPU: that nothing was checked is never taken for a pass. `--device cpu` rehearses it.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from training import batches_of, synthetic, wait

from edgeclust.train import TrainConfig
from edgeclust.train.halves import Halves
from edgeclust.train.inputs import BatchesAhead, DeviceWindows, Inputs
from edgeclust.train.trainer import Trainer

ALIKE = 5e-3
"""Deviation of an embedding, as a share of its largest number, that passes: tf32's, and no more."""

BFLOAT = 5e-2
"""The same in bfloat16, which has 8 bits."""


def main() -> None:
    """Check, time, print, and say by the exit code what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", help="names or recordings folders, to time as well")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("no GPU: torch sees none here, so nothing was checked", file=sys.stderr)
        sys.exit(2)
    failed = check(arguments.device)
    command = [sys.executable, str(Path(__file__).with_name("training.py"))]
    subprocess.run([*command, *arguments.data, "--device", arguments.device], check=True)
    sys.exit(1 if failed else 0)


def check(name: str) -> list[str]:
    """Run all checks, print them, and return those that failed."""
    device, dataset = torch.device(name), synthetic(n_windows=2000)
    config = TrainConfig(n_clusters=10, device=name)
    batches, indices = batches_of(dataset, config), np.arange(256)
    trainer = Trainer(dataset, config, seed=0)
    on_cpu = deepcopy(trainer.encoder).cpu()
    windows = torch.from_numpy(dataset.gather(indices))
    with torch.no_grad():
        expected = deepcopy(on_cpu)(windows)
    table = Table("check", "deviation", "at most", "ms, forward and backward", "")
    failed = []

    def row(what: str, deviation: float, most: float, taken: str = "") -> None:
        verdict = "passed" if deviation <= most else "FAILED"
        if verdict == "FAILED":
            failed.append(what)
        table.add_row(what, f"{deviation:.1e}", f"{most:g}", taken, verdict)

    for source in (None, DeviceWindows, BatchesAhead):
        inputs = Inputs(dataset, device)
        if source is not None:
            inputs._source = source(dataset, device)
        with torch.no_grad():
            found = inputs.encode(deepcopy(trainer.encoder), indices).cpu()
        what = "kept, filtered" if source is None else source.__name__
        row(f"embedding, {what}", _deviation(found, expected), ALIKE)
    for _ in range(2):
        trainer.step(batches[0])
    if name == "cuda":
        torch.cuda.set_sync_debug_mode("error")
    n_waits = 0
    try:
        trainer.expect(batches[1])
        for blocks in batches[:2]:
            trainer.step(blocks)
    except RuntimeError as error:  # what waits for the GPU beside the table's event
        print(error, file=sys.stderr)
        n_waits = 1
    finally:
        if name == "cuda":
            torch.cuda.set_sync_debug_mode("default")
    row("a step waits once", n_waits, 0)
    for what, most, context, compiled in _variants(name):
        encoder = deepcopy(on_cpu).to(device)
        halves = Halves(encoder)
        outputs = halves.fixed(windows.to(device))
        embed = torch.compile(halves.learnt, mode="reduce-overhead") if compiled else halves.learnt
        with context():
            found = embed(outputs).detach().float().cpu()
            taken = _milliseconds(partial(embed, outputs), name)
        row(f"learnt layers, {what}", _deviation(found, expected), most, f"{taken:.2f}")
    Console(width=120).print(table)
    return failed


Variant = tuple[str, float, Callable[[], AbstractContextManager[object]], bool]


def _variants(name: str) -> list[Variant]:
    """Return ways to compute the layers that learn: name, tolerance, context, compiled."""

    def bfloat() -> AbstractContextManager[object]:
        return torch.autocast(name, torch.bfloat16)

    variants: list[Variant] = [
        ("float32", ALIKE, nullcontext, False),
        ("bfloat16", BFLOAT, bfloat, False),
    ]
    if name == "cuda":
        variants += [
            ("tf32", ALIKE, _Tf32, False),
            ("float32, compiled", ALIKE, nullcontext, True),
            ("bfloat16, compiled", BFLOAT, bfloat, True),
        ]
    return variants


class _Tf32(AbstractContextManager[None]):
    """Products of matrices in tf32 within."""

    def __enter__(self) -> None:
        torch.set_float32_matmul_precision("high")

    def __exit__(self, *_: object) -> None:
        torch.set_float32_matmul_precision("highest")


def _deviation(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the largest difference as a share of the largest number."""
    return float((found - expected).abs().max() / expected.abs().max())


def _milliseconds(embed: Callable[[], torch.Tensor], device: str) -> float:
    """Return the median of forward and backward."""
    taken = []
    for _ in range(20):
        wait(device)
        started = time.perf_counter()
        torch.autograd.backward(embed().float().square().mean())
        wait(device)
        taken.append((time.perf_counter() - started) * 1e3)
    return float(np.median(taken[5:]))


if __name__ == "__main__":
    main()
