"""Run the network of a model file with numpy alone, where onnxruntime has no wheel."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.errors import ModelFileError
from edgeclust.model_file import INPUT, OPSET, OUTPUT, open_graph
from edgeclust.numpy_operators import OPERATORS, Budget
from edgeclust.onnx_reader import Node

MAX_NODES = 256
"""Most operations of a graph; exported ones have about 20, quantised ones about 70."""

MAX_NUMBERS, MAX_PRODUCTS = 2**25, 2**32
"""Most numbers, and multiplications, of one run: at most 256 MiB, and seconds on a small device."""

BLOCK_NUMBERS, BLOCK_WINDOWS = 2**20, 64
"""Numbers and windows, about, of a run over many windows: more would leave the cache."""


Values = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class _Step:
    """One operation, ready to run on the values made so far."""

    operator: str
    run: Callable[..., NDArray[Any]]
    inputs: tuple[str, ...]
    output: str

    def __call__(self, budget: Budget, values: Values) -> None:
        """Make its output."""
        try:
            values[self.output] = self.run(budget, *[values[name] for name in self.inputs])
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ModelFileError(f"its operation {self.operator} cannot run: {error}") from error
        except MemoryError as error:
            raise ModelFileError(f"its operation {self.operator} needs too much memory") from error


class NumpyEncoder:
    """The network of a model file, run by numpy, with the metadata the file carries.

    Embeddings are those of onnxruntime up to rounding: within 1e-5.

    Parameters
    ----------
    model : Path or str
        A ``.onnx`` file that ``edgeclust export`` wrote.

    Attributes
    ----------
    metadata : ModelMetadata
        What the model file says of itself.
    model_id : str
        SHA-256 of the file, in hexadecimal.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, no ONNX, lacks the metadata, its parts do not fit, or its
        graph holds an operator, an attribute or a data type that exported graphs do not have;
        the message names it.
    """

    def __init__(self, model: Path | str) -> None:
        path = Path(model)
        graph, self.metadata = open_graph(path)
        self.model_id = graph.sha256
        if graph.opset != OPSET:
            raise ModelFileError(
                f"{path}: uses the operator set {graph.opset}, the numpy backend runs {OPSET}: "
                "use onnxruntime, or export it again"
            )
        self._constants = dict(graph.constants)
        try:
            with np.errstate(all="ignore"):
                self._steps = self._plan(graph.nodes)
                budget = Budget(MAX_NUMBERS, MAX_PRODUCTS)
                self._run(np.zeros((1, *self.metadata.input_shape), np.float32), budget)
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from error
        n_used = MAX_NUMBERS - budget.n_numbers
        self._block = max(1, min(BLOCK_WINDOWS, BLOCK_NUMBERS // max(1, n_used)))

    def embed(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed windows.

        Parameters
        ----------
        windows : float32 array of shape (n_windows, n_channels, *shape)
            In the units and at the rate of the metadata, or images. Not modified.

        Returns
        -------
        embedding : float32 array of shape (n_windows, n_features)
        """
        n_windows = len(windows)
        with np.errstate(all="ignore"):  # what overflows is skipped by whom it concerns
            if n_windows == 1:
                return self._run(windows, Budget(MAX_NUMBERS, MAX_PRODUCTS))
            embedding = np.empty((n_windows, self.metadata.centroids.shape[1]), np.float32)
            for start in range(0, n_windows, self._block):
                block = slice(start, start + self._block)
                embedding[block] = self._run(windows[block], Budget(MAX_NUMBERS, MAX_PRODUCTS))
        return embedding

    def _plan(self, nodes: tuple[Node, ...]) -> list[_Step]:
        """Check every operation; run at once those that no window changes."""
        if len(nodes) > MAX_NODES:
            raise ModelFileError(f"its graph has {len(nodes)} operations, {MAX_NODES} at most run")
        budget = Budget(MAX_NUMBERS, MAX_PRODUCTS)
        known = {INPUT, *self._constants}
        steps = []
        for node in nodes:
            step = _step(node)
            if step.output in known or not {*step.inputs} <= known:
                raise ModelFileError(
                    f"its operation {node.operator} should take what is made before it and make "
                    f"something new, it takes {', '.join(node.inputs)} and makes {step.output}"
                )
            known.add(step.output)
            if {*step.inputs} <= self._constants.keys():
                step(budget, self._constants)
            else:
                steps.append(step)
        if INPUT in self._constants or OUTPUT not in known - self._constants.keys():
            raise ModelFileError(f"its graph does not make {OUTPUT!r} of {INPUT!r}")
        return steps

    def _run(self, windows: NDArray[np.float32], budget: Budget) -> NDArray[np.float32]:
        """Run the graph on some windows at once."""
        values = self._constants | {INPUT: windows}
        for step in self._steps:
            step(budget, values)
        embedding = values[OUTPUT]
        expected = (len(windows), self.metadata.centroids.shape[1])
        if embedding.shape != expected or embedding.dtype != np.float32:
            raise ModelFileError(
                f"its graph makes {embedding.dtype} of shape {embedding.shape}, float32 of shape "
                f"{expected} is expected"
            )
        return embedding


def _step(node: Node) -> _Step:
    """Return what runs an operation, once its settings and the number of its inputs are checked."""
    if node.operator not in OPERATORS:
        raise ModelFileError(
            f"its graph holds the operator {node.operator!r}, which the numpy backend does not "
            "run: use onnxruntime"
        )
    function = OPERATORS[node.operator]
    settings = {
        name: setting
        for name, setting in inspect.signature(function).parameters.items()
        if setting.kind is setting.KEYWORD_ONLY
    }
    for name, value in node.attributes.items():
        kind = settings[name].annotation if name in settings else None
        if not isinstance(value, getattr(kind, "__origin__", kind) or ()):
            raise ModelFileError(
                f"its operator {node.operator} has the attribute {name!r} of {value!r}, which "
                "the numpy backend does not run: use onnxruntime"
            )
    try:
        inspect.signature(function).bind(None, *node.inputs, **node.attributes)
        (output,) = node.outputs
    except (TypeError, ValueError) as error:
        raise ModelFileError(
            f"its operator {node.operator} has {len(node.inputs)} inputs, {len(node.outputs)} "
            f"outputs and the attributes {', '.join(node.attributes)}: {error}"
        ) from error
    return _Step(node.operator, partial(function, **node.attributes), node.inputs, output)
