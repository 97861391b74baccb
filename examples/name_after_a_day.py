"""Wear a device for a day without a name for anything, then say what a few minutes of it were.

    python examples/name_after_a_day.py demo/model.onnx demo/held_out.csv mine

The recording, with a column `label`, plays the day. The device labels it knowing no names. In the
evening its wearer remembers one stretch of each activity, the first that is long enough; five
windows of it name the clusters, and the names are in the folder from then on, which
`edgeclust label --state mine` goes on with. The command `edgeclust name` does the same with a CSV.
"""

import argparse
import csv
from collections import Counter
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from edgeclust import Labeler

N_EXAMPLES = 5
"""Windows that are remembered of each activity."""

Run = tuple[str, NDArray[np.float32]]


def read_runs(path: str, channels: list[str]) -> list[Run]:
    """Return the label and the samples of each run of one label."""
    with open(path, newline="") as file:
        rows = [*csv.DictReader(file)]
    return [
        (label, np.array([[row[name] for name in channels] for row in run], np.float32))
        for label, run in groupby(rows, key=lambda row: row.get("label") or "")
    ]


def remember(
    runs: list[Run], window: int, stride: int
) -> list[tuple[str, tuple[NDArray[np.float32], None]]]:
    """Return the beginning of one run of each activity, as long as the examples are."""
    length = window + (N_EXAMPLES - 1) * stride
    found: dict[str, NDArray[np.float32]] = {}
    for label, samples in runs:
        if label and len(samples) >= length:
            found.setdefault(label, samples[:length])
    return [(label, (samples, None)) for label, samples in found.items()]


def main() -> None:
    """Label a day, name it in the evening, and say what it was."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a .onnx file that 'edgeclust export' wrote")
    parser.add_argument("recording", help="CSV with a column for each channel, and 'label'")
    parser.add_argument("state", help="folder of what is learnt")
    arguments = parser.parse_args()

    with Labeler.open(arguments.model, state=arguments.state) as labeler:
        model = labeler.metadata
        runs = read_runs(arguments.recording, model.channel_names)
        samples = np.concatenate([samples for _, samples in runs])
        day = Counter(event.cluster for event in labeler.push(samples))
        print("the day:", dict(sorted(day.items(), key=str)), "windows of each cluster")

        naming = labeler.name_runs(remember(runs, model.window, model.stride))
        for cluster, name in enumerate(naming.names):
            print(f"cluster {cluster} is {name or 'still without a name'}")
        for conflict in naming.conflicts():
            print("but", conflict)

    with Labeler.open(arguments.model, state=arguments.state) as labeler:
        event = labeler.push(samples[: model.window])[0]
        print(f"the day after begins with {event.name or f'cluster {event.cluster}'}")


if __name__ == "__main__":
    main()
