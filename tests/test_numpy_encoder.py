"""The network of a model file under numpy: as onnxruntime runs it, whatever the file."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from edgeclust import ConfigError, Labeler, ModelFileError
from edgeclust.encoder import OnnxEncoder, open_encoder
from edgeclust.model_facts import model_facts
from edgeclust.numpy_encoder import NumpyEncoder
from edgeclust.numpy_operators import OPERATORS, Budget
from edgeclust.onnx_reader import read_onnx

from corruption import MOST_MEMORY, mutations, opens, peak_of, truncations
from toy import toy_images, toy_recordings

STREAM = toy_recordings(n_subjects=1, seconds=8, seed=7)[0].signal.T
RELEASED = ["toy_model", "image_model"]


@pytest.fixture(params=RELEASED)
def released(request: pytest.FixtureRequest) -> Path:
    """A file of each released version."""
    path: Path = request.getfixturevalue(request.param)
    return path


@pytest.mark.parametrize("n_windows", [0, 1, 2, 65, 300])
def test_embeddings_are_those_of_onnxruntime(released: Path, n_windows: int) -> None:
    encoder = NumpyEncoder(released)
    shape = (n_windows, *encoder.metadata.input_shape)
    windows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    embedding = encoder.embed(windows)
    assert embedding.dtype == np.float32
    assert embedding.shape == (n_windows, encoder.metadata.centroids.shape[1])
    if n_windows:
        expected = OnnxEncoder(released).embed(windows)
        np.testing.assert_allclose(embedding, expected, rtol=0, atol=1e-5)


def test_windows_need_not_lie_in_order_and_are_not_changed(toy_model: Path) -> None:
    encoder = NumpyEncoder(toy_model)
    whole = np.random.default_rng(0).normal(size=(3, 50, 3)).astype(np.float32)
    before = whole.copy()
    turned = encoder.embed(whole.swapaxes(1, 2))
    np.testing.assert_array_equal(turned, encoder.embed(whole.swapaxes(1, 2).copy()))
    np.testing.assert_array_equal(whole, before)


def test_both_backends_give_the_events_of_the_release(toy_model: Path, image_model: Path) -> None:
    one, other = (Labeler.open(toy_model, backend=name) for name in ("onnxruntime", "numpy"))
    events, expected = other.push(STREAM), one.push(STREAM)
    assert [event.cluster for event in events] == [event.cluster for event in expected]
    for event, same in zip(events, expected, strict=True):
        assert event.distance == pytest.approx(same.distance, abs=1e-5)
    images = toy_images(9, seed=7)[0]
    one, other = (Labeler.open(image_model, backend=name) for name in ("onnxruntime", "numpy"))
    np.testing.assert_array_equal(other.predict(images), one.predict(images))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e38])
def test_what_overflows_is_skipped_under_numpy_too(toy_model: Path, bad: float) -> None:
    samples = STREAM[:200].copy()
    samples[60, 1] = bad
    labeler = Labeler.open(toy_model, backend="numpy")
    events = labeler.push(samples)
    assert [event.t for event in events if not event.skipped] == [0.0, 3.0, 4.0, 5.0, 6.0]
    assert labeler.n_skipped == 2


def test_a_device_without_onnxruntime_labels_with_numpy(toy_model: Path) -> None:
    expected = [event.cluster for event in Labeler.open(toy_model).push(STREAM)]
    code = (
        "import sys\n"
        "sys.modules['onnxruntime'] = sys.modules['onnx'] = None\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from toy import toy_recordings\n"
        "from edgeclust import Labeler, MissingExtraError\n"
        "from edgeclust.model_facts import model_facts\n"
        f"model = {str(toy_model)!r}\n"
        "stream = toy_recordings(n_subjects=1, seconds=8, seed=7)[0].signal.T\n"
        "events = Labeler.open(model).push(stream)\n"
        f"assert [event.cluster for event in events] == {expected}\n"
        "assert model_facts(model)['opset'] == 18\n"
        "try:\n"
        "    Labeler.open(model, backend='onnxruntime')\n"
        "except MissingExtraError as error:\n"
        "    assert 'pip install onnxruntime, or use the backend numpy' in str(error)\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True, timeout=60)


def test_a_backend_is_chosen_by_name(toy_model: Path) -> None:
    assert isinstance(open_encoder(toy_model), OnnxEncoder)
    assert isinstance(open_encoder(toy_model, backend="numpy"), NumpyEncoder)
    with pytest.raises(ConfigError, match=r"auto, onnxruntime or numpy, got 'tflite'"):
        Labeler.open(toy_model, backend="tflite")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"Relu", b"Tanh", "holds the operator 'Tanh', which the numpy backend does not run"),
        (b"strides", b"striden", "Conv has the attribute 'striden' of"),
        (b"axis", b"axes", "has the attribute 'axes' of"),
        (b"NOTSET", b"VALIDE", "operation Conv cannot run: group should be 1 and auto_pad NOTSET"),
        (b"pytorch", b"p\xfftorch", ""),  # read by nobody
        (b"edgeclust", b"edgecluzt", "lacks the metadata property 'edgeclust'"),
        (b'"schema_version": 1', b'"schema_version": 8', "has version 8, this edgeclust reads"),
        (b'"window": 50', b'"window": 51', "which does not fit its metadata"),
        (b"embedding", b"imbedding", "which does not fit its metadata"),
    ],
)
def test_what_is_not_read_is_refused_by_name(
    toy_model: Path, tmp_path: Path, old: bytes, new: bytes, message: str
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(toy_model.read_bytes().replace(old, new))
    if message:
        with pytest.raises(ModelFileError, match=message):
            NumpyEncoder(path)
    else:
        NumpyEncoder(path)


def varint(value: int) -> bytes:
    """Encode a number as the format does."""
    value %= 2**64
    parts = [value >> shift & 0x7F for shift in range(0, 70, 7)]
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return bytes([*(part | 0x80 for part in parts[:-1]), parts[-1]])


def field(number: int, value: bytes | int) -> bytes:
    """Encode a field: a number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def a_file(tensor: bytes = b"", graph: bytes = b"", model: bytes = b"") -> bytes:
    """Encode a file of one tensor, with more fields at its end."""
    graph = field(5, tensor) + graph if tensor else graph
    return field(1, 10) + field(7, graph) + field(8, field(2, 18)) + model


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (a_file(field(13, b"x")), "holds external data"),
        (a_file(field(14, 1)), "holds external data"),
        (a_file(field(4, b"\0\0\0\0")), r"typed data \(float_data\)"),
        (a_file(field(2, 11) + field(8, b"w")), "'w' has the data type double, which is not read"),
        (a_file(field(2, 99)), "the data type number 99"),
        (a_file(field(2, 1) + field(1, 2**40) + field(9, b"abcd")), "has an impossible shape"),
        (a_file(field(2, 1) + field(1, -1) + field(9, b"abcd")), "has an impossible shape"),
        (a_file(field(2, 1) + field(1, 2) + field(9, b"abcd")), r"of shape \(2,\) has 4 bytes"),
        (a_file(field(2, 1) + field(1, b"\x01" * 10**6)), "tensor has more than 64 parts"),
        (a_file(graph=field(1, b"") * 5000), "graph has more than 4096 parts"),
        (a_file(graph=field(10, b"doc")), "holds a doc string"),
        (a_file(graph=field(1, field(5, field(1, b"g") + field(6, b"")))), "that is a graph"),
        (a_file(graph=field(1, field(7, b"com.microsoft"))), "the domain 'com.microsoft'"),
        (a_file(graph=field(1, field(4, b"\xff"))), "a text in it is no UTF-8"),
        (a_file(model=field(25, b"f")), "holds functions"),
        (a_file(model=field(8, b"")), "says 2 times which operators"),
        (a_file(model=b"\x0b"), "holds field 1 of an unexpected kind"),
        (a_file(model=b"\x80" * 11), "a number in it has no end"),
        (a_file(model=field(99, 1)), "holds field 99, which is not known"),
        (a_file(model=b"\x3a\xff\xff\xff\xff\x7f"), "it ends too early"),
        (b"", "has 0 fields graph, 1 is expected"),
    ],
)
def test_a_file_that_lies_or_holds_more_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        read_onnx(content)


def test_a_small_graph_cannot_ask_for_much_memory_or_time() -> None:
    ones = np.ones((1, 1, 2**20), np.float32)
    budget = Budget(n_numbers=2**25, n_products=2**32)
    with pytest.raises(ModelFileError, match="needs more memory or time than any exported one"):
        OPERATORS["Add"](budget, ones, ones.reshape(-1, 1))
    settings = {"kernel_shape": (1,), "strides": (1,), "dilations": (1,)}
    with pytest.raises(ModelFileError, match="needs more memory or time"):
        OPERATORS["Conv"](budget, ones, np.ones((1, 1, 1), np.float32), pads=(0, 2**40), **settings)


def test_a_file_larger_than_any_model_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(2**40)
    for backend in ("numpy", "onnxruntime"):
        with pytest.raises(ModelFileError, match="is larger than 67108864 bytes"):
            open_encoder(tmp_path / "huge.onnx", backend=backend)


def test_damaged_files_are_refused_or_run_and_never_more(released: Path, tmp_path: Path) -> None:
    content = released.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not any(opens(tmp_path / "m.onnx", part) for part in truncations(content))
        n_open = sum(opens(tmp_path / "m.onnx", part) for part in mutations(content, 400, seed=1))
    assert n_open < 200


def test_damaged_files_take_little_memory(released: Path, tmp_path: Path) -> None:
    content = released.read_bytes()
    peaks = [peak_of(tmp_path / "m.onnx", part) for part in mutations(content, 60, seed=2)]
    assert max(peaks) < MOST_MEMORY


def test_the_facts_of_a_file_are_those_it_holds(released: Path) -> None:
    facts = model_facts(released)
    metadata = NumpyEncoder(released).metadata
    assert facts["size_bytes"] == released.stat().st_size
    assert len(facts["sha256"]) == 64
    assert (facts["opset"], facts["ir_version"]) == (18, 10)
    assert facts["counts"] == list(metadata.counts)
    assert facts["operators"][:2] == ["Sub", "Div"]
    assert facts["n_weights"] * 4 < facts["size_bytes"]


def test_quantising_rounds_half_to_even_and_saturates() -> None:
    budget = Budget(1000, 1000)
    values = np.array([[0.5, 1.5, 2.5, -1000, 1000]], np.float32)
    zero = np.int8(1)
    steps = OPERATORS["QuantizeLinear"](budget, values, np.float32(1), np.array(zero))
    assert steps.dtype == np.int8
    assert steps.tolist() == [[1, 3, 3, -128, 127]]
    back = OPERATORS["DequantizeLinear"](budget, steps, np.float32(0.5), np.array(zero))
    assert back.tolist() == [[0, 1, 1, -64.5, 63]]
    weights = np.array([[1, 2], [3, 4]], np.int8)
    scales = np.array([1, 10], np.float32)
    for axis, expected in ((0, [[1, 2], [30, 40]]), (1, [[1, 20], [3, 40]])):
        meant = OPERATORS["DequantizeLinear"](budget, weights, scales, axis=axis)
        assert meant.tolist() == expected
