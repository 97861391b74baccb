r"""What a minimum bout gains or costs on streams of wearers the model never saw.

    .venv/bin/python benchmarks/debounce.py recordings/hapt

`recordings/hapt` is the folder that benchmarks/recordings.py makes. One model (two restarts) learns
from the first two thirds of the subjects, without labels; its clusters get the activities that fit
best there. Then each other subject's recordings are labelled as one stream in the order of time
(the moments between two activities are not in the folder), at several minimum bouts. Scored are
the windows that lie within one activity; changes of label stand beside those of the activity.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edgeclust import Labeler, WindowedDataset
from edgeclust.export import export_model
from edgeclust.har_data import open_recordings
from edgeclust.train import TrainConfig, evaluate, train

BOUTS = (1, 2, 3, 4, 6, 8)
"""Windows in a row that a new label needs."""


def main() -> None:
    """Train, export, label the streams and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="recordings folder")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--restarts", type=int, default=2)
    arguments = parser.parse_args()
    dataset = open_recordings(arguments.data)
    subjects = sorted({recording.subject for recording in dataset.recordings}, key=int)
    training, unseen = dataset.hold_out(subjects[len(subjects) * 2 // 3 :])
    assert unseen is not None
    rows: list[NDArray[np.float64]] = []
    for seed in range(arguments.seeds):
        config = TrainConfig(
            n_clusters=len(dataset.card.classes), restarts=arguments.restarts, seed=seed
        )
        result = train(training, config)
        clusters, activities = linear_sum_assignment(-evaluate(result.model, training).table)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            export_model(result.model, path, training, training={}, versions={})
            rows += score(path, unseen, dict(zip(clusters, activities, strict=True)))
    table = np.array(rows)  # (stream, bout, measure)
    usual = table[:, 0, 0]
    n_samples = sum(recording.signal.shape[1] for recording in unseen.recordings)
    hours = n_samples / dataset.card.rate_hz / 3600
    print(f"{len(table)} streams; {len(unseen.recordings) / hours:.0f} bouts of activity an hour")
    print("windows  seconds  accuracy  against 1: mean, worst wearer  changes an hour")
    for n_windows, (accuracy, changes) in zip(BOUTS, table.transpose(1, 2, 0), strict=True):
        gain = 100 * (accuracy - usual)
        print(
            f"{n_windows:7d}  {n_windows * dataset.card.stride / dataset.card.rate_hz:7.2f}"
            f"  {accuracy.mean():8.3f}  {gain.mean():+15.1f}, {gain.min():+12.1f}"
            f"  {changes.mean():15.0f}"
        )


def score(
    model: Path, unseen: WindowedDataset, activity_of: dict[int, int]
) -> list[NDArray[np.float64]]:
    """Return accuracy and changes an hour, of shape (n_bouts, 2), for each unseen wearer."""
    card, scores = unseen.card, []
    for subject in dict.fromkeys(recording.subject for recording in unseen.recordings):
        own = [recording for recording in unseen.recordings if recording.subject == subject]
        samples = np.concatenate([recording.signal.T for recording in own])
        truth = np.concatenate([r.labels for r in own if r.labels is not None])
        row = []
        for n_windows in BOUTS:
            min_bout_s = n_windows * card.stride / card.rate_hz
            labeler = Labeler.open(model, min_bout_s=min_bout_s, learn="off")
            right, said = [], []
            for event in labeler.push(samples):
                assert event.cluster is not None
                said.append(event.cluster)
                start = round(event.t * card.rate_hz)
                within = {*truth[start : start + card.window].tolist()}
                if len(within) == 1:
                    right.append(activity_of.get(event.cluster) == within.pop())
            hours = len(samples) / card.rate_hz / 3600
            row.append([np.mean(right), np.count_nonzero(np.diff(said)) / hours])
        scores.append(np.array(row))
    return scores


if __name__ == "__main__":
    main()
