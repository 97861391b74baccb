"""Resume after a crash: label a sensor, be cut off, and go on with what was learnt.

python examples/resume.py MODEL.onnx FOLDER

The first half of the stream is labelled by a process that ends as if the power were cut; the second
half by another, which goes on from the last save. Run it again, and it goes on from there.
"""

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgeclust import Labeler

N_WINDOWS = 50
"""Windows that each process labels."""


def sensor(labeler: Labeler) -> Iterator[NDArray[np.float32]]:
    """Yield samples as they come, a stride at a time; replace this by your own."""
    model = labeler.metadata
    rng = np.random.default_rng(0)
    for _ in range(N_WINDOWS + model.window // model.stride):
        yield rng.normal(size=(model.stride, len(model.channels))).astype(np.float32)


def label(model: str, folder: str, power_cut: bool) -> None:
    """Label until the stream ends, or until the power is cut."""
    # Ten windows for the example's sake; every 10 minutes of stream if left out.
    with Labeler.open(model, state=folder, save_windows=10) as labeler:
        print(f"starting with {labeler.tally.n_windows} windows seen", flush=True)
        for samples in sensor(labeler):
            labeler.push(samples)
            if power_cut and labeler.n_windows == N_WINDOWS // 2 + 3:
                print(f"power cut after {labeler.tally.n_windows} windows", flush=True)
                os._exit(1)  # nothing is closed, nothing saved
    print(f"saved with {labeler.tally.n_windows} windows seen", flush=True)


def main() -> None:
    """Label twice; the first time ends badly."""
    model, folder, *more = sys.argv[1:]
    if more:
        label(model, folder, power_cut=True)
        return
    subprocess.run([sys.executable, __file__, model, folder, "power-cut"])
    label(model, folder, power_cut=False)


if __name__ == "__main__":
    main()
