"""Read the bytes of a ``.onnx`` file that this library wrote; nothing else is understood.

The file is protocol buffers. Of their many fields those are read that `edgeclust.export` writes;
any other is refused by name, so that nothing of a graph is ever passed over.
"""

import hashlib
import struct
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.errors import ModelFileError

INT, TEXT, FLOAT = 0, 2, 5
"""Wire types: a variable-length integer; bytes with their length, messages too; four bytes."""

FIELDS: dict[str, dict[int, tuple[str, int]]] = {
    "model": {
        1: ("ir_version", INT),
        2: ("producer_name", TEXT),
        3: ("producer_version", TEXT),
        7: ("graph", TEXT),
        8: ("opset_import", TEXT),
        14: ("metadata_props", TEXT),
    },
    "opset": {1: ("domain", TEXT), 2: ("version", INT)},
    "property": {1: ("key", TEXT), 2: ("value", TEXT)},
    "graph": {
        1: ("node", TEXT),
        2: ("name", TEXT),
        5: ("initializer", TEXT),
        11: ("input", TEXT),
        12: ("output", TEXT),
    },
    "node": {
        1: ("input", TEXT),
        2: ("output", TEXT),
        3: ("name", TEXT),
        4: ("op_type", TEXT),
        5: ("attribute", TEXT),
        7: ("domain", TEXT),
    },
    "attribute": {
        1: ("name", TEXT),
        2: ("f", FLOAT),
        3: ("i", INT),
        4: ("s", TEXT),
        8: ("ints", INT),
        20: ("type", INT),
    },
    "tensor": {
        1: ("dims", INT),
        2: ("data_type", INT),
        8: ("name", TEXT),
        9: ("raw_data", TEXT),
    },
    "value": {1: ("name", TEXT), 2: ("type", TEXT)},
    "type": {1: ("tensor_type", TEXT)},
    "tensor type": {1: ("elem_type", INT), 2: ("shape", TEXT)},
    "shape": {1: ("dim", TEXT)},
    "dimension": {1: ("dim_value", INT), 2: ("dim_param", TEXT)},
}
"""The fields of each message that are read: number, name and wire type."""

REFUSED: dict[tuple[str, int], str] = {
    ("model", 6): "a doc string",
    ("model", 20): "training information",
    ("model", 25): "functions",
    ("graph", 10): "a doc string",
    ("graph", 13): "value information",
    ("graph", 14): "quantisation annotations",
    ("graph", 15): "sparse tensors",
    ("node", 6): "a doc string",
    ("node", 9): "metadata of nodes",
    ("attribute", 5): "an attribute that is a tensor",
    ("attribute", 6): "an attribute that is a graph",
    ("tensor", 4): "typed data (float_data)",
    ("tensor", 5): "typed data (int32_data)",
    ("tensor", 7): "typed data (int64_data)",
    ("tensor", 12): "a doc string",
    ("tensor", 13): "external data",
    ("tensor", 14): "external data",
}
"""Fields of the format that are known and not read, by the name that the message gives them."""

DATA_TYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8"}
"""Numpy's type of each data type of tensors that is read."""

TYPE_NAMES = {0: "undefined", 4: "uint16", 5: "int16", 8: "string", 9: "bool", 10: "float16"} | {
    11: "double",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}
"""Names of data types that are refused."""

MAX_FIELDS, MAX_PARTS, MAX_AXES = 64, 4096, 8
"""Most fields of a message, nodes and tensors of a graph, and axes of a tensor."""


@dataclass(frozen=True)
class Node:
    """One operation of a graph.

    Parameters
    ----------
    operator : str
        What it does, as in ``Conv``.
    inputs, outputs : tuple of str
        Names of the values it takes and makes; an input that is left out is empty.
    attributes : dict
        Settings by name: int, float, str or tuple of int.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, int | float | str | tuple[int, ...]]


@dataclass(frozen=True)
class OnnxGraph:
    """What a ``.onnx`` file holds.

    Parameters
    ----------
    sha256 : str
        Of the file's bytes, in hexadecimal.
    ir_version, opset : int
        Versions of the format and of the operators.
    properties : dict of str to str
        The metadata.
    inputs, outputs : dict of str to tuple
        Shape of each; None where an axis is free. All of float32.
    constants : dict of str to array
        The weights: float32, int64, int32, int8 or uint8, each owning its memory.
    nodes : tuple of Node
        In the order they run.
    """

    sha256: str
    ir_version: int
    opset: int
    properties: dict[str, str]
    inputs: dict[str, tuple[int | None, ...]]
    outputs: dict[str, tuple[int | None, ...]]
    constants: dict[str, NDArray[Any]]
    nodes: tuple[Node, ...]


def read_onnx(content: bytes) -> OnnxGraph:
    """Read the bytes of a model file.

    What the file claims is held against the bytes that are there before memory is taken, so
    reading needs no more than a few times their number, whatever they are.

    Parameters
    ----------
    content : bytes
        All of the file.

    Returns
    -------
    graph : OnnxGraph

    Raises
    ------
    ModelFileError
        If it is damaged, no ONNX, or holds anything that this library does not write; the
        message names it.

    References
    ----------
    The messages: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Their encoding:
    https://protobuf.dev/programming-guides/encoding/.

    Examples
    --------
    >>> from edgeclust.onnx_reader import read_onnx
    >>> read_onnx(b"walk.csv")
    Traceback (most recent call last):
    edgeclust.errors.ModelFileError: is damaged or is no ONNX file: its model holds field 14 of an \
unexpected kind
    """
    model = _Message("model", memoryview(content))
    graph = _Message("graph", model.one("graph"), MAX_PARTS)
    opsets = [_Message("opset", part) for part in model.all("opset_import")]
    for opset in opsets:
        if domain := opset.text("domain"):
            raise ModelFileError(f"uses operators of the domain {domain!r}, which are not read")
    if len(opsets) != 1:
        raise _damaged(f"its model says {len(opsets)} times which operators it uses")
    properties: dict[str, str] = {}
    for part in model.all("metadata_props"):
        entry = _Message("property", part)
        _add(properties, entry.text("key"), entry.text("value"))
    constants: dict[str, NDArray[Any]] = {}
    for part in graph.all("initializer"):
        tensor = _Message("tensor", part)
        _add(constants, tensor.text("name"), _array(tensor))
    return OnnxGraph(
        sha256=hashlib.sha256(content).hexdigest(),
        ir_version=model.int("ir_version"),
        opset=opsets[0].int("version"),
        properties=properties,
        inputs=_values(graph, "input"),
        outputs=_values(graph, "output"),
        constants=constants,
        nodes=tuple(_node(_Message("node", part)) for part in graph.all("node")),
    )


class _Message:
    """The fields of one message, unpacked; those within it are not."""

    def __init__(self, kind: str, content: memoryview, most: int = MAX_FIELDS) -> None:
        self.kind = kind
        self._fields: dict[str, list[Any]] = {}
        position = n_fields = 0
        while position < len(content):
            key, position = _varint(content, position)
            number, wire = key >> 3, key & 7
            if (kind, number) in REFUSED:
                raise ModelFileError(
                    f"holds {REFUSED[kind, number]} (field {number} of its {kind}), which this "
                    "library neither writes nor reads"
                )
            name, expected = FIELDS[kind].get(number, ("", -1))
            if not name:
                raise _damaged(f"its {kind} holds field {number}, which is not known")
            value: Any
            if wire == INT == expected:
                value, position = _varint(content, position)
                values = [_signed(value)]
            elif wire == TEXT and name in ("dims", "ints"):  # many numbers, packed
                part, position = _part(content, position)
                values, here = [], 0
                while here < len(part) and len(values) <= most:
                    value, here = _varint(part, here)
                    values.append(_signed(value))
            elif wire == TEXT == expected:
                value, position = _part(content, position)
                values = [value]
            elif wire == FLOAT == expected:
                if position + 4 > len(content):
                    raise _damaged("it ends too early")
                values = [*struct.unpack_from("<f", content, position)]
                position += 4
            else:
                raise _damaged(f"its {kind} holds field {number} of an unexpected kind")
            n_fields += len(values)
            if n_fields > most:
                raise ModelFileError(f"its {kind} has more than {most} parts, which is too many")
            self._fields.setdefault(name, []).extend(values)

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def all(self, name: str) -> list[Any]:
        """Return all that stands in a field."""
        return self._fields.get(name, [])

    def one(self, name: str) -> Any:
        """Return what stands in a field once."""
        values = self.all(name)
        if len(values) != 1:
            raise _damaged(f"its {self.kind} has {len(values)} fields {name}, 1 is expected")
        return values[0]

    def int(self, name: str) -> int:
        """Return the number in a field."""
        return int(self.one(name))

    def text(self, name: str) -> str:
        """Return the text in a field; empty where there is none."""
        return _text(self.one(name)) if name in self else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Return all texts in a field."""
        return tuple(map(_text, self.all(name)))


def _varint(content: memoryview, position: int) -> tuple[int, int]:
    """Read an unsigned integer of 64 bits at most; return it and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(content):
            raise _damaged("it ends too early")
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), position
    raise _damaged("a number in it has no end")


def _signed(value: int) -> int:
    """Return 64 bits as the signed integer they mean."""
    return value - 2**64 if value >= 2**63 else value


def _part(content: memoryview, position: int) -> tuple[memoryview, int]:
    """Return the bytes whose length stands at a position, not copied, and where they end."""
    length, position = _varint(content, position)
    if length > len(content) - position:
        raise _damaged("it ends too early")
    return content[position : position + length], position + length


def _text(content: memoryview) -> str:
    """Decode a text."""
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError as error:
        raise _damaged("a text in it is no UTF-8") from error


def _array(tensor: _Message) -> NDArray[Any]:
    """Return the numbers of a tensor."""
    number, name = tensor.int("data_type"), tensor.text("name")
    if number not in DATA_TYPES:
        kind = TYPE_NAMES.get(number, f"number {number}")
        raise ModelFileError(f"its tensor {name!r} has the data type {kind}, which is not read")
    dtype, shape, raw = np.dtype(DATA_TYPES[number]), tensor.all("dims"), tensor.one("raw_data")
    if len(shape) > MAX_AXES or not all(0 <= length <= len(raw) for length in shape):
        raise _damaged(f"its tensor {name!r} has an impossible shape")
    if prod(shape) * dtype.itemsize != len(raw):
        raise _damaged(f"its tensor {name!r} of shape {tuple(shape)} has {len(raw)} bytes")
    # Copied, as the bytes of a file need not lie where numbers can be read quickly.
    return np.frombuffer(raw, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _values(graph: _Message, name: str) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of the inputs or outputs of a graph."""
    shapes: dict[str, tuple[int | None, ...]] = {}
    for part in graph.all(name):
        value = _Message("value", part)
        tensor = _Message("tensor type", _Message("type", value.one("type")).one("tensor_type"))
        if tensor.int("elem_type") != 1:
            raise ModelFileError(f"its {name} {value.text('name')!r} should be of float32")
        axes = _Message("shape", tensor.one("shape"), MAX_AXES).all("dim")
        dimensions = [_Message("dimension", axis) for axis in axes]
        shape = tuple(axis.int("dim_value") if "dim_value" in axis else None for axis in dimensions)
        _add(shapes, value.text("name"), shape)
    return shapes


def _node(node: _Message) -> Node:
    """Return one operation."""
    if domain := node.text("domain"):
        raise ModelFileError(f"uses operators of the domain {domain!r}, which are not read")
    attributes: dict[str, int | float | str | tuple[int, ...]] = {}
    for part in node.all("attribute"):
        attribute = _Message("attribute", part)
        _add(attributes, attribute.text("name"), _setting(attribute))
    return Node(node.text("op_type"), node.texts("input"), node.texts("output"), attributes)


def _setting(attribute: _Message) -> int | float | str | tuple[int, ...]:
    """Return the value of an attribute."""
    match attribute.int("type"):
        case 1:
            return float(attribute.one("f"))
        case 2:
            return attribute.int("i")
        case 3:
            return attribute.text("s")
        case 7:
            return tuple(attribute.all("ints"))
    name = attribute.text("name")
    raise ModelFileError(f"its attribute {name!r} is of a type that is not read")


def _add(table: dict[str, Any], name: str, value: Any) -> None:
    """Put in a value whose name has to be new."""
    if name in table:
        raise _damaged(f"it names {name!r} twice")
    table[name] = value


def _damaged(what: str) -> ModelFileError:
    """Return the error for what no writer of the format leaves."""
    return ModelFileError(f"is damaged or is no ONNX file: {what}")
