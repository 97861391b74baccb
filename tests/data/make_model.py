"""Make the model file that the device's tests open, and the events it gives.

Run once a released format: python tests/data/make_model.py. The files are kept as they are, so
that later versions are tested against what earlier ones wrote.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from edgeclust import Labeler, WindowedDataset  # noqa: E402
from edgeclust.export import export_model  # noqa: E402
from edgeclust.train import TrainConfig, train  # noqa: E402
from edgeclust.train.run import library_versions  # noqa: E402

from toy import TOY_CARD, toy_recordings  # noqa: E402


def main() -> None:
    """Train on the toy recordings, export, and label a stream."""
    dataset = WindowedDataset(TOY_CARD, toy_recordings())
    result = train(dataset, TrainConfig(n_clusters=3, epochs=30, batch_size=64))
    path = HERE / "model_v1.onnx"
    training = result.reports[-1].metrics
    export_model(result.model, path, dataset, training=training, versions=library_versions())
    stream = toy_recordings(n_subjects=1, seconds=8, seed=7)[0].signal.T
    lines = [json.dumps(event.to_json()) for event in Labeler.open(path).push(stream)]
    (HERE / "model_v1_events.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
