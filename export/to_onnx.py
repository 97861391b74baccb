"""The network as an ONNX graph, with nothing in it of the machine that made it."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import torch
from onnx.numpy_helper import from_array, to_array
from torch import nn

from edgeclust.export.two_axes import along_two_axes
from edgeclust.model_file import INPUT, OPSET, OUTPUT


def encoder_to_onnx(encoder: nn.Module, shape: tuple[int, ...]) -> onnx.ModelProto:
    """Translate an encoder to one self-contained graph.

    Parameters
    ----------
    encoder : Module
        In evaluation mode; maps float32 (n, *shape) to (n, n_features).
    shape : (n_channels, window) or (n_channels, height, width)
        Of a window or an image.

    Returns
    -------
    proto : ModelProto
        Input ``window`` (batch, *shape), output ``embedding`` (batch, n_features),
        both float32 with a free batch; weights inside; no paths, names or source lines.

    Examples
    --------
    >>> from torch import nn
    >>> from edgeclust.export.to_onnx import encoder_to_onnx
    >>> proto = encoder_to_onnx(nn.Sequential(nn.Flatten(), nn.Linear(8, 2)).eval(), (1, 8))
    >>> [node.name for node in proto.graph.input], [node.name for node in proto.graph.output]
    (['window'], ['embedding'])
    """
    # Two windows: the exporter would take a batch of one for a constant.
    example = torch.zeros(2, *shape)
    with _quiet_exporter():
        program = torch.onnx.export(
            along_two_axes(encoder),
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    _strip(proto)
    _fold_norms(proto.graph)
    onnx.checker.check_model(proto, full_check=True)
    return proto


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep the exporter's remarks on its own internals off stderr; parity checks what it yields."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _strip(proto: onnx.ModelProto) -> None:
    """Take out what the exporter notes beside the graph: stack traces, paths, module names."""
    proto.ClearField("doc_string")
    del proto.metadata_props[:]
    graph = proto.graph
    graph.name = "encoder"
    entries = [*graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info]
    for entry in [graph, *entries]:
        entry.ClearField("doc_string")
        del entry.metadata_props[:]
    del graph.value_info[:]


def _fold_norms(graph: onnx.GraphProto) -> None:
    """Fold each normalisation by fixed numbers into the convolution that follows it.

    Those that follow a convolution are folded by the exporter. Where the next one pads, a
    normalisation stays: what is padded is not normalised.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for norm in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        users = [node for node in graph.node if norm.output[0] in node.input]
        settings = {entry.name: entry for part in (norm, *users) for entry in part.attribute}
        if [node.op_type for node in users] != ["Conv"] or any(settings["pads"].ints):
            continue
        (conv,) = users  # with a bias, as that of every convolution the exporter leaves
        scale, shift, mean, variance, weight, bias = (
            to_array(constants[name]).astype(np.float64)
            for name in (*norm.input[1:], *conv.input[1:])
        )
        factor = scale / np.sqrt(variance + settings["epsilon"].f)
        along = (-1, *[1] * (weight.ndim - 2))
        offset = (weight * (shift - mean * factor).reshape(along)).reshape(len(weight), -1)
        # Under names of their own, as equal constants are kept once for all that use them.
        folded = (weight * factor.reshape(along), bias + offset.sum(axis=1))
        names = [f"{conv.output[0]}.weight", f"{conv.output[0]}.bias"]
        for name, numbers in zip(names, folded, strict=True):
            graph.initializer.append(from_array(numbers.astype(np.float32), name))
        conv.input[:] = [norm.input[0], *names]
        graph.node.remove(norm)
    used = {name for node in graph.node for name in node.input}
    for name in constants.keys() - used:
        graph.initializer.remove(constants[name])
