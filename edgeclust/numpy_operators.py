"""The operators of exported graphs in numpy, each with the settings that the exporter writes.

An operator takes a `Budget`, its inputs in their order and its attributes by name; an attribute
that its signature lacks is refused by name. Semantics are those of ONNX, operator set 18:
https://onnx.ai/onnx/operators/.
"""

from collections.abc import Callable
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.errors import ModelFileError

Array = NDArray[Any]
Ints = tuple[int, ...]

COLUMNS = 2**18
"""Numbers of a convolution's columns that are laid out at once: 1 MiB, which stays in a cache."""

MAX_POOL = 64
"""Largest side of what is pooled into one number."""


class Budget:
    """What one run of a graph may cost at most, whatever the graph asks for.

    Parameters
    ----------
    n_numbers : int
        Numbers of all arrays that are made.
    n_products : int
        Multiplications of convolutions and linear layers.

    Examples
    --------
    >>> from edgeclust.numpy_operators import Budget
    >>> Budget(n_numbers=100, n_products=0).take(10**12)
    Traceback (most recent call last):
    edgeclust.errors.ModelFileError: its graph needs more memory or time than any exported one
    """

    def __init__(self, n_numbers: int, n_products: int) -> None:
        self.n_numbers, self.n_products = n_numbers, n_products

    def take(self, n_numbers: int, n_products: int = 0) -> None:
        """Take a part of it, before the memory is taken.

        Raises
        ------
        ModelFileError
            If not that much is left.
        """
        self.n_numbers -= n_numbers
        self.n_products -= n_products
        if self.n_numbers < 0 or self.n_products < 0:
            raise ModelFileError("its graph needs more memory or time than any exported one")


def _require(condition: bool, rule: str) -> None:
    """Refuse what the exporter does not write."""
    if not condition:
        raise ValueError(rule)


def _elementwise(function: np.ufunc) -> Callable[..., Array]:
    """Return an operator of two inputs that are broadcast against each other."""

    def operator(budget: Budget, left: Array, right: Array) -> Array:
        budget.take(np.broadcast(left, right).size)
        result: Array = function(left, right)
        return result

    return operator


def _log(budget: Budget, values: Array) -> Array:
    budget.take(values.size)
    return np.log(values)


def _relu(budget: Budget, values: Array) -> Array:
    budget.take(values.size)
    return np.maximum(values, 0)


def _conv(
    budget: Budget,
    values: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    kernel_shape: Ints,
    strides: Ints,
    pads: Ints,
    dilations: Ints = (),
    group: int = 1,
    auto_pad: str = "NOTSET",
) -> Array:
    """Convolve along one or two axes: one matrix product with the windows laid out as columns."""
    n_axes, n, n_filters = len(kernel_shape), len(values), len(weight)
    _require(group == 1 and auto_pad == "NOTSET", "group should be 1 and auto_pad NOTSET")
    _require({*dilations} <= {1}, "dilations should be 1")
    _require(1 <= n_axes <= 2 and kernel_shape == weight.shape[2:], "kernel_shape should fit")
    _require(values.ndim == n_axes + 2 and values.shape[1] == weight.shape[1], "sizes should fit")
    _require(len(strides) == n_axes and min(strides) >= 1, "strides should be 1 or more")
    _require(len(pads) == 2 * n_axes and min(pads) >= 0, "pads should be 0 or more")
    _require(values.dtype == weight.dtype == np.float32, "numbers should be float32")
    before, after = pads[:n_axes], pads[n_axes:]
    padded = tuple(map(sum, zip(values.shape[2:], before, after, strict=True)))
    steps = tuple(
        (length - width) // stride + 1
        for length, width, stride in zip(padded, kernel_shape, strides, strict=True)
    )
    _require(min(kernel_shape) >= 1 and min(steps) >= 1, "the kernel should fit into its input")
    n_weights, n_steps = weight[:1].size, prod(steps)
    budget.take(n * n_filters * n_steps, n * n_filters * n_steps * n_weights)
    if any(pads):
        budget.take(n * values.shape[1] * prod(padded))
        inner = np.zeros((*values.shape[:2], *padded), np.float32)
        where = [slice(None), slice(None)]
        where += [slice(at, at + n) for at, n in zip(before, values.shape[2:], strict=True)]
        inner[tuple(where)] = values
        values = inner
    kernel = weight.reshape(n_filters, n_weights)
    result = np.empty((n, n_filters, n_steps), np.float32)
    if n_steps == prod(padded) and max(kernel_shape) == 1:
        np.matmul(kernel, values.reshape(n, n_weights, n_steps), out=result)
    else:
        values = np.ascontiguousarray(values)
        strided = map(int.__mul__, values.strides[2:], strides)
        # numpy holds these sizes and strides against the buffer.
        windows: Array = np.ndarray(
            (*values.shape[:2], *kernel_shape, *steps),
            np.float32,
            values,
            strides=(*values.strides, *strided),
        )
        block = max(1, COLUMNS // (n_weights * n_steps))
        budget.take(min(n, block) * n_weights * n_steps)
        for start in range(0, n, block):
            columns = windows[start : start + block].reshape(-1, n_weights, n_steps)
            np.matmul(kernel, columns, out=result[start : start + block])
    if bias is not None:
        result += bias[:, None]
    return result.reshape(n, n_filters, *steps)


def _gemm(
    budget: Budget,
    values: Array,
    weight: Array,
    bias: Array,
    *,
    transB: int,
    transA: int = 0,
    alpha: float = 1.0,
    beta: float = 1.0,
) -> Array:
    """Apply a linear layer."""
    _require((transA, transB, alpha, beta) == (0, 1, 1.0, 1.0), "settings should be of a layer")
    _require(values.ndim == weight.ndim == 2 and bias.ndim <= 1, "sizes should fit")
    budget.take(len(values) * len(weight), len(values) * weight.size)
    result: Array = values @ weight.T
    result += bias
    return result


def _batch_normalization(
    budget: Budget,
    values: Array,
    scale: Array,
    shift: Array,
    mean: Array,
    variance: Array,
    *,
    epsilon: float,
    momentum: float = 0.9,
) -> Array:
    """Standardise each channel by fixed numbers."""
    budget.take(2 * values.size)
    factor = scale / np.sqrt(variance + np.float32(epsilon))
    axes = (-1, *[1] * (values.ndim - 2))
    result: Array = values * factor.reshape(axes)
    _require(result.shape == values.shape, "sizes should fit")
    result += (shift - mean * factor).reshape(axes)
    return result


def _instance_normalization(
    budget: Budget, values: Array, scale: Array, shift: Array, *, epsilon: float
) -> Array:
    """Standardise each channel of each window by its own numbers."""
    budget.take(2 * values.size)
    axes = tuple(range(2, values.ndim))
    # In float64, so that the variance does not cancel; and their number is small.
    centred: Array = values - values.mean(axes, np.float64, keepdims=True).astype(np.float32)
    variance = (centred * centred).mean(axes, np.float64, keepdims=True)
    factor = scale.reshape(-1, *[1] * len(axes)) / np.sqrt(variance + epsilon)
    _require(factor.shape == variance.shape or len(scale) == values.shape[1], "sizes should fit")
    centred *= factor.astype(np.float32)
    centred += shift.reshape(-1, *[1] * len(axes))
    return centred


def _pool(
    budget: Budget,
    values: Array,
    combine: np.ufunc,
    kernel_shape: Ints,
    strides: Ints,
    pads: Ints,
) -> Array:
    """Combine the numbers of tiles, first those of a row, then the rows."""
    _require({*pads} <= {0} and strides == kernel_shape, "tiles should touch, without a border")
    _require(values.ndim == len(kernel_shape) + 2, "sizes should fit")
    _require(all(1 <= width <= MAX_POOL for width in kernel_shape), f"at most {MAX_POOL} a side")
    budget.take(2 * values.size)
    for axis, width in enumerate(kernel_shape, start=2):
        n_tiles = values.shape[axis] // width
        _require(n_tiles >= 1, "the kernel should fit into its input")
        front = (slice(None),) * axis
        parts = (values[(*front, slice(n, n_tiles * width, width))] for n in range(width))
        values = reduce(combine, parts)
    return values


def _max_pool(
    budget: Budget,
    values: Array,
    *,
    kernel_shape: Ints,
    strides: Ints,
    pads: Ints = (),
    dilations: Ints = (),
    ceil_mode: int = 0,
    storage_order: int = 0,
    auto_pad: str = "NOTSET",
) -> Array:
    _require({*dilations} <= {1} and auto_pad == "NOTSET", "tiles should be whole")
    _require(ceil_mode == storage_order == 0, "ceil_mode and storage_order should be 0")
    return _pool(budget, values, np.maximum, kernel_shape, strides, pads)


def _average_pool(
    budget: Budget,
    values: Array,
    *,
    kernel_shape: Ints,
    strides: Ints,
    pads: Ints = (),
    count_include_pad: int = 0,  # there is no padding to count
    ceil_mode: int = 0,
    auto_pad: str = "NOTSET",
) -> Array:
    _require(ceil_mode == 0 and auto_pad == "NOTSET", "tiles should be whole")
    total = _pool(budget, values, np.add, kernel_shape, strides, pads)
    return total / np.float32(prod(kernel_shape))


def _reduce_mean(
    budget: Budget, values: Array, axes: Array, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Array:
    _require(axes.size > 0, "axes should be named")
    budget.take(values.size)
    over = tuple(axes.tolist())
    total = np.asarray(values.sum(over, keepdims=bool(keepdims)))
    result: Array = total * np.float32(total.size / values.size)
    return result


def _reshape(budget: Budget, values: Array, shape: Array, *, allowzero: int = 0) -> Array:
    budget.take(values.size)
    _require(shape.ndim == 1 and len(shape) <= 8, "the shape should have 8 axes at most")
    axes = shape.tolist()
    if not allowzero:  # 0 stands for the axis as it is
        axes = [values.shape[n] if axis == 0 else axis for n, axis in enumerate(axes)]
    return values.reshape(axes)


def _shape(budget: Budget, values: Array, *, start: int = 0) -> Array:
    return np.array(values.shape[start:], np.int64)


def _slice(
    budget: Budget,
    values: Array,
    starts: Array,
    ends: Array,
    axes: Array,
    steps: Array,
) -> Array:
    where = [slice(None)] * values.ndim
    for start, end, axis, step in zip(
        starts.tolist(), ends.tolist(), axes.tolist(), steps.tolist(), strict=True
    ):
        _require(step >= 1, "steps should be 1 or more")
        where[axis] = slice(start, end, step)
    return values[tuple(where)]


def _gather(budget: Budget, values: Array, indices: Array, *, axis: int = 0) -> Array:
    _require(indices.ndim == 0, "one index should be picked")
    budget.take(values.size)
    return np.take(values, indices, axis)


def _concat(budget: Budget, *parts: Array, axis: int) -> Array:
    budget.take(sum(part.size for part in parts))
    return np.concatenate(parts, axis)


def _quantize_linear(
    budget: Budget, values: Array, scale: Array, zero: Array, *, axis: int = 1
) -> Array:
    """Round to steps of a scale, half to even."""
    budget.take(2 * values.size)
    limits = np.iinfo(zero.dtype)
    steps = np.rint(values / _along(scale, values, axis)) + _along(zero, values, axis)
    clipped: Array = np.clip(steps, limits.min, limits.max)
    return clipped.astype(zero.dtype)


def _dequantize_linear(
    budget: Budget, values: Array, scale: Array, zero: Array | None = None, *, axis: int = 1
) -> Array:
    """Return what steps of a scale mean."""
    budget.take(2 * values.size)
    steps = values.astype(np.int32)
    if zero is not None:
        steps -= _along(zero, values, axis)
    return steps.astype(np.float32) * _along(scale, values, axis)


def _along(numbers: Array, values: Array, axis: int) -> Array:
    """Return one number for all values, or one a place of an axis, to be broadcast."""
    _require(numbers.ndim == 0 or numbers.shape == (values.shape[axis],), "sizes should fit")
    if numbers.ndim == 0:
        return numbers
    shape = [1] * values.ndim
    shape[axis] = -1
    return numbers.reshape(shape)


OPERATORS: dict[str, Callable[..., Array]] = {
    "Add": _elementwise(np.add),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalization,
    "Concat": _concat,
    "Conv": _conv,
    "DequantizeLinear": _dequantize_linear,
    "Div": _elementwise(np.divide),
    "Gather": _gather,
    "Gemm": _gemm,
    "InstanceNormalization": _instance_normalization,
    "Log": _log,
    "MaxPool": _max_pool,
    "Mul": _elementwise(np.multiply),
    "QuantizeLinear": _quantize_linear,
    "ReduceMean": _reduce_mean,
    "Relu": _relu,
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Sub": _elementwise(np.subtract),
}
"""All there are, by the name that a file calls them."""
