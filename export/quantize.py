"""Turn a graph into 8 bits: which layers, by which scales, from real windows."""

import logging
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper
from onnx.numpy_helper import from_array, to_array
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from edgeclust.model_file import INPUT

LAYERS = ("Conv", "Gemm")
"""Operators that are done in 8 bits; the others stay in float."""

BATCH = 64
"""Windows run at once for calibration."""


def float_layers(proto: onnx.ModelProto) -> list[tuple[str, tuple[str, ...]]]:
    """Return which layers may stay in float, from none of them to most.

    Those are the last layer, which an embedding feels at once; then the first, which makes the
    power of the filter bank; then the second too, which takes its logarithm.

    Parameters
    ----------
    proto : ModelProto
        As `edgeclust.export.to_onnx.encoder_to_onnx` returns it.

    Returns
    -------
    choices : list of (str, tuple of str)
        What stays, in words, and the names of those nodes.
    """
    names = [node.name for node in proto.graph.node if node.op_type in LAYERS]
    choices = {
        "all layers in 8 bits": (),
        "the last layer in float": names[-1:],
        "the first and the last layer in float": [names[0], names[-1]],
        "the first two and the last layer in float": [*names[:2], names[-1]],
    }
    return [(words, tuple(kept)) for words, kept in choices.items() if len({*kept}) < len(names)]


def quantize(
    proto: onnx.ModelProto, windows: NDArray[np.float32], keep_float: Collection[str] = ()
) -> onnx.ModelProto:
    """Return a graph with most layers in 8 bits, made for given windows.

    Weights have one scale for each output of a layer and 7 of the 8 bits, so that no processor's
    16-bit sums overflow: all label alike. Activations have one scale a layer; what
    goes into it is first centred and balanced with the weights, channel by channel, which changes
    nothing in float (Xiao et al., "SmoothQuant", ICML 2023, arXiv 2211.10438).

    Parameters
    ----------
    proto : ModelProto
        As `edgeclust.export.to_onnx.encoder_to_onnx` returns it, with metadata or without. Not
        modified.
    windows : float32 array of shape (n_windows, n_channels, *shape)
        Real ones, whose activations set the scales.
    keep_float : collection of str
        Names of layers that stay in float.

    Returns
    -------
    proto : ModelProto
        The same input, output and metadata; quantisation written as pairs of QuantizeLinear and
        DequantizeLinear. The same bytes for the same arguments.
    """
    prepared = onnx.ModelProto.FromString(proto.SerializeToString(deterministic=True))
    scaled = smooth(prepared, windows, keep_float)
    with tempfile.TemporaryDirectory() as folder, _quiet_quantizer():
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(prepared, before)
        quantize_static(
            before,
            after,
            _Windows(windows),
            quant_format=QuantFormat.QDQ,
            # What is rectified is quantised behind that: all steps for what is above 0, and the
            # rounding rectifies.
            op_types_to_quantize=[*LAYERS, "Relu"],
            nodes_to_exclude=[*keep_float],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        quantized = onnx.load(after)
    _fold_scales(quantized.graph, scaled)
    result: onnx.ModelProto = onnx.ModelProto.FromString(
        proto.SerializeToString(deterministic=True)
    )
    for part in ("node", "initializer"):
        del getattr(result.graph, part)[:]
        getattr(result.graph, part).extend(getattr(quantized.graph, part))
    used = {name for node in result.graph.node for name in node.input}
    for tensor in [tensor for tensor in result.graph.initializer if tensor.name not in used]:
        result.graph.initializer.remove(tensor)
    for tensor in result.graph.initializer:  # plain bytes, as the exporter writes them
        tensor.CopyFrom(from_array(to_array(tensor), tensor.name))
    onnx.checker.check_model(result, full_check=True)
    return result


class _Windows(CalibrationDataReader):  # type: ignore[misc]
    """Hands windows to the calibration."""

    def __init__(self, windows: NDArray[np.float32]) -> None:
        self._blocks = iter(_blocks(windows))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next input of the graph, or None after the last."""
        return next(self._blocks, None)


def _blocks(windows: NDArray[np.float32]) -> list[dict[str, NDArray[np.float32]]]:
    """Cut windows into inputs of a graph."""
    return [{INPUT: windows[n : n + BATCH]} for n in range(0, len(windows), BATCH)]


def smooth(
    proto: onnx.ModelProto, windows: NDArray[np.float32], keep_float: Collection[str]
) -> list[str]:
    """Balance what goes into each layer with its weights, by channel; the graph computes the same.

    Where a convolution makes it, its weights are scaled. Else it is centred and scaled by two
    nodes.

    Parameters
    ----------
    proto : ModelProto
        As `quantize` takes it; changed.
    windows : float32 array of shape (n_windows, n_channels, *shape)
        Real ones, whose activations say how large each channel becomes.
    keep_float : collection of str
        Names of layers that are left alone.

    Returns
    -------
    scaled : list of str
        Names of the nodes that scale.
    """
    graph = proto.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    layers = [node for node in graph.node if node.op_type in LAYERS and node.name not in keep_float]
    makers_of = {layer.name: _maker(layer, makers) for layer in layers}
    scaled = []
    for layer in layers:
        values = constants[layer.input[1]]
        weight = to_array(values).astype(np.float64)
        maker = makers_of[layer.name]
        if weight.shape[1] == 1 or (maker is None and layer.op_type == "Gemm"):
            continue  # one channel, or channels that were laid side by side
        low, high = _ranges(proto, layer.input[0], windows)
        along = (1, -1, *[1] * (weight.ndim - 2))
        if maker is not None:
            scale = _balance(high, weight)
            for name in maker.input[1:]:
                made = to_array(constants[name]).astype(np.float64)
                factor = scale.reshape(-1, *[1] * (made.ndim - 1))
                _replace(constants[name], made / factor)
        elif any(entry.name == "pads" and any(entry.ints) for entry in layer.attribute):
            continue  # the zeros beside what is centred would be none
        else:
            middle, scale = (high + low) / 2, _balance((high - low) / 2, weight)
            bias = to_array(constants[layer.input[2]]).astype(np.float64)
            offset = (weight * middle.reshape(along)).reshape(len(weight), -1).sum(axis=1)
            _replace(constants[layer.input[2]], bias + offset)
            scaled.append(_insert_before(graph, layer, middle, scale))
        _replace(values, weight * scale.reshape(along))
    return scaled


def _maker(layer: onnx.NodeProto, makers: dict[str, onnx.NodeProto]) -> onnx.NodeProto | None:
    """Return the convolution whose outputs go into a layer rectified; None where none does."""
    node, rectified = makers.get(layer.input[0]), False
    while node is not None and node.op_type in ("Relu", "ReduceMean", "MaxPool"):
        rectified |= node.op_type == "Relu"
        node = makers.get(node.input[0])
    return node if rectified and node is not None and node.op_type == "Conv" else None


def _ranges(
    proto: onnx.ModelProto, name: str, windows: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and the largest value of each channel of what a graph computes."""
    watched = onnx.ModelProto.FromString(proto.SerializeToString())
    watched.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    parts = [session.run([name], block)[0] for block in _blocks(windows)]
    values = np.moveaxis(np.concatenate(parts), 1, 0).astype(np.float64)
    values = values.reshape(len(values), -1)
    return values.min(axis=1), values.max(axis=1)


def _balance(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what to divide each channel by, so that it and its weights share the rounding."""
    others = tuple(axis for axis in range(weight.ndim) if axis != 1)
    parts = [np.where(part > 0, part, 1) for part in (values, np.abs(weight).max(axis=others))]
    balance: NDArray[np.float64] = np.sqrt(parts[0] / parts[1])
    return balance


def _insert_before(
    graph: onnx.GraphProto,
    layer: onnx.NodeProto,
    middle: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> str:
    """Centre and scale the channels that go into a convolution; return what scales them."""
    n_axes = next(len(entry.ints) for entry in layer.attribute if entry.name == "kernel_shape")
    shape = (1, -1, *[1] * n_axes)
    source, place = layer.input[0], [node.name for node in graph.node].index(layer.name)
    for number, (operator, values) in enumerate((("Sub", middle), ("Mul", 1 / scale))):
        name = f"{layer.name}_{operator}"
        graph.initializer.append(from_array(values.astype(np.float32).reshape(shape), f"{name}_by"))
        node = helper.make_node(operator, [source, f"{name}_by"], [f"{name}_out"], name=name)
        graph.node.insert(place + number, node)
        source = f"{name}_out"
    layer.input[0] = source
    return name


def _fold_scales(graph: onnx.GraphProto, scaled: Collection[str]) -> None:
    """Let what quantises scaled channels do the scaling: a scale for each channel."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in [node for node in graph.node if node.name in scaled]:
        (quantizer,) = (user for user in graph.node if node.output[0] in user.input)
        factor = to_array(constants[node.input[1]]).reshape(-1)
        step, zero = (to_array(constants[name]) for name in quantizer.input[1:])
        for number, values in (
            (1, (step / factor).astype(np.float32)),
            (2, np.full(len(factor), zero, zero.dtype)),
        ):
            name = f"{node.name}_{quantizer.input[number]}"
            graph.initializer.append(from_array(values, name))
            quantizer.input[number] = name
        quantizer.input[0] = node.input[0]
        quantizer.attribute.append(helper.make_attribute("axis", 1))
        graph.node.remove(node)


def _replace(tensor: onnx.TensorProto, values: NDArray[np.float64]) -> None:
    """Put other float32 numbers into a constant."""
    tensor.CopyFrom(from_array(values.astype(np.float32), tensor.name))


@contextmanager
def _quiet_quantizer() -> Iterator[None]:
    """Keep advice on preparing graphs, which is done here by other means, off stderr."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
