"""Make a model file that the device's tests open, and the events it gives.

Run once a released format: python tests/data/make_model.py v1 (of signals) or v2 (of images). The
files are kept as they are, so that later versions are tested against what earlier ones wrote.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from edgeclust import ArrayDataset, Dataset, Labeler, LabelEvent, WindowedDataset  # noqa: E402
from edgeclust.export import export_model  # noqa: E402
from edgeclust.train import TrainConfig, train  # noqa: E402
from edgeclust.train.identity import library_versions  # noqa: E402

from toy import TOY_CARD, TOY_IMAGE_CARD, toy_images, toy_recordings  # noqa: E402


def make_v1() -> None:
    """Train on the toy recordings, export, and label a stream."""
    dataset = WindowedDataset(TOY_CARD, toy_recordings())
    path = export_toy("model_v1", dataset, TrainConfig(n_clusters=3, epochs=30, batch_size=64))
    stream = toy_recordings(n_subjects=1, seconds=8, seed=7)[0].signal.T
    write_events("model_v1_events", Labeler.open(path).push(stream))


def make_v2() -> None:
    """Train on the toy images, export, and label others."""
    config = TrainConfig(n_clusters=3, epochs=20, batch_size=30, encoder="smallconv")
    path = export_toy("model_v2", ArrayDataset(TOY_IMAGE_CARD, *toy_images(180)), config)
    write_events("model_v2_events", Labeler.open(path).label_images(toy_images(9, seed=7)[0]))


def export_toy(name: str, dataset: Dataset, config: TrainConfig) -> Path:
    """Train and export."""
    result = train(dataset, config)
    path = HERE / f"{name}.onnx"
    training = result.reports[-1].metrics
    export_model(result.model, path, dataset, training=training, versions=library_versions())
    return path


def write_events(name: str, events: Iterable[LabelEvent]) -> None:
    """Keep the events."""
    lines = [json.dumps(event.to_json()) for event in events]
    (HERE / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    {"v1": make_v1, "v2": make_v2}[sys.argv[1]]()
