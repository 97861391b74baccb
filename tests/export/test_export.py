import copy
import getpass
import os
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from edgeclust import Card, Channel, DataError, ImageCard, Labeler, WindowedDataset
from edgeclust.card import AnyCard
from edgeclust.clusters import Clusters
from edgeclust.encoder import Encoder, OnnxEncoder
from edgeclust.export import ParityError, export_model, parity
from edgeclust.export.model_file import describe
from edgeclust.export.to_onnx import encoder_to_onnx
from edgeclust.model_file import PROPERTY
from edgeclust.numpy_encoder import NumpyEncoder
from edgeclust.train import ENCODERS, IMAGE_ENCODERS, TrainConfig, TrainedModel, train
from edgeclust.train.encoders import build_encoder
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


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(("n_channels", "window"), [(1, 3), (6, 150), (117, 20)])
def test_numpy_runs_every_encoder_of_windows_as_onnxruntime_does(
    tmp_path: Path, encoder: str, n_channels: int, window: int
) -> None:
    channels = tuple(Channel(f"c{n}", "g") for n in range(n_channels))
    card = Card("toy", 50.0, channels, window=window, stride=window)
    check_backends_agree(tmp_path / "m.onnx", untrained(encoder, card))


@pytest.mark.parametrize("encoder", IMAGE_ENCODERS)
@pytest.mark.parametrize(("n_channels", "side"), [(1, 16), (3, 96)])
def test_numpy_runs_every_encoder_of_images_as_onnxruntime_does(
    tmp_path: Path, encoder: str, n_channels: int, side: int
) -> None:
    channels = tuple(Channel(f"c{n}", "0..1") for n in range(n_channels))
    card = ImageCard("toy", channels, height=side, width=side + 3)
    check_backends_agree(tmp_path / "m.onnx", untrained(encoder, card))


def untrained(encoder: str, card: AnyCard) -> TrainedModel:
    """Build an encoder whose normalisations do something."""
    torch.manual_seed(0)
    n_channels = len(card.channels)
    network = build_encoder(encoder, torch.randn(n_channels), torch.ones(n_channels) / 2, card, 8)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(layer.weight, 0.5, 2)
            torch.nn.init.normal_(layer.bias)
    clusters = Clusters(np.eye(2, 8, dtype=np.float32), 1.0, np.log([0.5, 0.5]))
    return TrainedModel(card, network.eval(), clusters, np.array([1, 1]), np.ones(2))


def check_backends_agree(path: Path, model: TrainedModel) -> None:
    write_model(path, model)
    shape = (7, len(model.card.channels), *model.card.shape)
    windows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    embedding, expected = NumpyEncoder(path).embed(windows), OnnxEncoder(path).embed(windows)
    np.testing.assert_allclose(embedding, expected, rtol=0, atol=1e-5)
    with torch.inference_mode():
        trained = model.encoder(torch.from_numpy(windows)).numpy()
    np.testing.assert_allclose(embedding, trained, rtol=0, atol=2e-5)


def write_model(path: Path, model: TrainedModel) -> onnx.ModelProto:
    """Write a model unchecked."""
    proto = encoder_to_onnx(model.encoder, (len(model.card.channels), *model.card.shape))
    metadata = describe(model, 1.0, training={}, versions={})
    onnx.helper.set_model_props(proto, {PROPERTY: metadata.to_json()})
    path.write_bytes(proto.SerializeToString())
    return proto


def test_the_graph_of_the_default_encoder_holds_only_what_inference_needs(tmp_path: Path) -> None:
    channels = tuple(Channel(f"c{n}", "g") for n in range(6))
    card = Card("toy", 50.0, channels, window=150, stride=75)
    proto = write_model(tmp_path / "m.onnx", untrained("filterbank", card))
    assert [node.op_type for node in proto.graph.node] == [
        *("Sub", "Div", "Reshape", "Conv", "Slice", "Slice", "Mul", "Mul", "Add", "Add", "Log"),
        *("Slice", "Concat", "Reshape", "Conv", "Relu", "Conv", "Relu", "ReduceMean", "Gemm"),
    ]
    used = {name for node in proto.graph.node for name in node.input}
    assert {tensor.name for tensor in proto.graph.initializer} <= used
    assert (tmp_path / "m.onnx").stat().st_size <= 150_000


def test_normalisations_of_equal_numbers_are_folded(tmp_path: Path) -> None:
    card = Card("toy", 50.0, (Channel("ax", "g"),), window=64, stride=64)
    network = build_encoder("filterbank", torch.zeros(1), torch.ones(1), card, 8).eval()
    model = replace(untrained("conv", card), encoder=network)
    check_backends_agree(tmp_path / "m.onnx", model)
    assert b"BatchNormalization" not in (tmp_path / "m.onnx").read_bytes()


def test_a_quantised_graph_runs_under_numpy_as_under_onnxruntime(tmp_path: Path) -> None:
    channels = tuple(Channel(f"c{n}", "g") for n in range(3))
    card = Card("toy", 50.0, channels, window=40, stride=40)
    path = tmp_path / "m.onnx"
    graph = write_model(path, untrained("conv", card))
    quantise(graph)
    onnx.checker.check_model(graph, full_check=True)
    path.write_bytes(graph.SerializeToString())
    windows = np.random.default_rng(0).normal(size=(5, 3, 40)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    # As written: fused, an integer convolution may round to the step beside.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path.read_bytes(), options)
    (expected,) = session.run(None, {"window": windows})
    np.testing.assert_allclose(NumpyEncoder(path).embed(windows), expected, rtol=0, atol=1e-5)


def quantise(model: onnx.ModelProto) -> None:
    """Put int8 weights, a scale a filter, and uint8 activations around every convolution."""
    graph = model.graph
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = []
    for node in graph.node:
        if node.op_type == "Conv":
            weight = weights[node.input[1]]
            scale = np.abs(weight).reshape(len(weight), -1).max(axis=1) / 127
            steps = np.rint(weight / scale[:, None, None, None]).astype(np.int8)
            name, activation = f"{node.output[0]}_weight", f"{node.output[0]}_input"
            constants = {
                f"{name}_steps": steps,
                f"{name}_scale": scale.astype(np.float32),
                f"{name}_zero": np.zeros(len(scale), np.int8),
                f"{activation}_scale": np.float32(0.05),
                f"{activation}_zero": np.uint8(120),
            }
            for key, value in constants.items():
                graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), key))
            parts = [f"{name}_steps", f"{name}_scale", f"{name}_zero"]
            settings = [f"{activation}_scale", f"{activation}_zero"]
            make = onnx.helper.make_node
            steps_in = [node.input[0], *settings]
            nodes += [
                make("DequantizeLinear", parts, [name], axis=0),
                make("QuantizeLinear", steps_in, [f"{activation}_steps"]),
                make("DequantizeLinear", [f"{activation}_steps", *settings], [activation]),
            ]
            node.input[:2] = [activation, name]
        nodes.append(node)
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)


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
    straight = [event.cluster for event in Labeler.open(path, learn="off").push(stream.T)]
    turned = [event.cluster for event in Labeler.open(path, learn="off").push(tilted.T)]
    assert turned[10:] == straight[10:]
    fixed = replace(model, alignment=None)
    path = export(fixed, tmp_path / "fixed.onnx", upright)
    near, far = (
        [event.distance or 0.0 for event in Labeler.open(path, learn="off").push(samples.T)]
        for samples in (stream, tilted)
    )
    assert not np.allclose(near, far, rtol=0.1)  # what the alignment is for
    assert [event.cluster for event in Labeler.open(path, learn="off").push(tilted.T)][
        10:
    ] != straight[10:]


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


@pytest.mark.parametrize("backend", ["onnxruntime", "numpy"])
def test_a_file_that_labels_otherwise_is_not_written(
    model: TrainedModel,
    toy_dataset: WindowedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
) -> None:
    opened = parity.BACKENDS[backend]

    def drifted(path: Path) -> Encoder:
        encoder = opened(path)
        embed_well = encoder.embed

        def embed(windows: NDArray[np.float32]) -> NDArray[np.float32]:
            embedding = embed_well(windows)
            if len(windows) > 3:
                (nearest,) = model.clusters.predict(embedding[3:4])
                embedding[3] = model.clusters.centroids[(nearest + 1) % 3]
            return embedding

        monkeypatch.setattr(encoder, "embed", embed)
        return encoder

    monkeypatch.setitem(parity.BACKENDS, backend, drifted)
    with pytest.raises(
        ParityError,
        match=rf"under {backend}, 256 at once, .* 99.9% are asked for; .* windows 3 by \d",
    ):
        export(model, tmp_path / "m.onnx", toy_dataset)
    assert os.listdir(tmp_path) == []


def test_both_backends_and_sizes_of_batch_are_compared(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    report = export_model(model, tmp_path / "m.onnx", toy_dataset, training={}, versions={})
    compared = [(part.backend, part.batch) for part in report.parity.comparisons]
    assert compared == [("onnxruntime", 256), ("numpy", 256), ("onnxruntime", 1), ("numpy", 1)]
    assert all(p.mean_abs_difference <= p.max_abs_difference for p in report.parity.comparisons)


def test_held_out_windows_are_compared_where_there_are_any(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    seen, held_out = toy_dataset.hold_out(["2"])
    assert held_out is not None
    report = export_model(
        model, tmp_path / "m.onnx", seen, held_out=held_out, training={}, versions={}
    )
    assert report.parity.n_windows == len(held_out)


def test_an_encoder_of_nan_is_not_exported(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    encoder = copy.deepcopy(model.encoder)
    *_, last = encoder.parameters()
    torch.nn.init.constant_(last, float("nan"))
    broken = replace(model, encoder=encoder)
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
