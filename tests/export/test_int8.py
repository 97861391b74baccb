"""A model file in 8 bits: kept where it labels alike, is smaller and no slower."""

import os
import socket
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from edgeclust import ArrayDataset, DataError, WindowedDataset
from edgeclust.dataset import Dataset
from edgeclust.encoder import Encoder, OnnxEncoder
from edgeclust.export import ParityError, export_model, int8
from edgeclust.export.int8 import Quantized, to_int8
from edgeclust.export.model_file import describe
from edgeclust.export.parity import open_content
from edgeclust.export.quantize import float_layers, quantize, smooth
from edgeclust.export.to_onnx import encoder_to_onnx
from edgeclust.model_file import PROPERTY
from edgeclust.numpy_encoder import NumpyEncoder
from edgeclust.train import TrainConfig, TrainedModel, train

from toy import TOY_IMAGE_CARD, toy_images


def trained(dataset: Dataset, encoder: str = "auto", epochs: int = 14) -> TrainedModel:
    config = TrainConfig(
        n_clusters=3, epochs=epochs, batch_size=32, restarts=1, encoder=encoder, align="none"
    )
    return train(dataset, config).model


def graph_of(model: TrainedModel) -> onnx.ModelProto:
    proto = encoder_to_onnx(model.encoder, (len(model.card.channels), *model.card.shape))
    metadata = describe(model, 1.0, training={"acc": 0.5}, versions={}).to_json()
    onnx.helper.set_model_props(proto, {PROPERTY: metadata})
    return proto


@pytest.fixture(scope="module")
def model(toy_dataset: WindowedDataset) -> TrainedModel:
    return trained(toy_dataset)


@pytest.fixture(scope="module")
def graph(model: TrainedModel) -> onnx.ModelProto:
    return graph_of(model)


@pytest.fixture
def _never_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the clock out: which file is quicker is the machine's."""
    monkeypatch.setattr(
        int8, "latencies_us", lambda encoders, dataset: [2.0, *[1.0] * (len(encoders) - 1)]
    )


def quantized(
    graph: onnx.ModelProto, dataset: Dataset, held_out: Dataset | None = None
) -> Quantized:
    encoder = open_content(graph.SerializeToString())["onnxruntime"]
    return to_int8(graph, encoder, dataset, held_out)


@pytest.mark.usefixtures("_never_slower")
def test_the_exported_file_is_smaller_labels_alike_and_says_the_same(
    model: TrainedModel, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    out = tmp_path / "int8.onnx"
    report = export_model(model, out, toy_dataset, int8=True, training={"acc": 0.5}, versions={})
    assert report.quantized is not None
    assert out.stat().st_size == report.size_bytes < report.quantized.float_size_bytes
    assert report.parity.same_label >= 0.995
    assert report.to_json()["int8"]["speedup"] == 2.0
    opened = OnnxEncoder(out)
    temperature, metric = opened.metadata.temperature, opened.metadata.metric
    expected = describe(model, temperature, metric, training={"acc": 0.5}, versions={})
    assert opened.metadata.to_json() == expected.to_json()
    windows = toy_dataset.gather(np.arange(len(toy_dataset)))
    np.testing.assert_allclose(NumpyEncoder(out).embed(windows), opened.embed(windows), atol=0.1)


@pytest.mark.usefixtures("_never_slower")
def test_the_bytes_are_the_same_each_time_and_hold_no_trace_of_the_machine(
    graph: onnx.ModelProto, toy_dataset: WindowedDataset
) -> None:
    content = quantized(graph, toy_dataset).content
    assert quantized(graph, toy_dataset).content == content
    traces = ["/tmp", ".py", "site-packages", f"@{socket.gethostname()}"]
    assert [trace for trace in traces if trace.encode() in content] == []
    properties = onnx.ModelProto.FromString(content).metadata_props
    assert {entry.key for entry in properties} == {PROPERTY}


@pytest.mark.usefixtures("_never_slower")
def test_windows_that_set_no_scale_are_compared(
    graph: onnx.ModelProto, toy_dataset: WindowedDataset
) -> None:
    n_windows = quantized(graph, toy_dataset).parity.n_windows
    assert len(toy_dataset) // 2 <= n_windows < len(toy_dataset)
    seen, held_out = toy_dataset.hold_out(["2"])
    assert held_out is not None
    assert quantized(graph, seen, held_out).parity.n_windows == len(held_out)


def test_a_file_that_is_slower_is_not_written(
    model: TrainedModel,
    toy_dataset: WindowedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        int8, "latencies_us", lambda encoders, dataset: [1.0, *[1.5] * (len(encoders) - 1)]
    )
    with pytest.raises(
        ParityError,
        match=r"all layers in 8 bits: .*the first two and the last layer in float: 1.5 us a window "
        r"are more than the 1.0 us in float: export without --int8",
    ):
        export_model(model, tmp_path / "m.onnx", toy_dataset, int8=True, training={}, versions={})
    assert os.listdir(tmp_path) == []


def test_of_those_that_label_alike_and_are_not_slower_the_smallest_is_taken(
    graph: onnx.ModelProto, toy_dataset: WindowedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In float, then with more and more layers in float; within a twentieth is not slower.
    times = [4.0, 5.0, 4.3, 4.1, 1.0]
    monkeypatch.setattr(int8, "latencies_us", lambda encoders, dataset: times)
    found = quantized(graph, toy_dataset)
    assert found.layers == "the first and the last layer in float"
    assert (found.latency_us, found.float_latency_us) == (4.1, 4.0)


def test_times_are_taken_in_an_order_drawn_anew_for_each_window(
    graph: onnx.ModelProto, toy_dataset: WindowedDataset
) -> None:
    encoder = open_content(graph.SerializeToString())["onnxruntime"]
    calls: list[int] = []

    def noted(number: int) -> Encoder:
        def embed(window: NDArray[np.float32]) -> NDArray[np.float32]:
            calls.append(number)
            return encoder.embed(window)

        return cast(Encoder, SimpleNamespace(embed=embed))

    medians = int8.latencies_us([noted(0), noted(1)], toy_dataset)
    assert len(medians) == 2
    assert min(medians) > 0
    assert 400 < sum(calls[::2]) < 600  # of a thousand windows the second is first of half


@pytest.mark.usefixtures("_never_slower")
def test_more_layers_stay_in_float_until_the_labels_agree(
    graph: onnx.ModelProto, toy_dataset: WindowedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [kept for _, kept in float_layers(graph)]

    def spoilt(
        proto: onnx.ModelProto, windows: NDArray[np.float32], kept: tuple[str, ...]
    ) -> object:
        return quantize(proto, windows if kept == layers[3] else windows * np.float32(1e-3), kept)

    monkeypatch.setattr(int8, "quantize", spoilt)
    found = quantized(graph, toy_dataset)
    assert found.layers == "the first two and the last layer in float"
    assert [reason.split(":")[0] for reason in found.rejected] == [
        "all layers in 8 bits",
        "the last layer in float",
        "the first and the last layer in float",
    ]


def test_too_few_windows_are_refused(graph: onnx.ModelProto, toy_dataset: WindowedDataset) -> None:
    with pytest.raises(DataError, match=r"1 windows are too few to set the scales"):
        quantized(graph, toy_dataset.select(np.array([0])))


def test_layers_in_float_keep_their_weights(
    graph: onnx.ModelProto, toy_dataset: WindowedDataset
) -> None:
    windows = toy_dataset.gather(np.arange(40))
    kinds = []
    for words, kept in float_layers(graph):
        types = [tensor.data_type for tensor in quantize(graph, windows, kept).graph.initializer]
        kinds.append((words, types.count(onnx.TensorProto.INT8) // 2))  # a zero beside each
    assert kinds == [
        ("all layers in 8 bits", 4),
        ("the last layer in float", 3),
        ("the first and the last layer in float", 2),
        ("the first two and the last layer in float", 1),
    ]


def test_balancing_changes_nothing_in_float(
    graph: onnx.ModelProto, toy_dataset: WindowedDataset
) -> None:
    windows = toy_dataset.gather(np.arange(40))
    balanced = onnx.ModelProto.FromString(graph.SerializeToString())
    scaled = smooth(balanced, windows, ())
    assert scaled  # what goes into the first learnt layer is centred and scaled
    assert balanced.SerializeToString() != graph.SerializeToString()
    expected, found = (
        open_content(proto.SerializeToString())["onnxruntime"].embed(windows)
        for proto in (graph, balanced)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("_never_slower")
@pytest.mark.parametrize("encoder", ["conv2d", "smallconv"])
def test_models_of_images_become_smaller_too(encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "LEAST_AGREEMENT", 0.95)  # trained for moments only
    images = ArrayDataset(TOY_IMAGE_CARD, *toy_images(240))
    found = quantized(graph_of(trained(images, encoder, epochs=8)), images)
    assert len(found.content) < found.float_size_bytes


@pytest.mark.usefixtures("_never_slower")
def test_a_dead_channel_is_no_obstacle(
    graph: onnx.ModelProto, toy_dataset: WindowedDataset
) -> None:
    alive = np.array([[1], [0], [1]], np.float32)
    recordings = [replace(r, signal=r.signal * alive) for r in toy_dataset.recordings]
    found = quantized(graph, toy_dataset.with_recordings(recordings))
    assert np.isfinite(found.parity.max_abs_difference)
