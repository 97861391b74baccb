import getpass
import os
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from edgeclust import DataError, Labeler, WindowedDataset
from edgeclust.clusters import Clusters
from edgeclust.encoder import OnnxEncoder
from edgeclust.export import ParityError, export_model, parity
from edgeclust.train import ENCODERS, TrainConfig, TrainedModel, train
from edgeclust.train.model import embed

from toy import TOY_CARD, toy_recordings

ROOT = Path(__file__).parent.parent.parent


def trained(dataset: WindowedDataset, encoder: str = "filterbank") -> TrainedModel:
    config = TrainConfig(n_clusters=3, epochs=3, batch_size=32, restarts=1, encoder=encoder)
    return train(dataset, config).model


@pytest.fixture(scope="module")
def model(toy_dataset: WindowedDataset) -> TrainedModel:
    return trained(toy_dataset)


def export(model: TrainedModel, out: Path, dataset: WindowedDataset) -> Path:
    export_model(model, out, dataset, training={"acc": 0.5}, versions={"edgeclust": "0"})
    return out


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("batch", [1, 7])
def test_every_encoder_embeds_alike_under_onnxruntime(
    toy_dataset: WindowedDataset, tmp_path: Path, encoder: str, batch: int
) -> None:
    model = trained(toy_dataset, encoder)
    opened = OnnxEncoder(export(model, tmp_path / "m.onnx", toy_dataset))
    windows = toy_dataset.gather(np.arange(batch))
    expected = embed(model.encoder, toy_dataset)[:batch]
    np.testing.assert_allclose(opened.embed(windows), expected, rtol=1e-4, atol=1e-5)


def test_the_labeler_labels_as_the_trained_model(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    labeler = Labeler.open(export(model, tmp_path / "m.onnx", toy_dataset))
    labels = labeler.predict(toy_dataset.gather(np.arange(len(toy_dataset))))
    expected = model.clusters.predict(embed(model.encoder, toy_dataset))
    np.testing.assert_array_equal(labels, expected)


def test_an_aligned_model_labels_a_tilted_stream_as_an_upright_one(tmp_path: Path) -> None:
    upright = WindowedDataset(TOY_CARD, toy_recordings(seconds=60))
    model = trained(upright)
    assert model.alignment is not None  # the toy sensor is worn at the waist
    path = export(model, tmp_path / "m.onnx", upright)
    stream = toy_recordings(n_subjects=1, seconds=60, seed=5)[0].signal
    stream = stream[:, 60 * 25 :]  # walking, then running
    tilt = np.array([[1, 0, 0], [0, 0.6, -0.8], [0, 0.8, 0.6]])  # about x, by 53 degrees
    tilted = (1.1 * tilt @ stream).astype(np.float32)
    straight = [event.cluster for event in Labeler.open(path).push(stream.T)]
    turned = [event.cluster for event in Labeler.open(path).push(tilted.T)]
    assert turned[10:] == straight[10:]
    fixed = replace(model, alignment=None)
    path = export(fixed, tmp_path / "fixed.onnx", upright)
    near, far = (
        [event.distance or 0.0 for event in Labeler.open(path).push(samples.T)]
        for samples in (stream, tilted)
    )
    assert not np.allclose(near, far, rtol=0.1)  # what the alignment is for
    assert [event.cluster for event in Labeler.open(path).push(tilted.T)][10:] != straight[10:]


def test_the_file_says_what_the_device_has_to_know(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    metadata = OnnxEncoder(export(model, tmp_path / "m.onnx", toy_dataset)).metadata
    assert (metadata.data, metadata.mount, metadata.rate_hz) == ("toy", "waist", 25.0)
    assert (metadata.window, metadata.stride) == (50, 25)
    assert metadata.channels == toy_dataset.card.channels
    assert metadata.sigma == model.clusters.sigma
    np.testing.assert_array_equal(metadata.centroids, model.clusters.centroids)
    assert sum(metadata.counts) == len(toy_dataset)
    assert metadata.names == (None, None, None)
    assert metadata.training == {"acc": 0.5}


def test_it_is_one_file_without_trace_of_the_machine(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    content = export(model, tmp_path / "m.onnx", toy_dataset).read_bytes()
    assert os.listdir(tmp_path) == ["m.onnx"]
    traces = [str(ROOT), str(tmp_path), str(Path.home()), torch.__path__[0]]
    traces += [".py", "site-packages", 'File "', "pkg.torch"]
    # Names as short as "root" or "vm" may stand in the file by chance; beside a border they are
    # traces, and longer ones are so anywhere.
    for name in (getpass.getuser(), socket.gethostname()):
        traces += [name] if len(name) > 4 else [f"/{name}", f"{name}/", f"@{name}"]
    assert [trace for trace in traces if trace.encode() in content] == []


def test_the_graph_is_plain_and_holds_its_weights(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    path = export(model, tmp_path / "m.onnx", toy_dataset)
    proto = onnx.load(path, load_external_data=False)
    onnx.checker.check_model(proto, full_check=True)
    assert all(not tensor.external_data for tensor in proto.graph.initializer)
    assert {entry.domain for entry in proto.opset_import} == {""}
    assert not proto.functions


def test_exported_twice_the_file_is_the_same(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    one = export(model, tmp_path / "one.onnx", toy_dataset).read_bytes()
    assert export(model, tmp_path / "two.onnx", toy_dataset).read_bytes() == one


def test_the_report_measures_the_file(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    report = export_model(model, tmp_path / "m.onnx", toy_dataset, training={}, versions={})
    assert report.size_bytes == (tmp_path / "m.onnx").stat().st_size
    assert report.parity.n_windows == len(toy_dataset)
    assert report.parity.same_label == 1.0
    assert 0 <= report.parity.max_abs_difference < 1e-4
    assert report.latency_us > 0


def test_a_file_that_labels_otherwise_is_not_written(
    model: TrainedModel,
    toy_dataset: WindowedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def drifted(encoder: torch.nn.Module, dataset: WindowedDataset) -> np.ndarray:
        embedding = embed(encoder, dataset)
        embedding[3] = model.clusters.centroids[(model.clusters.predict(embedding[3:4])[0] + 1) % 3]
        return embedding

    monkeypatch.setattr(parity, "embed", drifted)
    with pytest.raises(ParityError, match=r"99.9% are asked for; .* windows \[3\] differ"):
        export(model, tmp_path / "m.onnx", toy_dataset)
    assert os.listdir(tmp_path) == []


def test_an_encoder_of_nan_is_not_exported(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    broken = replace(
        model,
        clusters=Clusters(model.clusters.centroids, model.clusters.sigma, model.clusters.log_prior),
        encoder=torch.nn.Sequential(model.encoder, torch.nn.Threshold(1e9, float("nan"))).eval(),
    )
    with pytest.raises(ParityError):
        export(broken, tmp_path / "m.onnx", toy_dataset)
    assert os.listdir(tmp_path) == []


def test_windows_of_another_kind_are_refused(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    longer = WindowedDataset(toy_dataset.card, toy_dataset.recordings, window=60)
    with pytest.raises(DataError, match=r"trained with window 50, 'toy' has 60"):
        export(model, tmp_path / "m.onnx", longer)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_does_not_exist_is_named(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"gone: is no folder to write m.onnx to"):
        export(model, tmp_path / "gone" / "m.onnx", toy_dataset)
